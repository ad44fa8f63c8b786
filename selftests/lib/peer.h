/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other end: a TLS client by GnuTLS in userspace, the oracle for what
 * libktls and the kernel do. Both ends live in one thread and take turns.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <gnutls/gnutls.h>

#include "ktls.h"

struct peer {
	int fd;				/* ours; -1 when closed */
	gnutls_session_t tls;
	gnutls_certificate_credentials_t credentials;
	unsigned char held[65536];	/* what has not been sent yet */
	size_t held_len;
	bool hold;			/* until the peer reads, or is told */
};

/* Both ends, before the first byte. */
struct pair {
	struct ktls_config *credentials;
	struct ktls_session *s;		/* on @fd */
	struct ktls_conn *c;		/* after pair_install(): owns @fd */
	int fd;
	struct peer p;
};

/* How long anything may take that is going to happen. */
#define PEER_MS 10000

/* Writes a new P-256 certificate and key as DIR/cert.pem and DIR/key.pem. */
int peer_certificate(const char *dir);
/* Credentials of such a pair, which is gone again. */
int peer_credentials(struct ktls_config **out);
/* The same with other options: @o, with such a pair. */
int peer_config(struct ktls_config **out, struct ktls_options o);
/* A TCP connection over loopback: [0] the server's end, [1] the client's. */
int peer_tcp(int fds[2]);
/* Does the kernel have TLS? If not a test has to skip. */
bool peer_kernel_has_tls(void);

/* Takes @fd over. @flags are of gnutls_init(). */
int peer_open(struct peer *p, int fd, const char *priority, unsigned int flags);
/* Its reads and writes go over its descriptor. */
void peer_transport(struct peer *p);
/* All of the above. */
int pair_open(struct pair *pair, const char *priority, unsigned int flags);
/* The server's keys into the kernel: pair->c. */
int pair_install(struct pair *pair);
/* And on through a hand-off, with another descriptor. */
int pair_handoff(struct pair *pair);
void pair_close(struct pair *pair);

void peer_flush(struct peer *p);
void peer_close(struct peer *p);

/* One step of the client's handshake: GnuTLS's answer. */
int peer_step(struct peer *p);
/* Both ends by turns. The first failure of either, or 0 when both are done. */
int peer_shake(struct peer *p, struct ktls_session *s, int fd);
/* Only the server, until it has failed or is done. */
int peer_drive(struct ktls_session *s, int fd, int ms);

/* Reads on, without a server's help: the alert that came, or -1. */
int peer_hears(struct peer *p);

/* All of @len, or GnuTLS's error. */
ssize_t peer_send(struct peer *p, const void *buf, size_t len);
/* Until @len bytes are there, or the end: the count, or GnuTLS's error. */
ssize_t peer_recv(struct peer *p, void *buf, size_t len);

/* All of @len, or -errno: poll() and write(), as a server does it. */
ssize_t peer_write(int fd, const void *buf, size_t len);
/* ktls_recv() after poll(): its answer. */
ssize_t peer_ktls_recv(struct ktls_conn *c, void *buf, size_t len);

#endif
