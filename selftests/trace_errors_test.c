// SPDX-License-Identifier: GPL-2.0-only
/* The trace of handshakes that fail, and of peers that mean no good. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

#include "ends.h"
#include "message.h"
#include "note.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static int send_http(struct ends *e)
{
	return peer_write(e->p.fd, "GET / HTTP/1.1\r\n\r\n", 18);
}

static int hang_up(struct ends *e)
{
	return shutdown(e->p.fd, SHUT_WR);
}

static int send_alert(struct ends *e)
{
	return gnutls_alert_send(e->p.tls, GNUTLS_AL_FATAL,
				 GNUTLS_A_USER_CANCELED);
}

/* The server's flight is out; this is in place of the client's. */
static int send_garbage(struct ends *e)
{
	static const unsigned char record[45] = { 23, 3, 3, 0, 40, 1 };

	return peer_write(e->p.fd, record, sizeof(record));
}

static int send_old_garbage(struct ends *e)
{
	static const unsigned char record[45] = { 22, 3, 3, 0, 40, 1 };

	return peer_write(e->p.fd, record, sizeof(record));
}

FIXTURE(failure) {
	struct ends e;
};
FIXTURE_VARIANT(failure) {
	const char *priority;
	bool hello;			/* the client's goes first */
	int (*act)(struct ends *e);
	const char *end;		/* of all steps */
	const char *reason;		/* NULL: any */
	const char *sent, *received;
};

#define NONE "(none)"
#define VARIANT(name, p, h, fn, last, why, out, in)			\
	FIXTURE_VARIANT_ADD(failure, name) {				\
		.priority = p,						\
		.hello = h,						\
		.act = fn,						\
		.end = last,						\
		.reason = why,						\
		.sent = out,						\
		.received = in,						\
	}

VARIANT(http, V13, false, send_http, "s alert, h failed", "not_tls",
	"unexpected_message", NONE);
VARIANT(hangup_at_once, V13, false, hang_up, "h failed", "hangup", NONE, NONE);
VARIANT(hangup, V13, true, hang_up, "s Finished, h failed", "hangup",
	NONE, NONE);
VARIANT(alert_12, V12, true, send_alert,
	"s ServerHelloDone, c alert, h failed", "alert", NONE,
	"user_canceled");
VARIANT(garbage_12, V12, true, send_old_garbage,
	"s ServerHelloDone, s alert, h failed", NULL,
	"unexpected_message", NONE);
VARIANT(garbage_13, V13, true, send_garbage,
	"s Finished, s alert, h failed", "bad_record", "bad_record_mac", NONE);
VARIANT(no_version, "NORMAL:-VERS-ALL:+VERS-TLS1.1", true, NULL,
	"c ClientHello, s alert, h failed", "no_version", "protocol_version",
	NONE);
VARIANT(no_group, V13 ":-GROUP-ALL:+GROUP-SECP521R1", true, NULL,
	"c ClientHello, s alert, h failed", "no_group", "handshake_failure",
	NONE);

FIXTURE_SETUP(failure)
{
	const struct ktls_options o = {};

	ASSERT_EQ(0, ends_prepare(&self->e, false, &o));
	ASSERT_EQ(0, ends_connect(&self->e, false, variant->priority));
}

FIXTURE_TEARDOWN(failure)
{
	ends_close(&self->e);
}

static const char *value(const struct ends *e, enum ktls_step step,
			 const char *name)
{
	return events_value(&e->events[0], step, 0, name);
}

