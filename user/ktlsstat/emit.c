// SPDX-License-Identifier: GPL-2.0-or-later
/* No object in memory per member: thousands of sessions take many of them. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "ktlsstat.h"

/* One output, hence one state of it. */
static struct {
	bool pretty;
	bool first;			/* nothing in this bracket yet */
	unsigned int depth;
} at;

void emit_begin(unsigned int opts)
{
	at.pretty = opts & OPT_PRETTY;
	at.first = true;
	at.depth = 0;
}

static void new_line(void)
{
	if (at.pretty)
		printf("\n%*s", (int)at.depth * 2, "");
}

/* Those that JSON takes as they are, by far the most. */
static bool plain(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			return false;
	return true;
}

/* JSON is UTF-8; the name of a process may be any bytes. */
static void put_string(const char *text)
{
	char safe[1024];
	json_t *j;

	if (plain(text)) {
		putchar_unlocked('"');
		fputs_unlocked(text, stdout);
		putchar_unlocked('"');
		return;
	}
	j = json_string(text);
	if (!j)
		j = json_string(log_escape(safe, sizeof(safe), text));
	json_dumpf(j, stdout, JSON_ENCODE_ANY);
	json_decref(j);
}

static void put_key(const char *key)
{
	if (!at.first)
		putchar_unlocked(',');
	if (at.depth)
		new_line();
	at.first = false;
	if (!key)
		return;
	put_string(key);
	fputs_unlocked(at.pretty ? ": " : ":", stdout);
}

void emit_open(const char *key, char bracket)
{
	put_key(key);
	putchar_unlocked(bracket);
	at.first = true;
	at.depth++;
}

void emit_close(char bracket)
{
	at.depth--;
	if (!at.first)
		new_line();
	putchar_unlocked(bracket);
	at.first = false;
}

void emit_literal(const char *key, const char *text)
{
	put_key(key);
	fputs_unlocked(text, stdout);
}

/* Counters do not get there: 8 EiB are 23 years of 100 Gbit/s. */
void emit_number(const char *key, uint64_t n)
{
	char buf[NAME_SIZE];

	emit_literal(key, decimal(buf, n > INT64_MAX ? INT64_MAX : n));
}

void emit_text(const char *key, const char *text)
{
	put_key(key);
	put_string(text);
}

void emit_null(const char *key)
{
	emit_literal(key, "null");
}

void emit_end(void)
{
	putchar('\n');
	at.first = true;		/* of the next line */
}
