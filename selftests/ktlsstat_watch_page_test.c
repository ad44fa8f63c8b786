// SPDX-License-Identifier: GPL-2.0-only
/* The keys and the screen of ktlsstat watch, without a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "watching.h"

#include "kselftest_harness.h"

FIXTURE(watch)
{
	struct model m;
	struct ui u;
	struct page p;
};

FIXTURE_SETUP(watch)
{
	memset(&self->m, 0, sizeof(self->m));
	memset(&self->u, 0, sizeof(self->u));
	self->u.shows = SHOW_RATES;
	self->u.delay = 1000;
	self->p.rows = 24;
	self->p.columns = 80;
	ASSERT_EQ(0, ui_sort(&self->u, "-trend"));
	ASSERT_EQ(0, ui_filter(&self->u, ""));
}

FIXTURE_TEARDOWN(watch)
{
	model_free(&self->m);
	ui_free(&self->u);
}

/* As many as its columns, printable, and nothing else. */
static bool fits(const char *text, unsigned int columns)
{
	unsigned int n = 0;

	for (; *text; text++) {
		unsigned char c = *text;

		if (c < ' ' || c == 127)
			return false;
		n += (c & 0xc0) != 0x80;
	}
	return n <= columns;
}

static bool page_fits(const struct page *p)
{
	for (unsigned int i = 0; i < p->rows; i++)
		if (!fits(p->line[i].text, p->columns))
			return false;
	return true;
}

static void draw(struct page *p, const struct model *m, struct ui *u)
{
	memset(p->line, 'x', sizeof(p->line));
	page_draw(p, m, u, 1795532357);
}

static const char evil[] = "\x1b[31m%s%n\xff\n\t\x7f\\ \"";

TEST_F(watch, a_page_fits_whatever_its_size_and_what_is_on_it)
{
	struct holder h = { .pid = 1 };

	SEE(0, S(7, 1000, 0), S(8, 5, 0));
	SEE(1, S(7, UINT64_MAX, 0, .flags = 7, .label = evil),
	    S(9, UINT64_MAX, UINT64_MAX, .age = 100, .label = evil));
	memcpy(h.name, evil, sizeof(evil));
	for (size_t i = 0; i < self->m.n; i++) {
		self->m.v[i]->row.holder = &h;
		self->m.v[i]->row.holders = 1;
	}
	for (int i = 0; i < 4; i++) {
		self->u.shows = i & 1 ? SHOW_SUMS : SHOW_RATES;
		self->u.utf8 = i & 2;
		for (unsigned int c = 0; c <= WATCH_MAX + 9; c += 7) {
			self->p.columns = c;
			self->p.rows = 24 + c / 80;
			draw(&self->p, &self->m, &self->u);
			ASSERT_TRUE(page_fits(&self->p));
		}
		self->p.columns = 80;
		for (unsigned int r = 0; r <= WATCH_MAX + 9; r++) {
			self->p.rows = r;
			draw(&self->p, &self->m, &self->u);
			ASSERT_TRUE(page_fits(&self->p));
		}
	}
	self->p.columns = 250;
	self->p.rows = 24;
	draw(&self->p, &self->m, &self->u);
	EXPECT_NE(NULL, strstr(self->p.line[6].text, "\\x1b[31m%s%n\\xff"));
}

TEST_F(watch, too_small_is_said)
{
	SEE(0, S(7, 1000, 0));
	self->p.rows = 3;
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("too small: 40x8 at least", self->p.line[0].text);
	EXPECT_STREQ("", self->p.line[1].text);
}

TEST_F(watch, a_page_tells_rates_sums_and_what_closed)
{
	SEE(0, S(7, 1000, 0), S(8, 2048, 0), S(9, 1, 1));
	SEE(2, S(7, 9000, 64),
	    S(9, 1, 1, .flags = KTLS_STATS_SESSION_FLAGS_BUSY));
	draw(&self->p, &self->m, &self->u);
	EXPECT_EQ(0, strncmp(self->p.line[0].text,
			     "ktlsstat watch  2026-11-24 ", 27));
	EXPECT_NE(NULL, strstr(self->p.line[0].text,
			       "every 1.0s  by TREND, largest first"));
	EXPECT_EQ(LOOK_TITLE, self->p.line[5].look);
	EXPECT_EQ(0, strncmp(self->p.line[6].text,
			     "0.0.0.0:7  3.9KiB   32B           #    8.8KiB"
			     "       64B        40         0  -", 77));
	EXPECT_EQ(LOOK_PLAIN, self->p.line[6].look);
	EXPECT_EQ(0, strncmp(self->p.line[7].text,
			     "0.0.0.0:8  closed     -  ", 25));
	EXPECT_EQ(LOOK_DIM, self->p.line[7].look);
	EXPECT_EQ(0, strncmp(self->p.line[8].text,
			     "0.0.0.0:9       ?     ?           ?", 35));
	EXPECT_STREQ("", self->p.line[9].text);
}

static void type(struct ui *u, const char *text)
{
	for (; *text; text++)
		ui_press(u, *text);
}

