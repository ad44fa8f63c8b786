// SPDX-License-Identifier: GPL-2.0-or-later
/* The values of -o and -s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static int unknown(const char *option, const char *name, size_t len,
		   unsigned int opts)
{
	char names[512], word[64], safe[128];

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	return fail(opts, 2, "%s: no column '%s'; there are %s", option,
		    log_escape(safe, sizeof(safe), word),
		    field_names(names, sizeof(names)));
}

static int add(struct columns *c, const char *list, unsigned int opts)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		const struct field *f = field_find(list, len);

		if (!f)
			return unknown("--columns", list, len, opts);
		if (c->n == ARRAY_SIZE(c->v))
			return fail(opts, 2, "--columns: over %zu of them",
				    ARRAY_SIZE(c->v));
		c->v[c->n++] = f;
		list += len + (list[len] == ',');
	}
	return 0;
}

int columns_read(struct columns *c, const struct args *a,
		 const char *defaults)
{
	const char *list = a->columns ? a->columns : defaults;
	int ret = 0;

	c->n = 0;
	if (!list[0])
		return fail(a->opts, 2, "--columns: no column; try help");
	if (list[0] == '+') {
		ret = add(c, defaults, a->opts);
		list++;
	}
	return ret ? ret : add(c, list, a->opts);
}

bool columns_use(const struct columns *c, unsigned int is)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->is & is)
			return true;
	return false;
}

bool columns_have(const struct columns *c, const struct field *f)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i] == f)
			return true;
	return false;
}

int columns_help(void)
{
	for (size_t i = 0; i < nfields; i++)
		printf("%-12s%s\n", fields[i].name, fields[i].meaning);
	return 0;
}

int sort_read(struct sort *s, const struct args *a)
{
	const char *name = a->sort;

	memset(s, 0, sizeof(*s));
	if (!name)
		return 0;
	s->down = *name == '-';
	name += s->down;
	s->field = field_find(name, strlen(name));
	if (!s->field)
		return unknown("--sort", name, strlen(name), a->opts);
	return 0;
}

int sort_compare(const struct sort *s, const struct row *x,
		 const struct row *y)
{
	struct value v, w;
	bool has = field_value(s->field, x, 0, &v);
	bool other = field_value(s->field, y, 0, &w);
	int order;

	if (!has || !other)
		return other - has;
	if (s->field->type->text)
		order = strcmp(v.text, w.text);
	else
		order = (v.number > w.number) - (v.number < w.number);
	return s->down ? -order : order;
}

static int compare(const void *a, const void *b, void *data)
{
	const struct row *const *x = a, *const *y = b;
	int order = sort_compare(data, *x, *y);

	return order ? order : (*x > *y) - (*x < *y);
}

void rows_sort(struct rows *r, const struct sort *s)
{
	if (s->field && r->n)
		qsort_r(r->v, r->n, sizeof(*r->v), compare, (void *)s);
	for (size_t i = 0; i < r->n; i++)
		r->v[i]->rank = i;
}
