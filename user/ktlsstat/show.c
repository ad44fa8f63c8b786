// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static const char *const titles[] = {
	"VERSION", "CIPHER", "MODE", "DIR", "LIVE", "CLOSED", "BYTES",
	"RECORDS", "WIRE", "CONTROL", "REKEYS",
};

/* @b: the combination, or NULL for all. */
static void names(struct table *t, const struct breakdown *b,
		  const char *direction)
{
	char buf[NAME_SIZE];

	table_add(t, false, b ? version_name(buf, b->version) : "all");
	table_add(t, false, b ? cipher_name(buf, b->cipher) : "all");
	table_add(t, false, b ? mode_name(buf, b->mode) : "all");
	table_add(t, false, direction);
}

static void line(struct table *t, const struct breakdown *b,
		 const struct direction *d, bool sent, unsigned int opts)
{
	char buf[NAME_SIZE];

	names(t, b, sent ? "tx" : "rx");
	table_add(t, true, decimal(buf, d->live));
	table_add(t, true, decimal(buf, d->closed));
	table_add(t, true, bytes_name(buf, d->bytes, opts));
	table_add(t, true, decimal(buf, d->records));
	table_add(t, true, bytes_name(buf, d->wire, opts));
	table_add(t, true, sent ? decimal(buf, d->control) : "-");
	table_add(t, true, decimal(buf, d->rekeys));
}

/* Leaves out a combination that only occurred in the other direction. */
static void lines(struct table *t, const struct totals *all, unsigned int opts)
{
	line(t, NULL, &all->tx, true, opts);
	line(t, NULL, &all->rx, false, opts);
	for (size_t i = 0; i < all->breakdowns; i++) {
		const struct breakdown *b = &all->breakdown[i];

		if (b->tx.live || b->tx.closed)
			line(t, b, &b->tx, true, opts);
		if (b->rx.live || b->rx.closed)
			line(t, b, &b->rx, false, opts);
	}
}

static int print_text(const struct totals *all, unsigned int opts)
{
	struct table t = { .columns = ARRAY_SIZE(titles) };
	int status;

	printf("sessions: %ju live, %ju closed, %ju opened; ", all->live,
	       all->closed, all->live + all->closed);
	printf("%ju missed; %ju errors\n", all->missed, all->errors);
	if (all->missed)
		printf("incomplete: missed sessions are not in the numbers\n");
	if (all->busy)
		printf("busy: %ju sessions, as last seen in the numbers\n",
		       all->busy);
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (!(opts & OPT_NO_HEADER))
			table_add(&t, i > 3, titles[i]);
	lines(&t, all, opts);
	status = table_print(&t, opts);
	table_free(&t);
	return status;
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

int show_main(const struct args *a)
{
	unsigned int opts = a->opts;
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
