// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is the same for many connections: read once, checked, then shared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define PRIORITY_MAX 1024

/*
 * What we speak: only suites that the kernel can carry on with. In the order
 * of our preference: X25519 is the cheapest, and the hybrid comes first
 * because what is recorded today must not be read tomorrow.
 */
static const struct word {
	const char *name;		/* as people say it */
	const char *iana;		/* as the trace does; of ciphers, TLS 1.3's */
	const char *priority;		/* as GnuTLS does */
	const char *probe;		/* its group, when not every GnuTLS has it */
} groups[] = {
	{ "X25519MLKEM768", "X25519MLKEM768", "+GROUP-X25519-MLKEM768",
	  "X25519-MLKEM768" },
	{ "X25519", "x25519", "+GROUP-X25519", NULL },
	{ "P-256", "secp256r1", "+GROUP-SECP256R1", NULL },
	{ "P-384", "secp384r1", "+GROUP-SECP384R1", NULL },
}, cipher_words[] = {
	{ "AES-128-GCM", "TLS_AES_128_GCM_SHA256", "+AES-128-GCM", NULL },
	{ "AES-256-GCM", "TLS_AES_256_GCM_SHA384", "+AES-256-GCM", NULL },
	{ "CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256",
	  "+CHACHA20-POLY1305", NULL },
	{ "AES-128-CCM", "TLS_AES_128_CCM_SHA256", "+AES-128-CCM", NULL },
};

struct text {
	char *out;
	size_t size, used;
	bool cut;
};

static void append(struct text *t, const char *word)
{
	size_t room = t->size - t->used;
	size_t len = snprintf(t->out + t->used, room, ":%s", word);

	t->cut = t->cut || len >= room;
	if (!t->cut)
		t->used += len;
}

static bool is_here(const struct word *w)
{
	return !w->probe || gnutls_group_get_id(w->probe);
}

static const struct word *find_word(const struct word *words, size_t count,
				    const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcasecmp(words[i].name, name) ||
		    !strcasecmp(words[i].iana, name))
			return &words[i];
	return NULL;
}

static int unknown_word(struct ktls_error *err, const char *what,
			const char *name, const struct word *words,
			size_t count)
{
	char valid[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		if (is_here(&words[i]))
			used += snprintf(valid + used, sizeof(valid) - used,
					 "%s%s", used ? ", " : "",
					 words[i].name);
	return error_set(err, -EINVAL, KTLS_INTERNAL,
			 "unknown %s \"%s\"; valid: %s", what, name, valid);
}

/* @given: a bit for each of @words that came before. */
static int append_word(struct text *t, const char *name, const char *what,
		       const struct word *words, size_t count,
		       unsigned int *given, struct ktls_error *err)
{
	const struct word *w = find_word(words, count, name);

	if (!w || !is_here(w))
		return unknown_word(err, what, name, words, count);
	if (*given & 1u << (w - words))
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "%s \"%s\" is given twice", what, name);
	*given |= 1u << (w - words);
	append(t, w->priority);
	return 0;
}

/* The words that @list names, in its order, or all of them. */
static int append_words(struct text *t, const char *list, const char *what,
			const struct word *words, size_t count,
			struct ktls_error *err)
{
	char *copy, *rest = NULL;
	unsigned int given = 0;
	int ret = 0;

	for (size_t i = 0; !list && i < count; i++)
		if (is_here(&words[i]))
			append(t, words[i].priority);
	if (!list)
		return 0;
	copy = strdup(list);
	if (!copy)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	for (char *name = strtok_r(copy, " \t", &rest); name && !ret;
	     name = strtok_r(NULL, " \t", &rest))
		ret = append_word(t, name, what, words, count, &given, err);
	free(copy);
	return ret;
}

static void append_versions(struct text *t, const struct ktls_options *o)
{
	append(t, "-VERS-ALL");
	if (!o->max_version || o->max_version >= TLS_1_3_VERSION)
		append(t, "+VERS-TLS1.3");
	if (!o->min_version || o->min_version <= TLS_1_2_VERSION)
		append(t, "+VERS-TLS1.2");
}

