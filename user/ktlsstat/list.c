// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

#define COLUMNS \
	"local,peer,version,cipher,tx/rx,tx-bytes,rx-bytes,tx-recs,rx-recs," \
	"age,idle,user,process,label,flags"

static int print_json(const struct rows *r, const struct view *v,
		      unsigned int opts)
{
	emit_begin(opts);
	emit_open(NULL, '[');
	for (size_t i = 0; i < r->n; i++) {
		emit_open(NULL, '{');
		fields_json(r->v[i], v, 0);
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
	int status;

	if (!(opts & OPT_NO_HEADER))
		table_add_titles(&t, c);
	for (size_t i = 0; i < r->n; i++)
		table_add_row(&t, c, r->v[i], opts);
	status = table_print(&t, opts);
	table_free(&t);
	return status;
}

static int list(const struct sessions *s, const struct view *v,
		const struct args *a)
{
	unsigned int opts = a->opts;
	struct rows rows;
	int status;

	if (rows_make(&rows, s, v, opts))
		return fail(opts, 1, "out of memory");
	if (a->tree)
		status = tree_print(&rows, v, a);
	else if (opts & OPT_JSON)
		status = print_json(&rows, v, opts);
	else
		status = print_text(&rows, &v->columns, opts);
	rows_free(&rows);
	return status;
}

static int list_view(const struct view *v, const struct args *a)
{
	struct sessions s;
	int status;

	if (sessions_get(&s, &v->filters, a->opts))
		return 1;
	status = list(&s, v, a);
	free(s.v);
	return status;
}

int list_main(const struct args *a)
{
	struct view view;
	int status;

	if (a->columns && !strcmp(a->columns, "help"))
		return columns_help();
	status = view_read(&view, a, COLUMNS);
	if (status)
		return status;
	status = tree_read(&view, a);
	if (!status)
		status = list_view(&view, a);
	view_free(&view);
	return status;
}
