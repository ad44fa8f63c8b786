// SPDX-License-Identifier: GPL-2.0-or-later
/* The page around the table. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "watch.h"

#define MIN_ROWS 8
#define MIN_COLUMNS 40
#define HEAD 5				/* rows above the titles */

static void PRINTF(4, 5) put(struct page *p, unsigned int row,
			     enum look_of look, const char *fmt, ...)
{
	char text[LINE_SIZE];
	va_list ap;

	if (row >= p->rows)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->line[row].look = look;
	p->line[row].text[0] = '\0';
	line_append(&p->line[row], 0, p->columns, text);
}

/* The newest stands at the right edge, however wide the page. */
static void draw_direction(struct page *p, unsigned int row, const char *name,
			   const struct model *m, const struct ui *u, bool tx)
{
	const struct direction *d = tx ? &m->now.totals.tx : &m->now.totals.rx;
	int bytes = tx ? TX_BYTES : RX_BYTES;
	int records = tx ? TX_RECORDS : RX_RECORDS;
	char rate[NAME_SIZE], recs[NAME_SIZE], sum[NAME_SIZE];
	char line[3 * HISTORY + 1], text[128];
	unsigned int room;

	snprintf(text, sizeof(text), "%s %9s/s %7s rec/s  sum %9s ", name,
		 rate_name(rate, bytes, m->totals.flow[bytes].rate, u->opts),
		 rate_name(recs, records, m->totals.flow[records].rate,
			   u->opts),
		 bytes_name(sum, d->bytes, u->opts));
	room = p->columns > strlen(text) ? p->columns - strlen(text) : 0;
	spark(line, sizeof(line), tx ? &m->tx : &m->rx,
	      room < HISTORY ? room : HISTORY, u->utf8);
	put(p, row, LOOK_STRONG, "%s%s", text, line);
}

static void draw_totals(struct page *p, const struct model *m,
			const struct ui *u)
{
	const struct totals *t = &m->now.totals;
	bool incomplete = t->missed || t->busy;

	put(p, 1, incomplete ? LOOK_STRONG : LOOK_PLAIN,
	    "sessions: %ju live, %ju closed; %ju missed; %ju errors; %ju busy%s",
	    t->live, t->closed, t->missed, t->errors, t->busy,
	    incomplete ? " (not in the numbers)" : "");
	draw_direction(p, 2, "TX", m, u, true);
	draw_direction(p, 3, "RX", m, u, false);
}

static void draw_title(struct page *p, const struct ui *u, time_t now)
{
	char day[32] = "", every[NAME_SIZE];
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(day, sizeof(day), "%F %T", &tm);
	put(p, 0, LOOK_PLAIN, "ktlsstat watch  %s  every %s  by %s, %s first%s",
	    day, duration_name(every, u->delay),
	    watch_columns[u->order.column].title,
	    order_falls(&u->order) ? "largest" : "smallest",
	    u->paused ? "  [paused]" : "");
}

static const char *const questions[] = {
	[PROMPT_FILTER] = "show only (as lport=443 tx-bytes>1M): ",
	[PROMPT_SORT] = "sort by (-COLUMN: the largest first): ",
	[PROMPT_DELAY] = "seconds between looks: ",
};

/* One line for all that is said: first what is the answer to a key. */
static void draw_words(struct page *p, const struct model *m,
		       const struct ui *u, size_t shown, size_t all)
{
	char safe[4 * WATCH_TEXT + 1];

	if (u->prompt != PROMPT_NONE)
		put(p, HEAD - 1, LOOK_STRONG, "%s%s_", questions[u->prompt],
		    log_escape(safe, sizeof(safe), u->typed));
	else if (u->complaint[0])
		put(p, HEAD - 1, LOOK_STRONG, "%s", u->complaint);
	else if (m->now.why[0])
		put(p, HEAD - 1, LOOK_STRONG, "%s", m->now.why);
	else if (!all)
		put(p, HEAD - 1, LOOK_PLAIN, "%s%s", u->words[0] ?
		    "no sessions; filter: " : "no sessions",
		    log_escape(safe, sizeof(safe), u->words));
	else
		put(p, HEAD - 1, LOOK_PLAIN, "%zu-%zu of %zu%s%s", u->top + 1,
		    u->top + shown, all, u->words[0] ? "; filter: " : "",
		    log_escape(safe, sizeof(safe), u->words));
}

/* What there is without our module. */
static void draw_counters(struct page *p, const struct model *m)
{
	char rate[NAME_SIZE];

	put(p, HEAD, LOOK_TITLE, "%-26s%20s%12s", "COUNTER", "VALUE", "PER SECOND");
	for (size_t i = 0; i < m->now.ncounters; i++)
		put(p, HEAD + 1 + i, LOOK_PLAIN, "%-26.26s%20ju%12s",
		    m->now.counters[i].name, m->now.counters[i].value,
		    rate_name(rate, TX_RECORDS, m->counters[i].rate, 0));
}

/* @ui->top is bounded here: only here is known how many there are. */
static void draw_sessions(struct page *p, const struct model *m, struct ui *u)
{
	struct track **v = NULL;
	size_t all, shown;

	all = m->now.sessions ? model_sorted(m, &u->filters, &u->order, &v) : 0;
	u->page = p->rows - HEAD - 1;
	if (u->top + u->page > all)
		u->top = all > u->page ? all - u->page : 0;
	shown = all - u->top < u->page ? all - u->top : u->page;
	draw_words(p, m, u, shown, all);
	if (m->now.sessions)
		rows_draw(p, HEAD, v ? v + u->top : NULL, shown, u);
	free(v);
}

static void draw_help(struct page *p)
{
	const char *line = watch_help;

	for (unsigned int row = 0; *line; row++) {
		int len = strcspn(line, "\n");

		put(p, row, LOOK_PLAIN, "%.*s", len, line);
		line += len + (line[len] == '\n');
	}
}

void page_draw(struct page *p, const struct model *m, struct ui *u,
	       time_t now)
{
	if (p->rows > WATCH_MAX)
		p->rows = WATCH_MAX;
	if (p->columns > WATCH_MAX)
		p->columns = WATCH_MAX;
	for (unsigned int i = 0; i < p->rows; i++)
		put(p, i, LOOK_PLAIN, "%s", "");
	if (p->rows < MIN_ROWS || p->columns < MIN_COLUMNS) {
		put(p, 0, LOOK_PLAIN, "too small: %dx%d at least", MIN_COLUMNS,
		    MIN_ROWS);
		return;
	}
	if (u->help) {
		draw_help(p);
		return;
	}
	draw_title(p, u, now);
	if (m->now.module) {
		draw_totals(p, m, u);
		draw_sessions(p, m, u);
	} else {
		draw_words(p, m, u, 0, 0);
		draw_counters(p, m);
	}
}
