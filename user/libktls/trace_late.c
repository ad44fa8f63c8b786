// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the peer sends behind the handshake, told as its steps were. */
#include "note.h"

void ktls_conn_trace(struct ktls_conn *c, ktls_trace_fn *fn, void *ctx)
{
	c->trace = fn;
	c->trace_ctx = ctx;
}

static enum ktls_side peer_of(const struct ktls_conn *c)
{
	return c->info.client ? KTLS_SERVER : KTLS_CLIENT;
}

static void emit(const struct ktls_conn *c, const struct note *n)
{
	note_tell(n, c->trace, c->trace_ctx, c->start_ns);
}

void trace_late_alert(const struct ktls_conn *c, int alert, bool fatal)
{
	struct note n;

	if (!c->trace)
		return;
	note_begin(&n, KTLS_STEP_ALERT, peer_of(c));
	note_alert(&n, alert, fatal);
	emit(c, &n);
}

void trace_late_ticket(const struct ktls_conn *c, uint32_t lifetime,
		       size_t size)
{
	struct note n;

	if (!c->trace)
		return;
	note_begin(&n, KTLS_STEP_NEW_SESSION_TICKET, peer_of(c));
	note_add(&n, "lifetime", "%u", lifetime);
	note_add(&n, "size", "%zu", size);
	emit(c, &n);
}
