// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that says it is a trace: read, sorted by connection, and drawn. What
 * is drawn must be letters and newlines, in lines that fit a terminal,
 * whatever the file says.
 */
#include <stdlib.h>
#include <string.h>

#include "connect.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

static void check_step(const struct step *s)
{
	CHECK((unsigned int)s->step < KTLS_STEPS);
	CHECK(s->from <= KTLS_HERE);
	CHECK(s->count <= KTLS_FIELDS_MAX);
	CHECK(memchr(s->connection, '\0', sizeof(s->connection)));
	for (size_t i = 0; i < s->count; i++)
		CHECK(s->fields[i].name && s->fields[i].value);
}

static void check_text(const char *text, size_t len, size_t width)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		column = text[i] == '\n' ? 0 : column + 1;
		CHECK(column <= width);
		CHECK(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
	}
}

static void check_drawing(const struct story *story)
{
	struct page page = { .width = 80 };
	char *text = NULL;
	size_t len = 0;

	page.out = open_memstream(&text, &len);
	CHECK(page.out);
	draw(&page, story, 0);
	CHECK(!fclose(page.out));
	check_text(text, len, page.width);
	free(text);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct story story = {};
	struct others others;
	struct ktls_error err = { .text = "" };
	FILE *f = len ? fmemopen((void *)data, len, "r") : NULL;

	if (!f)
		return 0;
	if (story_read(&story, f, "trace", NULL, &others, &err))
		CHECK(err.text[0]);
	else
		CHECK(story.count || story.error.is_error);
	fclose(f);
	CHECK(story.count <= STORY_STEPS && others.count <= OTHERS_MAX);
	for (size_t i = 0; i < story.count; i++)
		check_step(&story.steps[i]);
	check_drawing(&story);
	story_free(&story);
	return 0;
}
