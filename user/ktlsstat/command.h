/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between main.c, which knows the commands, and options.c, which knows the
 * options.
 */
#ifndef KTLSSTAT_COMMAND_H
#define KTLSSTAT_COMMAND_H

#include "ktlsstat.h"

struct line {				/* the command line, once read */
	struct args args;
	char bad[256];			/* the first complaint, or "" */
};

void complain(struct line *l, const char *fmt, ...) PRINTF(2, 3);

/* options.c: all words that are none are moved behind them: see getopt(3) */
void options_read(struct line *l, int argc, char **argv);
/* Nothing is ignored in silence. @takes: OPT_* of the command @name. */
void options_check(struct line *l, const char *name, unsigned int takes);
/* Those of @takes, one a line, with what they do. */
void options_print(unsigned int takes);

#endif
