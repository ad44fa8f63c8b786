// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each record that a peer may send after the handshake, and should not: what
 * ktls_recv() says, why, and the alert that the peer then sees on the wire.
 *
 * The same rows where GnuTLS does the records, but for those marked GNUTLS,
 * where it has its own opinion:
 *
 *	CCS in plaintext		unexpected_message
 *	an alert of odd length		its first two bytes count, or -EPROTO
 *	empty alerts, handshake		passed over
 *	many empty records		too many, well before 500
 *	warnings in TLS 1.3		all end the connection, user_canceled too
 *	a ClientHello in TLS 1.2	refused as here, if it is well-formed
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rawline.h"
#include "kselftest_harness.h"

enum { V12 = 1, V13 = 2, BOTH = V12 | V13 };
enum end { STAYS, FIN, RST };

/* How long an answer that is expected may take. */
#define WAIT_MS 3000

struct step {
	struct craft_record r;
	unsigned int times;		/* 0: once */
};

struct outcome {
	ssize_t answer;
	enum ktls_reason reason;
	int seen;			/* the alert at the peer, or -1 */
	int alert;			/* the peer's own, or 0 */
};

struct row {
	const char *name;
	unsigned int versions;
	struct step steps[5];
	enum end end;
	const char *data;		/* read before that; NULL: none */
	struct outcome kernel, user;	/* user: {} for the same */
};

#define RECORD(t, text, ...) \
	{ .r = { .type = t, .data = text, .len = sizeof(text) - 1, __VA_ARGS__ } }
#define DATA(text, ...)	RECORD(CRAFT_DATA, text, __VA_ARGS__)
#define SHAKE(text, ...) RECORD(CRAFT_HANDSHAKE, text, __VA_ARGS__)
#define ALERT(text, ...) RECORD(CRAFT_ALERT, text, __VA_ARGS__)
#define ZEROS(t, size, ...) { .r = { .type = t, .len = size, __VA_ARGS__ } }
#define TIMES(n, t, text) \
	{ .r = { .type = t, .data = text, .len = sizeof(text) - 1 }, .times = n }

/* Where GnuTLS does the records it judges these: a row for the kernel only. */
#define GNUTLS		{ 0, KTLS_OK, -2, 0 }

#define GOES_ON		{ -EAGAIN, KTLS_OK, -1, 0 }
#define CLOSED		{ 0, KTLS_OK, -1, 0 }
#define CUT		{ -ECONNABORTED, KTLS_TRUNCATED, -1, 0 }
#define BAD_MAC		{ -EBADMSG, KTLS_BAD_RECORD, 20, 0 }
#define OVERFLOW	{ -EPROTO, KTLS_TOO_LONG, 22, 0 }
#define UNEXPECTED	{ -EPROTO, KTLS_UNEXPECTED, 10, 0 }
#define MALFORMED(alert) { -EPROTO, KTLS_MALFORMED, alert, 0 }
#define TOO_MANY	{ -EPROTO, KTLS_TOO_MANY, 10, 0 }
#define ALERTED(alert)	{ -ECONNRESET, KTLS_ALERT, -1, alert }

