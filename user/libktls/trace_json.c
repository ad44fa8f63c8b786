// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An event as a line of JSON, for programs. Whatever a peer has sent may be in
 * it; the line is a valid object nevertheless, also where it had to be cut.
 */
#include <stdio.h>
#include <string.h>

#include "line.h"

static const char tail[] = "}}\n";

/* RFC 8259 section 7; a byte that is no UTF-8 is shown as its own number. */
static bool put_char(struct line *l, const char *s, size_t *len)
{
	uint32_t c;
	char escape[8];

	*len = line_decode(s, &c);
	if (!*len) {
		*len = 1;
		c = (unsigned char)*s;
	} else if (c == '"' || c == '\\') {
		return line_put(l, *s == '"' ? "\\\"" : "\\\\", 2);
	} else if (!line_is_control(c) || c > 0xffff) {
		return line_put(l, s, *len);
	}
	snprintf(escape, sizeof(escape), "\\u%04x", c & 0xffff);
	return line_put(l, escape, 6);
}

static bool put_string(struct line *l, const char *s)
{
	size_t len;

	if (l->size - l->used < 2)
		return false;
	line_put(l, "\"", 1);
	l->size--;			/* the closing one's place */
	while (*s && put_char(l, s, &len))
		s += len;
	l->size++;
	return line_put(l, "\"", 1);
}

/* Either with its whole name, or not at all. */
static bool put_field(struct line *l, bool first, const struct ktls_field *f)
{
	size_t before = l->used;

	if ((first || line_put(l, ", ", 2)) &&
	    line_put(l, "\"", 1) && line_put(l, f->name, strlen(f->name)) &&
	    line_put(l, "\": ", 3) && put_string(l, f->value))
		return true;
	l->used = before;
	return false;
}

size_t ktls_event_json(char *out, size_t size, const struct ktls_event *e)
{
	struct line l = { out, size < KTLS_LINE_MAX ? size : KTLS_LINE_MAX, 0 };
	bool first = true;
	char head[128];
	size_t len;

	len = snprintf(head, sizeof(head),
		       "{\"t_us\": %llu.%llu, \"step\": \"%s\", \"from\": \"%s\", \"fields\": {",
		       (unsigned long long)e->at_ns / 1000,
		       (unsigned long long)e->at_ns / 100 % 10,
		       ktls_step_name(e->step), line_side(e->from));
	if (l.size < len + strlen(tail))
		return 0;
	l.size -= strlen(tail);
	line_put(&l, head, len);
	for (size_t i = 0; i < e->count; i++)
		if (put_field(&l, first, &e->fields[i]))
			first = false;
	l.size += strlen(tail);
	line_put(&l, tail, strlen(tail));
	return l.used;
}
