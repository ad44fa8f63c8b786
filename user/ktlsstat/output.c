// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ktlsstat.h"

static void cell(const struct table *t, size_t column, size_t row,
		 char out[CELL_SIZE], unsigned int opts)
{
	const struct column *c = &t->columns[column];
	const char *at = (const char *)t->rows + row * t->row_size + c->at;

	c->cell(out, CELL_SIZE, at, opts);
}

static int width(const struct table *t, size_t column, unsigned int opts)
{
	const char *title = t->columns[column].title;
	size_t max = opts & OPT_NO_HEADER ? 0 : strlen(title);
	char text[CELL_SIZE];

	for (size_t i = 0; i < t->nrows; i++) {
		cell(t, column, i, text, opts);
		if (strlen(text) > max)
			max = strlen(text);
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
	char text[CELL_SIZE];

	for (size_t c = 0; c < t->ncolumns; c++)
		widths[c] = width(t, c, opts);
	for (size_t c = 0; c < t->ncolumns && !(opts & OPT_NO_HEADER); c++)
		put(t, c, widths[c], t->columns[c].title);
	for (size_t i = 0; i < t->nrows; i++)
		for (size_t c = 0; c < t->ncolumns; c++) {
			cell(t, c, i, text, opts);
			put(t, c, widths[c], text);
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