static const struct row rows[] = {
	{ "data", BOTH, { DATA("hello") }, 0, "hello", GOES_ON, {} },
	{ "full record", BOTH, { ZEROS(CRAFT_DATA, 16384) }, 0, "(16384)",
	  GOES_ON, {} },

	{ "bad tag", BOTH, { DATA("hello"), DATA("x", .bad_tag = true) }, 0,
	  "hello", BAD_MAC, {} },
	{ "bad tag, FIN", BOTH, { DATA("x", .bad_tag = true) }, FIN, NULL,
	  BAD_MAC, {} },
	{ "plaintext data", BOTH, { ZEROS(CRAFT_DATA, 64, .plain = true) }, 0,
	  NULL, BAD_MAC, {} },
	{ "plaintext alert", BOTH, { ALERT("\2\50", .plain = true), DATA("tail") }, 0, NULL,
	  BAD_MAC, {} },
	{ "plaintext alert behind data", BOTH, {
	  DATA("hello"), ALERT("\2\50", .plain = true), DATA("tail") }, 0, "hello", BAD_MAC,
	  {} },
	{ "shorter than its tag", BOTH, { DATA("hello", .cut = 8) }, 0, NULL,
	  BAD_MAC, {} },
	{ "body of length 0", BOTH, { ZEROS(CRAFT_DATA, 0, .plain = true), DATA("tail") }, 0,
	  NULL, BAD_MAC, {} },
	{ "CCS in plaintext", BOTH, { RECORD(CRAFT_CCS, "\1", .plain = true),
	  DATA("tail") }, 0, NULL, BAD_MAC, GNUTLS },
	{ "inner plaintext without a type", V13, {
	  ZEROS(CRAFT_DATA, 0, .no_type = true, .padding = 10), DATA("tail") }, 0, NULL,
	  BAD_MAC, {} },

	{ "plaintext of 2^14+1", BOTH, { ZEROS(CRAFT_DATA, 16385) }, 0, NULL,
	  OVERFLOW, {} },
	{ "the same behind data", BOTH, { DATA("hello"),
	  ZEROS(CRAFT_DATA, 16385) }, 0, "hello", OVERFLOW, {} },
	{ "ciphertext over 2^14+2048", BOTH, { ZEROS(CRAFT_DATA, 18500) }, 0,
	  NULL, OVERFLOW, {} },
	{ "full record and padding", V13, {
	  ZEROS(CRAFT_DATA, 16384, .padding = 1) }, 0, NULL, OVERFLOW, {} },

	{ "version 0x0302", BOTH, { DATA("hello", .version = 0x0302) }, 0, NULL,
	  MALFORMED(70), {} },
	{ "version 0x4745", BOTH, { DATA("hello"),
	  DATA("hello", .version = 0x4745) }, 0, "hello", MALFORMED(70), {} },

	{ "CCS, encrypted", BOTH, { RECORD(CRAFT_CCS, "\1") }, 0, NULL,
	  UNEXPECTED, {} },
	{ "heartbeat", BOTH, { RECORD(24, "\1\0\0") }, 0, NULL, UNEXPECTED, {} },
	{ "type 99 behind data", BOTH, { DATA("hello"), RECORD(99, "x") }, 0,
	  "hello", UNEXPECTED, {} },

	{ "empty data", BOTH, { DATA("") }, 0, NULL, GOES_ON, {} },
	{ "empty data between data", BOTH, { DATA("a"), DATA(""), DATA("b") },
	  0, "ab", GOES_ON, {} },
	{ "empty data, 500 of it", BOTH, { TIMES(500, CRAFT_DATA, ""),
	  DATA("b") }, 0, "b", GOES_ON, GNUTLS },
	{ "empty data, FIN", BOTH, { DATA("") }, FIN, NULL, CUT, {} },
	{ "empty data, close_notify", BOTH, { DATA(""), ALERT("\1\0") }, 0,
	  NULL, CLOSED, {} },
	{ "data, empty data, close_notify", BOTH, { DATA("a"), DATA(""),
	  ALERT("\1\0") }, FIN, "a", CLOSED, {} },
	{ "empty data, bad record", BOTH, { DATA(""),
	  DATA("x", .bad_tag = true) }, 0, NULL, BAD_MAC, {} },
	{ "empty alert", BOTH, { ALERT("") }, 0, NULL, UNEXPECTED, GNUTLS },
	{ "empty handshake", BOTH, { SHAKE("") }, 0, NULL, UNEXPECTED, GNUTLS },

	{ "alert of 1 byte", BOTH, { ALERT("\2") }, 0, NULL, MALFORMED(50), GNUTLS },
	{ "alert of 3 bytes", BOTH, { ALERT("\2\50\0") }, 0, NULL,
	  MALFORMED(50), GNUTLS },
	{ "two alerts in one", BOTH, { ALERT("\1\132\1\0") }, 0, NULL,
	  MALFORMED(50), GNUTLS },
	{ "fatal alert", BOTH, { DATA("a"), ALERT("\2\120") }, 0, "a",
	  ALERTED(80), {} },
	{ "fatal alert, padded", V13, { ALERT("\2\120", .padding = 100) }, 0,
	  NULL, ALERTED(80), {} },
	{ "warning unrecognized_name", V12, { ALERT("\1\160"), DATA("a") }, 0,
	  "a", GOES_ON, {} },
	{ "warning unrecognized_name", V13, { ALERT("\1\160"), DATA("a") }, 0,
	  NULL, ALERTED(112), {} },
	{ "warning no_renegotiation", V12, { ALERT("\1\144"), DATA("a") }, 0,
	  "a", GOES_ON, {} },
	{ "user_canceled, close_notify", BOTH, { ALERT("\1\132"),
	  ALERT("\1\0") }, 0, NULL, CLOSED, GNUTLS },
	{ "64 warnings", BOTH, { TIMES(64, CRAFT_ALERT, "\1\132"), DATA("a") },
	  0, "a", GOES_ON, GNUTLS },
	{ "65 warnings", BOTH, { TIMES(65, CRAFT_ALERT, "\1\132"), DATA("a") },
	  0, NULL, TOO_MANY, GNUTLS },
	{ "close_notify", BOTH, { DATA("a"), ALERT("\1\0") }, 0, "a", CLOSED,
	  {} },
	{ "close_notify as fatal", BOTH, { ALERT("\2\0") }, 0, NULL, CLOSED,
	  GNUTLS },
	{ "FIN", BOTH, { DATA("a") }, FIN, "a", CUT, {} },
	{ "RST", BOTH, {}, RST, NULL, { -ECONNRESET, KTLS_LOST, -1, 0 }, {} },

	{ "padding of 1", V13, { DATA("a", .padding = 1), DATA("b") }, 0, "ab",
	  GOES_ON, {} },
	{ "padding of 16000", V13, { DATA("a", .padding = 16000), DATA("b") },
	  0, "ab", GOES_ON, {} },
	{ "padding only", V13, { DATA("", .padding = 100), DATA("b") }, 0, "b",
	  GOES_ON, {} },

	{ "ticket to a server", V13, { SHAKE("\4\0\0\1x") }, 0, NULL,
	  UNEXPECTED, {} },
	{ "ClientHello", V12, { SHAKE("\1\0\0\2xx"), DATA("a") }, 0, "a",
	  { -EAGAIN, KTLS_OK, 100, 0 }, GNUTLS },
	{ "ClientHello in pieces", V12, { SHAKE("\1"), SHAKE("\0\0\2x"),
	  SHAKE("x"), DATA("a") }, 0, "a", { -EAGAIN, KTLS_OK, 100, 0 }, GNUTLS },
	{ "two ClientHellos in one", V12, { SHAKE("\1\0\0\1x\1\0\0\1x"),
	  DATA("a") }, 0, "a", { -EAGAIN, KTLS_OK, 100, 0 }, GNUTLS },
	{ "ClientHello, 5 of them", V12, { TIMES(5, CRAFT_HANDSHAKE,
	  "\1\0\0\2xx"), DATA("a") }, 0, NULL, TOO_MANY, GNUTLS },
	{ "ClientHello of 32 KB", V12, { SHAKE("\1\0\177\375xx"), DATA("a") },
	  0, NULL, { -EPROTO, KTLS_TOO_LONG, 50, 0 }, GNUTLS },
	{ "data within a ClientHello", V12, { SHAKE("\1\0\0\2x"), DATA("a"),
	  SHAKE("x") }, 0, NULL, UNEXPECTED, GNUTLS },
	{ "data within a KeyUpdate", V13, { SHAKE("\30\0\0"), DATA("a") }, 0,
	  NULL, UNEXPECTED, {} },
	{ "data, then data within a KeyUpdate", V13, { DATA("a"),
	  SHAKE("\30\0\0"), DATA("b") }, 0, "a", UNEXPECTED, {} },
};

