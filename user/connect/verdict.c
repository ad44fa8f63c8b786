// SPDX-License-Identifier: GPL-2.0-or-later
/* The connection has ended: did it end well? */
#include <errno.h>

#include "connect.h"

/* The library's reason, or what its answer means. */
static enum ktls_reason reason_of(const struct ktls_conn *c, int answer)
{
	static const struct {
		int answer;
		enum ktls_reason reason;
	} reasons[] = {
		{ -ECONNABORTED, KTLS_TRUNCATED },
		{ -ECONNRESET, KTLS_LOST },
		{ -EBADMSG, KTLS_BAD_RECORD },
		{ -EPROTO, KTLS_UNEXPECTED },
	};
	enum ktls_reason known = ktls_conn_reason(c);

	if (known != KTLS_OK)
		return known;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].answer == answer)
			return reasons[i].reason;
	return KTLS_LOST;
}

/* Who has said nothing, and been told nothing, misses nothing. */
static bool is_idle_end(const struct outcome *o, enum ktls_reason reason)
{
	return o->closed && !o->sent && !o->received &&
	       (reason == KTLS_TRUNCATED || reason == KTLS_LOST);
}

int explain_end(struct ktls_error *err, int ret, const struct ktls_conn *c,
		enum ktls_reason reason)
{
	int alert = ktls_conn_alert(c);

	if (alert >= 0)
		return fail(err, ret, reason, "the peer gave up: alert %s",
			    ktls_alert_name(alert));
	return fail(err, ret, reason, "%s", ktls_reason_text(reason));
}

int verdict(const struct ktls_conn *c, const struct outcome *o,
	    struct ktls_error *err)
{
	enum ktls_reason reason = reason_of(c, o->end);

	if (o->end && is_idle_end(o, reason))
		return 0;
	/* A reset that the sender heard of looks like an end to the reader. */
	if (o->unsent && reason == KTLS_TRUNCATED)
		reason = KTLS_LOST;
	if (o->end)
		return explain_end(err, o->end, c, reason);
	if (o->unsent)
		return fail(err, -EPIPE, KTLS_LOST,
			    "the peer ended, and some of standard input was not sent");
	return 0;
}
