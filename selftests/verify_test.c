// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom a client believes: a row for each thing that can be wrong
 * with a certificate, the reason that we give, and the alert that a GnuTLS
 * peer saw. None of it needs a kernel with TLS.
 */
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

static bool blind;

/* A GnuTLS that sees no fault is what libktls gets in place of the real one. */
int gnutls_certificate_verify_peers(gnutls_session_t tls,
				    gnutls_typed_vdata_st *data,
				    unsigned int elements, unsigned int *status)
{
	__typeof__(gnutls_certificate_verify_peers) *real;
	int ret;

	real = dlsym(RTLD_NEXT, "gnutls_certificate_verify_peers");
	ret = real(tls, data, elements, status);

	if (blind)
		*status = 0;
	return ret;
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
	bool blind;			/* see above */
	enum ktls_reason reason;
	int alert;
	const char *says;
	const char *priority;		/* the server's extra */
};

#define ACCEPTS(row, ...) FIXTURE_VARIANT_ADD(client, row) { __VA_ARGS__ }

ACCEPTS(good, .certificate = "localhost");
ACCEPTS(good_by_address, .certificate = "localhost", .name = "127.0.0.1");
ACCEPTS(good_by_address_6, .certificate = "localhost", .name = "::1");
ACCEPTS(good_wildcard, .certificate = "wild", .name = "a.example.org");
ACCEPTS(good_in_capitals, .certificate = "localhost", .name = "LOCALHOST");
ACCEPTS(good_chain, .certificate = "chain", .name = "chain.example.org");
ACCEPTS(good_rsa, .certificate = "rsa", .name = "www.example.org");
ACCEPTS(good_staple, .certificate = "localhost",
	.staple = "localhost.ocsp-good.der");
ACCEPTS(good_must_staple, .certificate = "must-staple",
	.staple = "must-staple.ocsp-good.der");
ACCEPTS(good_self_signed_known, .certificate = "self", .ca = "self.pem");
ACCEPTS(good_pinned, .certificate = "localhost", .pin = "localhost");
ACCEPTS(good_pinned_nameless, .certificate = "localhost", .pin = "localhost",
	.nameless = true);

