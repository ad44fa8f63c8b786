// SPDX-License-Identifier: GPL-2.0-or-later
/* A new command is a file and a row of commands[]. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static int help_main(const struct args *a);

#define ALWAYS (OPT_HELP | OPT_VERSION)
#define JSON (OPT_JSON | OPT_PRETTY | OPT_NETNS)

static const struct command {
	const char *name;
	int (*main)(const struct args *a);
	unsigned int takes;		/* OPT_*: others are refused */
	int min, max;			/* operands */
	const char *operands;
	const char *help;
} commands[] = {
	{ "show", show_main, JSON | OPT_BYTES | OPT_NO_HEADER, 0, 0, "",
	  "what was encrypted and decrypted in all (the default)" },
	{ "list", list_main, JSON | OPT_BYTES | OPT_NO_HEADER | OPT_NUMERIC |
	  OPT_COLUMNS | OPT_SORT, 0, INT_MAX, " [FILTER]...",
	  "the live sessions, one a line (needs CAP_NET_ADMIN)" },
	{ "dump", dump_main, OPT_NETNS | OPT_NO_HEADER, 0, INT_MAX,
	  " [FILTER]...",
	  "the live sessions, tab-separated, for scripts (likewise)" },
	{ "watch", watch_main, OPT_NETNS | OPT_BYTES | OPT_NUMERIC | OPT_SORT |
	  OPT_DELAY, 0, INT_MAX, " [FILTER]...",
	  "the live sessions and their rates, on the whole screen" },
	{ "export", export_main, OPT_NETNS | OPT_LISTEN | OPT_TEXTFILE |
	  OPT_SESSIONS_BY, 0, 1, " [text|openmetrics]",
	  "the totals as metrics, for Prometheus" },
	{ "doctor", doctor_main, JSON | OPT_CONNECTION, 0, 1, " [COOKIE]",
	  "why is this host, or a connection, not offloaded?" },
	{ "help", help_main, 0, 0, 1, " [COMMAND]", "this text" },
};

void complain(struct line *l, const char *fmt, ...)
{
	va_list ap;

	if (l->bad[0])
		return;
	va_start(ap, fmt);
	vsnprintf(l->bad, sizeof(l->bad), fmt, ap);
	va_end(ap);
}

static const struct command *find(struct line *l, const char *name)
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

static void help_all(void)
{
	unsigned int takes = ALWAYS;

	puts("Usage: ktlsstat [OPTION]... [COMMAND] [ARGUMENT]...\n");
	puts("What kernel TLS encrypted and decrypted in this namespace.\n");
	puts("Commands, which may be abbreviated:");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		printf("  %-17s %s\n", commands[i].name, commands[i].help);
		takes |= commands[i].takes;
	}
	puts("\nOptions; ktlsstat COMMAND --help tells those of one command:");
	options_print(takes);
	puts("\nExit status: 0 well, 1 the system said no, 2 wrong usage.");
}

static int help_one(const struct command *c)
{
	printf("Usage: ktlsstat %s [OPTION]...%s\n\n", c->name, c->operands);
	printf("%s: %s\n\nOptions:\n", c->name, c->help);
	options_print(c->takes | ALWAYS);
	if (strstr(c->operands, "FILTER"))
		puts("\nA filter is COLUMN=VALUE, or has != < <= > >= or ~ "
		     "(a pattern) for =;\n--columns=help tells the columns.");
	return 0;
}

static int help_main(const struct args *a)
{
	struct line l = { 0 };
	const struct command *c;

	if (!a->argc) {
		help_all();
		return 0;
	}
	c = find(&l, a->argv[0]);
	return l.bad[0] ? fail(a->opts, 2, "%s", l.bad) : help_one(c);
}

static int version(void)
{
	printf("ktlsstat %s\n", KTLS_VERSION);
	return 0;
}

static void check(struct line *l, const struct command *cmd)
{
	char safe[64];

	options_check(l, cmd->name, cmd->takes | ALWAYS);
	if (l->args.opts & ALWAYS)
		return;
	if (l->args.argc > cmd->max)
		complain(l, "'%s' is one word too many",
			 log_escape(safe, sizeof(safe),
				    l->args.argv[cmd->max]));
	if (l->args.argc < cmd->min)
		complain(l, "%s wants%s", cmd->name, cmd->operands);
}

static int run(struct line *l)
{
	const struct command *cmd = &commands[0];
	struct args *a = &l->args;
	bool named = a->argc > 0;
	char safe[128];
	int ret;

	if (named) {
		cmd = find(l, *a->argv++);
		a->argc--;
	}
	if (cmd)
		check(l, cmd);
	if (l->bad[0])
		return fail(a->opts, 2, "%s; try ktlsstat --help", l->bad);
	if (a->opts & OPT_VERSION)
		return version();
	if (a->opts & OPT_HELP)
		return named ? help_one(cmd) : help_main(a);
	ret = a->netns ? netns_enter(a->netns) : 0;
	if (ret)
		return fail(a->opts, 1, "network namespace '%s': %s",
			    log_escape(safe, sizeof(safe), a->netns),
			    strerror(-ret));
	return cmd->main(a);
}

int main(int argc, char **argv)
{
	struct line l = { 0 };
	int status;

	log_init("ktlsstat");
	options_read(&l, argc, argv);
	status = run(&l);
	if (fflush(stdout) || ferror(stdout)) {
		log_warn("standard output");
		return status ? status : 1;
	}
	return status;
}
