// SPDX-License-Identifier: GPL-2.0-or-later
/* COLUMN OPERATOR VALUE, as one word. All of them have to be true. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

enum { LESS = 1 << 0, SAME = 1 << 1, MORE = 1 << 2 };

/* Those that others begin with stand behind them. */
static const struct operator {
	const char *text;
	unsigned int order;		/* of value to wanted, that will do */
	bool negated, like;
} operators[] = {
	{ "!=", SAME, true, false },
	{ "!~", SAME, true, true },
	{ "<=", LESS | SAME, false, false },
	{ ">=", MORE | SAME, false, false },
	{ "=", SAME, false, false },
	{ "~", SAME, false, true },
	{ "<", LESS, false, false },
	{ ">", MORE, false, false },
};

static const struct operator *find(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (!strncmp(word, operators[i].text,
			     strlen(operators[i].text)))
			return &operators[i];
	return NULL;
}

/* Why @f cannot be so, or NULL. */
static const char *read_value(struct filter *f, const char *word)
{
	f->text = word + strspn(word, " ");
	if (f->operator->like)
		return NULL;
	if (f->field->type->text)
		return f->operator->order == SAME ? NULL : "no number";
	return f->field->type->parse(f->text, &f->number) ?
		"no such value" : NULL;
}

int filter_parse(struct filter *f, const char *word, char *why, size_t size)
{
	size_t len = strcspn(word, "!=<>~");
	char names[512], safe[128];
	const char *bad;

	log_escape(safe, sizeof(safe), word);
	f->operator = find(word + len);
	word += len;
	f->field = field_find(word - len, len);
	if (!f->operator) {
		snprintf(why, size, "filter '%s': %s", safe,
			 "want COLUMN, one of = != < <= > >= ~ !~, VALUE");
		return -EINVAL;
	}
	if (!f->field) {
		snprintf(why, size, "filter '%s': no such column; there are %s",
			 safe, field_names(names, sizeof(names)));
		return -EINVAL;
	}
	bad = read_value(f, word + strlen(f->operator->text));
	if (!bad)
		return 0;
	snprintf(why, size, "filter '%s': %s of %s", safe, bad,
		 f->field->name);
	return -EINVAL;
}

int filters_read(struct filters *f, const struct args *a)
{
	char why[1024];

	f->v = calloc(a->argc + 1, sizeof(*f->v));
	f->n = 0;
	if (!f->v)
		return fail(a->opts, 1, "out of memory");
	for (int i = 0; i < a->argc; i++)
		if (filter_parse(&f->v[f->n++], a->argv[i], why, sizeof(why))) {
			free(f->v);
			return fail(a->opts, 2, "%s", why);
		}
	return 0;
}

static bool like(const struct filter *f, const struct row *r,
		 const struct value *v)
{
	char cell[CELL_SIZE];

	if (f->field->type->text)
		return !fnmatch(f->text, v->text, 0);
	field_cell(f->field, r, cell, sizeof(cell), 0);
	return !fnmatch(f->text, cell, 0);
}

static bool fits(const struct filter *f, const struct row *r,
		 const struct value *v)
{
	unsigned int order = SAME;

	if (f->operator->like)
		return like(f, r, v);
	if (f->field->type->text)
		return !strcmp(v->text, f->text);
	if (v->number != f->number)
		order = v->number < f->number ? LESS : MORE;
	return f->operator->order & order;
}

/* Of what has several values, any will do. */
static bool match(const struct filter *f, const struct row *r)
{
	struct value v;

	for (size_t i = 0; field_value(f->field, r, i, &v); i++)
		if (fits(f, r, &v))
			return !f->operator->negated;
	return f->operator->negated;
}

bool filters_match(const struct filters *f, const struct row *r)
{
	for (size_t i = 0; i < f->n; i++)
		if (!match(&f->v[i], r))
			return false;
	return true;
}

bool filters_use(const struct filters *f, unsigned int is)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].field->is & is)
			return true;
	return false;
}

/*
 * What the kernel can look at itself: fewer messages to read. It knows no
 * values but its own, and says so.
 */
static bool for_kernel(const struct filter *f)
{
	if (f->operator->like || f->operator->negated ||
	    f->operator->order != SAME)
		return false;
	if (f->field->type->text)
		return f->text[0] && strlen(f->text) <= 255;
	return f->number <= UINT32_MAX;
}

const struct filter *filter_for(const struct filters *f, uint16_t attr)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (f->v[i].field->attr == attr && for_kernel(&f->v[i]))
			return &f->v[i];
	return NULL;
}
