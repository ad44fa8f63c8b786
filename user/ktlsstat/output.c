// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

void table_add(struct table *t, bool right, const char *text)
{
	size_t column = t->cells % t->columns, len = strlen(text) + 1;

	if (t->len + len > t->room) {
		size_t room = t->room ? t->room * 2 : 1 << 16;
		char *more = realloc(t->text, room);

		t->incomplete |= !more;
		if (t->incomplete)
			return;
		t->text = more;
		t->room = room;
	}
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->cells++;
	t->right[column] = right;
	if ((int)len - 1 > t->widths[column])
		t->widths[column] = len - 1;
}

static void spaces(int n)
{
	while (n-- > 0)
		putchar_unlocked(' ');
}

/* A line ends behind its last word, whatever the width of that column. */
static void put(const struct table *t, size_t column, const char *text,
		size_t len)
{
	bool last = column + 1 == t->columns;
	int room = t->widths[column] - (int)len;

	if (t->right[column])
		spaces(room);
	fwrite_unlocked(text, 1, len, stdout);
	if (last) {
		putchar_unlocked('\n');
		return;
	}
	spaces(t->right[column] ? 2 : room + 2);
}

int table_print(struct table *t, unsigned int opts)
{
	const char *text = t->text;

	for (size_t i = 0; i < t->cells && !t->incomplete; i++) {
		size_t len = strlen(text);

		put(t, i % t->columns, text, len);
		text += len + 1;
	}
	t->cells = t->len = 0;
	return t->incomplete ? fail(opts, 1, "out of memory") : 0;
}

void table_free(struct table *t)
{
	free(t->text);
}

int fail(unsigned int opts, int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (opts & OPT_JSON)
		json_print(json_pack("{s:s}", "error", text), opts);
	else
		log_warnx("%s", text);
	return status;
}
