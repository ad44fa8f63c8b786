// SPDX-License-Identifier: GPL-2.0-or-later
/* The table. Text from outside comes through cells, which escape it. */
#include <stdio.h>
#include <string.h>

#include "watch.h"

#define GAP 2				/* between columns */

/* On the screen a character is one column, whatever its bytes. */
static unsigned int width(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

unsigned int line_append(struct page_line *l, unsigned int used,
			 unsigned int edge, const char *text)
{
	size_t n = strlen(l->text);

	for (; *text && n + 1 < sizeof(l->text); text++) {
		bool first = (*text & 0xc0) != 0x80;

		if (first && used >= edge)
			break;
		used += first;
		l->text[n++] = *text;
	}
	l->text[n] = '\0';
	return used;
}

static unsigned int pad(struct page_line *l, unsigned int used,
			unsigned int edge)
{
	while (used < edge)
		used = line_append(l, used, edge, " ");
	return used;
}

const char *rate_name(char buf[NAME_SIZE], int flow, double rate,
		      unsigned int opts)
{
	if (rate < 0)
		return "-";
	if (flow == TX_BYTES || flow == RX_BYTES || flow == TREND)
		return bytes_name(buf, rate + 0.5, opts);
	snprintf(buf, NAME_SIZE, rate < 10 && rate > 0 ? "%.1f" : "%.0f", rate);
	return buf;
}

/* How the columns of the table stand on the page. */
struct layout {
	size_t n;
	const struct watch_column *column[32];
	unsigned int width[32];
	const struct ui *ui;
};

static void cell(const struct layout *lay, size_t i, const struct track *t,
		 char *out, size_t size)
{
	const struct watch_column *c = lay->column[i];
	bool busy = t->row.s.flags & KTLS_STATS_SESSION_FLAGS_BUSY;
	unsigned int opts = lay->ui->opts;
	char buf[NAME_SIZE];

	if (t->closed && c->tells_closed)
		snprintf(out, size, "closed");
	else if (c->rate == TREND)
		spark(out, size, &t->trend, c->max, lay->ui->utf8);
	else if (c->rate == PLAIN)
		field_cell(field_find(c->field, strlen(c->field)), &t->row,
			   out, size, opts);
	else if (busy && !t->closed)
		snprintf(out, size, "?");
	else
		snprintf(out, size, "%s",
			 rate_name(buf, c->rate, t->gauge.flow[c->rate].rate,
				   opts));
}

static void title(const struct layout *lay, size_t i, char *out, size_t size)
{
	const struct watch_column *c = lay->column[i];
	const struct order *o = &lay->ui->order;
	const char *mark = "";

	if (c == &watch_columns[o->column] && lay->ui->utf8)
		mark = order_falls(o) ? "\u2193" : "\u2191";
	else if (c == &watch_columns[o->column])
		mark = order_falls(o) ? "v" : "^";
	snprintf(out, size, "%s%s", c->title, mark);
}

/* Who it is about stays in sight when the others are scrolled. */
static void choose(struct layout *lay, const struct ui *u)
{
	size_t skip = u->left;

	lay->n = 0;
	lay->ui = u;
	for (size_t i = 0; i < nwatch_columns; i++) {
		const struct watch_column *c = &watch_columns[i];

		if (!(c->shown & u->shows))
			continue;
		if (lay->n && skip) {
			skip--;
			continue;
		}
		if (lay->n < ARRAY_SIZE(lay->column))
			lay->column[lay->n++] = c;
	}
}

static void measure(struct layout *lay, struct track *const *v, size_t n)
{
	char text[CELL_SIZE];

	for (size_t i = 0; i < lay->n; i++) {
		unsigned int max = lay->column[i]->max;

		title(lay, i, text, sizeof(text));
		lay->width[i] = width(text);
		for (size_t k = 0; k < n; k++) {
			cell(lay, i, v[k], text, sizeof(text));
			if (width(text) > lay->width[i])
				lay->width[i] = width(text);
		}
		if (lay->width[i] > max)
			lay->width[i] = max;
	}
}

/* @t: whose cells, or NULL: the titles */
static void draw_line(struct page_line *l, unsigned int columns,
		      const struct layout *lay, const struct track *t)
{
	unsigned int used = 0, at = 0;
	char text[CELL_SIZE];

	l->look = !t ? LOOK_TITLE : t->closed ? LOOK_DIM : LOOK_PLAIN;
	l->text[0] = '\0';
	for (size_t i = 0; i < lay->n && at < columns; i++) {
		unsigned int edge = at + lay->width[i], w;

		if (t)
			cell(lay, i, t, text, sizeof(text));
		else
			title(lay, i, text, sizeof(text));
		w = width(text);
		if (watch_column_right(lay->column[i]) && w < lay->width[i])
			at = edge - w;
		if (edge > columns)
			edge = columns;
		used = pad(l, used, at < columns ? at : columns);
		used = line_append(l, used, edge, text);
		at = edge + GAP;
	}
	if (!t)
		pad(l, used, columns);
}

void rows_draw(struct page *p, unsigned int row, struct track *const *v,
	       size_t n, const struct ui *u)
{
	struct layout lay;

	choose(&lay, u);
	measure(&lay, v, n);
	draw_line(&p->line[row], p->columns, &lay, NULL);
	for (size_t k = 0; k < n; k++)
		draw_line(&p->line[row + 1 + k], p->columns, &lay, v[k]);
}
