// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom libktls believes, in both roles: a row for each thing that can be wrong
 * with a certificate, the reason that we give, and the alert that a GnuTLS
 * peer saw. None of it needs a kernel with TLS.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "server.h"
#include "kselftest_harness.h"

#define NOBODY (-1)

static const char *const priorities[] = {
	"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

struct end {
	struct ktls_config *config;
	struct ktls_session *s;
	int fd;
	struct peer p;
};

static void end_close(struct end *e)
{
	ktls_session_free(e->s);
	ktls_config_put(e->config);
	peer_close(&e->p);
	if (e->fd >= 0)
		close(e->fd);
}

/* SHA-256 of the key of pki.sh's @name, in hex. */
static void pin_of(const char *name, char hex[65])
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	unsigned char id[32];
	size_t len = sizeof(id);
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	gnutls_load_file(pki(file), &pem);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &len);
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
	for (size_t i = 0; i < sizeof(id); i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
}

/* --- clients --- */

FIXTURE(client) {
	struct end e;
	char pins[200];
	int ready;
};
FIXTURE_VARIANT(client) {
	const char *certificate;	/* the server's */
	const char *staple;
	const char *name;		/* NULL: localhost */
	const char *ca;			/* NULL: ca.pem */
	const char *pin;		/* the certificate whose key is pinned */
	bool system, no_verify, nameless;
	enum ktls_reason reason;
	int alert;
	const char *says;
	const char *priority;		/* the server's extra */
};

#define ROW(row, ...) FIXTURE_VARIANT_ADD(client, row) { __VA_ARGS__ }

ROW(good, .certificate = "localhost");
ROW(good_by_address, .certificate = "localhost", .name = "127.0.0.1");
ROW(good_by_address_6, .certificate = "localhost", .name = "::1");
ROW(good_wildcard, .certificate = "wild", .name = "a.example.org");
ROW(good_in_capitals, .certificate = "localhost", .name = "LOCALHOST");
ROW(good_chain, .certificate = "chain", .name = "chain.example.org");
ROW(good_rsa, .certificate = "rsa", .name = "www.example.org");
ROW(good_staple, .certificate = "localhost",
    .staple = "localhost.ocsp-good.der");
ROW(good_must_staple, .certificate = "must-staple",
    .staple = "must-staple.ocsp-good.der");
ROW(good_self_signed_known, .certificate = "self", .ca = "self.pem");
ROW(good_pinned, .certificate = "localhost", .pin = "localhost");
ROW(good_pinned_nameless, .certificate = "localhost", .pin = "localhost",
    .nameless = true);