static int make_priority(struct ktls_config *c, const struct ktls_options *o,
			 struct ktls_error *err)
{
	char string[PRIORITY_MAX] = "NORMAL";
	struct text t = { string, sizeof(string), strlen(string), false };
	int ret;

	if (o->min_version && o->max_version && o->min_version > o->max_version)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "the lowest version is above the highest");
	append_versions(&t, o);
	append(&t, "-CIPHER-ALL");
	ret = append_words(&t, o->ciphers, "cipher", cipher_words,
			   ARRAY_SIZE(cipher_words), err);
	if (ret)
		return ret;
	append(&t, "-MAC-ALL:+AEAD:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA");
	if (o->rsa_key_transport)
		append(&t, "+RSA");
	append(&t, "-GROUP-ALL");
	ret = append_words(&t, o->groups, "group", groups, ARRAY_SIZE(groups),
			   err);
	if (ret)
		return ret;
	append(&t, "-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%PROFILE_MEDIUM");
	if (!o->client)
		append(&t, "%SERVER_PRECEDENCE");
	/* The bans are at its end. */
	if (t.cut)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "ciphers, groups: they are too many");
	ret = gnutls_priority_init2(&c->priority, string, NULL, 0);
	if (!ret)
		return 0;
	return error_set(err, -EINVAL, KTLS_INTERNAL,
			 "this GnuTLS lacks our ciphers (%s)",
			 gnutls_strerror(ret));
}

static int load_certificates(struct ktls_config *c,
			     const struct ktls_options *o,
			     struct ktls_error *err)
{
	int ret = 0;

	if (!o->pairs_count && !o->client)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "a server needs a certificate");
	c->certificates = calloc(o->pairs_count + 1, sizeof(*c->certificates));
	if (!c->certificates)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	for (size_t i = 0; i < o->pairs_count && !ret; i++) {
		ret = certificate_load(&c->certificates[i], &o->pairs[i], err);
		c->certificates_count = i + 1;
	}
	return ret;
}

int ktls_config_load(struct ktls_config **out, const struct ktls_options *o,
		     struct ktls_error *err)
{
	struct ktls_config *c = calloc(1, sizeof(*c));
	int ret;

	*err = (struct ktls_error){ .alert_sent = -1, .alert_received = -1 };
	if (!c)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	c->users = 1;
	c->o = *o;
	c->o.pairs = NULL;
	c->o.ca = c->o.pins = c->o.alpn = NULL;
	c->o.ciphers = c->o.groups = c->o.ticket_key = NULL;
	ret = make_priority(c, o, err);
	if (!ret)
		ret = trust_load(c, o, err);
	if (!ret)
		ret = load_certificates(c, o, err);
	if (!ret)
		ret = usage_check(c, o, err);
	if (!ret)
		ret = vhosts_make(c, err);
	if (!ret)
		ret = alpn_load(c, o->alpn, err);
	if (!ret)
		ret = ticket_load(c, o, err);
	if (ret)
		ktls_config_put(c);
	else
		*out = c;
	return ret;
}

struct ktls_config *ktls_config_get(struct ktls_config *c)
{
	atomic_fetch_add(&c->users, 1);
	return c;
}

void ktls_config_put(struct ktls_config *c)
{
	if (!c || atomic_fetch_sub(&c->users, 1) != 1)
		return;
	vhosts_free(c);
	for (size_t i = 0; i < c->certificates_count; i++)
		certificate_free(&c->certificates[i]);
	free(c->certificates);
	trust_free(&c->trust);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	free(c->alpn_text);
	explicit_bzero(c->ticket_key, sizeof(c->ticket_key));
	free(c);
}

/* A server's credentials change with the name that its client asks for. */
int config_use(struct ktls_config *c, gnutls_session_t tls)
{
	int ret = gnutls_priority_set(tls, c->priority);

	if (!ret)
		ret = alpn_use(c, tls);
	if (!ret)
		ret = gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE,
					     c->vhosts[0].x509);
	return ret;
}
