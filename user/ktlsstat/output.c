// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ktlsstat.h"

static const void *row_at(const struct table *t, size_t i)
{
	return (const char *)t->rows + i * t->row_size;
}

static int width(const struct table *t, size_t column, unsigned int opts)
{
	const struct column *c = &t->columns[column];
	size_t max = opts & OPT_NO_HEADER ? 0 : strlen(c->title);
	char cell[CELL_SIZE];

	for (size_t i = 0; i < t->nrows; i++) {
		c->cell(cell, sizeof(cell), row_at(t, i), opts);
		if (strlen(cell) > max)
			max = strlen(cell);
	}
	return max;
}

/* A line ends behind its last word, whatever the width of that column. */
static void put(const struct table *t, size_t column, int width,
		const char *text)
{
	bool last = column + 1 == t->ncolumns;

	if (t->columns[column].right)
		printf("%*s%s", width, text, last ? "\n" : "  ");
	else if (last)
		printf("%s\n", text);
	else
		printf("%-*s  ", width, text);
}

void table_print(const struct table *t, unsigned int opts)
{
	int widths[t->ncolumns];
	char cell[CELL_SIZE];

	for (size_t c = 0; c < t->ncolumns; c++)
		widths[c] = width(t, c, opts);
	for (size_t c = 0; c < t->ncolumns && !(opts & OPT_NO_HEADER); c++)
		put(t, c, widths[c], t->columns[c].title);
	for (size_t i = 0; i < t->nrows; i++)
		for (size_t c = 0; c < t->ncolumns; c++) {
			t->columns[c].cell(cell, sizeof(cell), row_at(t, i),
					   opts);
			put(t, c, widths[c], cell);
		}
}

int fail(unsigned int opts, int status, const char *fmt, ...)
{
	char text[512];
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
