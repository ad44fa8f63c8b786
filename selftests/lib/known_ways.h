/* SPDX-License-Identifier: GPL-2.0-only */
/* What may be done to a kTLS socket: tables of it, all for lib/known.h. */
#ifndef KNOWN_WAYS_H
#define KNOWN_WAYS_H

#include "known.h"

/* 0 or -errno; -ENOKEY: not in this kernel or version. */
struct known_way {
	const char *name;
	int (*run)(struct known *k);
};

#define KNOWN_WAYS	26
#define KNOWN_ENDINGS	13

extern const struct known_way known_ways[KNOWN_WAYS];
/*
 * These close @fd, or see to it that nothing but closing it is left to do.
 * Everything has been settled before.
 */
extern const struct known_way known_endings[KNOWN_ENDINGS];

const struct known_way *known_way(const struct known_way *ways, size_t n,
				  const char *name);

#endif
