// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a handshake tells of itself: version x kind of handshake, our server
 * with GnuTLS's client and with ours. GnuTLS is the oracle for what is told.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "events.h"
#include "hello.h"
#include "internal.h"
#include "peer.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static void save(const char *path, const gnutls_datum_t *pem)
{
	FILE *f = fopen(path, "w");

	fwrite(pem->data, 1, pem->size, f);
	fclose(f);
}

/* For localhost and 192.0.2.1, good for RSA key transport too. */
static void make_certificate(bool rsa, const char *cert, const char *key)
{
	static const unsigned char address[4] = { 192, 0, 2, 1 };
	gnutls_x509_privkey_t k;
	gnutls_x509_crt_t c;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&k);
	gnutls_x509_crt_init(&c);
	gnutls_x509_privkey_generate(k, rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
				     rsa ? 2048 : 256, 0);
	gnutls_x509_crt_set_version(c, 3);
	gnutls_x509_crt_set_serial(c, "\1", 1);
	gnutls_x509_crt_set_dn(c, "CN=localhost,O=M\xc3\xbcller", NULL);
	gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME,
					     "localhost", 9, GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address,
					     4, GNUTLS_FSAN_APPEND);
	gnutls_x509_crt_set_activation_time(c, 1700000000);
	gnutls_x509_crt_set_expiration_time(c, 4000000000);
	gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE |
				      (rsa ? GNUTLS_KEY_KEY_ENCIPHERMENT : 0));
	gnutls_x509_crt_set_key(c, k);
	gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem);
	save(cert, &pem);
	gnutls_free(pem.data);
	gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &pem);
	save(key, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(c);
	gnutls_x509_privkey_deinit(k);
}

struct ends {
	char dir[32], cert[64], key[64];
	struct ktls_config *config[2];	/* [0] is the server, [1] the client */
	struct ktls_session *s[2];
	struct ktls_conn *c[2];
	int fds[2];
	struct events events[2];
	struct peer p;			/* in place of s[1] */
	gnutls_datum_t ticket_key;
};

static int load(struct ends *e, int end, const struct ktls_options *base)
{
	const struct ktls_pair pair = { e->cert, e->key, NULL };
	struct ktls_options o = *base;
	struct ktls_error err;

	o.pairs = &pair;
	o.pairs_count = 1;
	o.client = o.no_verify = end;
	o.no_tickets = true;
	o.offload = KTLS_OFFLOAD_PREFER;
	if (end)
		o.groups = NULL;	/* only the server's make a retry */
	return ktls_config_load(&e->config[end], &o, &err);
}

static int open_session(struct ends *e, int end)
{
	int ret = ktls_session_new(&e->s[end], e->config[end], e->fds[end],
				   end ? "localhost" : NULL);

	if (ret)
		return ret;
	ktls_session_trace(e->s[end], events_add, &e->events[end]);
	ktls_session_keylog(e->s[end], events_secret, &e->events[end]);
	return 0;
}

static int ends_prepare(struct ends *e, bool rsa,
			const struct ktls_options *base)
{
	memset(e, 0, sizeof(*e));
	e->fds[0] = e->fds[1] = -1;
	e->p.fd = -1;
	strcpy(e->dir, "/tmp/trace.XXXXXX");
	if (!mkdtemp(e->dir))
		return -errno;
	snprintf(e->cert, sizeof(e->cert), "%s/cert.pem", e->dir);
	snprintf(e->key, sizeof(e->key), "%s/key.pem", e->dir);
	make_certificate(rsa, e->cert, e->key);
	return load(e, 0, base) ?: load(e, 1, base);
}

/* @ours: libktls is the client too. */
static int ends_connect(struct ends *e, bool ours, const char *priority)
{
	int ret = peer_tcp(e->fds) ?: open_session(e, 0);

	if (ret)
		return ret;
	if (!ours)
		return peer_open(&e->p, e->fds[1], priority, 0);
	ret = open_session(e, 1);
	return ret ? ret : gnutls_priority_set_direct(e->s[1]->tls, priority,
						      NULL);
}

static void ends_disconnect(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		events_clear(&e->events[i]);
		ktls_session_free(e->s[i]);
		if (e->c[i])
			ktls_conn_close(e->c[i]);
		else if (e->fds[i] >= 0 && !(i == 1 && e->p.tls))
			close(e->fds[i]);
		e->s[i] = NULL;
		e->c[i] = NULL;
		e->fds[i] = -1;
	}
	peer_close(&e->p);
}

static void ends_close(struct ends *e)
{
	ends_disconnect(e);
	ktls_config_put(e->config[0]);
	ktls_config_put(e->config[1]);
	gnutls_free(e->ticket_key.data);
	unlink(e->cert);
	unlink(e->key);
	rmdir(e->dir);
}

/* Both ends by turns. */
static int ends_shake(struct ends *e)
{
	int ret[2] = { -EAGAIN, -EAGAIN };

	if (!e->s[1])
		return peer_shake(&e->p, e->s[0], e->fds[0]);
	for (int i = 0; i < 1000 && (ret[0] || ret[1]); i++) {
		struct pollfd pfd[2];

		for (int k = 0; k < 2; k++) {
			if (ret[k])
				ret[k] = ktls_session_handshake(e->s[k]);
			if (ret[k] && ret[k] != -EAGAIN)
				return ret[k];
			pfd[k].fd = ret[k] ? e->fds[k] : -1;
			pfd[k].events = ktls_session_events(e->s[k]);
		}
		if (ret[0] || ret[1])
			poll(pfd, 2, PEER_MS);
	}
	return ret[0] ? ret[0] : ret[1];
}

static int ends_install(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		int ret = e->s[i] ? ktls_session_install(e->s[i], &e->c[i]) : 0;

		if (ret)
			return ret;
	}
	return 0;
}

/* --- what is told, and in which order --- */

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

#define VARIANT(name, ...)						\
	FIXTURE_VARIANT_ADD(trace, name##_gnutls) { __VA_ARGS__ };	\
	FIXTURE_VARIANT_ADD(trace, name##_ours) { .ours = true, __VA_ARGS__ }

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

#define SHAKE() do {							\
	ASSERT_EQ(0, ends_shake(&self->e))				\
		TH_LOG("%s", ktls_session_error(self->e.s[0])->text);	\
} while (0)

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
