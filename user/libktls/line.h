/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A line in the caller's buffer, and what of a peer's text may be in it. */
#ifndef LIBKTLS_LINE_H
#define LIBKTLS_LINE_H

#include "internal.h"

struct line {
	char *out;
	size_t size, used;
};

/* All of @len bytes, or none and false. */
bool line_put(struct line *l, const char *s, size_t len);

/*
 * The character that the string @s begins with, and how many bytes it takes;
 * 0: it is not UTF-8.
 */
size_t line_decode(const char *s, uint32_t *c);

/* Would it do something to a terminal or to the text around it? */
bool line_is_control(uint32_t c);

/* "client", "server" or "here" */
const char *line_side(enum ktls_side side);

#endif