#define REFUSES(row, file, why, number, text, ...)			\
	FIXTURE_VARIANT_ADD(client, row) {				\
		.certificate = file, .reason = KTLS_##why,		\
		.alert = number, .says = text, ##__VA_ARGS__ }

REFUSES(unknown_ca, "unknown", UNKNOWN_CA, 48, "(CN=unknown) has an issuer");
REFUSES(unknown_ca_of_the_system, "localhost", UNKNOWN_CA, 48, "ktls test ca",
	.system = true);
REFUSES(self_signed, "self", SELF_SIGNED, 48, "signed by itself");
REFUSES(self_signed_hint, "self", SELF_SIGNED, 48,
	"trusted ones, or pin its key and verify nothing else");
REFUSES(self_signed_pinned, "self", SELF_SIGNED, 48, "signed by itself",
	.pin = "self");
REFUSES(chain_without_middle, "chain", UNKNOWN_CA, 48, "issuer",
	.ca = "other-ca.pem", .name = "chain.example.org");
REFUSES(expired, "expired", EXPIRED, 45, "has expired: valid from");
REFUSES(not_yet, "not-yet", NOT_YET_VALID, 45, "clocks");
REFUSES(other_name, "net", WRONG_NAME, 46,
	"asked for localhost, it has DNS:www.example.net");
REFUSES(other_address, "localhost", WRONG_NAME, 46, "asked for 127.0.0.2",
	.name = "127.0.0.2");
REFUSES(wildcard_is_one_label, "wild", WRONG_NAME, 46, "DNS:*.example.org",
	.name = "a.b.example.org");
REFUSES(wildcard_is_not_nothing, "wild", WRONG_NAME, 46, "DNS:*.example.org",
	.name = "example.org");
REFUSES(purpose, "purpose", WRONG_PURPOSE, 43, "needed: TLS server");
REFUSES(weak, "weak", WEAK, 42, "RSA 1024 bits");
REFUSES(sha1, "sha1", WEAK, 42, "SHA1");
REFUSES(revoked, "revoked", REVOKED, 44, "is revoked",
	.staple = "revoked.ocsp-revoked.der");
REFUSES(revoked_in_second_place, "revoked", REVOKED, 44, "is revoked",
	.staple = "revoked.ocsp-second.der");
/* As GnuTLS before 3.8.13, which goes by the first place. */
REFUSES(revoked_in_second_place_unseen, "revoked", REVOKED, 44, "is revoked",
	.staple = "revoked.ocsp-second.der", .blind = true);
REFUSES(staple_expired, "localhost", BAD_STAPLE, 113, "OCSP",
	.staple = "localhost.ocsp-expired.der");
REFUSES(staple_forged, "localhost", BAD_STAPLE, 113, "OCSP",
	.staple = "localhost.ocsp-forged.der");
REFUSES(staple_of_another, "localhost", BAD_STAPLE, 113, "OCSP",
	.staple = "revoked.ocsp-good.der");
REFUSES(staple_is_garbage, "localhost", BAD_STAPLE, 113, "OCSP",
	.staple = "ca.pem");
REFUSES(must_staple_without, "must-staple", BAD_STAPLE, 113, "must-staple");
REFUSES(must_staple_revoked, "must-staple", REVOKED, 44, "is revoked",
	.staple = "must-staple.ocsp-revoked.der");
REFUSES(pin_of_another, "localhost", WRONG_PIN, 46, "not pinned", .pin = "ec");
REFUSES(pin_does_not_replace, "unknown", UNKNOWN_CA, 48, "issuer",
	.pin = "unknown");
REFUSES(pin_alone_of_another, "unknown", WRONG_PIN, 46, "not pinned", .pin = "ec",
	.no_verify = true);

ACCEPTS(unverified, .certificate = "unknown", .no_verify = true);
ACCEPTS(unverified_expired, .certificate = "expired", .no_verify = true,
	.nameless = true);
ACCEPTS(pin_alone, .certificate = "unknown", .pin = "unknown", .no_verify = true);
ACCEPTS(pin_alone_self, .certificate = "self", .pin = "self", .no_verify = true);

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

	blind = variant->blind;
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

#define OPTIONS(row, error, text, ...)			\
	FIXTURE_VARIANT_ADD(load, row) {				\
		.ret = error, .says = text, __VA_ARGS__ }

OPTIONS(ca_missing, -ENOENT, "/no-such.pem", .o.client = true, .ca = "no-such.pem");
OPTIONS(ca_directory, -EISDIR, "ca ", .o.client = true, .ca = ".");
OPTIONS(ca_is_a_key, -EINVAL, "no usable PEM", .o.client = true, .ca = "ca.key");
OPTIONS(pin_short, -EINVAL, "64 hex digits", .o.client = true, .pins = "00aa");
OPTIONS(pin_long, -EINVAL, "64 hex digits", .o.client = true, .pins = PIN "0");
OPTIONS(pin_not_hex, -EINVAL, "64 hex digits", .o.client = true,
	.pins = PIN " " SIXTEEN SIXTEEN SIXTEEN "0123456789abcdeg");
OPTIONS(pin_none, -EINVAL, "none in the list", .o.client = true, .pins = " \t");
OPTIONS(pin_two, 0, "", .o.client = true, .ca = "ca.pem",
	.pins = " " PIN "\n" PIN " ");
OPTIONS(require_without_ca, -EINVAL, "auth needs ca", .o.auth = KTLS_AUTH_REQUIRE);
OPTIONS(request_without_ca, -EINVAL, "auth needs ca", .o.auth = KTLS_AUTH_REQUEST);
OPTIONS(ca_without_auth, -EINVAL, "without auth", .ca = "ca.pem");
OPTIONS(pins_without_auth, -EINVAL, "without auth", .pins = PIN);
OPTIONS(server_without_verifying, -EINVAL, "no_verify", .o.no_verify = true,
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

TEST_HARNESS_MAIN
