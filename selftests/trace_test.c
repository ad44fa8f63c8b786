// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a handshake tells of itself: version x kind of handshake, our server
 * with GnuTLS's client and with ours. GnuTLS is the oracle for what is told.
 */
#include <stdio.h>
#include <string.h>

#include "ends.h"
#include "hello.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

#define CLIENT_HELLO	"c ClientHello, "
#define RETRY		"s HelloRetryRequest, c ClientHello, "
#define HELLO_12	"s ServerHello, s Certificate, "
#define CCS(side)	side " ChangeCipherSpec, " side " Finished, "
#define EXCHANGE_12	"c ClientKeyExchange, h key exchange, "
#define SERVER_13	"s ServerHello, h key exchange, s EncryptedExtensions, "
#define PROOF(side)	side " Certificate, " side " CertificateVerify, " \
			side " Finished, "

FIXTURE(trace) {
	struct ends e;
};
FIXTURE_VARIANT(trace) {
	const char *priority, *steps;
	const char *groups;		/* the server's */
	const char *group, *kind;
	bool rsa, mutual, ours;
};

/* One row, for both clients. */
#define VARIANT(name, ...)						\
	FIXTURE_VARIANT_ADD(trace, name##_gnutls) {			\
		__VA_ARGS__						\
	};								\
	FIXTURE_VARIANT_ADD(trace, name##_ours) {			\
		.ours = true, __VA_ARGS__				\
	}

VARIANT(12_full, .priority = V12, .group = "x25519", .kind = "ECDHE",
	.steps = CLIENT_HELLO HELLO_12
		 "s ServerKeyExchange, s ServerHelloDone, " EXCHANGE_12
		 CCS("c") CCS("s") "h done");
VARIANT(12_p256, .priority = V12, .groups = "P-256", .group = "secp256r1",
	.kind = "ECDHE",
	.steps = CLIENT_HELLO HELLO_12
		 "s ServerKeyExchange, s ServerHelloDone, " EXCHANGE_12
		 CCS("c") CCS("s") "h done");
VARIANT(12_rsa, .priority = V12 ":-KX-ALL:+RSA", .rsa = true, .kind = "RSA",
	.steps = CLIENT_HELLO HELLO_12 "s ServerHelloDone, " EXCHANGE_12
		 CCS("c") CCS("s") "h done");
VARIANT(12_mutual, .priority = V12, .mutual = true, .group = "x25519",
	.kind = "ECDHE",
	.steps = CLIENT_HELLO HELLO_12
		 "s ServerKeyExchange, s CertificateRequest, "
		 "s ServerHelloDone, c Certificate, " EXCHANGE_12
		 "c CertificateVerify, " CCS("c") CCS("s") "h done");
VARIANT(13_full, .priority = V13, .group = "x25519", .kind = "ECDHE",
	.steps = CLIENT_HELLO SERVER_13 PROOF("s") "c Finished, h done");
VARIANT(13_rsa_certificate, .priority = V13, .rsa = true, .group = "x25519",
	.kind = "ECDHE",
	.steps = CLIENT_HELLO SERVER_13 PROOF("s") "c Finished, h done");
VARIANT(13_retry, .priority = V13, .groups = "P-384", .group = "secp384r1",
	.kind = "ECDHE",
	.steps = CLIENT_HELLO RETRY SERVER_13 PROOF("s") "c Finished, h done");
VARIANT(13_mutual, .priority = V13, .mutual = true, .group = "x25519",
	.kind = "ECDHE",
	.steps = CLIENT_HELLO SERVER_13 "s CertificateRequest, " PROOF("s")
		 PROOF("c") "h done");

FIXTURE_SETUP(trace)
{
	struct ends *e = &self->e;
	const struct ktls_options o = { .groups = variant->groups,
					.rsa_key_transport = variant->rsa };

	ASSERT_EQ(0, ends_prepare(e, variant->rsa, &o));
	ASSERT_EQ(0, ends_connect(e, variant->ours, variant->priority));
	if (variant->mutual)
		gnutls_certificate_server_set_request(e->s[0]->tls,
						      GNUTLS_CERT_REQUEST);
	if (e->p.tls)
		gnutls_certificate_set_x509_key_file(e->p.credentials, e->cert,
						     e->key,
						     GNUTLS_X509_FMT_PEM);
}

FIXTURE_TEARDOWN(trace)
{
	ends_close(&self->e);
}

/* Of each end that is ours. */
#define FOR_OURS(i) for (int i = 0; i < 1 + variant->ours; i++)

#define SHAKE()								\
	ASSERT_EQ(0, ends_shake(&self->e))				\
		TH_LOG("%s", ktls_session_error(self->e.s[0])->text)