TEST_F(failure, is_told)
{
	struct ends *e = &self->e;
	const struct ktls_error *error = ktls_session_error(e->s[0]);
	char buf[1024];
	const char *steps, *alert;
	struct ktls_conn *c;

	if (variant->hello)
		ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&e->p));
	if (variant->hello && variant->act)
		peer_drive(e->s[0], e->fds[0], 50);
	if (variant->act)
		ASSERT_LE(0, variant->act(e));
	ASSERT_GT(0, peer_drive(e->s[0], e->fds[0], PEER_MS));
	steps = events_steps(&e->events[0], buf, sizeof(buf));
	ASSERT_LE(strlen(variant->end), strlen(steps)) TH_LOG("%s", steps);
	EXPECT_STREQ(variant->end,
		     steps + strlen(steps) - strlen(variant->end));
	EXPECT_STREQ("", e->events[0].fault);
	EXPECT_STREQ(variant->reason ? variant->reason :
				       ktls_reason_name(error->reason),
		     value(e, KTLS_STEP_FAILED, "reason"));
	EXPECT_STREQ(error->text, value(e, KTLS_STEP_FAILED, "text"));
	EXPECT_STREQ(variant->sent, value(e, KTLS_STEP_FAILED, "alert_sent"));
	EXPECT_STREQ(variant->received,
		     value(e, KTLS_STEP_FAILED, "alert_received"));
	alert = strcmp(variant->sent, NONE) ? variant->sent : variant->received;
	EXPECT_STREQ(alert, value(e, KTLS_STEP_ALERT, "alert"));
	EXPECT_STREQ(strcmp(alert, NONE) ? "fatal" : NONE,
		     value(e, KTLS_STEP_ALERT, "level"));
	/* And that was it, whatever else is asked of the session. */
	EXPECT_GT(0, ktls_session_handshake(e->s[0]));
	EXPECT_GT(0, ktls_session_install(e->s[0], &c));
	EXPECT_STREQ(error->text, value(e, KTLS_STEP_FAILED, "text"));
	EXPECT_STREQ(variant->end,
		     events_steps(&e->events[0], buf, sizeof(buf)) +
		     strlen(buf) - strlen(variant->end));
}

/* --- the last flight has no room: the peer does not read --- */

FIXTURE(stuck) {
	struct ends e;
};

/* poll() calls a socket full long before its last byte is taken. */
static void fill(int fd)
{
	static const char junk[65536];
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	bool room = true;

	while (room) {
		room = poll(&pfd, 1, 100) == 1;
		while (send(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
			;
		while (send(fd, junk, 1, MSG_DONTWAIT) > 0)
			;
	}
}

FIXTURE_SETUP(stuck)
{
	const struct ktls_options o = {};
	struct ends *e = &self->e;
	struct pollfd pfd = { .events = POLLIN };

	ASSERT_EQ(0, ends_prepare(e, false, &o));
	ASSERT_EQ(0, ends_connect(e, false, V12));
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&e->p));
	ASSERT_EQ(-ETIMEDOUT, peer_drive(e->s[0], e->fds[0], 50));
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&e->p));
	pfd.fd = e->fds[0];
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	fill(e->fds[0]);
	ASSERT_EQ(-EAGAIN, ktls_session_handshake(e->s[0]));
	ASSERT_EQ(POLLOUT, ktls_session_events(e->s[0]));
}

FIXTURE_TEARDOWN(stuck)
{
	ends_close(&self->e);
}

TEST_F(stuck, and_lost_is_told)
{
	const struct linger reset = { .l_onoff = 1 };
	struct ends *e = &self->e;
	struct pollfd pfd = { .fd = e->fds[0] };

	ASSERT_EQ(0, setsockopt(e->p.fd, SOL_SOCKET, SO_LINGER, &reset,
				sizeof(reset)));
	peer_close(&e->p);
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	EXPECT_EQ(-ECONNRESET, ktls_session_handshake(e->s[0]));
	EXPECT_EQ(KTLS_LOST, ktls_session_error(e->s[0])->reason);
	EXPECT_STREQ("lost", value(e, KTLS_STEP_FAILED, "reason"));
	EXPECT_EQ(-EINVAL, ktls_session_handshake(e->s[0]));
}

TEST_F(stuck, and_nothing_is_installed_over_it)
{
	struct ends *e = &self->e;

	EXPECT_EQ(-EINVAL, ktls_session_install(e->s[0], &e->c[0]));
	EXPECT_EQ(KTLS_INTERNAL, ktls_session_error(e->s[0])->reason);
	EXPECT_EQ(-1, ktls_session_error(e->s[0])->alert_sent);
	EXPECT_STREQ("internal", value(e, KTLS_STEP_FAILED, "reason"));
}

/* --- messages that no honest peer would send --- */

/* Whatever is in an event: lines that parse, and do no harm. */
struct seen {
	unsigned int events, bad;
	char sni[64], alpn[64], ciphers[64];
};

