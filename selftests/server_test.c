// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a server makes of a ClientHello: whose certificate, which protocol, or
 * which alert and reason. A GnuTLS client is the other end, and where GnuTLS
 * would not do such a thing, bytes. None of it needs a kernel with TLS.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "server.h"
#include "kselftest_harness.h"

#define PAIRS_MAX 6	/* of one test */
#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* What most tests need; @o's pairs are pki.sh's @names. */
struct sides {
	struct ktls_config *config;
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd;
	struct peer p;
	struct ktls_error err;
};

static int load(struct sides *e, const char *const names[], struct ktls_options o)
{
	o.offload = KTLS_OFFLOAD_PREFER;
	e->fd = e->p.fd = -1;
	return pki_config(&e->config, names, o, &e->err);
}

static int meet_up(struct sides *e, const char *priority)
{
	int fds[2], ret = peer_tcp(fds);

	if (ret)
		return ret;
	e->fd = fds[0];
	ret = ktls_session_new(&e->s, e->config, e->fd, NULL);
	return ret ? ret : peer_open(&e->p, fds[1], priority, 0);
}

static void part(struct sides *e)
{
	ktls_session_free(e->s);
	peer_close(&e->p);
	if (e->c)
		ktls_conn_close(e->c);
	else if (e->fd >= 0)
		close(e->fd);
	e->s = NULL;
	e->c = NULL;
	e->fd = -1;
}

static void ask_for(struct peer *p, const char *name)
{
	gnutls_server_name_set(p->tls, GNUTLS_NAME_DNS, name, strlen(name));
}

static void offer(struct peer *p, const char *list)
{
	gnutls_datum_t names[8];
	char copy[256], *rest = NULL;
	unsigned int n = 0;

	strcpy(copy, list);
	for (char *name = strtok_r(copy, " ", &rest); name;
	     name = strtok_r(NULL, " ", &rest))
		names[n++] = (gnutls_datum_t){ (void *)name, strlen(name) };
	gnutls_alpn_set_protocols(p->tls, names, n, 0);
}

/* Is the certificate that the peer got pki.sh's @name? */
static bool got(struct peer *p, const char *name)
{
	const gnutls_datum_t *leaf;
	gnutls_datum_t pem, der = {};
	gnutls_x509_crt_t crt;
	unsigned int n;
	char file[64];
	bool same;

	snprintf(file, sizeof(file), "%s.pem", name);
	gnutls_load_file(pki(file), &pem);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
	leaf = gnutls_certificate_get_peers(p->tls, &n);
	same = leaf && leaf->size == der.size &&
	       !memcmp(leaf->data, der.data, der.size);
	gnutls_x509_crt_deinit(crt);
	gnutls_free(der.data);
	gnutls_free(pem.data);
	return same;
}

/* --- a row for each way in which it can end --- */

FIXTURE(hello) {
	struct sides e;
};
FIXTURE_VARIANT(hello) {
	const char *const pairs[PAIRS_MAX + 1];
	const char *priority;	/* the client's; NULL: NORMAL */
	const char *sni;	/* NULL: none */
	const char *offers;	/* by ALPN */
	struct ktls_options o;
	/* and then */
	const char *serves, *protocol, *info_sni;
	enum ktls_reason reason;
	int alert;
	const char *says;
};

#define ALL "net", "ec", "wild", "rsa"