static int send_row(struct line *l, const struct row *row)
{
	int ret = 0;

	l->craft.hold = true;		/* all in one segment, if it fits */
	for (size_t i = 0; i < 5 && !ret; i++) {
		const struct step *s = &row->steps[i];
		unsigned int times = s->times ? s->times : 1;

		while (s->r.type && times-- && !ret)
			ret = craft_send(&l->craft, &s->r);
	}
	if (!ret)
		ret = craft_flush(&l->craft);
	if (row->end == FIN)
		shutdown(l->pair.p.fd, SHUT_WR);
	if (row->end == RST) {
		setsockopt(l->pair.p.fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){ .l_onoff = 1 },
			   sizeof(struct linger));
		close(l->pair.p.fd);
		l->pair.p.fd = -1;
	}
	return ret;
}

/* The fatal alert that came, or else a no_renegotiation. */
static int alert_seen(struct line *l, int ms)
{
	unsigned char buf[16384], type;
	int seen = -1;
	ssize_t n;

	if (l->pair.p.fd < 0)
		return -1;
	while ((n = craft_recv(&l->craft, &type, buf, sizeof(buf), ms)) >= 0) {
		if (type != CRAFT_ALERT || n != 2)
			continue;
		seen = buf[0] == (buf[1] == 100 ? 1 : 2) ? buf[1] : -2;
		ms = 300;
		if (buf[0] == 2)
			break;
	}
	return seen;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->answer == b->answer && a->reason == b->reason &&
	       a->seen == b->seen && a->alert == b->alert;
}

static bool data_is(const struct row *row, const char *buf, size_t len)
{
	const char *want = row->data ? row->data : "";

	if (!strcmp(want, "(16384)"))
		return len == 16384;
	return len == strlen(want) && !memcmp(buf, want, len);
}