TEST_F(watch, keys_do_what_the_help_says)
{
	struct ui *u = &self->u;
	size_t first;

	EXPECT_EQ(ASK_QUIT, ui_press(u, 'q'));
	EXPECT_EQ(ASK_LOOK, ui_press(u, '\n'));
	ui_press(u, 'p');
	EXPECT_TRUE(u->paused);
	ui_press(u, ' ');
	EXPECT_FALSE(u->paused);
	ui_press(u, 'h');
	EXPECT_TRUE(u->help);
	EXPECT_EQ(0, ui_press(u, 'q'));
	EXPECT_FALSE(u->help);
	ui_press(u, 'r');
	EXPECT_FALSE(order_falls(&u->order));
	for (int mode = 0; mode < 2; mode++) {
		ui_press(u, 'c');
		ui_press(u, '>');
		first = u->order.column;
		do {
			ui_press(u, '>');
			ASSERT_TRUE(watch_columns[u->order.column].shown &
				    u->shows);
		} while (u->order.column != first);
		ui_press(u, '<');
		ui_press(u, '>');
		EXPECT_EQ(first, u->order.column);
	}
	EXPECT_EQ(SHOW_RATES, u->shows);
	ui_press(u, '+');
	EXPECT_EQ(2000, u->delay);
	for (int i = 0; i < 30; i++)
		ui_press(u, '-');
	EXPECT_EQ(100, u->delay);
	for (int i = 0; i < 30; i++)
		ui_press(u, '+');
	EXPECT_EQ(3600000, u->delay);
}

TEST_F(watch, a_line_that_is_typed_changes_what_is_shown)
{
	struct ui *u = &self->u;

	type(u, "d0.25\n");
	EXPECT_EQ(250, u->delay);
	type(u, "d4000\n");
	EXPECT_EQ(250, u->delay);
	EXPECT_NE(NULL, strstr(u->complaint, "0.1 to 3600"));
	type(u, "s-age\n");
	EXPECT_EQ(watch_column_find("AGE"), u->order.column);
	EXPECT_TRUE(order_falls(&u->order));
	EXPECT_STREQ("", u->complaint);
	type(u, "speer\n");
	EXPECT_FALSE(order_falls(&u->order));
	type(u, "s%n\x1b");
	EXPECT_EQ(PROMPT_NONE, u->prompt);
	type(u, "s%n\n");
	EXPECT_NE(NULL, strstr(u->complaint, "no column '%n'; there are PEER"));
	EXPECT_EQ(watch_column_find("PEER"), u->order.column);
	type(u, "d\n");
	EXPECT_STREQ("", u->complaint);
	EXPECT_EQ(250, u->delay);
}

TEST_F(watch, a_filter_that_is_typed_is_that_of_list)
{
	struct ui *u = &self->u;

	SEE(0, S(7, 1000, 0, .label = "web"), S(8, 5000, 0, .label = "mail"));
	type(u, "/tx-bytes>1M");
	ui_press(u, WATCH_BACKSPACE);
	type(u, "k");
	EXPECT_EQ(ASK_LOOK, ui_press(u, '\n'));
	EXPECT_EQ(1, u->filters.n);
	draw(&self->p, &self->m, u);
	EXPECT_STREQ("1-1 of 1; filter: tx-bytes>1k", self->p.line[4].text);
	EXPECT_EQ(0, strncmp("0.0.0.0:8", self->p.line[6].text, 9));
	type(u, "/ nonsense=1");
	EXPECT_EQ(0, ui_press(u, '\n'));
	EXPECT_NE(NULL, strstr(u->complaint, "'nonsense=1': no such column"));
	EXPECT_EQ(1, u->filters.n);
	EXPECT_STREQ("tx-bytes>1k", u->words);
	type(u, "/\x15 label=web  rport=7 ");
	ui_press(u, '\n');
	EXPECT_EQ(2, u->filters.n);
	/* A label that changes is not the end of a session. */
	ASSERT_EQ(1, u->asked.n);
	EXPECT_STREQ("rport", u->asked.v[0].field->name);
	draw(&self->p, &self->m, u);
	EXPECT_EQ(0, strncmp("0.0.0.0:7", self->p.line[6].text, 9));
	type(u, "/\x15\n");
	EXPECT_EQ(0, u->filters.n);
}

TEST_F(watch, what_is_typed_is_bounded)
{
	for (char key = '/'; key; key = key == '/' ? 's' : 0) {
		ui_press(&self->u, key);
		for (int i = 0; i < 2 * WATCH_TEXT; i++)
			ui_press(&self->u, 0xc3);
		EXPECT_EQ(WATCH_TEXT - 1, strlen(self->u.typed));
		draw(&self->p, &self->m, &self->u);
		EXPECT_TRUE(page_fits(&self->p));
		ui_press(&self->u, '\n');
		draw(&self->p, &self->m, &self->u);
		EXPECT_TRUE(page_fits(&self->p));
	}
}

