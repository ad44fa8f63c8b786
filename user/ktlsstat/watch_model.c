// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rates are differences of exact counters over the time between two looks.
 * Where a counter is not exact now, its rate is unknown; what it does meanwhile
 * is found in the first exact look that follows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

static void flow_take(struct flow *f, uint64_t count, double seconds)
{
	/* Less than before: another module, another count. */
	if (seconds > 0 && count >= f->base)
		f->rate = (count - f->base) / seconds;
	else
		f->rate = UNKNOWN;
	f->base = count;
}

/* @tx, @rx: exact at @at, which is 0 if they are not. */
static void gauge_take(struct gauge *g, const struct direction *tx,
		       const struct direction *rx, uint64_t at)
{
	const uint64_t count[FLOWS] = {
		[TX_BYTES] = tx->bytes, [RX_BYTES] = rx->bytes,
		[TX_RECORDS] = tx->records, [RX_RECORDS] = rx->records,
	};
	double seconds = g->exact && at > g->exact ?
		(at - g->exact) / 1e9 : 0;

	g->sum = UNKNOWN;
	for (int i = 0; i < FLOWS; i++) {
		if (at)
			flow_take(&g->flow[i], count[i], seconds);
		else
			g->flow[i].rate = UNKNOWN;
	}
	if (!at)
		return;
	g->exact = at;
	if (g->flow[TX_BYTES].rate >= 0 && g->flow[RX_BYTES].rate >= 0)
		g->sum = g->flow[TX_BYTES].rate + g->flow[RX_BYTES].rate;
}

static void track_take(struct track *t, const struct row *r, uint64_t at)
{
	bool busy = r->s.flags & KTLS_STATS_SESSION_FLAGS_BUSY;
	bool first = !t->gauge.exact;

	t->row = *r;
	gauge_take(&t->gauge, &r->s.tx, &r->s.rx, busy ? 0 : at);
	if (!first || busy)		/* else there is no rate yet */
		history_add(&t->trend, t->gauge.sum);
}

/*
 * A session that did not live at the last look began with nothing, and all that
 * it did, it did since: so the rates of sessions add up to that of the totals.
 */
static struct track *track_new(const struct model *m, const struct row *r,
			       const struct look *l)
{
	struct track *t = calloc(1, sizeof(*t));
	uint64_t age = r->s.age * 1000000;

	if (!t)
		return NULL;
	if (m->looked && m->now.sessions && age < l->ended &&
	    l->ended - age >= m->now.began)
		t->gauge.exact = m->now.ended;
	track_take(t, r, l->ended);
	return t;
}

static int by_cookie(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return ((*x)->s.cookie > (*y)->s.cookie) -
	       ((*x)->s.cookie < (*y)->s.cookie);
}

/* @t was told before and is not now. True: it is shown once more. */
static bool stays(struct track *t, const struct model *m, const struct look *l)
{
	if (t->closed || m->narrowed || !l->sessions)
		return false;
	t->closed = !l->inconsistent;	/* else the dump may have missed it */
	if (!t->closed)
		t->row.holders = 0;	/* may outlive the look they are of */
	t->gauge.sum = UNKNOWN;
	for (int i = 0; i < FLOWS; i++)
		t->gauge.flow[i].rate = UNKNOWN;
	history_add(&t->trend, t->closed ? 0 : UNKNOWN);
	return true;
}

static void keep_old(struct model *m, struct track *t, const struct look *l)
{
	if (stays(t, m, l))
		m->v[m->n++] = t;
	else
		free(t);
}

/* An inconsistent dump may tell a session twice. */
static int keep_new(struct model *m, const struct row *r, const struct look *l)
{
	struct track *t = m->n ? m->v[m->n - 1] : NULL;

	if (t && t->row.s.cookie == r->s.cookie)
		return 0;
	t = track_new(m, r, l);
	if (!t)
		return -ENOMEM;
	m->v[m->n++] = t;
	return 0;
}

/* Two lists in the order of their cookies become one; @old is used up. */
static int merge(struct model *m, struct track **old, size_t nold,
		 const struct look *l)
{
	struct row **row = l->rows.v, **end = row + l->rows.n;
	size_t i = 0;
	int ret = 0;

	while (i < nold || (row < end && !ret)) {
		uint64_t was = i < nold ? old[i]->row.s.cookie : UINT64_MAX;
		uint64_t is = row < end ? (*row)->s.cookie : UINT64_MAX;

		if (i < nold && (was < is || row == end || ret)) {
			keep_old(m, old[i++], l);
		} else if (i < nold && was == is) {
			old[i]->closed = false;
			track_take(old[i], *row++, l->ended);
			m->v[m->n++] = old[i++];
		} else {
			ret = keep_new(m, *row++, l);
		}
	}
	return ret;
}

static int take_sessions(struct model *m, const struct look *l)
{
	struct track **old = m->v, **v;
	size_t nold = m->n;
	int ret;

	v = calloc(nold + l->rows.n + 1, sizeof(struct track *));
	if (!v)
		return -ENOMEM;
	if (l->rows.n)
		qsort(l->rows.v, l->rows.n, sizeof(struct row *), by_cookie);
	m->v = v;
	m->n = 0;
	ret = merge(m, old, nold, l);
	free(old);
	return ret;
}

static void take_totals(struct model *m, const struct look *l)
{
	bool first;

	if (!l->module) {
		memset(&m->totals, 0, sizeof(m->totals));
		return;
	}
	first = !m->totals.exact;
	gauge_take(&m->totals, &l->totals.tx, &l->totals.rx, l->ended);
	if (first)
		return;
	history_add(&m->tx, m->totals.flow[TX_BYTES].rate);
	history_add(&m->rx, m->totals.flow[RX_BYTES].rate);
}

/* The kernel tells them in the same order each time. */
static int take_counters(struct model *m, const struct look *l)
{
	double seconds = m->looked ? (l->ended - m->now.ended) / 1e9 : 0;
	struct flow *flows = m->counters;

	if (l->ncounters != m->ncounters) {
		free(m->counters);
		m->ncounters = 0;
		m->counters = flows = calloc(l->ncounters + 1, sizeof(*flows));
		if (!flows)
			return -ENOMEM;
		m->ncounters = l->ncounters;
		seconds = 0;
	}
	for (size_t i = 0; i < l->ncounters; i++)
		flow_take(&flows[i], l->counters[i].value, seconds);
	return 0;
}

int model_take(struct model *m, struct look *l)
{
	int ret = take_sessions(m, l);

	if (!ret)
		ret = take_counters(m, l);
	take_totals(m, l);
	look_free(&m->before);
	m->before = m->now;
	m->now = *l;
	memset(l, 0, sizeof(*l));
	m->looked = true;
	m->narrowed = false;
	return ret;
}

void model_free(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i]);
	free(m->v);
	free(m->counters);
	look_free(&m->before);
	look_free(&m->now);
	memset(m, 0, sizeof(*m));
}
