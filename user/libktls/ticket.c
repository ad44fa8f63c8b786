// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Session tickets (RFC 8446 section 4.6.1, RFC 5077). Whoever has a ticket
 * resumes what was agreed on when it was made, and GnuTLS asks neither whether
 * the name is the same nor whether a certificate would be due by now. So there
 * is no one key for tickets, but one for each policy and name, all derived
 * from one master: what was issued under another cannot even be read.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>

#include "internal.h"

#define LABEL "libktls ticket 1"
#define CA_MAX (4 << 20)
#define LIFETIME_MAX (7 * 24 * 3600)	/* RFC 8446 section 4.6.1 */

/*
 * The master of all who name no file. It belongs to the process, so that a
 * configuration that is loaded anew goes on with the tickets of the old one,
 * and so do the children of a process that loads before it forks.
 */
static struct {
	pthread_once_t once;
	int ret;
	unsigned char bytes[TICKET_KEY_SIZE];
} own = { .once = PTHREAD_ONCE_INIT };

static void make_own(void)
{
	own.ret = gnutls_rnd(GNUTLS_RND_KEY, own.bytes, sizeof(own.bytes));
}

__attribute__((destructor)) static void wipe_own(void)
{
	explicit_bzero(own.bytes, sizeof(own.bytes));
}

/* @out is the master, wiped by the caller whatever the outcome. */
static int read_master(unsigned char out[TICKET_KEY_SIZE], const char *path,
		       struct ktls_error *err)
{
	gnutls_datum_t file = {};
	int ret;

	if (!path) {
		pthread_once(&own.once, make_own);
		memcpy(out, own.bytes, TICKET_KEY_SIZE);
		return own.ret ? error_set(err, -EIO, KTLS_INTERNAL,
					   "no random numbers for a ticket key") : 0;
	}
	/* A byte more, and one for file_need(), to tell longer files. */
	ret = file_need(&file, "ticket key", path, TICKET_KEY_SIZE + 2, err);
	if (ret == -EFBIG || (!ret && file.size != TICKET_KEY_SIZE))
		ret = error_set(err, -EINVAL, KTLS_INTERNAL,
				"ticket key %s: it must be %d random bytes; make it with: head -c %d /dev/urandom",
				path, TICKET_KEY_SIZE, TICKET_KEY_SIZE);
	if (!ret)
		memcpy(out, file.data, TICKET_KEY_SIZE);
	file_drop(&file);
	return ret;
}

/* With its length, so that what follows cannot be taken for a part of it. */
static void hash_field(gnutls_hash_hd_t hash, const void *data, size_t size)
{
	uint64_t length = size;
	unsigned char prefix[8];

	for (int i = 7; i >= 0; i--, length >>= 8)
		prefix[i] = length;
	gnutls_hash(hash, prefix, sizeof(prefix));
	gnutls_hash(hash, data, size);
}

/* What is missing differs from what is empty. */
static void hash_text(gnutls_hash_hd_t hash, const char *text)
{
	hash_field(hash, text ? "1" : "0", 1);
	hash_field(hash, text ? text : "", text ? strlen(text) : 0);
}

/* The rules under which a client is served, whatever name it asks for. */
static int hash_policy(struct ktls_config *c, const struct ktls_options *o,
		       const gnutls_datum_t *ca)
{
	gnutls_hash_hd_t hash;
	char numbers[64];

	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256))
		return -ENOMEM;
	snprintf(numbers, sizeof(numbers), "%d %d %d %d %d", o->auth,
		 o->no_verify, o->min_version, o->max_version,
		 o->rsa_key_transport);
	hash_text(hash, LABEL);
	hash_text(hash, numbers);
	hash_text(hash, o->ca ? "file" : NULL);
	hash_field(hash, ca->data ? ca->data : (void *)"", ca->size);
	hash_text(hash, o->pins);
	hash_text(hash, o->alpn);
	hash_text(hash, o->ciphers);
	hash_text(hash, o->groups);
	gnutls_hash_deinit(hash, c->policy);
	return 0;
}