#define ANSWERS(row, who, ...)						\
	FIXTURE_VARIANT_ADD(hello, row) { .serves = who, ##__VA_ARGS__ }
#define REFUSES(row, why, number, text, ...)				\
	FIXTURE_VARIANT_ADD(hello, row) { .reason = KTLS_##why,		\
		.alert = number, .says = text, ##__VA_ARGS__ }

ANSWERS(no_name, "net", .pairs = { ALL });
ANSWERS(exact, "ec", .pairs = { ALL }, .sni = "www.example.org", .info_sni = "www.example.org");
ANSWERS(exact_other, "ec", .pairs = { ALL }, .sni = "example.org");
ANSWERS(exact_capitals, "ec", .pairs = { ALL }, .sni = "WWW.Example.ORG",
	.info_sni = "www.example.org");
ANSWERS(exact_before_wildcard, "ec", .pairs = { "wild", "ec" }, .sni = "www.example.org");
ANSWERS(wildcard, "wild", .pairs = { ALL }, .sni = "a.example.org");
ANSWERS(wildcard_two_labels, "net", .pairs = { ALL }, .sni = "a.b.example.org");
ANSWERS(wildcard_no_label, "net", .pairs = { "net", "wild" }, .sni = "example.org");
ANSWERS(unknown, "net", .pairs = { ALL }, .sni = "www.example.com");
ANSWERS(longer, "net", .pairs = { ALL }, .sni = "awww.example.org.com");
ANSWERS(common_name, "cn", .pairs = { "net", "cn" }, .sni = "cn.example.org");
ANSWERS(common_name_with_san, "net", .pairs = { "net", "ec" }, .sni = "ec");
ANSWERS(rsa_12, "rsa", .pairs = { ALL }, .sni = "www.example.org",
	.priority = V12 ":-KX-ALL:+ECDHE-RSA");
ANSWERS(ecdsa_12, "ec", .pairs = { ALL }, .sni = "www.example.org",
	.priority = V12 ":-KX-ALL:+ECDHE-ECDSA");
ANSWERS(rsa_13, "rsa", .pairs = { ALL }, .sni = "www.example.org",
	.priority = V13 ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256");
ANSWERS(ecdsa_13, "ec", .pairs = { "net", "rsa", "ec" }, .sni = "example.org",
	.priority = V13 ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256");
ANSWERS(strict_exact, "ec", .pairs = { ALL }, .sni = "www.example.org", .o.strict_sni = true);
ANSWERS(strict_wildcard, "wild", .pairs = { ALL }, .sni = "a.example.org", .o.strict_sni = true);
ANSWERS(strict_no_name, "net", .pairs = { ALL }, .o.strict_sni = true);
ANSWERS(two_middles, "chain", .pairs = { "net", "chain" }, .sni = "chain.example.org");
ANSWERS(key_transport, "rsa", .pairs = { "rsa" }, .o.rsa_key_transport = true,
	.priority = V12 ":-KX-ALL:+RSA");
ANSWERS(key_transport_is_the_last, "rsa", .pairs = { "rsa" },
	.o.rsa_key_transport = true, .priority = V12 ":+RSA");

ANSWERS(alpn_our_first, "net", .pairs = { ALL }, .o.alpn = "h2 http/1.1",
	.offers = "http/1.1 h2", .protocol = "h2");
ANSWERS(alpn_our_second, "net", .pairs = { ALL }, .o.alpn = "h2  \thttp/1.1 ",
	.offers = "spdy/1 http/1.1", .protocol = "http/1.1");
ANSWERS(alpn_not_offered, "net", .pairs = { ALL }, .o.alpn = "h2", .protocol = "");
ANSWERS(alpn_not_ours, "net", .pairs = { ALL }, .offers = "h2", .protocol = "");
REFUSES(alpn_none_12, NO_ALPN, 120, "no application protocol",
	.pairs = { ALL }, .o.alpn = "h2", .offers = "http/1.1", .priority = V12);
REFUSES(alpn_none_13, NO_ALPN, 120, "no application protocol",
	.pairs = { ALL }, .o.alpn = "h2", .offers = "http/1.1", .priority = V13);

REFUSES(strict_unknown_12, UNKNOWN_NAME, 112, "\"www.example.com\"",
	.pairs = { ALL }, .sni = "www.example.com", .o.strict_sni = true,
	.priority = V12, .info_sni = "www.example.com");
REFUSES(strict_unknown_13, UNKNOWN_NAME, 112, "\"www.example.com\"",
	.pairs = { ALL }, .sni = "www.example.com", .o.strict_sni = true,
	.priority = V13);
REFUSES(strict_wildcard_two_labels, UNKNOWN_NAME, 112, "\"a.b.example.org\"",
	.pairs = { ALL }, .sni = "a.b.example.org", .o.strict_sni = true);

REFUSES(old_client, NO_VERSION, 70, "neither TLS 1.2 nor", .pairs = { ALL },
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1");
REFUSES(server_13_client_12, NO_VERSION, 70, "neither", .pairs = { ALL },
	.o.min_version = 0x0304, .priority = V12);
REFUSES(server_12_client_13, NO_VERSION, 70, "neither", .pairs = { ALL },
	.o.max_version = 0x0303, .priority = V13);
REFUSES(cipher_12, NO_CIPHER, 40, "no cipher suite in common", .pairs = { ALL },
	.priority = V12 ":-CIPHER-ALL:+AES-256-CBC");
REFUSES(cipher_12_ours, NO_CIPHER, 40, "no cipher suite", .pairs = { ALL },
	.o.ciphers = "AES-128-GCM", .priority = V12 ":-CIPHER-ALL:+AES-256-GCM");
REFUSES(cipher_13, NO_CIPHER, 40, "no cipher suite", .pairs = { ALL },
	.o.ciphers = "AES-128-GCM", .priority = V13 ":-CIPHER-ALL:+AES-256-GCM");
REFUSES(key_transport_off, NO_CIPHER, 40, "no cipher suite", .pairs = { "rsa" },
	.priority = V12 ":-KX-ALL:+RSA");
REFUSES(group_12, NO_GROUP, 40, "no key exchange group", .pairs = { ALL },
	.o.groups = "X25519", .priority = V12 ":-GROUP-ALL:+GROUP-SECP384R1");
REFUSES(group_13, NO_GROUP, 40, "no key exchange group", .pairs = { ALL },
	.priority = V13 ":-GROUP-ALL:+GROUP-SECP521R1");
REFUSES(signature_12, NO_SIGNATURE, 40, "no signature", .pairs = { "ec" },
	.priority = V12 ":-KX-ALL:+ECDHE-RSA");
REFUSES(signature_13, NO_SIGNATURE, 40, "no signature", .pairs = { "ec" },
	.priority = V13 ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256");
REFUSES(signature_13_rsa, NO_SIGNATURE, 40, "no signature", .pairs = { "rsa" },
	.priority = V13 ":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256");

FIXTURE_SETUP(hello)
{
	ASSERT_EQ(0, load(&self->e, variant->pairs, variant->o))
		TH_LOG("%s", self->e.err.text);
	ASSERT_EQ(0, meet_up(&self->e, variant->priority ?: "NORMAL"));
	ask_for(&self->e.p, variant->sni ?: "");
	if (variant->offers)
		offer(&self->e.p, variant->offers);
}

FIXTURE_TEARDOWN(hello)
{
	part(&self->e);
	ktls_config_put(self->e.config);
}

static void served(struct __test_metadata *const _metadata, struct sides *e,
		   const char *who, const char *protocol)
{
	char buf[8] = "";

	EXPECT_TRUE(got(&e->p, who));
	EXPECT_STREQ(protocol ?: "", ktls_session_info(e->s)->alpn);
	ASSERT_EQ(0, ktls_session_install(e->s, &e->c))
		TH_LOG("%s", ktls_session_error(e->s)->text);
	ASSERT_EQ(5, ktls_send(e->c, "hello", 5, 0));
	ASSERT_EQ(5, peer_recv(&e->p, buf, 5));
	ASSERT_EQ(3, peer_send(&e->p, "bye", 3));
	ASSERT_EQ(3, peer_ktls_recv(e->c, buf, sizeof(buf)));
}

TEST_F(hello, ends_as_it_should)
{
	struct outcome o = meet(&self->e.p, self->e.s, self->e.fd);
	const struct ktls_error *err = ktls_session_error(self->e.s);

	if (variant->info_sni)
		EXPECT_STREQ(variant->info_sni,
			     ktls_session_info(self->e.s)->sni);
	EXPECT_EQ(variant->reason, err->reason)
		TH_LOG("%s: %s", ktls_reason_name(err->reason), err->text);
	if (variant->serves) {
		ASSERT_EQ(0, o.ours);
		ASSERT_EQ(0, o.theirs) TH_LOG("%s", gnutls_strerror(o.theirs));
		served(_metadata, &self->e, variant->serves, variant->protocol);
		return;
	}
	EXPECT_GT(0, o.ours);
	EXPECT_EQ(variant->alert, o.alert);
	EXPECT_EQ(variant->alert, err->alert_sent);
	EXPECT_EQ(0, o.after);
	EXPECT_NE(NULL, strstr(err->text, variant->says))
		TH_LOG("said: %s", err->text);
}

/* --- bytes in place of a client --- */

FIXTURE(bytes) {
	struct sides e;
};
FIXTURE_VARIANT(bytes) {
	const char *bytes;
	size_t len;
	enum ktls_reason reason;
	int alert;
};

#define BYTES(row, text, why, number)					\
	FIXTURE_VARIANT_ADD(bytes, row) { .bytes = text,		\
		.len = sizeof(text) - 1, .reason = KTLS_##why, .alert = number }

BYTES(http, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NOT_TLS, 10);
BYTES(ssh, "SSH-2.0-OpenSSH_9.9\r\n", NOT_TLS, 10);
BYTES(zeros, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NOT_TLS, 10);
BYTES(record_version, "\x16\x9\x1\0\4\1\0\0\0", NOT_TLS, 70);
BYTES(record_too_long, "\x16\3\1\xff\xff\1\0\0\0", NOT_TLS, 22);
BYTES(application_data, "\x17\3\3\0\4abcd", NOT_TLS, 10);
BYTES(alert_first, "\x15\3\3\0\2\2\50", NOT_TLS, 10);
BYTES(server_hello, "\x16\3\3\0\4\2\0\0\0", NOT_TLS, 10);
BYTES(empty_hello, "\x16\3\1\0\4\1\0\0\0", MALFORMED, 50);
BYTES(short_hello, "\x16\3\1\0\6\1\0\0\2\3\3", MALFORMED, 50);

FIXTURE_SETUP(bytes)
{
	static const char *const pairs[PAIRS_MAX + 1] = { "localhost" };

	ASSERT_EQ(0, load(&self->e, pairs, (struct ktls_options){}));
	ASSERT_EQ(0, meet_up(&self->e, "NORMAL"));
}

FIXTURE_TEARDOWN(bytes)
{
	part(&self->e);
	ktls_config_put(self->e.config);
}

/* The one record that is due, and then the end. */
static int alert_on(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	unsigned char answer[64];
	ssize_t n;

	if (poll(&pfd, 1, PEER_MS) != 1)
		return -1;
	n = recv(fd, answer, sizeof(answer), 0);
	if (n != 7 || answer[0] != 21 || answer[4] != 2 || answer[5] != 2)
		return -1;
	return poll(&pfd, 1, PEER_MS) == 1 && !recv(fd, &answer, 1, 0) ?
	       answer[6] : -1;
}

TEST_F(bytes, are_refused)
{
	const struct ktls_error *err = ktls_session_error(self->e.s);

	ASSERT_EQ(variant->len, peer_write(self->e.p.fd, variant->bytes,
					   variant->len));
	EXPECT_GT(0, peer_drive(self->e.s, self->e.fd, PEER_MS));
	EXPECT_EQ(variant->reason, err->reason)
		TH_LOG("%s: %s", ktls_reason_name(err->reason), err->text);
	EXPECT_EQ(variant->alert, alert_on(self->e.p.fd));
	EXPECT_EQ(variant->alert, err->alert_sent);
}

/* --- a true hello, cut, swollen or bent --- */

FIXTURE(mangled) {
	struct sides e;
	unsigned char hello[4096];
	size_t len;
};
FIXTURE_VARIANT(mangled) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(mangled, 12) { .priority = V12 };
FIXTURE_VARIANT_ADD(mangled, 13) { .priority = V13 };

FIXTURE_SETUP(mangled)
{
	static const char *const pairs[PAIRS_MAX + 1] = { "localhost" };

	ASSERT_EQ(0, load(&self->e, pairs, (struct ktls_options){}));
	ASSERT_EQ(0, meet_up(&self->e, variant->priority));
	self->e.p.hold = true;
	gnutls_handshake(self->e.p.tls);
	/* The pull has flushed it: it waits at the other end. */
	self->len = recv(self->e.fd, self->hello, sizeof(self->hello), 0);
	ASSERT_LT(100, self->len);
	part(&self->e);
}

FIXTURE_TEARDOWN(mangled)
{
	part(&self->e);
	ktls_config_put(self->e.config);
}

/*
 * All that will ever come has come, so one call must know that it is over:
 * nobody is woken again.
 */
TEST_F(mangled, cut_anywhere_it_ends_at_once)
{
	struct pollfd pfd = { .events = POLLRDHUP };

	for (size_t cut = 0; cut < self->len; cut++) {
		ASSERT_EQ(0, meet_up(&self->e, variant->priority));
		ASSERT_EQ(cut, peer_write(self->e.p.fd, self->hello, cut));
		shutdown(self->e.p.fd, SHUT_WR);
		pfd.fd = self->e.fd;
		ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
		ASSERT_EQ(-ECONNABORTED, ktls_session_handshake(self->e.s))
			TH_LOG("at %zu", cut);
		ASSERT_EQ(KTLS_HANGUP, ktls_session_error(self->e.s)->reason)
			TH_LOG("at %zu", cut);
		part(&self->e);
	}
}

/* And the same after our flight: nothing, or half of a record. */
TEST_F(mangled, cut_after_our_flight)
{
	struct pollfd pfd = { .events = POLLRDHUP };

	for (size_t cut = 0; cut < 12; cut++) {
		ASSERT_EQ(0, meet_up(&self->e, variant->priority));
		ASSERT_EQ(self->len, peer_write(self->e.p.fd, self->hello,
						self->len));
		ASSERT_EQ(-ETIMEDOUT, peer_drive(self->e.s, self->e.fd, 20));
		ASSERT_EQ(cut, peer_write(self->e.p.fd, "\x16\3\3\0\50abcdefgh",
					  cut));
		shutdown(self->e.p.fd, SHUT_WR);
		pfd.fd = self->e.fd;
		ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
		ASSERT_EQ(-ECONNABORTED, ktls_session_handshake(self->e.s))
			TH_LOG("at %zu", cut);
		ASSERT_EQ(KTLS_HANGUP, ktls_session_error(self->e.s)->reason);
		part(&self->e);
	}
}

/* Each byte another: no crash, no wait for more than was announced. */
TEST_F(mangled, bent_anywhere_it_ends)
{
	for (size_t at = 5; at < self->len; at++) {
		ASSERT_EQ(0, meet_up(&self->e, variant->priority));
		self->hello[at] ^= 0xff;
		ASSERT_EQ(self->len, peer_write(self->e.p.fd, self->hello,
						self->len));
		self->hello[at] ^= 0xff;
		shutdown(self->e.p.fd, SHUT_WR);
		ASSERT_GT(0, peer_drive(self->e.s, self->e.fd, PEER_MS));
		EXPECT_NE(KTLS_INTERNAL, ktls_session_error(self->e.s)->reason)
			TH_LOG("at %zu: %s", at,
			       ktls_session_error(self->e.s)->text);
		part(&self->e);
	}
}

TEST_F(mangled, lengths_that_lie)
{
	ASSERT_EQ(0, meet_up(&self->e, variant->priority));
	self->hello[5 + 4 + 2 + 32] = 200;	/* of the session's ID */
	ASSERT_EQ(self->len, peer_write(self->e.p.fd, self->hello, self->len));
	EXPECT_GT(0, peer_drive(self->e.s, self->e.fd, PEER_MS));
	EXPECT_EQ(KTLS_MALFORMED, ktls_session_error(self->e.s)->reason);
	EXPECT_EQ(50, alert_on(self->e.p.fd));
}

/* 64 KB of one message that says it is 16 MB. */
TEST_F(mangled, swollen)
{
	static unsigned char record[5 + 16384];
	int ret = -EAGAIN;

	memcpy(record, "\x16\3\1\x40\0\1\xff\xff\xff", 9);
	ASSERT_EQ(0, meet_up(&self->e, variant->priority));
	for (int i = 0; i < 10 && ret == -EAGAIN; i++) {
		ASSERT_EQ(sizeof(record), peer_write(self->e.p.fd, record,
						     sizeof(record)));
		memset(record + 5, 0, 4);
		ret = peer_drive(self->e.s, self->e.fd, 20);
		if (ret == -ETIMEDOUT)
			ret = -EAGAIN;
	}
	EXPECT_EQ(-EPROTO, ret);
	EXPECT_EQ(KTLS_TOO_LONG, ktls_session_error(self->e.s)->reason);
	EXPECT_EQ(50, alert_on(self->e.p.fd));
}

/* --- Finished --- */

static int bend(gnutls_session_t tls, unsigned int type, unsigned int when,
		unsigned int incoming, const gnutls_datum_t *msg)
{
	if (!incoming)
		msg->data[0] ^= 1;
	return 0;
}

TEST_F(mangled, a_wrong_finished)
{
	const struct ktls_error *err;
	struct outcome o;

	ASSERT_EQ(0, meet_up(&self->e, variant->priority));
	gnutls_handshake_set_hook_function(self->e.p.tls,
					   GNUTLS_HANDSHAKE_FINISHED,
					   GNUTLS_HOOK_PRE, bend);
	o = meet(&self->e.p, self->e.s, self->e.fd);
	err = ktls_session_error(self->e.s);
	EXPECT_GT(0, o.ours);
	EXPECT_EQ(KTLS_BAD_FINISHED, err->reason)
		TH_LOG("%s", err->text);
	EXPECT_EQ(51, err->alert_sent);
	EXPECT_EQ(51, o.alert);
}

TEST_HARNESS_MAIN
