// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificates of clients, with libktls as the one who asks and the one who is
 * asked; the other end is GnuTLS. None of it needs a kernel with TLS.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

/* --- clients' certificates: libktls is the server --- */

FIXTURE(server) {
	struct end e;
};
FIXTURE_VARIANT(server) {
	enum ktls_auth auth;
	const char *certificate;	/* the client's, or NULL */
	const char *pin;
	enum ktls_reason reason;
	int alert;			/* 1.3; 1.2 may have another: */
	int alert_12;
	const char *says;
};

#define ANSWERS(row, how, file, why, number, text, ...)			\
	FIXTURE_VARIANT_ADD(server, row) {				\
		.auth = KTLS_AUTH_##how, .certificate = file,		\
		.reason = KTLS_##why, .alert = number, .says = text,	\
		##__VA_ARGS__ }

ANSWERS(request_good, REQUEST, "client", OK, 0, "");
ANSWERS(request_none, REQUEST, NULL, OK, 0, "");
ANSWERS(request_expired, REQUEST, "client-expired", EXPIRED, 45, "client's");
ANSWERS(request_unknown, REQUEST, "client-unknown", UNKNOWN_CA, 48, "client's");
ANSWERS(request_self, REQUEST, "client-self", SELF_SIGNED, 48, "itself");
ANSWERS(request_purpose, REQUEST, "client-purpose", WRONG_PURPOSE, 43,
	"needed: TLS client");
ANSWERS(require_good, REQUIRE, "client", OK, 0, "");
ANSWERS(require_good_rsa, REQUIRE, "client-rsa", OK, 0, "");
ANSWERS(require_none, REQUIRE, NULL, NO_CERTIFICATE, 116, "no certificate",
	.alert_12 = 40);
ANSWERS(require_expired, REQUIRE, "client-expired", EXPIRED, 45,
	"(CN=client-expired,O=ktls) has expired");
ANSWERS(require_not_yet, REQUIRE, "client-not-yet", NOT_YET_VALID, 45, "clock");
ANSWERS(require_unknown, REQUIRE, "client-unknown", UNKNOWN_CA, 48, "other-ca");
ANSWERS(require_self, REQUIRE, "client-self", SELF_SIGNED, 48, "itself");
ANSWERS(require_purpose, REQUIRE, "client-purpose", WRONG_PURPOSE, 43,
	"needed: TLS client, it has: TLS server");
ANSWERS(require_pinned, REQUIRE, "client", OK, 0, "", .pin = "client");
ANSWERS(require_not_pinned, REQUIRE, "client", WRONG_PIN, 46, "not pinned",
	.pin = "client-b");
ANSWERS(no_interest, NONE, "client", OK, 0, "");

FIXTURE_SETUP(server)
{
	self->e.fd = self->e.p.fd = -1;
}

FIXTURE_TEARDOWN(server)
{
	end_close(&self->e);
}

static int server_config(struct ktls_config **out, enum ktls_auth auth,
			 const char *pins, struct ktls_error *err)
{
	const struct ktls_pair pair = {
		pki("localhost.pem"), pki("localhost.key"), NULL,
	};
	const struct ktls_options o = {
		.pairs = &pair, .pairs_count = 1, .auth = auth, .pins = pins,
		.ca = auth ? pki("ca.pem") : NULL,
		.offload = KTLS_OFFLOAD_PREFER,
	};

	return ktls_config_load(out, &o, err);
}

static void server_meets(struct __test_metadata *const _metadata,
			 FIXTURE_DATA(server) *self,
			 const FIXTURE_VARIANT(server) *variant, int version)
{
	int alert = version ? variant->alert :
			      variant->alert_12 ?: variant->alert;
	const struct ktls_identity *id;
	const struct ktls_error *err;
	struct ktls_error load;
	struct outcome o;
	char pin[65];
	int fds[2];

	if (variant->pin)
		pin_of(variant->pin, pin);
	ASSERT_EQ(0, server_config(&self->e.config, variant->auth,
				   variant->pin ? pin : NULL, &load))
		TH_LOG("%s", load.text);
	ASSERT_EQ(0, peer_tcp(fds));
	self->e.fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&self->e.s, self->e.config, fds[0],
				      NULL));
	ASSERT_EQ(0, peer_open(&self->e.p, fds[1], priorities[version], 0));
	if (variant->certificate)
		ASSERT_EQ(0, client_show(&self->e.p, variant->certificate));
	o = meet(&self->e.p, self->e.s, self->e.fd);
	err = ktls_session_error(self->e.s);
	id = ktls_session_identity(self->e.s);
	EXPECT_EQ(variant->reason ? -EKEYREJECTED : 0, o.ours)
		TH_LOG("%s", err->text);
	EXPECT_EQ(variant->reason, err->reason) TH_LOG("%s", err->text);
	if (!variant->certificate || !variant->auth) {
		EXPECT_EQ(NULL, id);
	} else {
		ASSERT_NE(NULL, id);
		EXPECT_EQ(!variant->reason, id->verified);
		EXPECT_NE(NULL, strstr(id->subject, variant->certificate));
		EXPECT_NE(NULL, strstr(id->names, "email:client"));
	}
	if (!variant->reason)
		return;
	EXPECT_EQ(alert, o.alert);
	EXPECT_EQ(alert, err->alert_sent);
	EXPECT_EQ(0, o.after);
	EXPECT_NE(NULL, strstr(err->text, variant->says))
		TH_LOG("said: %s", err->text);
}

TEST_F(server, tls_12)
{
	server_meets(_metadata, self, variant, 0);
}

