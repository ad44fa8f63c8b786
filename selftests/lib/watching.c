// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "watching.h"

#define SECOND 1000000000ULL

uint64_t at(double seconds)
{
	return (3600 + seconds) * SECOND;
}

static void fill(struct row *r, const struct told *t)
{
	r->s.cookie = t->cookie;
	r->s.tx.bytes = t->tx;
	r->s.tx.records = t->tx / 100;
	r->s.rx.bytes = t->rx;
	r->s.rx.records = t->rx / 100;
	r->s.flags = t->flags;
	r->s.age = t->age ? t->age : 1000000;
	r->s.remote.len = 4;
	r->s.remote.port = t->cookie;
	snprintf(r->s.label, sizeof(r->s.label), "%s", t->label ? : "");
	snprintf(r->user, sizeof(r->user), "root");
}

void look_make(struct look *l, double seconds, const struct told *t, size_t n)
{
	*l = (struct look){ .module = true, .sessions = true };
	l->began = l->ended = at(seconds);
	l->rows.all = calloc(n + 1, sizeof(*l->rows.all));
	l->rows.v = calloc(n + 1, sizeof(*l->rows.v));
	for (size_t i = 0; i < n; i++) {
		struct row *r = &l->rows.all[i];

		fill(r, &t[i]);
		/* The kernel's order is none. */
		l->rows.v[n - 1 - i] = r;
		l->totals.tx.bytes += r->s.tx.bytes;
		l->totals.rx.bytes += r->s.rx.bytes;
		l->totals.tx.records += r->s.tx.records;
		l->totals.live++;
	}
	l->rows.n = n;
}

int see(struct model *m, double seconds, const struct told *t, size_t n)
{
	struct look l;

	look_make(&l, seconds, t, n);
	return model_take(m, &l);
}
