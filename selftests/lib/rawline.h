/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A connection past its handshake: libktls in either role at one end, at the
 * other a GnuTLS peer whose keys are known, so that records can be crafted.
 */
#ifndef RAWLINE_H
#define RAWLINE_H

#include "craft.h"

struct line_options {
	int version;			/* 2 or 3: TLS 1.x */
	const char *cipher;		/* GnuTLS's name, NULL: AES-128-GCM */
	bool client;			/* libktls's role */
	enum ktls_offload offload;
};

struct line {
	struct pair pair;
	struct craft craft;		/* is the peer, unless pair.p is used */
	gnutls_certificate_credentials_t server;	/* the peer's */
};

/* 0 or the first error. The record keys are where @o wants them. */
int line_open(struct line *l, const struct line_options *o);
void line_close(struct line *l);

/* Is this a kernel that replaces keys? */
bool line_can_rekey(struct line *l);
/* Does the kernel do the records? */
bool line_in_kernel(const struct line *l);

/* Reads until a fatal alert for @ms at most: its number, or -1. */
int line_hears(struct line *l, int ms);

/*
 * What ktls_recv() gives until it is no data: that answer, and the data. An
 * answer of -EAGAIN stands when nothing more has come for @ms.
 */
ssize_t line_read(struct line *l, char *buf, size_t size, size_t *len, int ms);

#endif
