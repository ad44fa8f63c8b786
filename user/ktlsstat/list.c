// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static int print_json(const struct rows *r, unsigned int opts)
{
	emit_begin(opts);
	emit_open(NULL, '[');
	for (size_t i = 0; i < r->n; i++) {
		emit_open(NULL, '{');
		fields_json(r->v[i], 0);
		emit_close('}');
	}
	emit_close(']');
	emit_end();
	return 0;
}

static int print_text(const struct rows *r, const struct columns *c,
		      unsigned int opts)
{
	struct table t = { .columns = c->n };
	char text[CELL_SIZE];

	for (size_t k = 0; k < c->n && !(opts & OPT_NO_HEADER); k++)
		table_add(&t, c->v[k]->type->right,
			  field_title(c->v[k], text, sizeof(text)));
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < c->n; k++) {
			field_cell(c->v[k], r->v[i], text, sizeof(text), opts);
			table_add(&t, c->v[k]->type->right, text);
		}
	return table_print(&t, opts);
}

static int list(const struct sessions *s, const struct view *v,
		unsigned int opts)
{
	struct rows rows;
	int status;

	if (rows_make(&rows, s, v, opts))
		return fail(opts, 1, "out of memory");
	if (opts & OPT_JSON)
		status = print_json(&rows, opts);
	else
		status = print_text(&rows, &v->columns, opts);
	rows_free(&rows);
	return status;
}

int list_main(const struct args *a)
{
	struct sessions s;
	struct view view;
	int status;

	if (a->columns && !strcmp(a->columns, "help"))
		return columns_help();
	status = view_read(&view, a);
	if (status)
		return status;
	status = 1;
	if (!sessions_get(&s, &view.filters, a->opts)) {
		status = list(&s, &view, a->opts);
		free(s.v);
	}
	view_free(&view);
	return status;
}
