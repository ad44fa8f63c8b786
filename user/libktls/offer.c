// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a client offers, held against what we have. GnuTLS decides, but has one
 * error for almost everything that may be lacking, and one alert where RFC
 * 8446 has several; so that the reason can be told this looks for it, in the
 * order in which a server chooses: version, cipher suite, group, signature.
 */
#include "hello.h"
#include "internal.h"

enum { V12 = 1, V13 = 2 };

enum { ECDSA = 1, RSA = 2, RSA_PSS = 4, EDDSA = 8 };

static const struct kind {
	gnutls_pk_algorithm_t key;
	unsigned int kind;
} kinds[] = {
	{ GNUTLS_PK_ECDSA, ECDSA },
	{ GNUTLS_PK_RSA, RSA },
	{ GNUTLS_PK_RSA_PSS, RSA_PSS },
	{ GNUTLS_PK_EDDSA_ED25519, EDDSA },
	{ GNUTLS_PK_EDDSA_ED448, EDDSA },
};

/* RFC 8446 section 4.2.3: who makes which signature, and in which versions. */
static const struct scheme {
	uint16_t id;
	unsigned int kind, versions;
} schemes[] = {
	{ 0x0401, RSA, V12 },
	{ 0x0501, RSA, V12 },
	{ 0x0601, RSA, V12 },
	{ 0x0403, ECDSA, V12 | V13 },
	{ 0x0503, ECDSA, V12 | V13 },
	{ 0x0603, ECDSA, V12 | V13 },
	{ 0x0804, RSA, V12 | V13 },
	{ 0x0805, RSA, V12 | V13 },
	{ 0x0806, RSA, V12 | V13 },
	{ 0x0807, EDDSA, V12 | V13 },
	{ 0x0808, EDDSA, V12 | V13 },
	{ 0x0809, RSA_PSS, V12 | V13 },
	{ 0x080a, RSA_PSS, V12 | V13 },
	{ 0x080b, RSA_PSS, V12 | V13 },
};

/* IANA's numbers of our groups, and GnuTLS's names. */
static const struct group {
	uint16_t id;
	const char *name;
} groups[] = {
	{ 23, "SECP256R1" },
	{ 24, "SECP384R1" },
	{ 29, "X25519" },
	{ 0x11ec, "X25519-MLKEM768" },
};

unsigned int offer_kind(gnutls_pk_algorithm_t key)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].key == key)
			return kinds[i].kind;
	return 0;
}

static unsigned int bit_of(uint16_t version)
{
	return version == TLS_1_3_VERSION ? V13 :
	       version == TLS_1_2_VERSION ? V12 : 0;
}

/* Without supported_versions its version is the client's highest. */
static unsigned int offered_versions(const struct client_hello *h)
{
	struct bytes list = h->versions;
	unsigned int offered = 0;
	uint16_t version;

	if (!list.len)
		return h->version >= TLS_1_2_VERSION ? V12 : 0;
	while (bytes_take_u16(&list, &version))
		offered |= bit_of(version);
	return offered;
}

static unsigned int our_versions(const struct ktls_options *o)
{
	unsigned int ours = V12 | V13;

	if (o->min_version && o->min_version > TLS_1_2_VERSION)
		ours &= ~V12;
	if (o->max_version && o->max_version < TLS_1_3_VERSION)
		ours &= ~V13;
	return ours;
}

static bool has(struct bytes list, uint16_t wanted)
{
	uint16_t id;

	while (bytes_take_u16(&list, &id))
		if (id == wanted)
			return true;
	return false;
}

/* TLS 1.2's suites name who signs; RSA key transport wants such a key, too. */
static unsigned int kinds_for(gnutls_kx_algorithm_t kx, unsigned int version)
{
	if (version == V13)
		return ECDSA | RSA | RSA_PSS | EDDSA;
	return kx == GNUTLS_KX_ECDHE_ECDSA ? ECDSA | EDDSA : RSA | RSA_PSS;
}

/* The kinds of keys for which both have a suite of @version; 0: no suite. */
static unsigned int suites_in_common(const struct ktls_config *c,
				     const struct client_hello *h,
				     unsigned int version)
{
	unsigned int suite, found = 0;
	int ret = 0;

	for (unsigned int i = 0; ret != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
	     i++) {
		unsigned char id[2];
		gnutls_kx_algorithm_t kx;
		gnutls_protocol_t from;

		ret = gnutls_priority_get_cipher_suite_index(c->priority, i,
							     &suite);
		if (ret || !gnutls_cipher_suite_info(suite, id, &kx, NULL,
						     NULL, &from))
			continue;
		if (!(from == GNUTLS_TLS1_3) == !(version == V13) &&
		    has(h->suites, id[0] << 8 | id[1]))
			found |= kinds_for(kx, version);
	}
	return found;
}

static bool group_in_common(const struct ktls_config *c,
			    const struct client_hello *h)
{
	const unsigned int *ours;
	int count = gnutls_priority_group_list(c->priority, &ours);

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		gnutls_group_t group = gnutls_group_get_id(groups[i].name);

		if (group == GNUTLS_GROUP_INVALID || !has(h->groups, groups[i].id))
			continue;
		for (int j = 0; j < count; j++)
			if (ours[j] == group)
				return true;
	}
	return false;
}

static bool can_sign(unsigned int ours, const struct client_hello *h,
		     unsigned int version)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].kind & ours &&
		    schemes[i].versions & version &&
		    has(h->signatures, schemes[i].id))
			return true;
	return false;
}

enum ktls_reason offer_lacks(const struct ktls_session *s,
			     const struct client_hello *h)
{
	const struct ktls_config *c = s->config;
	unsigned int common = offered_versions(h) & our_versions(&c->o);
	unsigned int version = common & V13 ? V13 : V12;
	unsigned int suites = suites_in_common(c, h, version);

	if (!common)
		return KTLS_NO_VERSION;
	if (!suites)
		return KTLS_NO_CIPHER;
	/* In TLS 1.2 no list means that the client takes any. */
	if ((h->groups.len || version == V13) && !group_in_common(c, h))
		return KTLS_NO_GROUP;
	if (!can_sign(s->vhost->kinds & suites, h, version))
		return KTLS_NO_SIGNATURE;
	return KTLS_OK;
}
