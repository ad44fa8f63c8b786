/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A server of ours, and a client of ours or GnuTLS's, with the events of both.
 * They run with and without kernel TLS.
 */
#ifndef ENDS_H
#define ENDS_H

#include "events.h"
#include "internal.h"
#include "peer.h"

struct ends {
	char dir[32], cert[64], key[64];
	struct ktls_config *config[2];	/* [0] is the server, [1] the client */
	struct ktls_session *s[2];
	struct ktls_conn *c[2];
	int fds[2];
	struct events events[2];
	struct peer p;			/* in place of s[1] */
};

/* A certificate of either kind, and configurations that differ from @base. */
int ends_prepare(struct ends *e, bool rsa, const struct ktls_options *base);
/* @ours: libktls is the client too. */
int ends_connect(struct ends *e, bool ours, const char *priority);
/* Both by turns. */
int ends_shake(struct ends *e);
int ends_install(struct ends *e);
void ends_disconnect(struct ends *e);
void ends_close(struct ends *e);

#endif
