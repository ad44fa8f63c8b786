// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "export.h"

static const struct word {
	const char *text;
	int is;
} bys[] = {
	{ "label", BY_LABEL },
	{ "uid", BY_UID },
}, formats[] = {
	{ "text", FORMAT_TEXT },
	{ "openmetrics", FORMAT_OPENMETRICS },
};

/* What @text, or no text, says; -1 if it is none of @words. */
static int find(const struct word *words, size_t n, const char *text, int none)
{
	if (!text)
		return none;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i].text, text))
			return words[i].is;
	return -1;
}

static int print(const struct args *a, enum grouping by, enum format format)
{
	char why[512], safe[256], *text;
	size_t len;
	int ret = metrics_make(&text, &len, by, format, why, sizeof(why));

	if (ret)
		return fail(a->opts, 1, "%s", why);
	if (a->textfile)
		ret = file_replace(a->textfile, text, len);
	else
		fwrite(text, 1, len, stdout);
	free(text);
	if (ret)
		return fail(a->opts, 1, "%s: %s",
			    log_escape(safe, sizeof(safe), a->textfile),
			    strerror(-ret));
	return 0;
}

int export_main(const struct args *a)
{
	int by = find(bys, ARRAY_SIZE(bys), a->sessions_by, BY_NOTHING);
	int format = find(formats, ARRAY_SIZE(formats),
			  a->argc ? a->argv[0] : NULL, FORMAT_TEXT);
	char safe[128];

	if (by < 0)
		return fail(a->opts, 2, "--sessions-by '%s': label or uid",
			    log_escape(safe, sizeof(safe), a->sessions_by));
	if (format < 0)
		return fail(a->opts, 2, "format '%s': text or openmetrics",
			    log_escape(safe, sizeof(safe), a->argv[0]));
	if (a->listen && a->textfile)
		return fail(a->opts, 2,
			    "either --listen or --textfile, not both");
	if (a->listen && a->argc)
		return fail(a->opts, 2,
			    "with --listen, the client chooses the format");
	return a->listen ? http_serve(a, by) : print(a, by, format);
}
