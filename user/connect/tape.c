// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What libktls tells, as lines: to a file, to programs, and kept for the
 * diagram, which is drawn from the lines, so that it is the same whether they
 * come from here or from a file. It is drawn after the handshake: a slow
 * terminal must not be in the measured times.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"

int tape_open(struct tape *t, const struct ask *a, struct ktls_error *err)
{
	*t = (struct tape){ .keep = a->explain };
	t->json = a->json ? stderr : NULL;
	if (t->keep) {
		t->lines = malloc(STORY_BYTES);
		if (!t->lines)
			return fail(err, -ENOMEM, KTLS_INTERNAL,
				    "out of memory");
	}
	if (!a->trace)
		return 0;
	t->file = fopen(a->trace, "we");
	if (!t->file)
		return fail(err, -errno, KTLS_INTERNAL, "trace %s: %s",
			    a->trace, strerror(errno));
	return 0;
}

void tape_begin(struct tape *t, const char *peer, unsigned int number)
{
	snprintf(t->connection, sizeof(t->connection), "%s#%u", peer, number);
	t->used = t->drawn = 0;
	t->over = false;
}

static void keep(struct tape *t, const char *line, size_t len)
{
	if (!t->keep || len > STORY_BYTES - t->used)
		return;
	memcpy(t->lines + t->used, line, len);
	t->used += len;
}

static void write_line(FILE *f, const char *line, size_t len)
{
	if (f && (fwrite(line, 1, len, f) != len || fflush(f)))
		log_warn("trace");
}

void tape_event(void *tape, const struct ktls_event *e)
{
	struct tape *t = tape;
	char line[TRACE_LINE_MAX + 1];
	size_t len, head;

	head = snprintf(line, sizeof(line), "{\"connection\": \"%s\", ",
			t->connection);
	/* Its own brace gives way to ours, which has a member more. */
	len = ktls_event_json(line + head - 1, KTLS_LINE_MAX, e);
	if (!len)
		return;
	line[head - 1] = ' ';
	len += head - 1;
	write_line(t->file, line, len);
	write_line(t->json, line, len);
	keep(t, line, len);
	if (t->over)
		tape_draw(t);
}

void tape_failed(struct tape *t, uint64_t at_ns,
		 const struct ktls_error *err)
{
	const struct ktls_field fields[] = {
		{ "reason", ktls_reason_name(err->reason) },
		{ "text", err->text },
	};
	const struct ktls_event e = {
		.step = KTLS_STEP_FAILED,
		.from = KTLS_HERE,
		.at_ns = at_ns,
		.fields = fields,
		.count = ARRAY_SIZE(fields),
	};

	tape_event(t, &e);
}

static int parse(struct story *story, const struct tape *t)
{
	const char *line = t->lines, *end = t->lines + t->used, *why;
	struct step s;
	int ret = 0;

	for (; line < end && !ret; line++) {
		size_t len = (char *)memchr(line, '\n', end - line) - line;

		ret = step_parse(&s, line, len, &why);
		if (ret < 0)
			log_warnx("cannot draw: %s", why);
		if (ret > 0)
			ret = story_add(story, &s, len);
		line += len;
	}
	memcpy(story->connection, t->connection, sizeof(t->connection));
	return ret;
}

void tape_draw(struct tape *t)
{
	struct story story = {};
	struct page page;

	t->over = true;
	if (!t->keep || !t->used)
		return;
	page_open(&page, stderr);
	if (!parse(&story, t)) {
		draw(&page, &story, t->drawn);
		t->drawn = story.count;
	}
	story_free(&story);
}

void tape_close(struct tape *t)
{
	if (t->file && fclose(t->file))
		log_warn("trace");
	free(t->lines);
}
