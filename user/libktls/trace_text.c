// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An event as a line for people: nothing that a peer sent may move their
 * cursor, colour their terminal, or turn their text around.
 */
#include <stdio.h>
#include <string.h>

#include "line.h"

static const char *const arrows[] = {
	[KTLS_CLIENT] = "client -> server",
	[KTLS_SERVER] = "client <- server",
	[KTLS_HERE] = "",
};

static bool put_char(struct line *l, const char *s, size_t *len)
{
	char escape[8];
	uint32_t c;

	*len = line_decode(s, &c);
	if (*len && (c == '"' || c == '\\'))
		return line_put(l, *s == '"' ? "\\\"" : "\\\\", 2);
	if (*len && !line_is_control(c))
		return line_put(l, s, *len);
	*len = 1;			/* each byte of it by itself */
	snprintf(escape, sizeof(escape), "\\x%02x", (unsigned char)*s);
	return line_put(l, escape, 4);
}

static bool put_value(struct line *l, const char *s)
{
	bool quote = !*s || strpbrk(s, " \"\\");
	size_t len;

	if (quote && !line_put(l, "\"", 1))
		return false;
	if (l->size - l->used < quote)
		return false;
	l->size -= quote;
	while (*s && put_char(l, s, &len))
		s += len;
	l->size += quote;
	return line_put(l, "\"", quote);
}

static void put_field(struct line *l, const struct ktls_field *f)
{
	size_t before = l->used;

	if (!line_put(l, "  ", 2) || !line_put(l, f->name, strlen(f->name)) ||
	    !line_put(l, "=", 1) || !put_value(l, f->value))
		l->used = before;
}

size_t ktls_event_text(char *out, size_t size, const struct ktls_event *e)
{
	struct line l = { out, size < KTLS_LINE_MAX ? size : KTLS_LINE_MAX, 0 };
	const char *arrow = e->from <= KTLS_HERE ? arrows[e->from] : "";
	char head[128];
	size_t len;

	if (!l.size)
		return 0;
	l.size--;			/* the newline's place */
	len = snprintf(head, sizeof(head), "%6llu.%03llu ms  %-16s  %s",
		       (unsigned long long)e->at_ns / 1000000,
		       (unsigned long long)e->at_ns / 1000 % 1000, arrow,
		       ktls_step_name(e->step));
	line_put(&l, head, len < l.size ? len : l.size);
	for (size_t i = 0; i < e->count; i++)
		put_field(&l, &e->fields[i]);
	l.size++;
	line_put(&l, "\n", 1);
	return l.used;
}
