// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A new option is a row here, a bit of OPT_* in the header, and that bit in the
 * rows of the commands that take it; one with a value is a member of struct
 * args, too.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

#define NO_LETTER 256			/* and up: no character */
#define VALUE(member) offsetof(struct args, member)

static const struct choice {
	const char *name;
	int letter;			/* 0: none */
	unsigned int sets;
	const char *value;		/* what it is called in the help */
	size_t at;			/* where it goes: VALUE() */
	const char *help;
} choices[] = {
	{ "json", 'j', OPT_JSON, NULL, 0, "print JSON, errors too" },
	{ "pretty", 'p', OPT_JSON | OPT_PRETTY, NULL, 0,
	  "print JSON indented" },
	{ "bytes", 0, OPT_BYTES, NULL, 0, "print exact numbers of bytes" },
	{ "no-header", 'H', OPT_NO_HEADER, NULL, 0, "leave out the titles" },
	{ "numeric", 'n', OPT_NUMERIC, NULL, 0, "print users as numbers" },
	{ "netns", 'N', OPT_NETNS, "NAME", VALUE(netns),
	  "in that network namespace: a name, path or process" },
	{ "columns", 'o', OPT_COLUMNS, "LIST", VALUE(columns),
	  "show these columns, +LIST: these too; help: which" },
	{ "sort", 's', OPT_SORT, "COLUMN", VALUE(sort),
	  "sort by it, -COLUMN: the largest first" },
	{ "tree", 0, OPT_TREE, "KIND", VALUE(tree),
	  "group by label, process or user, with sums" },
	{ "delay", 'd', OPT_DELAY, "SECONDS", VALUE(delay),
	  "look again after that time (0.1 to 3600)" },
	{ "count", 'c', OPT_COUNT, "NUMBER", VALUE(count),
	  "end after so many events" },
	{ "time", 't', OPT_TIME, "FORMAT", VALUE(time),
	  "print times as iso (the default) or unix" },
	{ "open", 0, OPT_OPEN, NULL, 0, "only sessions that begin" },
	{ "close", 0, OPT_CLOSE, NULL, 0, "only sessions that end" },
	{ "listen", 0, OPT_LISTEN, "[ADDR:]PORT", VALUE(listen),
	  "serve it over HTTP" },
	{ "textfile", 0, OPT_TEXTFILE, "FILE", VALUE(textfile),
	  "write it to a file, all at once" },
	{ "sessions-by", 0, OPT_SESSIONS_BY, "KIND", VALUE(sessions_by),
	  "sums by label or uid, too" },
	{ "connection", 0, OPT_CONNECTION, "LOCAL-PEER", VALUE(connection),
	  "look at that connection" },
	{ "help", 'h', OPT_HELP, NULL, 0, "print this text" },
	{ "version", 'V', OPT_VERSION, NULL, 0, "print the version" },
};

/* What getopt returns for it; each is another one. */
static int key_of(const struct choice *c)
{
	return c->letter ? c->letter : NO_LETTER + (int)(c - choices);
}

static const struct choice *find(int key)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (key_of(&choices[i]) == key)
			return &choices[i];
	return NULL;
}

/* ":" has getopt tell a missing value from an unknown option. */
static void describe(char *letters, struct option *longs)
{
	*letters++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		longs[i].name = c->name;
		longs[i].val = key_of(c);
		longs[i].has_arg = c->value ? required_argument : no_argument;
		if (c->letter)
			*letters++ = c->letter;
		if (c->letter && c->value)
			*letters++ = ':';
	}
}

static void take(struct args *a, const struct choice *c)
{
	a->opts |= c->sets;
	if (c->value)
		memcpy((char *)a + c->at, &optarg, sizeof(optarg));
}

static void refuse(struct line *l, int key, const char *word)
{
	const struct choice *c = find(optopt);
	char letter[2] = { optopt, '\0' };
	char safe[64];

	if (key == ':' && c)
		complain(l, "--%s wants a value: %s", c->name, c->value);
	else if (optopt && !c)
		complain(l, "unknown option '-%s'",
			 log_escape(safe, sizeof(safe), letter));
	else
		complain(l, "unknown option '%s'",
			 log_escape(safe, sizeof(safe), word));
}

/* Reads on after a mistake: a --json further on says how to tell it. */
void options_read(struct line *l, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(choices) + 1] = { 0 };
	char letters[2 * ARRAY_SIZE(choices) + 2] = "";
	const struct choice *c;
	int key;

	describe(letters, longs);
	opterr = 0;
	while ((key = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		c = find(key);
		if (c)
			take(&l->args, c);
		else
			refuse(l, key, argv[optind - 1]);
	}
	l->args.argc = argc - optind;
	l->args.argv = argv + optind;
}

void options_check(struct line *l, const char *name, unsigned int takes)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (choices[i].sets & l->args.opts & ~takes)
			complain(l, "%s has no --%s", name, choices[i].name);
}

void options_print(unsigned int takes)
{
	char words[48];

	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		if (c->sets & ~takes)
			continue;
		snprintf(words, sizeof(words), "--%s%s%s", c->name,
			 c->value ? " " : "", c->value ? c->value : "");
		if (c->letter)
			printf("  -%c, %-21s %s\n", c->letter, words, c->help);
		else
			printf("      %-21s %s\n", words, c->help);
	}
}
