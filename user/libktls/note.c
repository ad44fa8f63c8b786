// SPDX-License-Identifier: LGPL-2.1-or-later
/* Puts an event together, on the stack of who has something to tell. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "note.h"

static const char cut_mark[] = " ...";

void note_begin(struct note *n, enum ktls_step step, enum ktls_side from)
{
	n->step = step;
	n->from = from;
	n->count = n->used = 0;
}

/* A value begins; false: there is no place for one. */
static bool begin(struct note *n, const char *name)
{
	size_t left = sizeof(n->text) - n->used;

	n->cut = n->count == KTLS_FIELDS_MAX || left < 2 * sizeof(cut_mark);
	if (n->cut)
		return false;
	n->value = n->text + n->used;
	n->value[0] = '\0';
	n->used++;
	n->room = (left < NOTE_VALUE_MAX ? left : NOTE_VALUE_MAX) -
		  sizeof(cut_mark);
	n->fields[n->count++] = (struct ktls_field){ name, n->value };
	return true;
}

/* Behind the value that was begun last, over its end. */
static void put(struct note *n, const char *text, size_t len)
{
	memcpy(n->text + n->used - 1, text, len);
	n->used += len;
	n->text[n->used - 1] = '\0';
}

/* Whole words, so that none misleads; but a part of the first. */
static void append(struct note *n, const char *text, size_t len)
{
	size_t blank = n->value[0] != '\0';

	if (blank + len <= n->room) {
		put(n, " ", blank);
		put(n, text, len);
		n->room -= blank + len;
		return;
	}
	if (!blank)
		put(n, text, n->room);
	put(n, cut_mark, strlen(cut_mark));
	n->cut = true;
}

void note_add(struct note *n, const char *name, const char *fmt, ...)
{
	char text[NOTE_VALUE_MAX + 1];
	va_list ap;

	if (!begin(n, name))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	append(n, text, strlen(text));
}

void note_list(struct note *n, const char *name)
{
	begin(n, name);
}

void note_text(struct note *n, const char *text, size_t len)
{
	if (!n->cut)
		append(n, text, len);
}

void note_word(struct note *n, const char *word)
{
	note_text(n, word, strlen(word));
}

/* Whatever would end a C string, or the word, or be taken for an escape. */
static size_t escape(char *out, size_t size, unsigned char c)
{
	if (c && c != ' ' && c != '\\')
		return snprintf(out, size, "%c", c);
	return snprintf(out, size, "\\x%02x", c);
}

void note_bytes(struct note *n, const char *prefix, const unsigned char *data,
		size_t len)
{
	char text[NOTE_VALUE_MAX + 5];
	size_t used = snprintf(text, sizeof(text), "%s", prefix);

	for (size_t i = 0; i < len && used < NOTE_VALUE_MAX; i++)
		used += escape(text + used, sizeof(text) - used, data[i]);
	note_text(n, text, used);
}

void note_hex(struct note *n, const char *name, const unsigned char *data,
	      size_t len)
{
	char hex[2 * NOTE_HEX_MAX + 1] = "";

	for (size_t i = 0; i < len && i < NOTE_HEX_MAX; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", data[i]);
	note_add(n, name, "%s", hex);
}

void note_flag(struct note *n, const char *name, bool value)
{
	note_add(n, name, "%s", value ? "yes" : "no");
}

void note_alert(struct note *n, int alert, bool fatal)
{
	note_add(n, "alert", "%s", ktls_alert_name(alert));
	note_add(n, "level", "%s", fatal ? "fatal" : "warning");
}

void note_tell(const struct note *n, ktls_trace_fn *fn, void *ctx,
	       uint64_t start_ns)
{
	const struct ktls_event e = {
		.step = n->step,
		.from = n->from,
		.at_ns = clock_ns() - start_ns,
		.fields = n->fields,
		.count = n->count,
	};

	fn(ctx, &e);
}

void note_emit(struct ktls_session *s, const struct note *n)
{
	note_tell(n, s->trace, s->trace_ctx, s->start_ns);
}
