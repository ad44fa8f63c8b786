// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The secrets of a session, for debuggers, as lines of the NSS key log format:
 * LABEL, the client's random and the secret in hex. Whoever gets them can read
 * the connection; nothing is kept here.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define LABEL_MAX 64
#define RANDOM_SIZE 32

/* TLS 1.2 has one secret of 48 bytes, TLS 1.3 several of SECRET_MAX. */
static_assert(SECRET_MAX >= 48, "a master secret does not fit");

static size_t put_hex(char *out, const unsigned char *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[data[i] >> 4];
		out[2 * i + 1] = digits[data[i] & 15];
	}
	return 2 * len;
}

static int on_key(gnutls_session_t tls, const char *label,
		  const gnutls_datum_t *secret)
{
	char line[LABEL_MAX + 2 * RANDOM_SIZE + 2 * SECRET_MAX + 3];
	struct ktls_session *s = gnutls_session_get_ptr(tls);
	gnutls_datum_t client, server;
	size_t used;

	/* After the handshake another file has the session. */
	if (!s || !s->keylog)
		return 0;
	gnutls_session_get_random(tls, &client, &server);
	if (strlen(label) > LABEL_MAX || client.size != RANDOM_SIZE ||
	    secret->size > SECRET_MAX)
		return 0;
	used = snprintf(line, sizeof(line), "%s ", label);
	used += put_hex(line + used, client.data, client.size);
	line[used++] = ' ';
	used += put_hex(line + used, secret->data, secret->size);
	line[used] = '\0';
	s->keylog(s->keylog_ctx, line);
	explicit_bzero(line, sizeof(line));
	return 0;
}

void ktls_session_keylog(struct ktls_session *s,
			 void (*fn)(void *ctx, const char *line), void *ctx)
{
	s->keylog = fn;
	s->keylog_ctx = ctx;
	gnutls_session_set_keylog_function(s->tls, on_key);
}