static int load_policy(struct ktls_config *c, const struct ktls_options *o,
		       struct ktls_error *err)
{
	gnutls_datum_t ca = {};
	int ret = 0;

	if (o->ca)
		ret = file_need(&ca, "CA file", o->ca, CA_MAX, err);
	if (!ret && hash_policy(c, o, &ca))
		ret = error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	file_drop(&ca);
	return ret;
}

int ticket_load(struct ktls_config *c, const struct ktls_options *o,
		struct ktls_error *err)
{
	unsigned char master[TICKET_KEY_SIZE];
	const gnutls_datum_t in = { master, sizeof(master) };
	const gnutls_datum_t salt = { (unsigned char *)LABEL, strlen(LABEL) };
	int ret;

	if (o->client || o->no_tickets)
		return 0;
	if (o->ticket_lifetime > LIFETIME_MAX)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "tickets can live for %d seconds at most, not %u",
				 LIFETIME_MAX, o->ticket_lifetime);
	ret = read_master(master, o->ticket_key, err);
	if (!ret && gnutls_hkdf_extract(GNUTLS_MAC_SHA512, &in, &salt,
					c->ticket_key))
		ret = error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	explicit_bzero(master, sizeof(master));
	return ret ? ret : load_policy(c, o, err);
}

/* For this policy, these certificates' names, and @name, which may be "". */
static int derive(unsigned char out[TICKET_KEY_SIZE],
		  const struct ktls_session *s, const char *name)
{
	const struct ktls_config *c = s->config;
	const gnutls_datum_t key = { (unsigned char *)c->ticket_key,
				     sizeof(c->ticket_key) };
	unsigned char id[POLICY_SIZE];
	const gnutls_datum_t info = { id, sizeof(id) };
	gnutls_hash_hd_t hash;
	int ret = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);

	if (ret)
		return ret;
	hash_field(hash, c->policy, sizeof(c->policy));
	hash_text(hash, s->vhost->names);
	hash_text(hash, name);
	gnutls_hash_deinit(hash, id);
	return gnutls_hkdf_expand(GNUTLS_MAC_SHA512, &key, &info, out,
				  TICKET_KEY_SIZE);
}

/*
 * GnuTLS then sends two in TLS 1.3, in the flight that it ends the handshake
 * with, and one in TLS 1.2. Its state for tickets that meet a full socket is
 * wrong, and the keys would have left before the tickets: but it never meets
 * one, see flight.c.
 */
int ticket_enable(struct ktls_session *s, const char *name)
{
	unsigned char bytes[TICKET_KEY_SIZE];
	const gnutls_datum_t key = { bytes, sizeof(bytes) };
	const struct ktls_options *o = &s->config->o;
	int ret;

	if (o->no_tickets)
		return 0;
	ret = derive(bytes, s, name);
	if (!ret)
		ret = gnutls_session_ticket_enable_server(s->tls, &key);
	explicit_bzero(bytes, sizeof(bytes));
	if (!ret && o->ticket_lifetime)
		gnutls_db_set_cache_expiration(s->tls, o->ticket_lifetime);
	return ret;
}

/* The key is the fence; this is for the day on which it has a hole. */
int ticket_check(struct ktls_session *s)
{
	unsigned int count;

	if (!s->info.resumed || s->config->o.client ||
	    s->config->o.auth != KTLS_AUTH_REQUIRE ||
	    gnutls_certificate_get_peers(s->tls, &count))
		return 0;
	s->alert = s->info.version == TLS_1_3_VERSION ?
		   GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE;
	session_fail(s, -EKEYREJECTED, KTLS_NO_CERTIFICATE,
		     "the client resumes a session in which it has shown no certificate, and has to");
	return GNUTLS_E_CERTIFICATE_REQUIRED;
}