#define BAD(row, file, why, number, text, ...)				\
	FIXTURE_VARIANT_ADD(client, row) {				\
		.certificate = file, .reason = KTLS_##why,		\
		.alert = number, .says = text, ##__VA_ARGS__ }

BAD(unknown_ca, "unknown", UNKNOWN_CA, 48, "(CN=unknown) has an issuer");
BAD(unknown_ca_of_the_system, "localhost", UNKNOWN_CA, 48, "ktls test ca",
    .system = true);
BAD(self_signed, "self", SELF_SIGNED, 48, "signed by itself");
BAD(chain_without_middle, "chain", UNKNOWN_CA, 48, "issuer",
    .ca = "other-ca.pem", .name = "chain.example.org");
BAD(expired, "expired", EXPIRED, 45, "has expired: valid from");
BAD(not_yet, "not-yet", NOT_YET_VALID, 45, "clocks");
BAD(other_name, "net", WRONG_NAME, 46,
    "asked for localhost, it has DNS:www.example.net");
BAD(other_address, "localhost", WRONG_NAME, 46, "asked for 127.0.0.2",
    .name = "127.0.0.2");
BAD(wildcard_is_one_label, "wild", WRONG_NAME, 46, "DNS:*.example.org",
    .name = "a.b.example.org");
BAD(wildcard_is_not_nothing, "wild", WRONG_NAME, 46, "DNS:*.example.org",
    .name = "example.org");
BAD(purpose, "purpose", WRONG_PURPOSE, 43, "needed: TLS server");
BAD(weak, "weak", WEAK, 42, "RSA 1024 bits");
BAD(sha1, "sha1", WEAK, 42, "SHA1");
BAD(revoked, "revoked", REVOKED, 44, "is revoked",
    .staple = "revoked.ocsp-revoked.der");
BAD(staple_expired, "localhost", BAD_STAPLE, 113, "OCSP",
    .staple = "localhost.ocsp-expired.der");
BAD(staple_forged, "localhost", BAD_STAPLE, 113, "OCSP",
    .staple = "localhost.ocsp-forged.der");
BAD(staple_of_another, "localhost", BAD_STAPLE, 113, "OCSP",
    .staple = "revoked.ocsp-good.der");
BAD(staple_is_garbage, "localhost", BAD_STAPLE, 113, "OCSP",
    .staple = "ca.pem");
BAD(must_staple_without, "must-staple", BAD_STAPLE, 113, "must-staple");
BAD(must_staple_revoked, "must-staple", REVOKED, 44, "is revoked",
    .staple = "must-staple.ocsp-revoked.der");
BAD(pin_of_another, "localhost", WRONG_PIN, 46, "not pinned", .pin = "ec");
BAD(pin_does_not_replace, "unknown", UNKNOWN_CA, 48, "issuer",
    .pin = "unknown");
BAD(pin_alone_of_another, "unknown", WRONG_PIN, 46, "not pinned", .pin = "ec",
    .no_verify = true);

ROW(unverified, .certificate = "unknown", .no_verify = true);
ROW(unverified_expired, .certificate = "expired", .no_verify = true,
    .nameless = true);
ROW(pin_alone, .certificate = "unknown", .pin = "unknown", .no_verify = true);

static int client_open(struct __test_metadata *const _metadata,
		       FIXTURE_DATA(client) *self,
		       const FIXTURE_VARIANT(client) *variant, int version)
{
	const struct server server = {
		.certificate = variant->certificate,
		.staple = pki(variant->staple),
	};
	struct ktls_options o = {
		.client = true, .no_verify = variant->no_verify,
		.ca = variant->system ? NULL :
		      pki(variant->ca ?: "ca.pem"),
		.offload = KTLS_OFFLOAD_PREFER,
	};
	struct ktls_error err;
	int fds[2];

	if (variant->pin) {
		/* A wrong one first, and in capitals: any of them will do. */
		memset(self->pins, '0', 64);
		self->pins[64] = ' ';
		pin_of(variant->pin, self->pins + 65);
		for (char *c = self->pins; *c; c++)
			*c = toupper(*c);
		o.pins = self->pins;
	}
	EXPECT_EQ(0, ktls_config_load(&self->e.config, &o, &err))
		TH_LOG("%s", err.text);
	EXPECT_EQ(0, peer_tcp(fds));
	self->e.fd = fds[0];
	EXPECT_EQ(0, server_open(&self->e.p, fds[1], priorities[version],
				 &server));
	return ktls_session_new(&self->e.s, self->e.config, self->e.fd,
				variant->nameless ? NULL :
				variant->name ?: "localhost");
}

static void client_meets(struct __test_metadata *const _metadata,
			 FIXTURE_DATA(client) *self,
			 const FIXTURE_VARIANT(client) *variant, int version)
{
	const struct ktls_identity *id;
	const struct ktls_error *err;
	struct outcome o;

	if (client_open(_metadata, self, variant, version)) {
		EXPECT_TRUE(false);
		return;
	}
	o = meet(&self->e.p, self->e.s, self->e.fd);
	err = ktls_session_error(self->e.s);
	id = ktls_session_identity(self->e.s);
	EXPECT_EQ(variant->reason ? -EKEYREJECTED : 0, o.ours)
		TH_LOG("%s", err->text);
	EXPECT_EQ(variant->reason, err->reason)
		TH_LOG("%s: %s", ktls_reason_name(err->reason), err->text);
	ASSERT_NE(NULL, id);
	EXPECT_EQ(variant->reason == KTLS_OK &&
		  (!variant->no_verify || variant->pin), id->verified);
	EXPECT_NE(NULL, strstr(id->subject, "CN="));
	if (!variant->reason) {
		EXPECT_EQ(0, o.theirs);
		return;
	}
	EXPECT_EQ(variant->alert, o.alert);
	EXPECT_EQ(variant->alert, err->alert_sent);
	EXPECT_EQ(0, o.after);		/* one alert, and the end */
	EXPECT_NE(NULL, strstr(err->text, variant->says))
		TH_LOG("said: %s", err->text);
	EXPECT_EQ(KTLS_CLASS_VERIFICATION, ktls_reason_class(err->reason));
	EXPECT_GT(0, ktls_session_install(self->e.s, &(struct ktls_conn *){}));
}

FIXTURE_SETUP(client)
{
	self->e.fd = self->e.p.fd = -1;
}

FIXTURE_TEARDOWN(client)
{
	end_close(&self->e);
}

TEST_F(client, tls_12)
{
	client_meets(_metadata, self, variant, 0);
}

TEST_F(client, tls_13)
{
	client_meets(_metadata, self, variant, 1);
}

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

#define ASKS(row, how, file, why, number, text, ...)			\
	FIXTURE_VARIANT_ADD(server, row) {				\
		.auth = KTLS_AUTH_##how, .certificate = file,		\
		.reason = KTLS_##why, .alert = number, .says = text,	\
		##__VA_ARGS__ }

ASKS(request_good, REQUEST, "client", OK, 0, "");
ASKS(request_none, REQUEST, NULL, OK, 0, "");
ASKS(request_expired, REQUEST, "client-expired", EXPIRED, 45, "client's");
ASKS(request_unknown, REQUEST, "client-unknown", UNKNOWN_CA, 48, "client's");
ASKS(request_self, REQUEST, "client-self", SELF_SIGNED, 48, "itself");
ASKS(request_purpose, REQUEST, "client-purpose", WRONG_PURPOSE, 43,
     "needed: TLS client");
ASKS(require_good, REQUIRE, "client", OK, 0, "");
ASKS(require_good_rsa, REQUIRE, "client-rsa", OK, 0, "");
ASKS(require_none, REQUIRE, NULL, NO_CERTIFICATE, 116, "no certificate",
     .alert_12 = 40);
ASKS(require_expired, REQUIRE, "client-expired", EXPIRED, 45,
     "(CN=client-expired,O=ktls) has expired");
ASKS(require_not_yet, REQUIRE, "client-not-yet", NOT_YET_VALID, 45, "clock");
ASKS(require_unknown, REQUIRE, "client-unknown", UNKNOWN_CA, 48, "other-ca");
ASKS(require_self, REQUIRE, "client-self", SELF_SIGNED, 48, "itself");
ASKS(require_purpose, REQUIRE, "client-purpose", WRONG_PURPOSE, 43,
     "needed: TLS client, it has: TLS server");
ASKS(require_pinned, REQUIRE, "client", OK, 0, "", .pin = "client");
ASKS(require_not_pinned, REQUIRE, "client", WRONG_PIN, 46, "not pinned",
     .pin = "client-b");
ASKS(no_interest, NONE, "client", OK, 0, "");

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
	if (variant->certificate) {
		ASSERT_EQ(0, client_show(&self->e.p, variant->certificate));
	}
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

/* --- what is refused before the first byte --- */

FIXTURE(load) {
};
FIXTURE_VARIANT(load) {
	struct ktls_options o;
	const char *ca;			/* of pki.sh, or a path */
	const char *pins;
	int ret;
	const char *says;
};

#define SIXTEEN "0123456789abcdef"
#define PIN SIXTEEN SIXTEEN SIXTEEN SIXTEEN

#define LOAD(row, error, text, ...)					\
	FIXTURE_VARIANT_ADD(load, row) {				\
		.ret = error, .says = text, __VA_ARGS__ }

LOAD(ca_missing, -ENOENT, "/no-such.pem", .o.client = true, .ca = "no-such.pem");
LOAD(ca_directory, -EISDIR, "ca ", .o.client = true, .ca = ".");
LOAD(ca_is_a_key, -EINVAL, "no usable PEM", .o.client = true, .ca = "ca.key");
LOAD(pin_short, -EINVAL, "64 hex digits", .o.client = true, .pins = "00aa");
LOAD(pin_long, -EINVAL, "64 hex digits", .o.client = true, .pins = PIN "0");
LOAD(pin_not_hex, -EINVAL, "64 hex digits", .o.client = true,
     .pins = PIN " " SIXTEEN SIXTEEN SIXTEEN "0123456789abcdeg");
LOAD(pin_none, -EINVAL, "none in the list", .o.client = true, .pins = " \n");
LOAD(pin_two, 0, "", .o.client = true, .ca = "ca.pem",
     .pins = " " PIN "\n" PIN " ");
LOAD(require_without_ca, -EINVAL, "needs ca", .o.auth = KTLS_AUTH_REQUIRE);
LOAD(request_without_ca, -EINVAL, "needs ca", .o.auth = KTLS_AUTH_REQUEST);
LOAD(ca_without_auth, -EINVAL, "without auth", .ca = "ca.pem");
LOAD(pins_without_auth, -EINVAL, "without auth", .pins = PIN);
LOAD(server_without_verifying, -EINVAL, "no_verify", .o.no_verify = true,
     .o.auth = KTLS_AUTH_REQUIRE, .ca = "ca.pem");

FIXTURE_SETUP(load)
{
}

FIXTURE_TEARDOWN(load)
{
}

TEST_F(load, makes_sense_or_says_why_not)
{
	const struct ktls_pair pair = {
		pki("localhost.pem"), pki("localhost.key"), NULL,
	};
	struct ktls_options o = variant->o;
	struct ktls_config *config = NULL;
	struct ktls_error err;

	o.pairs = &pair;
	o.pairs_count = 1;
	o.ca = pki(variant->ca);
	o.pins = variant->pins;
	EXPECT_EQ(variant->ret, ktls_config_load(&config, &o, &err))
		TH_LOG("%s", err.text);
	EXPECT_NE(NULL, strstr(err.text, variant->says))
		TH_LOG("said: %s", err.text);
	ktls_config_put(config);
}

TEST(client_that_verifies_needs_a_name)
{
	struct ktls_options o = { .client = true, .ca = pki("ca.pem"),
				  .offload = KTLS_OFFLOAD_PREFER };
	char long_name[300];
	struct ktls_config *config;
	struct ktls_session *s;
	struct ktls_error err;
	int fds[2];

	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	ASSERT_EQ(0, peer_tcp(fds));
	ASSERT_EQ(0, ktls_config_load(&config, &o, &err));
	EXPECT_EQ(-EINVAL, ktls_session_new(&s, config, fds[0], NULL));
	EXPECT_EQ(-EINVAL, ktls_session_new(&s, config, fds[0], ""));
	EXPECT_EQ(-EINVAL, ktls_session_new(&s, config, fds[0], long_name));
	ktls_config_put(config);
	close(fds[0]);
	close(fds[1]);
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
