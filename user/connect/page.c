// SPDX-License-Identifier: GPL-2.0-or-later
/* Two lifelines, and what is between them. A column is a byte: see put(). */
#include <langinfo.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "connect.h"

enum { WIDTH = 80, WIDTH_MIN = 60, WIDTH_MAX = 120 };
enum { MARGIN = 10 };		/* for the time, left of the client */
enum { LINES_MAX = 12 };	/* of one text */

enum glyph { WALL, OPEN, SECRET, LEFT, RIGHT, MARK, GLYPHS };

static const char *const glyphs[GLYPHS][2] = {
	[WALL] = { "|", "\u2502" },
	[OPEN] = { "-", "\u2500" },
	[SECRET] = { "=", "\u2550" },
	[LEFT] = { "<", "\u25c0" },
	[RIGHT] = { ">", "\u25b6" },
	[MARK] = { "*", "\u25cf" },
};

void page_open(struct page *p, FILE *out)
{
	struct winsize w = {};

	p->out = out;
	p->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	p->width = WIDTH;
	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &w) ||
	    !w.ws_col)
		return;
	p->width = w.ws_col;
	if (p->width < WIDTH_MIN)
		p->width = WIDTH_MIN;
	if (p->width > WIDTH_MAX)
		p->width = WIDTH_MAX;
}

static void put(const struct page *p, enum glyph g, int times)
{
	while (times-- > 0)
		fputs(glyphs[g][p->utf8], p->out);
}

static int inside(const struct page *p)
{
	return p->width - MARGIN - 2;
}

void page_legend(const struct page *p)
{
	put(p, OPEN, 2);
	put(p, RIGHT, 1);
	fputs(" everybody on the way can read it    ", p->out);
	put(p, SECRET, 2);
	put(p, RIGHT, 1);
	fputs(" encrypted\n", p->out);
}

void page_head(const struct page *p)
{
	fprintf(p->out, "%*s%s%*s\n", MARGIN - 3, "ms", "  client",
		p->width - MARGIN - 5, "server");
	page_gap(p);
}

void page_gap(const struct page *p)
{
	page_text(p, 0, "", " ");
}

/* The label stands where the message starts. */
void page_arrow(const struct page *p, const char *time, const char *label,
		enum ktls_side from, bool secret)
{
	enum glyph line = secret ? SECRET : OPEN;
	int rest = inside(p) - 6 - (int)strlen(label);

	fprintf(p->out, "%*s ", MARGIN - 1, time);
	put(p, WALL, 1);
	if (from == KTLS_SERVER) {
		put(p, LEFT, 1);
		put(p, line, rest);
		fprintf(p->out, " %s ", label);
		put(p, line, 3);
	} else {
		put(p, line, 3);
		fprintf(p->out, " %s ", label);
		put(p, line, rest);
		put(p, RIGHT, 1);
	}
	put(p, WALL, 1);
	fputc('\n', p->out);
}

void page_note(const struct page *p, const char *time, const char *label)
{
	int rest = inside(p) - 4 - (int)strlen(label);

	fprintf(p->out, "%*s ", MARGIN - 1, time);
	put(p, WALL, 1);
	fputs("  ", p->out);
	put(p, MARK, 1);
	fprintf(p->out, " %s%*s", label, rest > 0 ? rest : 0, "");
	put(p, WALL, 1);
	fputc('\n', p->out);
}

/* How much of @text stands in a line of @room, and what of it is skipped. */
static int fold(const char *text, int room, int *skip)
{
	int len = strlen(text), cut = room;

	*skip = 0;
	if (len <= room)
		return len;
	while (cut > 0 && text[cut] != ' ')
		cut--;
	if (!cut)
		return room;	/* a word that is longer than the line */
	*skip = 1;
	return cut;
}

void page_text(const struct page *p, int indent, const char *label,
	       const char *text)
{
	int hang = indent + (int)strlen(label);
	int room = inside(p) - hang - 1;
	int skip;

	for (int i = 0; *text; i++) {
		int len = fold(text, room, &skip);
		bool cut = i == LINES_MAX - 1 && text[len + skip];

		fprintf(p->out, "%*s", MARGIN, "");
		put(p, WALL, 1);
		fprintf(p->out, "%*s%-*s", indent, "", hang - indent,
			i ? "" : label);
		fprintf(p->out, "%-*.*s ", room, cut ? 3 : len,
			cut ? "..." : text);
		put(p, WALL, 1);
		fputc('\n', p->out);
		if (cut)
			return;
		text += len + skip;
	}
}

void page_below(const struct page *p, const char *text)
{
	int skip;

	while (*text) {
		int len = fold(text, p->width - 1, &skip);

		fprintf(p->out, "%.*s\n", len, text);
		text += len + skip;
	}
}
