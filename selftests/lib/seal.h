/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records made and opened by GnuTLS, with the keys of tls_key(): the end of a
 * connection that has nothing of the kernel's TLS in it.
 */
#ifndef SEAL_H
#define SEAL_H

#include <gnutls/crypto.h>

#include "tlswire.h"

#define RECORD_MAX	16384

/* One direction. */
struct seal {
	const struct suite *suite;
	gnutls_aead_cipher_hd_t aead;
	uint8_t iv[12];
	uint64_t seq;
};

/* 0 or -errno. With keys before, they are replaced. */
int seal_key(struct seal *s, const struct suite *suite, uint8_t key);
void seal_end(struct seal *s);
/* Makes a record of @len bytes, and of @pad zeroes in TLS 1.3; its length. */
ssize_t seal_make(struct seal *s, uint8_t type, const void *data, size_t len,
		  size_t pad, uint8_t *out);
/* Opens a whole record: what it holds, or -EBADMSG. */
ssize_t seal_open(struct seal *s, const uint8_t *record, size_t len,
		  uint8_t *out, uint8_t *type);

#endif
