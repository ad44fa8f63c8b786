/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libktls share; nothing here is seen from outside. */
#ifndef LIBKTLS_INTERNAL_H
#define LIBKTLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/tls.h>
#include <gnutls/gnutls.h>

#include "ktls.h"

#ifndef TLS_TX_MAX_PAYLOAD_LEN		/* kernel headers before 6.19 */
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

/* RFC 8446 section 5.1: the most plaintext that one record may carry. */
#define RECORD_MAX 16384

/* One of the kernel's tls12_crypto_info_*; all begin with @info. */
union crypto {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes_gcm_128;
	struct tls12_crypto_info_aes_gcm_256 aes_gcm_256;
	struct tls12_crypto_info_aes_ccm_128 aes_ccm_128;
	struct tls12_crypto_info_chacha20_poly1305 chacha20_poly1305;
	unsigned char bytes[64];
};

/* Where a field stands in the kernel's structure. */
struct span {
	size_t offset, size;
};

struct cipher {
	gnutls_cipher_algorithm_t gnutls;
	uint16_t kernel;		/* TLS_CIPHER_* */
	const char *name;
	size_t size;			/* of the structure */
	struct span key, iv, salt, seq;
};

struct ktls_credentials {
	gnutls_certificate_credentials_t x509;
	gnutls_priority_t priority;
};

struct ktls_session {
	int fd;				/* the caller's */
	int nodelay;			/* TCP_NODELAY as we found it */
	bool done;			/* the handshake is complete */
	size_t received;		/* bytes, in the handshake */
	gnutls_session_t tls;		/* NULL once the keys have left */
	unsigned int record_size_limit;	/* the client's, or 0 */
	unsigned int max_fragment;
	struct ktls_info info;
	struct ktls_error error;
};

struct ktls_conn {
	int fd;				/* ours */
	int in;				/* 1: open, else ktls_recv()'s answer */
	bool out_closed;		/* our close_notify has left */
	struct ktls_info info;
};

/* cipher.c */
extern const struct cipher ciphers[];
extern const size_t ciphers_count;

const struct cipher *cipher_by_gnutls(gnutls_cipher_algorithm_t id);
const struct cipher *cipher_by_kernel(uint16_t id);

/* handshake.c */
void session_forget(struct ktls_session *s);

/* reason.c: both return an error number, so that callers can return it on */
int session_fail(struct ktls_session *s, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int session_give_up(struct ktls_session *s, int gnutls_error);

/* limit.c */
void limit_watch(struct ktls_session *s);
int limit_install(struct ktls_session *s);

/* creds.c */
int credentials_use(const struct ktls_credentials *c, gnutls_session_t tls);

#endif
