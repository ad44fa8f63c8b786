// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#define DELAY_MIN 100			/* milliseconds */
#define DELAY_MAX 3600000
#define ESCAPE 27
#define KILL_LINE 21			/* Ctrl-U, as in a shell */

static void open_prompt(struct ui *u, enum prompt what, const char *text)
{
	u->prompt = what;
	snprintf(u->typed, sizeof(u->typed), "%s", text);
}

void prompt_filter(struct ui *u)
{
	open_prompt(u, PROMPT_FILTER, u->words);
}

void prompt_sort(struct ui *u)
{
	open_prompt(u, PROMPT_SORT, "");
}

void prompt_delay(struct ui *u)
{
	open_prompt(u, PROMPT_DELAY, "");
}

static unsigned int accept(struct ui *u)
{
	enum prompt what = u->prompt;

	u->prompt = PROMPT_NONE;
	if (what == PROMPT_FILTER)
		return ui_filter(u, u->typed) ? 0 : ASK_LOOK;
	if (!u->typed[0])
		return 0;
	if (what == PROMPT_SORT)
		ui_sort(u, u->typed);
	else
		ui_delay(u, u->typed);
	return 0;
}

/* A character may be several bytes, of which only the first is no 10xxxxxx. */
static void erase(struct ui *u)
{
	size_t n = strlen(u->typed);

	while (n > 1 && (u->typed[n - 1] & 0xc0) == 0x80)
		n--;
	u->typed[n ? n - 1 : 0] = '\0';
}

unsigned int prompt_press(struct ui *u, int key)
{
	size_t n = strlen(u->typed);

	switch (key) {
	case '\n':
	case '\r':
		return accept(u);
	case ESCAPE:
		u->prompt = PROMPT_NONE;
		return 0;
	case KILL_LINE:
		u->typed[0] = '\0';
		return 0;
	case WATCH_BACKSPACE:
	case '\b':
	case 127:
		erase(u);
		return 0;
	}
	if (key >= ' ' && key <= 0xff && n + 1 < sizeof(u->typed)) {
		u->typed[n] = key;
		u->typed[n + 1] = '\0';
	}
	return 0;
}

static void filters_free(struct ui *u)
{
	free(u->text);
	free(u->filters.v);
	free(u->asked.v);
}

/*
 * A label may change while a session lives: if the kernel left it out then, it
 * would look as if it had closed.
 */
static void choose_asked(struct filters *asked, const struct filters *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].field->attr != KTLS_STATS_A_SESSION_LABEL)
			asked->v[asked->n++] = f->v[i];
}

static int parse_words(struct filters *f, char *text, char *why, size_t size)
{
	char *rest = text, *word;

	while ((word = strsep(&rest, " "))) {
		if (!word[0])
			continue;
		if (filter_parse(&f->v[f->n], word, why, size))
			return -EINVAL;
		f->n++;
	}
	return 0;
}

int ui_filter(struct ui *u, const char *words)
{
	struct ui new = { .text = strdup(words) };
	size_t room = strlen(words) / 2 + 2;
	int ret = -ENOMEM;

	new.filters.v = calloc(room, sizeof(*new.filters.v));
	new.asked.v = calloc(room, sizeof(*new.asked.v));
	if (new.text && new.filters.v && new.asked.v)
		ret = parse_words(&new.filters, new.text, u->complaint,
				  sizeof(u->complaint));
	if (ret) {
		filters_free(&new);
		return ret;
	}
	choose_asked(&new.asked, &new.filters);
	filters_free(u);
	u->text = new.text;
	u->filters = new.filters;
	u->asked = new.asked;
	snprintf(u->words, sizeof(u->words), "%s", words);
	u->filtered = true;
	return 0;
}

int ui_sort(struct ui *u, const char *name)
{
	struct order order = { 0 };
	char names[256], safe[128];
	bool falls = name[0] == '-';
	int column = watch_column_find(name + falls);

	if (column < 0) {
		snprintf(u->complaint, sizeof(u->complaint),
			 "sort: no column '%s'; there are %s",
			 log_escape(safe, sizeof(safe), name + falls),
			 watch_column_names(names, sizeof(names)));
		return column;
	}
	order.column = column;
	order.reverse = order_falls(&order) != falls;
	u->order = order;
	return 0;
}

int ui_delay(struct ui *u, const char *seconds)
{
	char safe[128];
	uint64_t ms;

	if (parse_duration(seconds, &ms) || ms < DELAY_MIN || ms > DELAY_MAX) {
		snprintf(u->complaint, sizeof(u->complaint),
			 "delay '%s': want 0.1 to 3600 seconds",
			 log_escape(safe, sizeof(safe), seconds));
		return -EINVAL;
	}
	u->delay = ms;
	return 0;
}

void ui_free(struct ui *u)
{
	filters_free(u);
}
