// SPDX-License-Identifier: GPL-2.0-or-later
/* Groups of sessions: sums in the group's line, the sessions below it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

#define VARIOUS "*"			/* where its sessions differ */

static const char *label_of(const struct row *r)
{
	return r->s.label;
}

static const char *process_of(const struct row *r)
{
	return r->holders ? r->holder->name : "";
}

static const char *user_of(const struct row *r)
{
	return r->user;
}

static const struct kind {
	const char *name;
	const char *(*of)(const struct row *r);
	unsigned int is;		/* FIELD_* */
} kinds[] = {
	{ "label", label_of, 0 },
	{ "process", process_of, FIELD_HOLDER },
	{ "user", user_of, 0 },
};

struct group {
	const char *name;		/* untrusted, or "" */
	struct row **v;
	size_t n;
	struct row sum;			/* of the fields that have sums */
};

static const struct kind *find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

int tree_read(struct view *v, const struct args *a)
{
	const struct kind *kind = find(a->tree);
	char safe[64];

	if (kind)
		v->uses |= kind->is;
	if (kind || !a->tree)
		return 0;
	return fail(a->opts, 2, "--tree: '%s' is none of label, process, user",
		    log_escape(safe, sizeof(safe), a->tree));
}

static void add(struct group *g, struct row *r)
{
	for (size_t i = 0; i < nfields; i++) {
		const struct field *f = &fields[i];
		uint64_t *sum = (uint64_t *)((char *)&g->sum + f->at);

		if (f->is & FIELD_SUM)
			*sum += *(const uint64_t *)((const char *)r + f->at);
	}
	g->sum.s.inexact |= r->s.inexact;
	g->v[g->n++] = r;
}

static int by_name(const void *a, const void *b, void *data)
{
	const struct row *const *x = a, *const *y = b;
	const struct kind *kind = data;
	int order = strcmp(kind->of(*x), kind->of(*y));

	return order ? order : (*x)->rank < (*y)->rank ? -1 : 1;
}

static int by_sum(const void *a, const void *b, void *data)
{
	const struct group *x = a, *y = b;
	int order = sort_compare(data, &x->sum, &y->sum);

	return order ? order : strcmp(x->name, y->name);
}

static size_t make(struct group *groups, struct rows *r,
		   const struct kind *kind, const struct sort *sort)
{
	size_t n = 0;

	if (r->n)
		qsort_r(r->v, r->n, sizeof(*r->v), by_name, (void *)kind);
	for (size_t i = 0; i < r->n; i++) {
		const char *name = kind->of(r->v[i]);

		if (!n || strcmp(groups[n - 1].name, name)) {
			groups[n].name = name;
			groups[n++].v = r->v + i;
		}
		add(&groups[n - 1], r->v[i]);
	}
	/* Others are of a session, and say nothing of a group. */
	if (n && sort->field && (sort->field->is & FIELD_SUM))
		qsort_r(groups, n, sizeof(*groups), by_sum, (void *)sort);
	return n;
}

/* What all of them have, or that they differ. */
static void common(const struct group *g, const struct field *f, char *out,
		   unsigned int opts)
{
	char other[CELL_SIZE];

	if (f->is & FIELD_SUM) {
		field_cell(f, &g->sum, out, CELL_SIZE, opts);
		return;
	}
	field_cell(f, g->v[0], out, CELL_SIZE, opts);
	for (size_t i = 1; i < g->n; i++) {
		field_cell(f, g->v[i], other, sizeof(other), opts);
		if (!strcmp(out, other))
			continue;
		snprintf(out, CELL_SIZE, "%s", VARIOUS);
		return;
	}
}

static void print_group(struct table *t, const struct group *g,
			const struct columns *c, unsigned int opts)
{
	char text[CELL_SIZE], name[CELL_SIZE];

	log_escape(name, sizeof(name) - 32, g->name[0] ? g->name : "-");
	sprintf(name + strlen(name), " (%zu)", g->n);
	table_add(t, false, name);
	for (size_t k = 0; k < c->n; k++) {
		common(g, c->v[k], text, opts);
		table_add(t, c->v[k]->type->right, text);
	}
	for (size_t i = 0; i < g->n; i++) {
		table_add(t, false, "");
		table_add_row(t, c, g->v[i], opts);
	}
}

static void print_json(const struct group *g, const struct kind *kind,
		       const struct view *v)
{
	emit_open(NULL, '{');
	if (g->name[0])
		emit_text(kind->name, g->name);
	else
		emit_null(kind->name);
	emit_number("count", g->n);
	fields_json(&g->sum, v, FIELD_SUM);
	emit_open("sessions", '[');
	for (size_t i = 0; i < g->n; i++) {
		emit_open(NULL, '{');
		fields_json(g->v[i], v, 0);
		emit_close('}');
	}
	emit_close(']');
	emit_close('}');
}

static int print_text(const struct group *groups, size_t n,
		      const struct kind *kind, const struct view *v,
		      unsigned int opts)
{
	struct table t = { .columns = v->columns.n + 1 };
	char title[NAME_SIZE];
	int status;

	if (!(opts & OPT_NO_HEADER)) {
		table_add(&t, false, upper(title, sizeof(title), kind->name));
		table_add_titles(&t, &v->columns);
	}
	for (size_t i = 0; i < n; i++)
		print_group(&t, &groups[i], &v->columns, opts);
	status = table_print(&t, opts);
	table_free(&t);
	return status;
}

int tree_print(struct rows *r, const struct view *v, const struct args *a)
{
	struct group *groups = calloc(r->n + 1, sizeof(*groups));
	const struct kind *kind = find(a->tree);
	int status = 0;
	size_t n;

	if (!groups)
		return fail(a->opts, 1, "out of memory");
	n = make(groups, r, kind, &v->sort);
	if (a->opts & OPT_JSON) {
		emit_begin(a->opts);
		emit_open(NULL, '[');
		for (size_t i = 0; i < n; i++)
			print_json(&groups[i], kind, v);
		emit_close(']');
		emit_end();
	} else {
		status = print_text(groups, n, kind, v, a->opts);
	}
	free(groups);
	return status;
}