TEST_F(watch, lines_are_in_order_whatever_the_column)
{
	struct told t[50];
	struct track **v;
	size_t n;

	srand(2);
	for (int step = 0; step < 2; step++) {
		for (int i = 0; i < 50; i++)
			t[i] = (struct told)S(i + 1, step * (rand() % 9) * 100, 0);
		ASSERT_EQ(0, see(&self->m, step, t, 50));
	}
	for (size_t c = 0; c < nwatch_columns; c++) {
		self->u.order = (struct order){ c, false };
		n = model_sorted(&self->m, &self->u.filters, &self->u.order,
				 &v);
		EXPECT_EQ(50, n);
		free(v);
	}
	ASSERT_EQ(0, ui_sort(&self->u, "tx/s"));
	n = model_sorted(&self->m, &self->u.filters, &self->u.order, &v);
	ASSERT_EQ(50, n);
	for (size_t i = 1; i < n; i++) {
		const struct track *a = v[i - 1], *b = v[i];
		double x = a->gauge.flow[TX_BYTES].rate;
		double y = b->gauge.flow[TX_BYTES].rate;

		EXPECT_TRUE(x < y || (x == y && a->row.s.cookie <
				      b->row.s.cookie));
	}
	free(v);
}

TEST_F(watch, scrolling_stays_within_the_sessions)
{
	struct told t[100];

	for (int i = 0; i < 100; i++)
		t[i] = (struct told)S(i + 1, 0, 0);
	ASSERT_EQ(0, see(&self->m, 0, t, 100));
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("1-18 of 100", self->p.line[4].text);
	ui_press(&self->u, WATCH_PAGE_DOWN);
	ui_press(&self->u, WATCH_DOWN);
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("20-37 of 100", self->p.line[4].text);
	for (int i = 0; i < 3; i++)
		ui_press(&self->u, WATCH_END);
	ui_press(&self->u, WATCH_PAGE_DOWN);
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("83-100 of 100", self->p.line[4].text);
	ui_press(&self->u, WATCH_PAGE_UP);
	ui_press(&self->u, WATCH_UP);
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("64-81 of 100", self->p.line[4].text);
	ui_press(&self->u, WATCH_HOME);
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("1-18 of 100", self->p.line[4].text);
	for (int i = 0; i < 100; i++)
		ui_press(&self->u, WATCH_RIGHT);
	draw(&self->p, &self->m, &self->u);
	EXPECT_EQ(0, strncmp("PEER", self->p.line[5].text, 4));
}

TEST_F(watch, without_the_module_there_are_counters_only)
{
	for (int i = 0; i < 2; i++) {
		struct look l = { .began = at(i), .ended = at(i) };

		l.counters = calloc(2, sizeof(*l.counters));
		l.ncounters = 2;
		strcpy(l.counters[0].name, "TlsTxSw");
		l.counters[0].value = 5 + 3 * i;
		strcpy(l.counters[1].name, "TlsRxSw");
		strcpy(l.why, "ktls_stats is not loaded");
		ASSERT_EQ(0, model_take(&self->m, &l));
	}
	draw(&self->p, &self->m, &self->u);
	EXPECT_STREQ("ktls_stats is not loaded", self->p.line[4].text);
	EXPECT_STREQ("TlsTxSw                                      8         "
		     "3.0", self->p.line[6].text);
	/* The module comes back. */
	SEE(2, S(7, 1000, 0));
	draw(&self->p, &self->m, &self->u);
	EXPECT_EQ(0, strncmp("0.0.0.0:7", self->p.line[6].text, 9));
}

TEST_F(watch, no_keys_and_no_sessions_confuse_it)
{
	static const int keys[] = {
		'p', '\n', '<', '>', 's', 'r', '/', '+', '-', 'd', 'c', 'h',
		'?', 27, 'a', '=', '1', 0xff, WATCH_UP, WATCH_DOWN, WATCH_LEFT,
		WATCH_RIGHT, WATCH_PAGE_UP, WATCH_PAGE_DOWN, WATCH_HOME,
		WATCH_END, WATCH_BACKSPACE, 0, 1 << 20,
	};
	unsigned int seed = getenv("SEED") ? atoi(getenv("SEED")) : time(NULL);
	struct told t[30];

	TH_LOG("SEED=%u", seed);
	srand(seed);
	for (int step = 0; step < 3000; step++) {
		size_t n = rand() % 30;

		ui_press(&self->u, keys[rand() % ARRAY_SIZE(keys)]);
		for (size_t i = 0; i < n; i++)
			t[i] = (struct told)S((i ? t[i - 1].cookie : 0) + 1 +
					      rand() % 3, rand(), rand(),
					      .flags = rand() % 8,
					      .age = rand() % 3000,
					      .label = evil);
		ASSERT_EQ(0, see(&self->m, step, t, n));
		self->p.rows = rand() % 60;
		self->p.columns = rand() % 300;
		draw(&self->p, &self->m, &self->u);
		ASSERT_TRUE(page_fits(&self->p));
	}
}

TEST_HARNESS_MAIN
