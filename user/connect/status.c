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

/* The same stream as the events, so that all of it parses. */
static void tell_json(const char *reason, const char *text)
{
	char safe[4 * sizeof(((struct ktls_error *)0)->text) + 1];
	json_t *j;

	log_escape(safe, sizeof(safe), text);
	j = json_pack("{s:s,s:s}", "error", safe, "reason", reason);
	if (j && !json_dumpf(j, stderr, JSON_COMPACT))
		fputc('\n', stderr);
	json_decref(j);
	fflush(stderr);
}

int tell(const struct ask *a, const struct ktls_error *err)
{
	const char *text = err->text[0] ? err->text :
					  ktls_reason_text(err->reason);

	if (a->json)
		tell_json(ktls_reason_name(err->reason), text);
	else
		log_warnx("%s", text);
	return status_of(err->reason);
}