TEST_F(trace, steps_come_in_order)
{
	char steps[1024];

	SHAKE();
	ASSERT_EQ(0, ends_install(&self->e));
	FOR_OURS(i) {
		EXPECT_STREQ(variant->steps, events_steps(&self->e.events[i],
							  steps, sizeof(steps)));
		EXPECT_STREQ("", self->e.events[i].fault);
	}
}

#define NONE "(none)"
#define VALUE(i, step, name) \
	events_value(&self->e.events[i], KTLS_STEP_##step, 0, name)

static void to_hex(char *out, const gnutls_datum_t *data)
{
	for (size_t i = 0; i < data->size; i++)
		sprintf(out + 2 * i, "%02x", data->data[i]);
}

TEST_F(trace, hellos_say_what_gnutls_says)
{
	const struct ktls_info *info = ktls_session_info(self->e.s[0]);
	gnutls_datum_t client, server;
	char client_hex[65], server_hex[65];
	gnutls_session_t tls;
	char suite[64];

	SHAKE();
	tls = self->e.s[0]->tls;
	gnutls_session_get_random(tls, &client, &server);
	to_hex(client_hex, &client);
	to_hex(server_hex, &server);
	snprintf(suite, sizeof(suite), "%s", gnutls_ciphersuite_get(tls));
	FOR_OURS(i) {
		bool v13 = info->version == TLS_1_3_VERSION;

		EXPECT_STREQ(client_hex, VALUE(i, CLIENT_HELLO, "random"));
		EXPECT_STREQ(server_hex, VALUE(i, SERVER_HELLO, "random"));
		EXPECT_STREQ("localhost", VALUE(i, CLIENT_HELLO, "sni"));
		EXPECT_STREQ("", VALUE(i, CLIENT_HELLO, "alpn"));
		EXPECT_STREQ("no", VALUE(i, CLIENT_HELLO, "session_ticket"));
		EXPECT_STREQ("no", VALUE(i, CLIENT_HELLO, "psk"));
		EXPECT_STREQ(v13 ? "TLS1.3" : "TLS1.2",
			     VALUE(i, CLIENT_HELLO, "versions"));
		EXPECT_STREQ(v13 ? "TLS1.3" : "TLS1.2",
			     VALUE(i, SERVER_HELLO, "version"));
		EXPECT_NE(NULL, strstr(VALUE(i, CLIENT_HELLO, "ciphers"),
				       VALUE(i, SERVER_HELLO, "cipher")));
		EXPECT_STREQ(suite, VALUE(i, SERVER_HELLO, "cipher"));
		if (v13) {
			EXPECT_STREQ(variant->group,
				     VALUE(i, SERVER_HELLO, "group"));
		}
	}
}

TEST_F(trace, key_exchange_is_told)
{
	const char *group = variant->group ? variant->group : NONE;

	SHAKE();
	FOR_OURS(i) {
		uint16_t number = ktls_session_info(self->e.s[i])->group;

		EXPECT_STREQ(variant->kind, VALUE(i, KEY_EXCHANGE, "kind"));
		EXPECT_STREQ(group, VALUE(i, KEY_EXCHANGE, "group"));
		EXPECT_STREQ(variant->group ? "yes" : "no",
			     VALUE(i, KEY_EXCHANGE, "forward_secrecy"));
		EXPECT_STREQ("no", VALUE(i, KEY_EXCHANGE, "resumed"));
		EXPECT_STREQ(group, number ? group_name(number) : NONE);
		if (strcmp(NONE, VALUE(i, SERVER_KEY_EXCHANGE, "size"))) {
			EXPECT_STREQ(group, VALUE(i, SERVER_KEY_EXCHANGE, "group"));
			EXPECT_STREQ("ECDHE",
				     VALUE(i, SERVER_KEY_EXCHANGE, "kind"));
		}
		if (strcmp(NONE, VALUE(i, CLIENT_KEY_EXCHANGE, "size"))) {
			EXPECT_STREQ(variant->kind,
				     VALUE(i, CLIENT_KEY_EXCHANGE, "kind"));
			EXPECT_STREQ(group, VALUE(i, CLIENT_KEY_EXCHANGE, "group"));
		}
	}
}

/* Both certificates are one here: what the client proves is the same. */
TEST_F(trace, certificates_are_read)
{
	SHAKE();
	FOR_OURS(i) {
		for (int n = 0; n < 1 + variant->mutual; n++) {
			const struct events *e = &self->e.events[i];
			enum ktls_step step = KTLS_STEP_CERTIFICATE;
			const char *id;

			EXPECT_STREQ("1", events_value(e, step, n, "count"));
			EXPECT_STREQ("CN=localhost,O=M\xc3\xbcller",
				     events_value(e, step, n, "subject"));
			EXPECT_STREQ("CN=localhost,O=M\xc3\xbcller",
				     events_value(e, step, n, "issuer"));
			EXPECT_STREQ("DNS:localhost IP:192.0.2.1",
				     events_value(e, step, n, "names"));
			EXPECT_STREQ("2023-11-14T22:13:20Z",
				     events_value(e, step, n, "not_before"));
			EXPECT_STREQ("2096-10-02T07:06:40Z",
				     events_value(e, step, n, "not_after"));
			EXPECT_STREQ(variant->rsa ? "RSA 2048" : "EC P-256",
				     events_value(e, step, n, "key"));
			EXPECT_STREQ(variant->rsa ? "RSA-SHA256" :
						    "ECDSA-SHA256",
				     events_value(e, step, n, "signature"));
			id = events_value(e, step, n, "spki_sha256");
			EXPECT_EQ(64, strlen(id));
		}
	}
}

TEST_F(trace, no_secret_is_told)
{
	SHAKE();
	ASSERT_EQ(0, ends_install(&self->e));
	/* A check that could not fail would be none. */
	ASSERT_LT(0, self->e.events[0].secrets_count);
	ASSERT_NE(NULL, strchr(self->e.events[0].secrets[0], ' '));
	FOR_OURS(i) {
		EXPECT_FALSE(events_leak(&self->e.events[i],
					 &self->e.events[0]));
		EXPECT_FALSE(events_leak(&self->e.events[i],
					 &self->e.events[i]));
	}
}

TEST_F(trace, done_tells_how_it_is)
{
	const struct ktls_info *info = ktls_session_info(self->e.s[0]);

	SHAKE();
	ASSERT_EQ(0, ends_install(&self->e));
	FOR_OURS(i) {
		bool kernel = ktls_conn_info(self->e.c[i])->tx_mode;

		EXPECT_STREQ(kernel ? "kernel" : "user",
			     VALUE(i, DONE, "offload"));
		EXPECT_STREQ(ktls_cipher_name(info->cipher),
			     VALUE(i, DONE, "cipher"));
		EXPECT_STREQ("no", VALUE(i, DONE, "resumed"));
		/* Ours does not verify, and a server may be shown nothing. */
		EXPECT_STREQ(i ? "no" : "none", VALUE(i, DONE, "verified"));
		EXPECT_STREQ("localhost", VALUE(i, DONE, "sni"));
		if (!kernel) {
			EXPECT_STREQ(NONE, VALUE(i, INSTALL, "direction"));
			continue;
		}
		EXPECT_STREQ("rx", VALUE(i, INSTALL, "direction"));
		EXPECT_STREQ("tx", events_value(&self->e.events[i],
						KTLS_STEP_INSTALL, 1,
						"direction"));
		EXPECT_STREQ("sw", VALUE(i, INSTALL, "mode"));
		EXPECT_EQ(0, ktls_conn_mode(self->e.c[i]));
		EXPECT_EQ(KTLS_MODE_SW, ktls_conn_info(self->e.c[i])->rx_mode);
		EXPECT_STREQ("tls12_crypto_info_aes_gcm_128",
			     VALUE(i, INSTALL, "struct"));
		EXPECT_STREQ(info->version == TLS_1_3_VERSION ? "0" : "1",
			     VALUE(i, INSTALL, "sequence"));
	}
}

/* The lines are those that GnuTLS's client logs, and nothing more. */
static struct events *peer_events;

static int on_peer_key(gnutls_session_t tls, const char *label,
		       const gnutls_datum_t *secret)
{
	gnutls_datum_t client, server;
	char line[256], random[65], hex[97];

	gnutls_session_get_random(tls, &client, &server);
	to_hex(random, &client);
	to_hex(hex, secret);
	snprintf(line, sizeof(line), "%s %s %s", label, random, hex);
	events_secret(peer_events, line);
	return 0;
}

static bool has_line(const struct events *e, const char *line)
{
	for (size_t i = 0; i < e->secrets_count; i++)
		if (!strcmp(e->secrets[i], line))
			return true;
	return false;
}

TEST_F(trace, key_log_is_that_of_the_peer)
{
	struct events *server = &self->e.events[0];
	struct events *client = &self->e.events[1];

	peer_events = client;
	if (self->e.p.tls)
		gnutls_session_set_keylog_function(self->e.p.tls, on_peer_key);
	SHAKE();
	ASSERT_LT(0, server->secrets_count);
	EXPECT_EQ(server->secrets_count, client->secrets_count);
	for (size_t i = 0; i < server->secrets_count; i++)
		EXPECT_TRUE(has_line(client, server->secrets[i]));
	EXPECT_FALSE(events_leak(server, client));
}

TEST_HARNESS_MAIN