static bool run_row(struct line *l, const struct row *row)
{
	static char buf[65536];
	const struct outcome *want = &row->kernel;
	struct outcome got = {};
	bool data, again;
	size_t len;

	if (!line_in_kernel(l) && (row->user.reason || row->user.answer))
		want = &row->user;
	if (send_row(l, row))
		return false;
	got.answer = line_read(l, buf, sizeof(buf), &len,
			       want->answer == -EAGAIN ? 50 : WAIT_MS);
	data = data_is(row, buf, len);
	again = got.answer == -EAGAIN ||
		got.answer == ktls_recv(l->pair.c, buf, sizeof(buf));
	got.reason = ktls_conn_reason(l->pair.c);
	got.alert = ktls_conn_alert(l->pair.c);
	got.alert = got.alert < 0 ? 0 : got.alert;
	got.seen = alert_seen(l, want->seen < 0 ? 20 : WAIT_MS);
	printf("# %-4s %-36s %4zd %-12s sees %d%s%s\n",
	       same(&got, want) && data && again ? "ok" : "BAD", row->name,
	       got.answer, ktls_reason_name(got.reason), got.seen,
	       data ? "" : ", other data", again ? "" : ", and then another");
	return same(&got, want) && data && again;
}

FIXTURE(record) {
	struct line line;
};
FIXTURE_VARIANT(record) {
	struct line_options o;
};
#define PLACE(name, ...) \
	FIXTURE_VARIANT_ADD(record, name) { .o = { __VA_ARGS__ } }
PLACE(12, .version = 2);
PLACE(13, .version = 3);
PLACE(13_chacha20, .version = 3, .cipher = "CHACHA20-POLY1305");
PLACE(12_user, .version = 2, .offload = KTLS_OFFLOAD_NEVER);
PLACE(13_user, .version = 3, .offload = KTLS_OFFLOAD_NEVER);

FIXTURE_SETUP(record)
{
	if (variant->o.offload != KTLS_OFFLOAD_NEVER && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
}

FIXTURE_TEARDOWN(record)
{
}

TEST_F_TIMEOUT(record, gets_its_answer, 200)
{
	unsigned int version = variant->o.version == 3 ? V13 : V12;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!(rows[i].versions & version) ||
		    (rows[i].user.seen == -2 &&
		     variant->o.offload == KTLS_OFFLOAD_NEVER))
			continue;
		ASSERT_EQ(0, line_open(&self->line, &variant->o));
		EXPECT_TRUE(run_row(&self->line, &rows[i]))
			TH_LOG("row: %s", rows[i].name);
		line_close(&self->line);
	}
}

/* RFC 8446 section 4 and RFC 5246 section 7.4: each type that has a name. */
static const struct place {
	unsigned char type;
	bool at_server[4], at_client[4];	/* by version */
} places[] = {
	{ 0, {}, { [2] = true } }, { 1, { [2] = true }, {} }, { 2, {}, {} },
	{ 3, {}, {} }, { 4, {}, { [3] = true } }, { 5, {}, {} }, { 8, {}, {} },
	{ 11, {}, {} }, { 12, {}, {} }, { 13, {}, {} }, { 14, {}, {} },
	{ 15, {}, {} }, { 16, {}, {} }, { 20, {}, {} }, { 21, {}, {} },
	{ 22, {}, {} }, { 23, {}, {} }, { 25, {}, {} }, { 67, {}, {} },
	{ 254, {}, {} },
};

TEST_F_TIMEOUT(record, message_without_a_place_is_unexpected, 200)
{
	struct line_options o = variant->o;

	if (o.offload == KTLS_OFFLOAD_NEVER)
		SKIP(return, "GnuTLS judges these");
	for (size_t i = 0; i < 2 * sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i / 2];
		unsigned char message[8] = { p->type, 0, 0, 4 };
		char buf[16];
		size_t len;

		o.client = i % 2;
		if ((o.client ? p->at_client : p->at_server)[o.version])
			continue;
		ASSERT_EQ(0, line_open(&self->line, &o));
		ASSERT_EQ(0, craft_handshake(&self->line.craft, message, 8, 8));
		EXPECT_EQ(-EPROTO, line_read(&self->line, buf, sizeof(buf),
					     &len, PEER_MS))
			TH_LOG("type %d, %s", p->type, o.client ? "client" : "server");
		EXPECT_EQ(KTLS_UNEXPECTED, ktls_conn_reason(self->line.pair.c));
		EXPECT_EQ(10, line_hears(&self->line, PEER_MS));
		line_close(&self->line);
	}
}

TEST_HARNESS_MAIN
