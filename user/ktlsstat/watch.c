// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch.h"

#define DEFAULT_DELAY 1000

static atomic_bool stop;

struct watch {
	struct eye eye;
	struct model model;
	struct ui ui;
	struct page page;
	uint64_t looked;		/* CLOCK_MONOTONIC, milliseconds */
	sigset_t open;			/* what may interrupt a wait */
};

static void on_stop(int sig)
{
	(void)sig;
	stop = true;
}

/*
 * Signals come while we wait, and only then. Those of the terminal are left to
 * curses: it takes care of stopping and going on.
 */
static void prepare_signals(sigset_t *open)
{
	static const int ours[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	static const int theirs[] = { SIGWINCH, SIGTSTP };
	const struct sigaction act = { .sa_handler = on_stop };
	sigset_t shut;

	sigemptyset(&shut);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		sigaddset(&shut, ours[i]);
		sigaction(ours[i], &act, NULL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		sigaddset(&shut, theirs[i]);
	sigprocmask(SIG_BLOCK, &shut, open);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static int look(struct watch *w)
{
	struct ui *u = &w->ui;
	struct look l;
	int ret = look_take(&l, &w->eye, &u->asked, u->opts);

	w->looked = now_ms();
	if (ret) {			/* what is there stays on the screen */
		snprintf(u->complaint, sizeof(u->complaint), "%s", l.why);
		return ret == -ENOMEM ? ret : 0;
	}
	w->model.narrowed = u->filtered;
	u->filtered = false;
	return model_take(&w->model, &l);
}

static void draw(struct watch *w)
{
	screen_size(&w->page.rows, &w->page.columns);
	page_draw(&w->page, &w->model, &w->ui, time(NULL));
	screen_put(&w->page);
}

/* Milliseconds, or -1: until somebody wants something. */
static int64_t wait_for(const struct watch *w)
{
	uint64_t due = w->looked + w->ui.delay, now = now_ms();

	if (w->ui.paused)
		return -1;
	return due > now ? due - now : 0;
}

/* What the keys that came meanwhile ask for. */
static unsigned int wait_keys(struct watch *w)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t ms = wait_for(w);
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	unsigned int asks = 0;
	int key;

	/* An interruption is a signal: maybe to end, maybe of a new size. */
	if (ppoll(&in, 1, ms < 0 ? NULL : &t, &w->open) < 0 && errno != EINTR)
		return ASK_QUIT;
	while ((key = screen_key()) >= 0)
		asks |= ui_press(&w->ui, key);
	if (in.revents & (POLLHUP | POLLERR | POLLNVAL))
		asks |= ASK_QUIT;	/* nobody watches any more */
	return asks;
}

static int loop(struct watch *w)
{
	unsigned int asks;
	int ret = 0;

	while (!stop && !ret) {
		draw(w);
		asks = wait_keys(w);
		if (asks & ASK_QUIT)
			break;
		if ((asks & ASK_LOOK) || !wait_for(w))
			ret = look(w);
	}
	return ret;
}

/* The operands as one line, as they would be typed. */
static int read_filters(struct ui *u, const struct args *a)
{
	char words[WATCH_TEXT] = "";
	size_t n = 0;

	for (int i = 0; i < a->argc; i++) {
		n += snprintf(words + n, sizeof(words) - n, "%s%s",
			      i ? " " : "", a->argv[i]);
		if (n >= sizeof(words)) {
			snprintf(u->complaint, sizeof(u->complaint),
				 "filters: over %zu characters",
				 sizeof(words) - 1);
			return -EINVAL;
		}
	}
	return ui_filter(u, words);
}

static int read_options(struct ui *u, const struct args *a)
{
	int ret = ui_sort(u, a->sort ? a->sort : "-trend");

	u->opts = a->opts;
	u->shows = SHOW_RATES;
	u->delay = DEFAULT_DELAY;
	if (!ret && a->delay)
		ret = ui_delay(u, a->delay);
	return ret ? ret : read_filters(u, a);
}

/* What can be said on a plain terminal is said there. */
static int first_look(struct watch *w)
{
	int ret = look(w);

	if (ret)
		return fail(0, 1, "out of memory");
	if (w->ui.complaint[0])
		return fail(0, 1, "%s", w->ui.complaint);
	if (!w->model.now.module && !w->model.now.ncounters)
		return fail(0, 1, "%s", w->model.now.why);
	return 0;
}

static int run(struct watch *w)
{
	int status = first_look(w), ret;

	if (status)
		return status;
	setlocale(LC_CTYPE, "");
	w->ui.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	prepare_signals(&w->open);
	ret = screen_open();
	if (ret)
		return fail(0, 2, "no terminal that can be used: try list");
	ret = loop(w);
	screen_close();
	return ret ? fail(0, 1, "out of memory") : 0;
}

int watch_main(const struct args *a)
{
	struct watch *w = calloc(1, sizeof(*w));
	int status;

	if (!w)
		return fail(0, 1, "out of memory");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		status = fail(0, 2, "watch wants a terminal: try list");
	else if (read_options(&w->ui, a))
		status = fail(0, 2, "%s", w->ui.complaint);
	else
		status = run(w);
	model_free(&w->model);
	eye_close(&w->eye);
	ui_free(&w->ui);
	free(w);
	return status;
}
