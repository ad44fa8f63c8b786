// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
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

	if (before && before->s->uid == r->s->uid) {
		memcpy(r->user, before->user, sizeof(r->user));
		return;
	}
	pw = opts & OPT_NUMERIC ? NULL : getpwuid(r->s->uid);
	if (pw)
		log_escape(r->user, sizeof(r->user), pw->pw_name);
	else
		snprintf(r->user, sizeof(r->user), "%" PRIu32, r->s->uid);
}

static struct row *rows_make(const struct sessions *s,
			     const struct holders *h, unsigned int opts)
{
	struct row *rows = calloc(s->n + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < s->n; i++) {
		struct row *r = &rows[i];

		r->s = &s->v[i];
		r->holder = holders_find(h, r->s->inode, &r->holders);
		name_user(r, i ? r - 1 : NULL, opts);
	}
	return rows;
}

static int print_json(const struct row *rows, size_t n, unsigned int opts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_session(&rows[i]))) {
			json_decref(list);
			list = NULL;
			break;
		}
	return json_print(list, opts);
}

static int print(const struct row *rows, size_t n, unsigned int opts)
{
	const struct table table = {
		list_columns, list_ncolumns, rows, n, sizeof(*rows),
	};

	if (opts & OPT_JSON)
		return print_json(rows, n, opts);
	table_print(&table, opts);
	return 0;
}

int list_main(unsigned int opts)
{
	struct holders holders;
	struct sessions s;
	struct row *rows;
	int status;

	if (sessions_get(&s, opts))
		return 1;
	holders_scan(&holders, &s);
	rows = rows_make(&s, &holders, opts);
	if (rows)
		status = print(rows, s.n, opts);
	else
		status = fail(opts, 1, "out of memory");
	free(rows);
	free(holders.v);
	free(s.v);
	return status;
}
