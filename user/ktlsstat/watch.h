/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktlsstat watch, cut so that all but the screen and the kernel can be tested
 * without them:
 *
 *	watch.c		the options, the loop
 *	watch_look.c	asks the kernel once: a struct look
 *	watch_model.c	looks become rates and histories
 *	watch_table.c	the columns, the order of the sessions
 *	watch_keys.c	keys change what is shown
 *	watch_prompt.c	so does a line that is typed
 *	watch_draw.c	what is shown, as lines of text
 *	watch_rows.c	the sessions among them
 *	watch_spark.c	a history as a row of blocks
 *	watch_screen.c	the terminal: curses is not known elsewhere
 */
#ifndef KTLSSTAT_WATCH_H
#define KTLSSTAT_WATCH_H

#include <time.h>

#include "ktlsstat.h"

/* watch_spark.c */
#define HISTORY 60			/* intervals */
#define UNKNOWN (-1.0)			/* a rate that cannot be told */

struct history {
	unsigned int n;			/* taken in, of which HISTORY are left */
	float v[HISTORY];
};

void history_add(struct history *h, double rate);
double history_peak(const struct history *h, unsigned int width);
/*
 * The last @width of @h, as high as they are against the highest of them: as
 * many columns of the screen, and up to three times as many bytes.
 */
void spark(char *out, size_t size, const struct history *h, unsigned int width,
	   bool utf8);

/* watch_look.c */
struct look {
	uint64_t began, ended;		/* CLOCK_MONOTONIC, nanoseconds */
	bool module;			/* else there are counters only */
	struct totals totals;
	bool sessions;			/* else why[] says why not */
	bool inconsistent;		/* some may be missing */
	struct rows rows;
	struct counter *counters;	/* of /proc/net/tls_stat */
	size_t ncounters;
	char why[160];			/* what is missing, or "" */
};

struct eye {				/* what looks need, kept between them */
	struct genl *genl;
	bool tried;			/* to load the module */
};

/* 0, or -errno with look->why set if nothing at all can be told. */
int look_take(struct look *l, struct eye *e, const struct filters *f,
	      unsigned int opts);
void look_free(struct look *l);
void eye_close(struct eye *e);

/* watch_model.c */
enum { TX_BYTES, RX_BYTES, TX_RECORDS, RX_RECORDS, FLOWS };

struct flow {				/* a counter, and how fast it grows */
	uint64_t base;			/* what it was when last exact */
	double rate;			/* a second, or UNKNOWN */
};

struct gauge {
	uint64_t exact;			/* when last exact, or 0 */
	struct flow flow[FLOWS];
	double sum;			/* bytes a second, both ways */
};

struct track {				/* a session over many looks */
	struct row row;			/* as last told */
	struct gauge gauge;
	struct history trend;
	bool closed;			/* since the last look but one */
};

struct model {
	struct look now, before;	/* closed sessions are of before */
	bool looked;
	bool narrowed;			/* missing is not closed, this once */
	struct track **v;		/* by cookie */
	size_t n;
	struct gauge totals;
	struct history tx, rx;
	struct flow *counters;		/* those of now.counters */
	size_t ncounters;
};

/* Takes @l over. 0, or -ENOMEM: then only model_free() is left to do. */
int model_take(struct model *m, struct look *l);
void model_free(struct model *m);

/* watch_table.c */
#define TREND FLOWS			/* behind the flows */
#define PLAIN (-1)			/* a column of list */

enum { SHOW_RATES = 1 << 0, SHOW_SUMS = 1 << 1 };

struct watch_column {
	const char *title;
	unsigned int shown;		/* SHOW_* */
	int max;			/* columns of the screen */
	int rate;			/* a flow, TREND or PLAIN */
	const char *field;		/* of PLAIN */
	bool tells_closed;
};

extern const struct watch_column watch_columns[];
extern const size_t nwatch_columns;

