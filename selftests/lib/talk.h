/* SPDX-License-Identifier: GPL-2.0-only */
/* GnuTLS with itself, in memory: no socket, and no kernel TLS. */
#ifndef TALK_H
#define TALK_H

#include <gnutls/gnutls.h>

#include "bytes.h"

struct end {
	gnutls_session_t tls;
	struct end *other;
	unsigned char in[65536];	/* all that came */
	size_t in_len, in_at;
};

/* @flags are of gnutls_init(). */
void end_open(struct end *e, struct end *other, unsigned int flags,
	      const char *priority);
/* Credentials with a new certificate that nobody else has signed. */
int talk_certificate(gnutls_certificate_credentials_t *out);
/* Both ends by turns: the first failure of either, or 0. */
int talk_shake(struct end *client, struct end *server);
/* The first handshake message that came: the hello of the other end. */
struct bytes end_hello(const struct end *e);

#endif
