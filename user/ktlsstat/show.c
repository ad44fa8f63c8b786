// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

struct line {				/* one direction of one combination */
	const struct breakdown *of;	/* NULL: of all */
	const struct direction *d;
	bool sent;
};

#define CELL(name) \
	static void name(char *out, size_t size, const void *data, \
			 unsigned int opts)
#define LINE(l) const struct line *l = data; (void)opts
#define NUMBER(field) \
	CELL(field) \
	{ \
		LINE(l); \
		snprintf(out, size, "%" PRIu64, l->d->field); \
	}
#define BYTES(field) \
	CELL(field) \
	{ \
		char buf[NAME_SIZE]; \
		LINE(l); \
		snprintf(out, size, "%s", bytes_name(buf, l->d->field, opts)); \
	}

NUMBER(live)
NUMBER(closed)
NUMBER(records)
NUMBER(rekeys)
BYTES(bytes)
BYTES(wire)

CELL(version)
{
	char buf[NAME_SIZE];
	LINE(l);

	snprintf(out, size, "%s",
		 l->of ? version_name(buf, l->of->version) : "all");
}

CELL(cipher)
{
	char buf[NAME_SIZE];
	LINE(l);

	snprintf(out, size, "%s",
		 l->of ? cipher_name(buf, l->of->cipher) : "all");
}

CELL(mode)
{
	char buf[NAME_SIZE];
	LINE(l);

	snprintf(out, size, "%s", l->of ? mode_name(buf, l->of->mode) : "all");
}

CELL(dir)
{
	LINE(l);
	snprintf(out, size, "%s", l->sent ? "tx" : "rx");
}

CELL(control)
{
	LINE(l);
	if (l->sent)
		snprintf(out, size, "%" PRIu64, l->d->control);
	else
		snprintf(out, size, "-");
}

static const struct column columns[] = {
	{ "VERSION",	false,	version },
	{ "CIPHER",	false,	cipher },
	{ "MODE",	false,	mode },
	{ "DIR",	false,	dir },
	{ "LIVE",	true,	live },
	{ "CLOSED",	true,	closed },
	{ "BYTES",	true,	bytes },
	{ "RECORDS",	true,	records },
	{ "WIRE",	true,	wire },
	{ "CONTROL",	true,	control },
	{ "REKEYS",	true,	rekeys },
};

static void print_head(const struct totals *t)
{
	printf("sessions: %" PRIu64 " live, %" PRIu64 " closed, %" PRIu64
	       " opened; %" PRIu64 " missed; %" PRIu64 " errors\n",
	       t->live, t->closed, t->live + t->closed, t->missed, t->errors);
	if (t->missed)
		printf("incomplete: sessions were missed, and what they sent "
		       "and received is not in here\n");
}

static void put(struct line *lines, size_t *n, const struct breakdown *of,
		const struct direction *d, bool sent)
{
	/* A combination that only ever occurred in the other direction. */
	if (of && !d->live && !d->closed)
		return;
	lines[(*n)++] = (struct line){ of, d, sent };
}

static int print_totals(const struct totals *t, unsigned int opts)
{
	struct line *lines = calloc(t->breakdowns + 1, 2 * sizeof(*lines));
	struct table table = {
		columns, ARRAY_SIZE(columns), lines, 0, sizeof(*lines),
	};

	if (opts & OPT_JSON) {
		free(lines);
		return json_print(json_totals(t), opts);
	}
	if (!lines)
		return fail(opts, 1, "out of memory");
	put(lines, &table.nrows, NULL, &t->tx, true);
	put(lines, &table.nrows, NULL, &t->rx, false);
	for (size_t i = 0; i < t->breakdowns; i++) {
		const struct breakdown *b = &t->breakdown[i];

		put(lines, &table.nrows, b, &b->tx, true);
		put(lines, &table.nrows, b, &b->rx, false);
	}
	print_head(t);
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
	else
		ret = print_totals(&t, opts);
	free(t.breakdown);
	return ret;
}

static int print_tls_stat(const struct tls_stat *v, int n, unsigned int opts)
{
	json_t *counters;

	if (!(opts & OPT_JSON)) {
		log_info("the kernel module ktls_stats is not loaded, here is "
			 "/proc/net/tls_stat; for bytes and records: modprobe "
			 "ktls_stats");
		for (int i = 0; i < n; i++)
			printf("%-24s%12" PRIu64 "\n", v[i].name, v[i].value);
		return 0;
	}
	counters = json_object();
	for (int i = 0; i < n; i++)
		json_object_set_new(counters, v[i].name,
				    json_u64(v[i].value));
	return json_print(json_pack("{s:b, s:o}", "module", 0, "tls_stat",
				    counters), opts);
}

static int without_module(unsigned int opts)
{
	struct tls_stat *v;
	int n = tls_stat_read(&v);

	if (n == -ENOENT)
		return fail(opts, 1, "no kernel TLS here, so nothing to "
			    "count: the module tls is not loaded (modprobe "
			    "tls), nor is ktls_stats");
	if (n < 0)
		return fail(opts, 1, "/proc/net/tls_stat: %s", strerror(-n));
	n = print_tls_stat(v, n, opts);
	free(v);
	return n;
}

int show_main(unsigned int opts)
{
	struct genl *g;
	int ret = genl_open(&g);

	if (ret == -ENOENT)
		return without_module(opts);
	if (ret)
		return fail(opts, 1, "generic netlink: %s", strerror(-ret));
	ret = with_module(g, opts);
	genl_close(g);
	return ret;
}
