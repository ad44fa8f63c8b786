// SPDX-License-Identifier: GPL-2.0-or-later
/* The columns, and the order of the sessions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "watch.h"

#define RATES SHOW_RATES
#define SUMS SHOW_SUMS
#define BOTH (RATES | SUMS)

/* clang-format off */
const struct watch_column watch_columns[] = {
	{ "PEER",	BOTH,	47, PLAIN, "peer", false },
	{ "TX/s",	RATES,	10, TX_BYTES, NULL, true },
	{ "RX/s",	RATES,	10, RX_BYTES, NULL, false },
	{ "TREND",	RATES,	10, TREND, NULL, false },
	{ "TX-BYTES",	BOTH,	20, PLAIN, "tx-bytes", false },
	{ "RX-BYTES",	BOTH,	20, PLAIN, "rx-bytes", false },
	{ "TX-REC/s",	RATES,	10, TX_RECORDS, NULL, false },
	{ "RX-REC/s",	RATES,	10, RX_RECORDS, NULL, false },
	{ "TX-RECS",	SUMS,	20, PLAIN, "tx-recs", false },
	{ "RX-RECS",	SUMS,	20, PLAIN, "rx-recs", false },
	{ "AGE",	SUMS,	10, PLAIN, "age", false },
	{ "IDLE",	SUMS,	10, PLAIN, "idle", true },
	{ "LABEL",	BOTH,	24, PLAIN, "label", false },
	{ "PROCESS",	BOTH,	24, PLAIN, "process", false },
	{ "VERSION",	BOTH,	10, PLAIN, "version", false },
	{ "CIPHER",	BOTH,	20, PLAIN, "cipher", false },
	{ "USER",	SUMS,	16, PLAIN, "user", false },
	{ "ERRORS",	SUMS,	10, PLAIN, "errors", false },
	{ "FLAGS",	BOTH,	20, PLAIN, "flags", false },
};

/* clang-format on */
const size_t nwatch_columns = ARRAY_SIZE(watch_columns);

int watch_column_find(const char *name)
{
	for (size_t i = 0; i < nwatch_columns; i++)
		if (!strcasecmp(watch_columns[i].title, name))
			return i;
	return -EINVAL;
}

const char *watch_column_names(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < nwatch_columns && n < size; i++)
		n += snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
			      watch_columns[i].title);
	return buf;
}

static const struct field *field_of(const struct watch_column *c)
{
	return field_find(c->field, strlen(c->field));
}

bool watch_column_right(const struct watch_column *c)
{
	if (c->rate == PLAIN)
		return field_of(c)->type->right;
	return c->rate != TREND;
}

bool order_falls(const struct order *o)
{
	const struct watch_column *c = &watch_columns[o->column];
	bool number = c->rate != PLAIN || field_of(c)->type->right;

	return number != o->reverse;
}

static double rate_of(const struct track *t, int rate)
{
	return rate == TREND ? t->gauge.sum : t->gauge.flow[rate].rate;
}

/* What is read once, however often the same two meet. */
struct sorting {
	int rate;
	const struct field *field;
	bool falls;
};

static int compare_fields(const struct track *a, const struct track *b,
			  const struct field *f, bool falls)
{
	struct value v, w;
	bool has = field_value(f, &a->row, 0, &v);
	bool other = field_value(f, &b->row, 0, &w);

	if (!has || !other)		/* behind all others, both ways */
		return falls ? has - other : other - has;
	if (f->type->text)
		return strcmp(v.text, w.text);
	return (v.number > w.number) - (v.number < w.number);
}

/* Those of the same rank stay in the order of their age: no line jumps. */
static int compare(const void *a, const void *b, void *data)
{
	const struct track *const *x = a, *const *y = b;
	const struct sorting *s = data;
	int order;

	if (s->field) {
		order = compare_fields(*x, *y, s->field, s->falls);
	} else {
		double v = rate_of(*x, s->rate), w = rate_of(*y, s->rate);

		order = (v > w) - (v < w);
	}
	if (s->falls)
		order = -order;
	if (order)
		return order;
	return ((*x)->row.s.cookie > (*y)->row.s.cookie) -
	       ((*x)->row.s.cookie < (*y)->row.s.cookie);
}

size_t model_sorted(const struct model *m, const struct filters *f,
		    const struct order *o, struct track ***out)
{
	const struct watch_column *c = &watch_columns[o->column];
	struct sorting s = {
		c->rate, c->rate == PLAIN ? field_of(c) : NULL, order_falls(o),
	};
	struct track **v = calloc(m->n + 1, sizeof(struct track *));
	size_t n = 0;

	for (size_t i = 0; v && i < m->n; i++)
		if (filters_match(f, &m->v[i]->row))
			v[n++] = m->v[i];
	if (n)
		qsort_r(v, n, sizeof(struct track *), compare, &s);
	*out = v;
	return n;
}
