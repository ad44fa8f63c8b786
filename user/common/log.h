/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>

/*
 * One event, one line, on standard error, written with one write(), prefixed
 * "NAME: ". log_warn() and log_fatal() append ": " and the text of errno;
 * the ...x variants do not.
 */
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

void log_init(const char *name);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_warnx(const char *fmt, ...) PRINTF(1, 2);
/* Exit status 1: the system said no. 2: the user asked for the impossible. */
_Noreturn void log_fatal(int status, const char *fmt, ...) PRINTF(2, 3);
_Noreturn void log_fatalx(int status, const char *fmt, ...) PRINTF(2, 3);

/* Text from the network, made safe for a terminal: \xNN for the rest. */
const char *log_escape(char *out, size_t size, const char *text);

#endif