struct order {
	size_t column;
	bool reverse;			/* of what is natural to it */
};

/* Its number, or -EINVAL. */
int watch_column_find(const char *name);
/* All of them, for those who looked for another one. */
const char *watch_column_names(char *buf, size_t size);
bool watch_column_right(const struct watch_column *c);
/* Whether the largest stand first. */
bool order_falls(const struct order *o);
/* In @out, free() it: those that @f lets pass, sorted. Their number. */
size_t model_sorted(const struct model *m, const struct filters *f,
		    const struct order *o, struct track ***out);

/* watch_keys.c */
enum watch_key {			/* beyond characters */
	WATCH_UP = 0x100, WATCH_DOWN, WATCH_LEFT, WATCH_RIGHT,
	WATCH_PAGE_UP, WATCH_PAGE_DOWN, WATCH_HOME, WATCH_END,
	WATCH_BACKSPACE,
};

enum {					/* what a key asks of the loop */
	ASK_QUIT	= 1 << 0,
	ASK_LOOK	= 1 << 1,	/* now, paused or not */
};

enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_SORT, PROMPT_DELAY };

#define WATCH_TEXT 256

struct ui {
	unsigned int opts;
	bool utf8;
	bool paused, help;
	unsigned int shows;		/* SHOW_RATES or SHOW_SUMS */
	struct order order;
	uint64_t delay;			/* milliseconds */
	size_t top;			/* the first session shown */
	size_t page;			/* how many were, the last time */
	size_t left;			/* columns scrolled away */
	enum prompt prompt;
	char typed[WATCH_TEXT];
	char complaint[1024];
	char words[WATCH_TEXT];		/* the filters as one line */
	char *text;			/* parted into words, for filters */
	struct filters filters;
	struct filters asked;		/* those that the kernel may check */
	bool filtered;			/* anew: see model.narrowed */
};

extern const char watch_help[];

unsigned int ui_press(struct ui *u, int key);

/* watch_prompt.c */
void prompt_filter(struct ui *u);
void prompt_sort(struct ui *u);
void prompt_delay(struct ui *u);
unsigned int prompt_press(struct ui *u, int key);
/*
 * What a prompt takes, and the command line. If it is not 0, what there was
 * stays, and u->complaint says why.
 */
int ui_filter(struct ui *u, const char *words);
int ui_sort(struct ui *u, const char *name);
int ui_delay(struct ui *u, const char *seconds);
void ui_free(struct ui *u);

/* watch_draw.c */
#define WATCH_MAX 512			/* rows and columns of a page */
#define LINE_SIZE (3 * WATCH_MAX + 1)

enum look_of { LOOK_PLAIN, LOOK_TITLE, LOOK_STRONG, LOOK_DIM };

struct page_line {
	enum look_of look;
	char text[LINE_SIZE];
};

struct page {
	unsigned int rows, columns;
	struct page_line line[WATCH_MAX];
};

/* @p->rows and @p->columns are given; @now: the time of day */
void page_draw(struct page *p, const struct model *m, struct ui *u,
	       time_t now);

/* watch_rows.c */
/* @u->top was bounded; @v: the @n sessions that fit, titles stand in @row. */
void rows_draw(struct page *p, unsigned int row, struct track *const *v,
	       size_t n, const struct ui *u);
/* Of a flow, or of TREND. */
const char *rate_name(char buf[NAME_SIZE], int flow, double rate,
		      unsigned int opts);
/* Up to column @edge, @used are; returns how many are then. */
unsigned int line_append(struct page_line *l, unsigned int used,
			 unsigned int edge, const char *text);

/* watch_screen.c */
/* 0, or -ENODEV: a terminal that curses does not know. */
int screen_open(void);
void screen_close(void);
void screen_size(unsigned int *rows, unsigned int *columns);
void screen_put(const struct page *p);
/* The next key, or -1: none so far. */
int screen_key(void);

#endif
