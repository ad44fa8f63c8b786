// SPDX-License-Identifier: GPL-2.0-or-later
/* Why something failed: for people a line, for scripts a number. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "connect.h"

static const int statuses[] = {
	[KTLS_CLASS_NONE] = STATUS_OK,
	[KTLS_CLASS_NETWORK] = STATUS_NETWORK,
	[KTLS_CLASS_PROTOCOL] = STATUS_PROTOCOL,
	[KTLS_CLASS_VERIFICATION] = STATUS_VERIFICATION,
	[KTLS_CLASS_HOST] = STATUS_HOST,
};

int status_of(enum ktls_reason reason)
{
	if (reason == KTLS_TRUNCATED)
		return STATUS_TRUNCATED;
	return statuses[ktls_reason_class(reason)];
}

int fail(struct ktls_error *err, int ret, enum ktls_reason reason,
	 const char *fmt, ...)
{
	va_list ap;

	err->reason = reason;
	err->alert_sent = err->alert_received = -1;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return ret;
}

static const char *text_of(const struct ktls_error *err)
{
	return err->text[0] ? err->text : ktls_reason_text(err->reason);
}

size_t error_line(char *out, const struct ktls_error *err)
{
	char safe[4 * sizeof(err->text) + 1];
	size_t len = 0;
	json_t *j;

	log_escape(safe, sizeof(safe), text_of(err));
	j = json_pack("{s:s,s:s}", "error", safe,
		      "reason", ktls_reason_name(err->reason));
	if (j)
		len = json_dumpb(j, out, ERROR_LINE_MAX, JSON_COMPACT);
	json_decref(j);
	if (len >= ERROR_LINE_MAX)
		return 0;
	if (len)
		out[len++] = '\n';
	return len;
}

int tell(const struct ask *a, const struct ktls_error *err)
{
	char line[ERROR_LINE_MAX];

	/* The same stream as the events, so that all of it parses. */
	if (a->json)
		fwrite(line, 1, error_line(line, err), stderr);
	else
		log_warnx("%s", text_of(err));
	fflush(stderr);
	return status_of(err->reason);
}
