// SPDX-License-Identifier: GPL-2.0-or-later
/* A file of lines, of one connection or of many, as the story of one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "connect.h"

struct lines {
	FILE *file;
	const char *path;
	unsigned long number;
	size_t len;
	char text[TRACE_LINE_MAX + 2];
};

/* 1: a line. 0: the end. A zero byte is a character like any other. */
static int next_line(struct lines *l, struct ktls_error *err)
{
	int c = EOF;

	l->len = 0;
	l->number++;
	while (l->len < sizeof(l->text)) {
		c = getc_unlocked(l->file);
		if (c == EOF || c == '\n')
			break;
		l->text[l->len++] = c;
	}
	if (ferror(l->file))
		return fail(err, -EIO, KTLS_INTERNAL, "%s: %s", l->path,
			    strerror(errno));
	if (l->len > TRACE_LINE_MAX)
		return fail(err, -EINVAL, KTLS_INTERNAL,
			    "%s:%lu: the line is longer than %d bytes",
			    l->path, l->number, TRACE_LINE_MAX);
	return l->len || c != EOF;
}

static void note_other(struct others *others, const char *name)
{
	for (size_t i = 0; i < others->count; i++)
		if (!strcmp(others->name[i], name))
			return;
	if (others->count == OTHERS_MAX)
		others->more = true;
	else
		strcpy(others->name[others->count++], name);
}

/* Steps of one connection may stand between those of another. */
static int sort_in(struct story *story, struct step *s, size_t len,
		   const char *want, struct others *others)
{
	bool first = !story->count && !story->cut;

	if (s->is_error) {
		/* It does not say of which connection it is. */
		if (want)
			step_free(s);
		else
			story_error(story, s);
		return 0;
	}
	if (want ? !strcmp(want, s->connection) :
	    first || !strcmp(story->connection, s->connection)) {
		strcpy(story->connection, s->connection);
		return story_add(story, s, len);
	}
	note_other(others, s->connection);
	step_free(s);
	return 0;
}

static int none(const char *path, const char *want, struct ktls_error *err)
{
	char safe[4 * CONNECTION_MAX + 1];

	if (!want)
		return fail(err, -EINVAL, KTLS_INTERNAL,
			    "%s: there is no step in it", path);
	return fail(err, -EINVAL, KTLS_INTERNAL, "%s: no connection \"%s\"",
		    path, log_escape(safe, sizeof(safe), want));
}

int story_read(struct story *out, FILE *f, const char *path, const char *want,
	       struct others *others, struct ktls_error *err)
{
	struct lines l = { .file = f, .path = path };
	const char *why;
	struct step s;
	int ret;

	*others = (struct others){};
	while ((ret = next_line(&l, err)) > 0) {
		ret = step_parse(&s, l.text, l.len, &why);
		if (ret < 0)
			return fail(err, ret, KTLS_INTERNAL, "%s:%lu: %s",
				    path, l.number, why);
		if (ret > 0)
			ret = sort_in(out, &s, l.len, want, others);
		if (ret < 0)
			return fail(err, ret, KTLS_INTERNAL, "out of memory");
	}
	if (!ret && !out->count && !out->error.is_error)
		ret = none(path, want, err);
	return ret;
}

int story_load(struct story *out, const char *path, const char *want,
	       struct others *others, struct ktls_error *err)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	int ret;

	if (!f)
		return fail(err, -errno, KTLS_INTERNAL, "%s: %s", path,
			    strerror(errno));
	ret = story_read(out, f, path, want, others, err);
	if (f != stdin)
		fclose(f);
	return ret;
}
