// SPDX-License-Identifier: GPL-2.0-or-later
/* A new command is a file and a row of commands[]; an option is a row. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ktlsstat.h"

static int help_main(unsigned int opts);
static int version_main(unsigned int opts);

static const struct command {
	const char *name;
	int (*main)(unsigned int opts);
	unsigned int takes;		/* OPT_*: others are refused */
	const char *help;
} commands[] = {
	{ "show", show_main,
	  OPT_JSON | OPT_PRETTY | OPT_BYTES | OPT_NO_HEADER,
	  "what was encrypted and decrypted in all (the default)" },
	{ "list", list_main,
	  OPT_JSON | OPT_PRETTY | OPT_BYTES | OPT_NO_HEADER | OPT_NUMERIC,
	  "the live sessions, one a line (needs CAP_NET_ADMIN)" },
	{ "dump", dump_main, OPT_NO_HEADER,
	  "the live sessions, tab-separated, for scripts (likewise)" },
	{ "help", help_main, 0, "this text" },
};

#define LETTERS ":jpHnhV"
#define NO_LETTER 256

static const struct choice {
	const char *name;
	int key;
	unsigned int sets;
	int (*instead)(unsigned int opts);	/* of any command, or NULL */
	const char *help;
} choices[] = {
	{ "json", 'j', OPT_JSON, NULL, "print JSON, errors too" },
	{ "pretty", 'p', OPT_JSON | OPT_PRETTY, NULL, "print JSON indented" },
	{ "bytes", NO_LETTER, OPT_BYTES, NULL, "print exact numbers of bytes" },
	{ "no-header", 'H', OPT_NO_HEADER, NULL, "leave out the titles" },
	{ "numeric", 'n', OPT_NUMERIC, NULL, "print users as numbers" },
	{ "help", 'h', 0, help_main, "print this text" },
	{ "version", 'V', 0, version_main, "print the version" },
};

struct line {				/* the command line, once read */
	unsigned int opts;
	int (*instead)(unsigned int opts);
	char bad[256];			/* the first complaint, or "" */
};

static int help_main(unsigned int opts)
{
	(void)opts;
	puts("Usage: ktlsstat [OPTION]... [COMMAND]\n");
	puts("What kernel TLS encrypted and decrypted in this namespace.\n");
	puts("Commands, which may be abbreviated:");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-17s %s\n", commands[i].name, commands[i].help);
	puts("\nOptions:");
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		if (c->key == NO_LETTER)
			printf("      --%-11s %s\n", c->name, c->help);
		else
			printf("  -%c, --%-11s %s\n", c->key, c->name, c->help);
	}
	puts("\nExit status: 0 well, 1 the system said no, 2 wrong usage.");
	return 0;
}

static int version_main(unsigned int opts)
{
	(void)opts;
	printf("ktlsstat %s\n", KTLS_VERSION);
	return 0;
}

static void PRINTF(2, 3) complain(struct line *l, const char *fmt, ...)
{
	va_list ap;

	if (l->bad[0])
		return;
	va_start(ap, fmt);
	vsnprintf(l->bad, sizeof(l->bad), fmt, ap);
	va_end(ap);
}

static const struct choice *find_choice(int key)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (choices[i].key == key)
			return &choices[i];
	return NULL;
}

/* Reads on after a mistake: a --json further on says how to tell it. */
static void read_options(struct line *l, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(choices) + 1] = { 0 };
	const struct choice *c;
	char safe[64];
	int key;

	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		longs[i].name = choices[i].name;
		longs[i].val = choices[i].key;
	}
	while ((key = getopt_long(argc, argv, LETTERS, longs, NULL)) != -1) {
		c = find_choice(key);
		if (c) {
			l->opts |= c->sets;
			if (c->instead)
				l->instead = c->instead;
		} else if (optopt && !find_choice(optopt)) {
			char text[] = { optopt, '\0' };

			complain(l, "unknown option '-%s'",
				 log_escape(safe, sizeof(safe), text));
		} else {
			complain(l, "unknown option '%s'",
				 log_escape(safe, sizeof(safe),
					    argv[optind - 1]));
		}
	}
}

static const struct command *find_command(struct line *l, const char *name)
{
	const struct command *found = NULL;
	char safe[64];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];

		if (!strcmp(c->name, name))
			return c;
		if (strncmp(c->name, name, strlen(name)))
			continue;
		if (found)
			complain(l, "'%s' may mean %s or %s",
				 log_escape(safe, sizeof(safe), name),
				 found->name, c->name);
		found = c;
	}
	if (!found || !name[0])
		complain(l, "unknown command '%s'",
			 log_escape(safe, sizeof(safe), name));
	return found;
}

/* Nothing is ignored in silence. */
static void check(struct line *l, const struct command *cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++)
		if (choices[i].sets & l->opts & ~cmd->takes)
			complain(l, "%s has no --%s", cmd->name,
				 choices[i].name);
}

static int run(struct line *l, int argc, char **argv)
{
	const struct command *cmd = &commands[0];
	char safe[64];

	if (optind < argc)
		cmd = find_command(l, argv[optind]);
	if (optind + 1 < argc)
		complain(l, "'%s' is one word too many",
			 log_escape(safe, sizeof(safe), argv[optind + 1]));
	if (l->instead && !l->bad[0])
		return l->instead(l->opts);
	if (cmd)
		check(l, cmd);
	if (l->bad[0])
		return fail(l->opts, 2, "%s; try ktlsstat --help", l->bad);
	return cmd->main(l->opts);
}

int main(int argc, char **argv)
{
	struct line l = { 0 };
	int status;

	log_init("ktlsstat");
	opterr = 0;
	read_options(&l, argc, argv);
	status = run(&l, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		log_warn("standard output");
		return status ? status : 1;
	}
	return status;
}
