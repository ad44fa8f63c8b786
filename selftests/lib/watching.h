/* SPDX-License-Identifier: GPL-2.0-only */
/* What ktlsstat watch would have been told by a kernel. */
#ifndef WATCHING_H
#define WATCHING_H

#include "watch.h"

struct told {				/* of a session */
	uint64_t cookie, tx, rx;
	uint32_t flags;
	uint64_t age;			/* milliseconds; 0: old */
	const char *label;
};

#define S(c, t, r, ...) { .cookie = (c), .tx = (t), .rx = (r), ##__VA_ARGS__ }

/* An hour after boot: 0 stands for never. */
uint64_t at(double seconds);
void look_make(struct look *l, double seconds, const struct told *t, size_t n);
int see(struct model *m, double seconds, const struct told *t, size_t n);

/* In a test whose fixture has a struct model m. */
#define SEE(seconds, ...) do { \
	const struct told told[] = { __VA_ARGS__ }; \
	ASSERT_EQ(0, see(&self->m, seconds, told, ARRAY_SIZE(told))); \
} while (0)

#endif
