/* SPDX-License-Identifier: GPL-2.0-only */
/* kTLS sockets with known keys, and an oracle that reads the raw records. */
#ifndef TLSWIRE_H
#define TLSWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A row for each version and cipher. The offsets are into its crypto_info. */
struct suite {
	uint16_t version, cipher;
	size_t info;			/* bytes of its crypto_info */
	size_t iv, key, salt, seq;
	size_t explicit_nonce, tag, inner_type;
};

#define SUITES		8
#define SUITE_INFO	80		/* no crypto_info is larger */

extern const struct suite suites[SUITES];

const struct suite *suite_find(uint16_t version, uint16_t cipher);
/* What a record is longer than its plaintext, header included. */
size_t suite_overhead(const struct suite *s);

/*
 * Counts records as their headers tell, as any bystander could: type, length,
 * and the overhead that RFC 5246, 5288, 6655, 7905 and 8446 prescribe.
 */
struct oracle {
	const struct suite *suite;
	uint64_t wire, records, bytes;
	uint8_t head[5];
	size_t have;			/* bytes of @head */
	size_t left;			/* bytes of the record's body to come */
};

void oracle_feed(struct oracle *o, const uint8_t *data, size_t len);

/* 0 or -errno. [0] connected to [1], on the loopback, of AF_INET(6). */
int tcp_pair(int family, int fd[2]);
/* Makes @fd a kTLS socket; @dir is TLS_TX or TLS_RX. @key: which of many. */
int tls_attach(int fd);
/* Key, nonce and record number are a pattern: far from zero, and known. */
void tls_fill(uint8_t *info, const struct suite *suite, uint8_t key);
int tls_key(int fd, int dir, const struct suite *suite, uint8_t key);
ssize_t tls_send_control(int fd, uint8_t type, const void *data, size_t len);
/* Like recv(), and tells the type of the record. */
ssize_t tls_recv(int fd, void *data, size_t len, uint8_t *type);
uint64_t socket_cookie(int fd);
/* A network namespace of one's own, its loopback up. 0 or -errno. */
int own_netns(void);

#endif
