// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a Certificate message shows: RFC 8446 section 4.4.2, RFC 5246 section
 * 7.4.2. Nobody has verified it yet, so all that it says is a claim.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>
#include <gnutls/x509.h>

#include "note.h"

#define EXT_STATUS_REQUEST 5

/* More names than any browser would look at. */
#define NAMES_MAX 256

static bool take_vector24(struct bytes *in, struct bytes *out)
{
	uint8_t high;
	uint16_t low;

	return bytes_take_u8(in, &high) && bytes_take_u16(in, &low) &&
	       bytes_take(in, (size_t)high << 16 | low, out);
}

/* The list of certificates, which ends the message. */
static bool take_list(struct bytes in, bool tls13, struct bytes *list)
{
	struct bytes context;

	if (tls13 && !bytes_take_vector8(&in, &context))
		return false;
	return take_vector24(&in, list) && !in.len;
}

static bool take_one(struct bytes *list, bool tls13, struct bytes *der,
		     struct bytes *extensions)
{
	*extensions = (struct bytes){ 0 };
	return take_vector24(list, der) &&
	       (!tls13 || bytes_take_vector16(list, extensions));
}

static bool has_extension(struct bytes in, uint16_t wanted)
{
	struct bytes data;
	uint16_t id;

	while (bytes_take_u16(&in, &id) && bytes_take_vector16(&in, &data))
		if (id == wanted)
			return true;
	return false;
}

typedef int get_name(gnutls_x509_crt_t crt, gnutls_datum_t *out,
		     unsigned int flags);

static void note_name(struct note *n, const char *name, gnutls_x509_crt_t crt,
		      get_name *get)
{
	gnutls_datum_t text;

	note_list(n, name);
	if (get(crt, &text, 0))
		return;
	if (text.size)
		note_text(n, (const char *)text.data, text.size);
	gnutls_free(text.data);
}

static const struct kind {
	unsigned int type;
	const char *prefix;
} kinds[] = {
	{ GNUTLS_SAN_DNSNAME, "DNS:" },
	{ GNUTLS_SAN_RFC822NAME, "email:" },
	{ GNUTLS_SAN_URI, "URI:" },
	{ GNUTLS_SAN_IPADDRESS, "IP:" },
};

static void note_address(struct note *n, const unsigned char *data, size_t len)
{
	int family = len == 4 ? AF_INET : AF_INET6;
	char text[3 + INET6_ADDRSTRLEN] = "IP:";

	if ((len == 4 || len == 16) &&
	    inet_ntop(family, data, text + 3, INET6_ADDRSTRLEN))
		note_word(n, text);
}

static void note_alternative(struct note *n, unsigned int type,
			     const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].type != type)
			continue;
		if (type == GNUTLS_SAN_IPADDRESS)
			note_address(n, data, len);
		else
			note_bytes(n, kinds[i].prefix, data, len);
	}
}

static void note_names(struct note *n, gnutls_x509_crt_t crt)
{
	note_list(n, "names");
	for (unsigned int i = 0; i < NAMES_MAX; i++) {
		unsigned char name[256];
		size_t size = sizeof(name);
		unsigned int type;
		int ret = gnutls_x509_crt_get_subject_alt_name2(crt, i, name,
								&size, &type,
								NULL);

		if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (ret >= 0)
			note_alternative(n, type, name, size);
	}
}

static void note_time(struct note *n, const char *name, time_t t)
{
	char text[32] = "";
	struct tm tm;

	if (t != (time_t)-1 && gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	note_add(n, name, "%s", text);
}

/* "EC P-256", "RSA 2048", "Ed25519": as people say it. */
static void note_key(struct note *n, gnutls_x509_crt_t crt)
{
	unsigned int bits = 0;
	int algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &bits);
	const char *name = gnutls_pk_get_name(algorithm);

	switch (algorithm) {
	case GNUTLS_PK_ECDSA:
		note_add(n, "key", "EC P-%u", bits);
		break;
	case GNUTLS_PK_EDDSA_ED25519:
		note_add(n, "key", "Ed25519");
		break;
	case GNUTLS_PK_EDDSA_ED448:
		note_add(n, "key", "Ed448");
		break;
	default:
		note_add(n, "key", "%s %u", name ? name : "unknown", bits);
	}
}

static void note_leaf(struct note *n, gnutls_x509_crt_t crt)
{
	int algorithm = gnutls_x509_crt_get_signature_algorithm(crt);
	const char *signature = gnutls_sign_get_name(algorithm);
	unsigned char id[32];
	size_t size = sizeof(id);

	note_name(n, "subject", crt, gnutls_x509_crt_get_dn3);
	note_name(n, "issuer", crt, gnutls_x509_crt_get_issuer_dn3);
	note_names(n, crt);
	note_time(n, "not_before", gnutls_x509_crt_get_activation_time(crt));
	note_time(n, "not_after", gnutls_x509_crt_get_expiration_time(crt));
	note_key(n, crt);
	note_add(n, "signature", "%s", signature ? signature : "unknown");
	if (!gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id,
					&size))
		note_hex(n, "spki_sha256", id, size);
}

static void note_der(struct note *n, struct bytes der)
{
	const gnutls_datum_t datum = { (void *)der.data, der.len };
	gnutls_x509_crt_t crt;

	if (gnutls_x509_crt_init(&crt))
		return;
	if (!gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER))
		note_leaf(n, crt);
	gnutls_x509_crt_deinit(crt);
}

void note_certificate(struct note *n, struct bytes in, bool tls13)
{
	struct bytes list, rest, der, extensions, leaf, staple = { 0 };
	unsigned int count = 0;

	if (!take_list(in, tls13, &list))
		return;
	for (rest = list; rest.len; count++) {
		if (!take_one(&rest, tls13, &der, &extensions))
			return;
		if (!count) {
			leaf = der;
			staple = extensions;
		}
	}
	note_add(n, "count", "%u", count);
	if (!count)
		return;
	note_der(n, leaf);
	if (tls13)
		note_flag(n, "staple",
			  has_extension(staple, EXT_STATUS_REQUEST));
}
