// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

#define DEPTH 8

static void __attribute__((noreturn)) die(const char *text)
{
	fprintf(stderr, "not a message: %s\n", text);
	exit(1);
}

static void add(struct message *m, const void *bytes, size_t len)
{
	if (len > sizeof(m->bytes) - m->len)
		die("too long");
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void open_vector(struct message *m, size_t width)
{
	if (m->lengths == sizeof(m->last) / sizeof(m->last[0]))
		die("too many vectors");
	add(m, "\0", width);
	m->last[m->lengths++] = m->len - 1;
}

static void close_vector(struct message *m, size_t last, size_t width)
{
	size_t len = m->len - last - 1;

	m->bytes[last] = len;
	if (width == 2)
		m->bytes[last - 1] = len >> 8;
}

/* Adds what stands at @text, and returns what is behind it. */
static const char *add_literal(struct message *m, const char *text)
{
	const char *end = strchr(text + 1, '\'');
	char hex[3] = { text[0], text[1] }, byte;

	if (*text == '\'' && end) {
		add(m, text + 1, end - text - 1);
		return end + 1;
	}
	if (*text == 'R') {
		add(m, "an arbitrary, not random, number", 32);
		return text + 1;
	}
	if (!isxdigit(text[0]) || !isxdigit(text[1]))
		die(text);
	byte = strtoul(hex, NULL, 16);
	add(m, &byte, 1);
	return text + 2;
}

void message_make(struct message *m, const char *text)
{
	struct { size_t last, width; } stack[DEPTH];
	size_t depth = 0;

	memset(m, 0, sizeof(*m));
	while (*text) {
		if (*text == ' ') {
			text++;
		} else if (text[1] == '[') {
			if (depth == DEPTH)
				die(text);
			stack[depth].width = *text - '0';
			open_vector(m, *text - '0');
			stack[depth++].last = m->len - 1;
			text += 2;
		} else if (*text == ']') {
			if (!depth--)
				die(text);
			close_vector(m, stack[depth].last, stack[depth].width);
			text++;
		} else {
			text = add_literal(m, text);
		}
	}
	if (depth)
		die("a vector is still open");
}
