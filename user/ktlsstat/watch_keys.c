// SPDX-License-Identifier: GPL-2.0-or-later
/* A new key is a row of bindings[], and a line of the help. */
#include "watch.h"

static const uint64_t delays[] = {	/* milliseconds */
	100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000, 300000, 900000,
	3600000,
};

const char watch_help[] =
	"q               quit\n"
	"p, space        pause, go on\n"
	"Enter           look again now\n"
	"< >             sort by the column before, behind\n"
	"s               sort by a column, asked for by name\n"
	"r               reverse the order\n"
	"/               show only some sessions, as list does: lport=443 tx-bytes>1M\n"
	"+ -             longer, shorter intervals\n"
	"d               interval in seconds, asked for\n"
	"c               sums instead of rates, and back\n"
	"up down         scroll by a line;  PgUp PgDn, Home End: further\n"
	"left right      scroll by a column\n"
	"h, ?            this text\n"
	"\n"
	"? for a rate: the kernel could not look at the session now; what it\n"
	"sends meanwhile is told later. Dim: closed since the last look.\n"
	"\n"
	"Any key goes back.\n";

static void pause_or_go(struct ui *u)
{
	u->paused = !u->paused;
}

static void help(struct ui *u)
{
	u->help = true;
}

static void reverse(struct ui *u)
{
	u->order.reverse = !u->order.reverse;
}

static void sums_or_rates(struct ui *u)
{
	u->shows ^= SHOW_RATES | SHOW_SUMS;
}

/* The next of the columns that can be seen, that way round. */
static void sort_by_next(struct ui *u, size_t step)
{
	do
		u->order.column = (u->order.column + step) % nwatch_columns;
	while (!(watch_columns[u->order.column].shown & u->shows));
	u->order.reverse = false;
}

static void sort_behind(struct ui *u)
{
	sort_by_next(u, 1);
}

static void sort_before(struct ui *u)
{
	sort_by_next(u, nwatch_columns - 1);
}

static void longer(struct ui *u)
{
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++)
		if (delays[i] > u->delay) {
			u->delay = delays[i];
			return;
		}
}

static void shorter(struct ui *u)
{
	for (size_t i = ARRAY_SIZE(delays); i-- > 0; )
		if (delays[i] < u->delay) {
			u->delay = delays[i];
			return;
		}
}

static void scroll_up(struct ui *u, size_t by)
{
	u->top -= u->top < by ? u->top : by;
}

static void up(struct ui *u)
{
	scroll_up(u, 1);
}

static void page_up(struct ui *u)
{
	scroll_up(u, u->page);
}

static void home(struct ui *u)
{
	u->top = 0;
}

/* How far down is too far, page_draw() knows. */
static void down(struct ui *u)
{
	u->top++;
}

static void page_down(struct ui *u)
{
	u->top += u->page;
}

static void end(struct ui *u)
{
	u->top = SIZE_MAX / 2;
}

static void left(struct ui *u)
{
	u->left -= u->left > 0;
}

static void right(struct ui *u)
{
	u->left += u->left + 1 < nwatch_columns;
}

static const struct binding {
	int key;
	void (*does)(struct ui *u);
	unsigned int asks;
} bindings[] = {
	{ 'q', NULL, ASK_QUIT },
	{ 'p', pause_or_go, 0 },
	{ ' ', pause_or_go, 0 },
	{ '\n', NULL, ASK_LOOK },
	{ '\r', NULL, ASK_LOOK },
	{ '<', sort_before, 0 },
	{ '>', sort_behind, 0 },
	{ 's', prompt_sort, 0 },
	{ 'r', reverse, 0 },
	{ '/', prompt_filter, 0 },
	{ '+', longer, 0 },
	{ '-', shorter, 0 },
	{ 'd', prompt_delay, 0 },
	{ 'c', sums_or_rates, 0 },
	{ 'h', help, 0 },
	{ '?', help, 0 },
	{ WATCH_UP, up, 0 },
	{ WATCH_DOWN, down, 0 },
	{ WATCH_LEFT, left, 0 },
	{ WATCH_RIGHT, right, 0 },
	{ WATCH_PAGE_UP, page_up, 0 },
	{ WATCH_PAGE_DOWN, page_down, 0 },
	{ WATCH_HOME, home, 0 },
	{ WATCH_END, end, 0 },
};

unsigned int ui_press(struct ui *u, int key)
{
	unsigned int asks = 0;

	u->complaint[0] = '\0';
	if (u->help) {
		u->help = false;
		return 0;
	}
	if (u->prompt != PROMPT_NONE)
		return prompt_press(u, key);
	for (size_t i = 0; i < ARRAY_SIZE(bindings); i++)
		if (bindings[i].key == key) {
			if (bindings[i].does)
				bindings[i].does(u);
			asks |= bindings[i].asks;
		}
	return asks;
}
