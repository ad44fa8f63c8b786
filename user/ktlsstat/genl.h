/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Behind the wall: only exchange.c and genl.c include this. */
#ifndef KTLSSTAT_GENL_H
#define KTLSSTAT_GENL_H

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "ktlsstat.h"

struct genl {
	struct mnl_socket *nl;
	uint32_t seq;
	uint16_t family;
	uint32_t groups[2];		/* by EVENT_* */
	bool interrupted;		/* NLM_F_DUMP_INTR was seen */
	char words[256];		/* of the kernel about the last failure */
	union {
		char buf[32768];	/* the kernel's most of a dump at once */
		struct nlmsghdr align;
	};
};

struct request {
	uint16_t type, flags;
	uint8_t cmd, version;
	/* Appends the attributes for @what; NULL if there are none. */
	void (*put)(struct nlmsghdr *nlh, const void *what);
	const void *what;
	int (*reply)(const struct nlmsghdr *nlh, void *out);
	void *out;
};

/* exchange.c */
int exchange_open(struct genl *g);
/* Asks, and hands each message of the answer to @r->reply. */
int exchange(struct genl *g, const struct request *r);

#endif