static void keep(char out[64], const struct ktls_field *f, const char *name)
{
	if (!strcmp(f->name, name))
		snprintf(out, 64, "%s", f->value);
}

static void on_event(void *ctx, const struct ktls_event *e)
{
	static const size_t sizes[] = { 0, 80, 300, 2000, KTLS_LINE_MAX };
	struct seen *seen = ctx;

	seen->events++;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *line = malloc(sizes[i] + 1);
		size_t len = ktls_event_json(line, sizes[i], e);
		json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES,
					  NULL);

		seen->bad += len > sizes[i] || !len != !json;
		json_decref(json);
		len = ktls_event_text(line, sizes[i], e);
		seen->bad += len > sizes[i];
		for (size_t k = 0; k + 1 < len; k++)
			seen->bad += (unsigned char)line[k] < ' ';
		free(line);
	}
	for (size_t i = 0; i < e->count; i++) {
		keep(seen->sni, &e->fields[i], "sni");
		keep(seen->alpn, &e->fields[i], "alpn");
		keep(seen->ciphers, &e->fields[i], "ciphers");
	}
}

/* Of the exact size, so that a sanitizer sees a step beyond. */
static void show(struct seen *seen, gnutls_session_t tls, unsigned int type,
		 const unsigned char *bytes, size_t len)
{
	struct ktls_session s = {
		.tls = tls,
		.trace = on_event,
		.trace_ctx = seen,
	};
	unsigned char *msg = malloc(len);
	const gnutls_datum_t datum = { msg, len };

	memcpy(msg, bytes, len);
	steps_message(&s, type, KTLS_CLIENT, &datum);
	free(msg);
}

FIXTURE(hello) {
	gnutls_session_t tls;
};
FIXTURE_VARIANT(hello) {
	const char *message;
	const char *sni, *alpn, *ciphers;
};

#define CLIENT(ciphers, extensions) \
	"0303 R 1[] 2[" ciphers "] 1[00] 2[" extensions "]"
#define HELLO(name, text, s, a, c)					\
	FIXTURE_VARIANT_ADD(hello, name) {				\
		.message = text,					\
		.sni = s,						\
		.alpn = a,						\
		.ciphers = c,						\
	}
#define SNI(name) CLIENT("1301", "0000 2[2[00 2[" name "]]]")
#define ALPN(list) CLIENT("1301", "0010 2[2[" list "]]")
#define AES "TLS_AES_128_GCM_SHA256"

HELLO(plain, SNI("'a.example'"), "a.example", "", AES);
HELLO(nul, SNI("'a' 00 'b'"), "a\\x00b", "", AES);
HELLO(newline, SNI("'a' 0a 'b'"), "a\nb", "", AES);
HELLO(escape_sequence, SNI("1b 5b '2J'"), "\033[2J", "", AES);
HELLO(quotes, SNI("'\",\"x\":\"'"), "\",\"x\":\"", "", AES);
HELLO(backslash, SNI("5c 'u0000'"), "\\x5cu0000", "", AES);
HELLO(no_utf8, SNI("ff fe 80"), "\xff\xfe\x80", "", AES);
HELLO(half_a_character, SNI("'a' e2 82"), "a\xe2\x82", "", AES);
HELLO(protocols, ALPN("1['h2'] 1['http/1.1']"), "", "h2 http/1.1", AES);
HELLO(protocol_with_blank, ALPN("1['a b'] 1[00]"), "", "a\\x20b \\x00", AES);
HELLO(grease, CLIENT("1a1a 1301 4242", ""), "", "", "GREASE " AES " 0x4242");
HELLO(cut, "0303 R 1[] 0004 1301", "", "", "");

FIXTURE_SETUP(hello)
{
	gnutls_init(&self->tls, GNUTLS_SERVER);
}

FIXTURE_TEARDOWN(hello)
{
	gnutls_deinit(self->tls);
}

TEST_F(hello, is_shown)
{
	struct seen seen = {};
	struct message m;

	message_make(&m, variant->message);
	show(&seen, self->tls, GNUTLS_HANDSHAKE_CLIENT_HELLO, m.bytes, m.len);
	EXPECT_EQ(1, seen.events);
	EXPECT_EQ(0, seen.bad);
	EXPECT_STREQ(variant->sni, seen.sni);
	EXPECT_STREQ(variant->alpn, seen.alpn);
	EXPECT_STREQ(variant->ciphers, seen.ciphers);
}

