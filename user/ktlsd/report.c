// SPDX-License-Identifier: GPL-2.0-or-later
/* What the log says: one line for a connection, one for a service. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ktlsd.h"

/* What comes from the peer is escaped, and may take so much of a line. */
#define NAME_TEXT 512

struct line {
	char text[2 * NAME_TEXT + 768];
	size_t used;
};

static void PRINTF(2, 3) add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->used, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_agreed(struct line *l, const struct ktls_info *info,
		       const struct ktls_identity *peer)
{
	char text[NAME_TEXT];

	if (!info->version)
		return;
	add(l, "%s, %s, ", ktls_version_name(info->version),
	    ktls_cipher_name(info->cipher));
	if (info->resumed)
		add(l, "resumed, ");
	if (info->alpn[0])
		add(l, "ALPN \"%s\", ", log_escape(text, 128, info->alpn));
	if (peer)
		add(l, "%s \"%s\", ", peer->verified ? "peer" :
		    "unverified peer",
		    log_escape(text, sizeof(text), peer->subject));
}

/* The connection has taken it over, if there is one. */
static const struct ktls_identity *identity_of(const struct shake *sh)
{
	return sh->conn ? ktls_conn_identity(sh->conn) :
			  ktls_session_identity(sh->session);
}

static void add_reason(struct line *l, enum ktls_reason reason,
		       const struct ktls_error *err)
{
	if (reason == KTLS_OK)
		return;
	add(l, " (reason %s", ktls_reason_name(reason));
	if (err->alert_sent >= 0)
		add(l, ", sent alert %s", ktls_alert_name(err->alert_sent));
	if (err->alert_received >= 0)
		add(l, ", received alert %s",
		    ktls_alert_name(err->alert_received));
	add(l, ")");
}

void report_connection(const struct shake *sh, enum ktls_reason reason,
		       const char *text)
{
	const struct ktls_info *info = ktls_session_info(sh->session);
	char peer[ADDRESS_TEXT], sni[NAME_TEXT];
	struct line l = {};

	add_agreed(&l, info, identity_of(sh));
	add(&l, "%" PRIu64 " ms: %s", (now_ns() - sh->start_ns) / 1000000,
	    text ? text : "handed over");
	add_reason(&l, reason, ktls_session_error(sh->session));
	log_info("%s: %s, name \"%s\", %s", sh->settings->name,
		 address_text(peer, sizeof(peer), &info->peer),
		 log_escape(sni, sizeof(sni), info->sni), l.text);
}

void report_refused(const struct service *sv,
		    const struct sockaddr_storage *peer,
		    enum ktls_reason reason, const char *text)
{
	char name[ADDRESS_TEXT];

	log_info("%s: %s, name \"\", 0 ms: %s (reason %s)", sv->settings->name,
		 address_text(name, sizeof(name), peer), text,
		 ktls_reason_name(reason));
}

void report_stats(const struct service *sv)
{
	const struct stats *stats = &sv->stats;
	uint64_t failed = 0;
	struct line l = {};

	for (int i = 0; i < KTLS_REASONS; i++)
		failed += stats->failed[i];
	add(&l, "%" PRIu64 " handed over, %" PRIu64 " of them resumed, %"
	    PRIu64 " not taken by the server, %u in progress, %" PRIu64
	    " failed", stats->delivered, stats->resumed, stats->undelivered,
	    sv->live, failed);
	for (int i = 0; i < KTLS_REASONS; i++)
		if (stats->failed[i])
			add(&l, ", %s %" PRIu64, ktls_reason_name(i),
			    stats->failed[i]);
	if (stats->trace_lost)
		add(&l, "; %" PRIu64 " lines of trace lost",
		    stats->trace_lost);
	log_info("%s: %s", sv->settings->name, l.text);
}
