// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

static const char *program = "ktls";

void log_init(const char *name)
{
	program = name;
}

/* One write() per line: lines of several processes do not mix. */
static void PRINTF(2, 0) emit(int err, const char *fmt, va_list ap)
{
	char line[2048];
	int room = sizeof(line) - 1;	/* the newline always fits */
	int n;

	n = snprintf(line, room, "%s: ", program);
	if (n < room)
		n += vsnprintf(line + n, room - n, fmt, ap);
	if (err && n < room)
		n += snprintf(line + n, room - n, ": %s", strerror(err));
	if (n >= room)
		n = room - 1;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;			/* nobody is left to be told */
}

void log_info(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	emit(0, fmt, ap);
	va_end(ap);
	errno = saved;
}

void log_warn(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	emit(saved, fmt, ap);
	va_end(ap);
	errno = saved;
}

void log_warnx(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	emit(0, fmt, ap);
	va_end(ap);
	errno = saved;
}

void log_fatal(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(errno, fmt, ap);
	va_end(ap);
	exit(status);
}

void log_fatalx(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(0, fmt, ap);
	va_end(ap);
	exit(status);
}

const char *log_escape(char *out, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	/* Four bytes for the longest escape, one for the end. */
	for (; *text && n + 5 <= size; text++) {
		unsigned char c = *text;

		if (c >= ' ' && c <= '~' && c != '\\' && c != '"') {
			out[n++] = c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	if (size)
		out[n] = '\0';
	return out;
}
