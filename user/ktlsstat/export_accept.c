// SPDX-License-Identifier: GPL-2.0-or-later
/* Just enough of RFC 9110, section 12.5.1, to choose between two formats. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "export.h"

/* The next piece of *@at before @end, without the spaces around it. */
static size_t piece(const char **at, const char **next, const char *end)
{
	size_t len = strcspn(*at, end);

	*next = *at + len + ((*at)[len] != '\0');
	while (len && strchr(" \t", **at)) {
		++*at;
		len--;
	}
	while (len && strchr(" \t", (*at)[len - 1]))
		len--;
	return len;
}

static bool is(const char *word, size_t len, const char *name)
{
	return len == strlen(name) && !strncasecmp(word, name, len);
}

/* 0 to 1000, as that is all the digits there are. */
static int quality(const char *text)
{
	int q = *text == '1' ? 1000 : 0, unit = 100;

	if ((*text != '0' && *text != '1') || text[1] != '.')
		return *text == '0' || *text == '1' ? q : 0;
	for (text += 2; *text >= '0' && *text <= '9' && unit; text++) {
		q += (*text - '0') * unit;
		unit /= 10;
	}
	return q > 1000 ? 1000 : q;
}

struct range {
	const char *type;
	size_t len;
	int quality;
	bool version;			/* one that we speak, or any */
};

static void read_range(struct range *r, const char *text, size_t len)
{
	char copy[256];
	const char *at = copy, *next;

	memset(r, 0, sizeof(*r));
	snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
	r->type = text;
	r->len = piece(&at, &next, ";");
	r->quality = 1000;
	r->version = true;
	for (at = next; *at; at = next) {
		size_t n = piece(&at, &next, ";");

		if (n > 2 && !strncasecmp(at, "q=", 2))
			r->quality = quality(at + 2);
		if (n > 8 && !strncasecmp(at, "version=", 8))
			r->version = is(at + 8, n - 8, "1.0.0");
	}
}

/*
 * OpenMetrics only for those who name it, and like it no less: what else
 * matches means the format that everybody reads.
 */
enum format accept_format(const char *header)
{
	static const char *const plain[] = { "text/plain", "text/*", "*/*" };
	int open = 0, text = 0;
	const char *next;
	struct range r;

	for (const char *at = header ? header : ""; *at; at = next) {
		size_t len = piece(&at, &next, ",");

		read_range(&r, at, len);
		if (is(r.type, r.len, "application/openmetrics-text") &&
		    r.version && r.quality > open)
			open = r.quality;
		for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
			if (is(r.type, r.len, plain[i]) && r.quality > text)
				text = r.quality;
	}
	return open && open >= text ? FORMAT_OPENMETRICS : FORMAT_TEXT;
}
