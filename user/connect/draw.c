// SPDX-License-Identifier: GPL-2.0-or-later
/* A story as a sequence diagram, each step with its meaning below it. */
#include <stdio.h>
#include <string.h>

#include "connect.h"

enum { INDENT_FACT = 6, INDENT_WORDS = 3 };
enum { LABEL_MAX = 48 };	/* of an arrow: it must leave a line to see */
enum { BRIEF = 16 };

/* Long enough for the longest field with each byte escaped, in reason. */
#define TEXT_MAX 4096

static void time_text(char *out, size_t size, uint64_t ns)
{
	double ms = ns / 1e6;

	snprintf(out, size, ms < 10000 ? "%.3f" : "%.0f", ms);
}

static void draw_facts(const struct page *p, const struct step *s)
{
	size_t count;
	const struct fact *facts = words_facts(s->step, &count);
	char label[32], form[48], text[TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		const char *value = step_field(s, facts[i].field);

		if (!value)
			continue;
		snprintf(label, sizeof(label), "%s: ", facts[i].label);
		snprintf(form, sizeof(form), "{%s}", facts[i].field);
		words_fill(text, sizeof(text), form, s);
		if (facts[i].brief && strlen(text) > BRIEF)
			strcpy(text + BRIEF, "...");
		page_text(p, INDENT_FACT, label, text);
	}
}

static void draw_label(char *out, size_t size, const struct step *s)
{
	size_t used;

	words_fill(out, size, words_title(s), s);
	used = strlen(out);
	if (step_field(s, "size"))
		words_fill(out + used, size - used, ", {size} bytes", s);
}

static void draw_step(const struct page *p, const struct step *s,
		      unsigned int context)
{
	char label[LABEL_MAX], time[32], text[TEXT_MAX];

	time_text(time, sizeof(time), s->at_ns);
	draw_label(label, sizeof(label), s);
	if (s->from == KTLS_HERE)
		page_note(p, time, label);
	else
		page_arrow(p, time, label, s->from, context & WHEN_SECRET);
	draw_facts(p, s);
	words_say(text, sizeof(text), s, context);
	page_text(p, INDENT_WORDS, "", text);
	page_gap(p);
}

static void draw_done(const struct page *p, const struct step *s,
		      unsigned int context)
{
	char time[32], head[TEXT_MAX], text[TEXT_MAX];
	const char *resumed = step_is(s, "resumed", "yes") ? ", resumed" : "";
	const char *warning = step_is(s, "verified", "no") ?
			      ", peer NOT verified" : "";

	time_text(time, sizeof(time), s->at_ns);
	words_fill(text, sizeof(text), "{version} with {cipher}", s);
	snprintf(head, sizeof(head), "Done after %s ms: %.200s%s%s.", time,
		 text, resumed, warning);
	fputc('\n', p->out);
	page_below(p, head);
	words_say(text, sizeof(text), s, context);
	page_below(p, text);
	fputc('\n', p->out);
}

static void draw_head(const struct page *p, const struct story *story)
{
	struct step none = {};
	struct ktls_field name = { "name", story->connection };
	char text[TEXT_MAX];

	if (name.value[0]) {
		none.fields[0] = name;
		none.count = 1;
		words_fill(text, sizeof(text), "Connection {name}", &none);
		page_below(p, text);
	}
	page_legend(p);
	fputc('\n', p->out);
	page_head(p);
}

static void draw_error(const struct page *p, const struct step *error)
{
	char text[TEXT_MAX];

	words_fill(text, sizeof(text), step_field(error, "reason") ?
		   "FAILED: {reason}: {text}" : "FAILED: {text}", error);
	page_below(p, text);
}

void draw(const struct page *p, const struct story *story, size_t from)
{
	unsigned int context = context_of(story);

	if (!from && story->count)
		draw_head(p, story);
	for (size_t i = from; i < story->count; i++) {
		const struct step *s = &story->steps[i];
		unsigned int at = context_at(story, i, context);

		if (s->step == KTLS_STEP_DONE)
			draw_done(p, s, at);
		else
			draw_step(p, s, at);
	}
	if (story->error.is_error)
		draw_error(p, &story->error);
	fflush(p->out);
}