TEST_F(server, tls_13)
{
	server_meets(_metadata, self, variant, 1);
}

/* --- clients that are asked --- */

FIXTURE(asked) {
	struct end e;
};
FIXTURE_VARIANT(asked) {
	gnutls_certificate_request_t request;
	const char *certificate;	/* ours, or NULL */
	int received;			/* alert; 0: none */
	int received_12;
};

#define ASKED(row, how, file, ...)					\
	FIXTURE_VARIANT_ADD(asked, row) {				\
		.request = GNUTLS_CERT_##how, .certificate = file,	\
		##__VA_ARGS__ }

ASKED(request_good, REQUEST, "client");
ASKED(request_none, REQUEST, NULL);
ASKED(require_good, REQUIRE, "client");
ASKED(require_good_rsa, REQUIRE, "client-rsa");
ASKED(require_none, REQUIRE, NULL, .received = 116, .received_12 = 50);
/* Sent although no CA that the server names has issued it. */
ASKED(require_unknown, REQUIRE, "client-unknown", .received = 42);

FIXTURE_SETUP(asked)
{
	self->e.fd = self->e.p.fd = -1;
}

FIXTURE_TEARDOWN(asked)
{
	end_close(&self->e);
}

/* In TLS 1.3 a client learns of the refusal only when it reads. */
static int alert_received(struct end *e)
{
	struct ktls_conn *c = NULL;
	char byte;
	int alert;

	if (ktls_session_error(e->s)->alert_received >= 0)
		return ktls_session_error(e->s)->alert_received;
	if (ktls_session_install(e->s, &c))
		return -1;
	e->fd = -1;
	alert = peer_ktls_recv(c, &byte, 1) == -ECONNRESET ?
		ktls_conn_alert(c) : -1;
	ktls_conn_close(c);
	return alert;
}

static void asked_meets(struct __test_metadata *const _metadata,
			FIXTURE_DATA(asked) *self,
			const FIXTURE_VARIANT(asked) *variant, int version)
{
	int alert = version ? variant->received :
			      variant->received_12 ?: variant->received;
	const struct server server = {
		.certificate = "localhost", .ca = pki("ca.pem"),
		.request = variant->request,
	};
	char pem[64], key[64];
	struct ktls_pair pair = {};
	struct ktls_options o = {
		.client = true, .ca = pki("ca.pem"), .pairs = &pair,
		.pairs_count = variant->certificate ? 1 : 0,
		.offload = KTLS_OFFLOAD_NEVER,
	};
	struct ktls_error err;
	struct outcome out;
	unsigned int count = 0;
	int fds[2];

	if (variant->certificate) {
		snprintf(pem, sizeof(pem), "%s.pem", variant->certificate);
		snprintf(key, sizeof(key), "%s.key", variant->certificate);
		pair.certificate = pki(pem);
		pair.key = pki(key);
	}
	ASSERT_EQ(0, ktls_config_load(&self->e.config, &o, &err))
		TH_LOG("%s", err.text);
	ASSERT_EQ(0, peer_tcp(fds));
	self->e.fd = fds[0];
	ASSERT_EQ(0, server_open(&self->e.p, fds[1], priorities[version],
				 &server));
	ASSERT_EQ(0, ktls_session_new(&self->e.s, self->e.config, fds[0],
				      "localhost"));
	out = meet(&self->e.p, self->e.s, self->e.fd);
	gnutls_certificate_get_peers(self->e.p.tls, &count);
	EXPECT_EQ(variant->certificate ? 1 : 0, count);
	if (!alert) {
		EXPECT_EQ(0, out.ours);
		EXPECT_EQ(0, out.theirs);
		return;
	}
	EXPECT_NE(0, out.theirs);
	gnutls_alert_send_appropriate(self->e.p.tls, out.theirs);
	if (out.ours == -EAGAIN)
		out.ours = peer_drive(self->e.s, self->e.fd, PEER_MS);
	EXPECT_EQ(alert, alert_received(&self->e));
}

TEST_F(asked, tls_12)
{
	asked_meets(_metadata, self, variant, 0);
}

TEST_F(asked, tls_13)
{
	asked_meets(_metadata, self, variant, 1);
}

/* GnuTLS says "no certificate" of any alert that comes in its place. */
TEST(alert_in_place_of_a_certificate_is_an_alert)
{
	static const gnutls_alert_description_t number = GNUTLS_A_UNKNOWN_CA;
	struct end e = { .fd = -1, .p.fd = -1 };
	struct ktls_error err;
	int fds[2];

	ASSERT_EQ(0, server_config(&e.config, KTLS_AUTH_REQUIRE, NULL, &err));
	ASSERT_EQ(0, peer_tcp(fds));
	e.fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&e.s, e.config, e.fd, NULL));
	ASSERT_EQ(0, peer_open(&e.p, fds[1], priorities[0], 0));
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&e.p));
	EXPECT_EQ(-ETIMEDOUT, peer_drive(e.s, e.fd, 200));
	ASSERT_EQ(0, gnutls_alert_send(e.p.tls, GNUTLS_AL_FATAL, number));
	EXPECT_EQ(-ECONNRESET, peer_drive(e.s, e.fd, PEER_MS));
	EXPECT_EQ(KTLS_ALERT, ktls_session_error(e.s)->reason);
	EXPECT_EQ(number, ktls_session_error(e.s)->alert_received);
	EXPECT_EQ(-1, ktls_session_error(e.s)->alert_sent);
	end_close(&e);
}

TEST_HARNESS_MAIN
