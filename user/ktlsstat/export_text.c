// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text format 0.0.4 and OpenMetrics 1.0: alike but for what a family is called
 * in its comments, what units and infos are, and how it ends.
 */
#include <string.h>

#include "export.h"

static const char *const suffixes[] = {
	[GAUGE] = "", [COUNTER] = "_total", [INFO] = "_info",
};

static const char *const types[][3] = {
	[FORMAT_TEXT] = { "gauge", "counter", "gauge" },
	[FORMAT_OPENMETRICS] = { "gauge", "counter", "info" },
};

const char *format_type(enum format format)
{
	if (format == FORMAT_TEXT)
		return "text/plain; version=0.0.4; charset=utf-8";
	return "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

void text_family(struct text *t, const struct family *family)
{
	bool open = t->format == FORMAT_OPENMETRICS;
	const char *suffix = open ? "" : suffixes[family->kind];

	t->family = family;
	fprintf(t->f, "# HELP %s%s %s\n", family->name, suffix, family->help);
	fprintf(t->f, "# TYPE %s%s %s\n", family->name, suffix,
		types[t->format][family->kind]);
	if (open && family->unit)
		fprintf(t->f, "# UNIT %s %s\n", family->name, family->unit);
}

void text_begin(struct text *t)
{
	t->labels = 0;
	fprintf(t->f, "%s%s", t->family->name, suffixes[t->family->kind]);
}

void text_label(struct text *t, const char *name, const char *value)
{
	fprintf(t->f, "%s%s=\"", t->labels++ ? "," : "{", name);
	for (; *value; value++) {
		if (*value == '\n') {
			fputs("\\n", t->f);
			continue;
		}
		if (strchr("\\\"", *value))
			putc('\\', t->f);
		putc(*value, t->f);
	}
	putc('"', t->f);
}

void text_end(struct text *t, uint64_t value)
{
	fprintf(t->f, "%s %ju\n", t->labels ? "}" : "", value);
}

void text_finish(struct text *t)
{
	if (t->format == FORMAT_OPENMETRICS)
		fputs("# EOF\n", t->f);
}