/* --- real messages, cut and bent at each byte --- */

#define CAPTURED_MAX 32

static struct captured {
	unsigned int type;
	gnutls_datum_t msg;
} captured[CAPTURED_MAX];
static size_t captured_count;

static int capture(gnutls_session_t tls, unsigned int type, unsigned int when,
		   unsigned int incoming, const gnutls_datum_t *msg)
{
	struct captured *c = &captured[captured_count];

	if (when != GNUTLS_HOOK_PRE || captured_count == CAPTURED_MAX)
		return 0;
	captured_count++;
	c->type = type;
	c->msg.size = msg->size;
	c->msg.data = malloc(msg->size);
	memcpy(c->msg.data, msg->data, msg->size);
	return 0;
}

FIXTURE(bent) {
	struct ends e;
};
FIXTURE_VARIANT(bent) {
	const char *priority, *groups;
	bool rsa;
};
FIXTURE_VARIANT_ADD(bent, v12) { .priority = V12 };
FIXTURE_VARIANT_ADD(bent, v12_rsa) {
	.priority = V12 ":-KX-ALL:+RSA",
	.rsa = true,
};
FIXTURE_VARIANT_ADD(bent, v13) { .priority = V13, .groups = "P-384" };

FIXTURE_SETUP(bent)
{
	struct ends *e = &self->e;
	const struct ktls_options o = { .groups = variant->groups,
					.rsa_key_transport = variant->rsa };

	captured_count = 0;
	ASSERT_EQ(0, ends_prepare(e, variant->rsa, &o));
	ASSERT_EQ(0, ends_connect(e, true, variant->priority));
	gnutls_handshake_set_hook_function(e->s[0]->tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, capture);
	gnutls_certificate_server_set_request(e->s[0]->tls,
					      GNUTLS_CERT_REQUEST);
	ASSERT_EQ(0, ends_shake(e));
}

FIXTURE_TEARDOWN(bent)
{
	for (size_t i = 0; i < captured_count; i++)
		free(captured[i].msg.data);
	ends_close(&self->e);
}

TEST_F_TIMEOUT(bent, messages_are_shown, 120)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	gnutls_session_t tls = self->e.s[0]->tls;
	struct seen seen = {};
	unsigned int shown = 0;

	ASSERT_LT(7, captured_count);
	for (size_t i = 0; i < captured_count; i++) {
		const struct captured *c = &captured[i];

		for (size_t at = 0; at < c->msg.size; at++, shown++) {
			show(&seen, tls, c->type, c->msg.data, at);
			for (size_t k = 0; k < ARRAY_SIZE(masks); k++) {
				c->msg.data[at] ^= masks[k];
				show(&seen, tls, c->type, c->msg.data,
				     c->msg.size);
				c->msg.data[at] ^= masks[k];
			}
		}
	}
	EXPECT_LE(4 * shown, seen.events);
	EXPECT_EQ(0, seen.bad);
}

/* More suites than anybody has: they push nothing else out. */
TEST(a_hello_of_the_longest_list)
{
	unsigned char *msg = malloc(100000), *p = msg;
	struct seen seen = {};
	struct message m;
	gnutls_session_t tls;

	gnutls_init(&tls, GNUTLS_SERVER);
	message_make(&m, "0303 R 1[] fffe");
	memcpy(p, m.bytes, m.len);
	p += m.len;
	memset(p, 0x99, 0xfffe);
	p += 0xfffe;
	message_make(&m, "1[00] 2[0000 2[2[00 2['a.example']]]]");
	memcpy(p, m.bytes, m.len);
	p += m.len;
	show(&seen, tls, GNUTLS_HANDSHAKE_CLIENT_HELLO, msg, p - msg);
	EXPECT_EQ(1, seen.events);
	EXPECT_EQ(0, seen.bad);
	EXPECT_STREQ("a.example", seen.sni);
	EXPECT_EQ(0, strncmp("0x9999 0x9999", seen.ciphers, 13));
	free(msg);
	gnutls_deinit(tls);
}

TEST_HARNESS_MAIN
