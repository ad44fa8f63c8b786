// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

struct line {				/* one direction of one combination */
	char version[NAME_SIZE];
	char cipher[NAME_SIZE];
	char mode[NAME_SIZE];
	char direction[3];
	char control[NAME_SIZE];	/* sent only */
	struct direction d;
};

#define AT(member) offsetof(struct line, member)

/* clang-format off */
static const struct column columns[] = {
	{ "VERSION",	false,	cell_text,	AT(version) },
	{ "CIPHER",	false,	cell_text,	AT(cipher) },
	{ "MODE",	false,	cell_text,	AT(mode) },
	{ "DIR",	false,	cell_text,	AT(direction) },
	{ "LIVE",	true,	cell_number,	AT(d.live) },
	{ "CLOSED",	true,	cell_number,	AT(d.closed) },
	{ "BYTES",	true,	cell_bytes,	AT(d.bytes) },
	{ "RECORDS",	true,	cell_number,	AT(d.records) },
	{ "WIRE",	true,	cell_bytes,	AT(d.wire) },
	{ "CONTROL",	true,	cell_text,	AT(control) },
	{ "REKEYS",	true,	cell_number,	AT(d.rekeys) },
};

/* clang-format on */

/* @b: the combination, or NULL for all. */
static void fill(struct line *l, const struct breakdown *b,
		 const struct direction *d, const char *direction)
{
	char buf[NAME_SIZE];

	l->d = *d;
	snprintf(l->direction, sizeof(l->direction), "%s", direction);
	if (direction[0] == 't')
		snprintf(l->control, NAME_SIZE, "%ju", d->control);
	snprintf(l->version, NAME_SIZE, "%s",
		 b ? version_name(buf, b->version) : "all");
	snprintf(l->cipher, NAME_SIZE, "%s",
		 b ? cipher_name(buf, b->cipher) : "all");
	snprintf(l->mode, NAME_SIZE, "%s",
		 b ? mode_name(buf, b->mode) : "all");
}

/* Leaves out a combination that only occurred in the other direction. */
static size_t fill_all(struct line *lines, const struct totals *t)
{
	size_t n = 0;

	fill(&lines[n++], NULL, &t->tx, "tx");
	fill(&lines[n++], NULL, &t->rx, "rx");
	for (size_t i = 0; i < t->breakdowns; i++) {
		const struct breakdown *b = &t->breakdown[i];

		if (b->tx.live || b->tx.closed)
			fill(&lines[n++], b, &b->tx, "tx");
		if (b->rx.live || b->rx.closed)
			fill(&lines[n++], b, &b->rx, "rx");
	}
	return n;
}

static int print_text(const struct totals *t, unsigned int opts)
{
	struct line *lines = calloc(t->breakdowns + 1, 2 * sizeof(*lines));
	struct table table = {
		columns, ARRAY_SIZE(columns), lines, 0, sizeof(*lines),
	};

	if (!lines)
		return fail(opts, 1, "out of memory");
	printf("sessions: %ju live, %ju closed, %ju opened; ", t->live,
	       t->closed, t->live + t->closed);
	printf("%ju missed; %ju errors\n", t->missed, t->errors);
	if (t->missed)
		printf("incomplete: missed sessions are not in the numbers\n");
	table.nrows = fill_all(lines, t);
	table_print(&table, opts);
	free(lines);
	return 0;
}

static int with_module(struct genl *g, unsigned int opts)
{
	struct totals t;
	int ret = genl_totals(g, &t);

	if (ret)
		ret = fail(opts, 1, "asking for the totals: %s",
			   genl_reason(g, ret));
	else if (opts & OPT_JSON)
		ret = json_print(json_totals(&t), opts);
	else
		ret = print_text(&t, opts);
	free(t.breakdown);
	return ret;
}

int show_main(unsigned int opts)
{
	struct genl *g;
	int ret = genl_open(&g);

	if (ret == -ENOENT)
		return tls_stat_main(opts);
	if (ret)
		return fail(opts, 1, "generic netlink: %s", strerror(-ret));
	ret = with_module(g, opts);
	genl_close(g);
	return ret;
}
