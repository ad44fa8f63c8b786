// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static void modes(char *out, size_t size, const void *row, unsigned int opts)
{
	const struct row *r = row;
	char tx[NAME_SIZE], rx[NAME_SIZE];

	(void)opts;
	snprintf(out, size, "%s/%s", mode_name(tx, r->s.tx.mode),
		 mode_name(rx, r->s.rx.mode));
}

/* NAME/PID of the first, and how many more there are. */
static void process(char *out, size_t size, const void *row,
		    unsigned int opts)
{
	const struct row *r = row;
	char name[CELL_SIZE / 2], more[24] = "";

	(void)opts;
	if (!r->holders) {
		snprintf(out, size, "-");
		return;
	}
	if (r->holders > 1)
		snprintf(more, sizeof(more), "+%zu", r->holders - 1);
	log_escape(name, sizeof(name), r->holder->name);
	snprintf(out, size, "%s/%d%s", name, (int)r->holder->pid, more);
}

#define AT(member) offsetof(struct row, member)

/* clang-format off */
static const struct column columns[] = {
	{ "LOCAL",	false,	cell_address,	AT(s.local) },
	{ "PEER",	false,	cell_address,	AT(s.remote) },
	{ "VERSION",	false,	cell_version,	AT(s.version) },
	{ "CIPHER",	false,	cell_cipher,	AT(s.cipher) },
	{ "TX/RX",	false,	modes,		0 },
	{ "TX-BYTES",	true,	cell_bytes,	AT(s.tx.bytes) },
	{ "RX-BYTES",	true,	cell_bytes,	AT(s.rx.bytes) },
	{ "TX-RECS",	true,	cell_number,	AT(s.tx.records) },
	{ "RX-RECS",	true,	cell_number,	AT(s.rx.records) },
	{ "AGE",	true,	cell_duration,	AT(s.age) },
	{ "IDLE",	true,	cell_duration,	AT(s.idle) },
	{ "USER",	false,	cell_text,	AT(user) },
	{ "PROCESS",	false,	process,	0 },
	{ "FLAGS",	false,	cell_flags,	AT(s.flags) },
};

/* clang-format on */

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

static struct row *rows_make(const struct sessions *s,
			     const struct holders *h, unsigned int opts)
{
	struct row *rows = calloc(s->n + 1, sizeof(*rows));

	for (size_t i = 0; rows && i < s->n; i++) {
		struct row *r = &rows[i];

		r->s = s->v[i];
		r->holder = holders_find(h, r->s.inode, &r->holders);
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
		columns, ARRAY_SIZE(columns), rows, n, sizeof(*rows),
	};

	if (!rows)
		return fail(opts, 1, "out of memory");
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
	status = print(rows, s.n, opts);
	free(rows);
	free(holders.v);
	free(s.v);
	return status;
}
