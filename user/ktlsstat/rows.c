// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions and what we know besides: those that were asked for, in order. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

/* Neighbours mostly belong to one user: ask the user database once. */
static void name_user(struct row *r, const struct row *before,
		      unsigned int opts)
{
	const struct passwd *pw;

	if (before && before->s.uid == r->s.uid) {
		memcpy(r->user, before->user, sizeof(r->user));
		return;
	}
	pw = opts & OPT_NUMERIC ? NULL : getpwuid(r->s.uid);
	if (pw)
		log_escape(r->user, sizeof(r->user), pw->pw_name);
	else
		snprintf(r->user, sizeof(r->user), "%u", r->s.uid);
}

int rows_make(struct rows *r, const struct sessions *s, const struct view *v,
	      unsigned int opts)
{
	memset(r, 0, sizeof(*r));
	r->all = calloc(s->n + 1, sizeof(*r->all));
	r->v = calloc(s->n + 1, sizeof(struct row *));
	if (!r->all || !r->v) {
		rows_free(r);
		return -ENOMEM;
	}
	if (view_uses(v, FIELD_HOLDER))
		holders_scan(&r->holders, s);
	for (size_t i = 0; i < s->n; i++) {
		struct row *row = &r->all[i];

		row->s = s->v[i];
		row->holder = holders_find(&r->holders, row->s.inode,
					   &row->holders);
		name_user(row, i ? row - 1 : NULL, opts);
		if (filters_match(&v->filters, row))
			r->v[r->n++] = row;
	}
	rows_sort(r, &v->sort);
	return 0;
}

void rows_free(struct rows *r)
{
	free(r->holders.v);
	free(r->all);
	free(r->v);
}

int view_read(struct view *v, const struct args *a, const char *columns)
{
	int status;

	memset(v, 0, sizeof(*v));
	v->chosen = a->columns;
	status = columns_read(&v->columns, a, columns);
	if (!status)
		status = sort_read(&v->sort, a);
	return status ? status : filters_read(&v->filters, a);
}

bool view_uses(const struct view *v, unsigned int is)
{
	if ((v->uses & is) || (v->sort.field && (v->sort.field->is & is)))
		return true;
	return columns_use(&v->columns, is) || filters_use(&v->filters, is);
}

void view_free(struct view *v)
{
	free(v->filters.v);
}
