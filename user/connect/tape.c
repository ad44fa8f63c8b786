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
	*t = (struct tape){ .a = a, .keep = a->explain };
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
	t->over = t->failed = false;
}

static void keep(struct tape *t, const char *line, size_t len)
{
	if (!t->keep || len > STORY_BYTES - t->used)
		return;
	memcpy(t->lines + t->used, line, len);
	t->used += len;
}

static bool put(FILE *f, const char *line, size_t len)
{
	return !f || (fwrite(line, 1, len, f) == len && !fflush(f));
}

static void lose(struct tape *t, const char *what, const char *name)
{
	struct ktls_error err;

	fail(&err, -errno, KTLS_INTERNAL, "%s%s: %s", what, name,
	     strerror(errno));
	t->status = tell(t->a, &err);
}

/* Once told, what cannot be written is left alone: it would be told again. */
static void write_line(struct tape *t, const char *line, size_t len)
{
	if (!put(t->file, line, len)) {
		lose(t, "trace ", t->a->trace);
		fclose(t->file);
		t->file = NULL;
	}
	if (!put(t->json, line, len)) {
		lose(t, "standard error", "");
		t->json = NULL;
	}
}

void tape_event(void *tape, const struct ktls_event *e)
{
	struct tape *t = tape;
	char line[TRACE_LINE_MAX + 1];
	size_t len, head;

	t->failed |= e->step == KTLS_STEP_FAILED;
	head = snprintf(line, sizeof(line), "{\"connection\": \"%s\", ",
			t->connection);
	/* Its own brace gives way to ours, which has a member more. */
	len = ktls_event_json(line + head - 1, KTLS_LINE_MAX, e);
	if (!len)
		return;
	line[head - 1] = ' ';
	len += head - 1;
	write_line(t, line, len);
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

int tape_tell(struct tape *t, const struct ktls_error *err)
{
	char line[ERROR_LINE_MAX];

	if (!t->failed)
		write_line(t, line, error_line(line, err));
	return t->a->json ? status_of(err->reason) : tell(t->a, err);
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

int tape_close(struct tape *t)
{
	if (t->file && fclose(t->file))
		lose(t, "trace ", t->a->trace);
	free(t->lines);
	return t->status;
}
