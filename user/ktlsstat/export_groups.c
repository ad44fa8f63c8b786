// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A label is whatever somebody chose, and a monitoring system keeps each value
 * it has ever seen: their number has a bound.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

/* How many bytes from @s on are one character of UTF-8; 0: they are none. */
static size_t character(const unsigned char *s)
{
	static const struct {
		unsigned char min, max, low, high;	/* of the first two */
		size_t len;
	} forms[] = {			/* RFC 3629, section 4 */
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i = 0, n;

	if (*s < 0x80)
		return 1;
	while (i < ARRAY_SIZE(forms) && *s > forms[i].max)
		i++;
	if (i == ARRAY_SIZE(forms) || *s < forms[i].min ||
	    s[1] < forms[i].low || s[1] > forms[i].high)
		return 0;
	for (n = 2; n < forms[i].len; n++)
		if ((s[n] & 0xc0) != 0x80)
			return 0;
	return n;
}

void label_clean(char *label)
{
	while (*label) {
		size_t n = character((unsigned char *)label);

		if (!n)
			*label = '?';
		label += n ? n : 1;
	}
}

static int by_label(const void *a, const void *b)
{
	const struct session *x = a, *y = b;

	return strcmp(x->label, y->label);
}

static int by_uid(const void *a, const void *b)
{
	const struct session *x = a, *y = b;

	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_size(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->sessions != y->sessions)
		return x->sessions < y->sessions ? 1 : -1;
	/* they point into one sorted array */
	return (x->like > y->like) - (x->like < y->like);
}

static void add_direction(struct direction *sum, const struct direction *d)
{
	sum->bytes += d->bytes;
	sum->records += d->records;
	sum->wire += d->wire;
	sum->control += d->control;
	sum->rekeys += d->rekeys;
}

static void add(struct group *sum, uint64_t sessions, uint64_t errors,
		const struct direction *tx, const struct direction *rx)
{
	sum->sessions += sessions;
	sum->errors += errors;
	add_direction(&sum->tx, tx);
	add_direction(&sum->rx, rx);
}

/* The largest stay; one more takes the rest, unless it has a namesake. */
static void fold(struct groups *g, enum grouping by)
{
	struct group other = { 0 };
	size_t n = GROUPS_MAX;

	qsort(g->v, g->n, sizeof(*g->v), by_size);
	for (size_t i = n; i < g->n; i++)
		add(&other, g->v[i].sessions, g->v[i].errors, &g->v[i].tx,
		    &g->v[i].rx);
	g->folded = g->n - n;
	g->n = n;
	for (size_t i = 0; i < n && by == BY_LABEL; i++) {
		struct group *same = &g->v[i];

		if (strcmp(same->like->label, "other"))
			continue;
		add(same, other.sessions, other.errors, &other.tx, &other.rx);
		return;
	}
	g->v[g->n++] = other;
}

int groups_make(struct groups *g, struct sessions *s, enum grouping by)
{
	int (*order)(const void *, const void *) =
		by == BY_LABEL ? by_label : by_uid;

	g->v = calloc(s->n + 1, sizeof(*g->v));
	if (!g->v)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		label_clean(s->v[i].label);
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), order);
	for (size_t i = 0; i < s->n; i++) {
		const struct session *one = &s->v[i];

		if (!i || order(one - 1, one))
			g->v[g->n++].like = one;
		add(&g->v[g->n - 1], 1, one->errors, &one->tx, &one->rx);
	}
	if (g->n > GROUPS_MAX)
		fold(g, by);
	return 0;
}
