// SPDX-License-Identifier: GPL-2.0-only
/* Both hellos as GnuTLS writes them, against what it says of itself. */
#include <string.h>
#include <strings.h>
#include <gnutls/gnutls.h>

#include "hello.h"
#include "talk.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define CIPHER(one) ":-CIPHER-ALL:+" one
#define GROUP(one) ":-GROUP-ALL:+GROUP-" one
#define PSK ":-KX-ALL:+ECDHE-PSK"

FIXTURE(talk) {
	struct end client, server;
	gnutls_certificate_credentials_t anchor, own;
	gnutls_psk_client_credentials_t asks;
	gnutls_psk_server_credentials_t knows;
	gnutls_priority_t priority;	/* the client's */
	struct client_hello ch;
	struct server_hello sh;
};
FIXTURE_VARIANT(talk) {
	const char *client, *server;
	bool offers_tls13;
	uint16_t version;		/* that both have agreed on */
	bool retry, psk;
	unsigned int limit;		/* what the client wants to receive */
};

FIXTURE_VARIANT_ADD(talk, normal) {
	"NORMAL", "NORMAL", true, 0x0304, false, false, 0 };
FIXTURE_VARIANT_ADD(talk, tls13_chacha) {
	"NORMAL", V13 CIPHER("CHACHA20-POLY1305"),
	true, 0x0304, false, false, 512 };
FIXTURE_VARIANT_ADD(talk, tls13_ccm) {
	V13 CIPHER("AES-128-CCM") GROUP("SECP384R1"), "NORMAL",
	true, 0x0304, false, false, 1024 };
FIXTURE_VARIANT_ADD(talk, tls13_retry) {
	V13 GROUP("X25519") ":+GROUP-SECP521R1", V13 GROUP("SECP521R1"),
	true, 0x0304, true, false, 0 };
FIXTURE_VARIANT_ADD(talk, tls13_psk) {
	V13 PSK, V13 PSK, true, 0x0304, false, true, 0 };
FIXTURE_VARIANT_ADD(talk, tls12_server) {
	"NORMAL", V12, true, 0x0303, false, false, 0 };
FIXTURE_VARIANT_ADD(talk, tls12_client) {
	V12 CIPHER("AES-256-GCM"), "NORMAL",
	false, 0x0303, false, false, 4096 };

static int tell_key(gnutls_session_t tls, const char *name, gnutls_datum_t *key)
{
	key->data = gnutls_malloc(16);
	key->size = 16;
	memset(key->data, 'k', 16);
	return 0;
}

static void open_client(struct end *e, struct end *other, const char *priority)
{
	static const gnutls_datum_t protocols[] = {
		{ (void *)"h2", 2 }, { (void *)"http/1.1", 8 } };

	end_open(e, other, GNUTLS_CLIENT | GNUTLS_KEY_SHARE_TOP, priority);
	gnutls_server_name_set(e->tls, GNUTLS_NAME_DNS, "host.test", 9);
	gnutls_alpn_set_protocols(e->tls, protocols, 2, 0);
}

FIXTURE_SETUP(talk)
{
	static const gnutls_datum_t key = { (void *)"kkkkkkkkkkkkkkkk", 16 };
	struct end *client = &self->client, *server = &self->server;
	struct bytes msg;

	open_client(client, server, variant->client);
	end_open(server, client, GNUTLS_SERVER, variant->server);
	if (variant->limit)
		gnutls_record_set_max_size(client->tls, variant->limit);
	gnutls_certificate_allocate_credentials(&self->anchor);
	ASSERT_EQ(0, talk_certificate(&self->own));
	gnutls_credentials_set(client->tls, GNUTLS_CRD_CERTIFICATE,
			       self->anchor);
	gnutls_credentials_set(server->tls, GNUTLS_CRD_CERTIFICATE, self->own);
	gnutls_psk_allocate_client_credentials(&self->asks);
	gnutls_psk_set_client_credentials(self->asks, "me", &key,
					  GNUTLS_PSK_KEY_RAW);
	gnutls_psk_allocate_server_credentials(&self->knows);
	gnutls_psk_set_server_credentials_function(self->knows, tell_key);
	gnutls_credentials_set(client->tls, GNUTLS_CRD_PSK, self->asks);
	gnutls_credentials_set(server->tls, GNUTLS_CRD_PSK, self->knows);
	ASSERT_EQ(0, talk_shake(client, server));
	gnutls_priority_init(&self->priority, variant->client, NULL);
	msg = end_hello(server);
	ASSERT_EQ(0, client_hello_parse(&self->ch, msg.data, msg.len));
	msg = end_hello(client);
	ASSERT_EQ(0, server_hello_parse(&self->sh, msg.data, msg.len));
}

FIXTURE_TEARDOWN(talk)
{
	gnutls_deinit(self->client.tls);
	gnutls_deinit(self->server.tls);
	gnutls_certificate_free_credentials(self->anchor);
	gnutls_certificate_free_credentials(self->own);
	gnutls_psk_free_client_credentials(self->asks);
	gnutls_psk_free_server_credentials(self->knows);
	gnutls_priority_deinit(self->priority);
}

static bool is_text(struct bytes b, const char *text)
{
	return b.len == strlen(text) && !memcmp(b.data, text, b.len);
}

TEST_F(talk, the_client_offers_the_suites_of_its_priorities)
{
	unsigned char id[2];
	unsigned int index;
	uint16_t value;
	int ret = 0;

	for (int i = 0; ret != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
		ret = gnutls_priority_get_cipher_suite_index(self->priority, i,
							     &index);
		if (ret)	/* or a suite of another key exchange */
			continue;
		gnutls_cipher_suite_info(index, id, NULL, NULL, NULL, NULL);
		ASSERT_TRUE(bytes_take_u16(&self->ch.suites, &value));
		EXPECT_EQ(id[0] << 8 | id[1], value);
	}
	EXPECT_EQ(0, self->ch.suites.len);
}

TEST_F(talk, the_client_offers_the_groups_of_its_priorities)
{
	const unsigned int *list;
	int count = gnutls_priority_group_list(self->priority, &list);
	uint16_t id, share, first = 0;

	for (int i = 0; i < count; i++) {
		ASSERT_TRUE(bytes_take_u16(&self->ch.groups, &id));
		ASSERT_NE(NULL, group_name(id));
		EXPECT_EQ(0, strcasecmp(group_name(id),
					gnutls_group_get_name(list[i])));
		first = first ? first : id;
	}
	EXPECT_EQ(0, self->ch.groups.len);
	/* GNUTLS_KEY_SHARE_TOP */
	EXPECT_EQ(variant->offers_tls13,
		  hello_take_share(&self->ch.shares, &share));
	if (variant->offers_tls13)
		EXPECT_EQ(first, share);
	EXPECT_EQ(0, self->ch.shares.len);
}

TEST_F(talk, the_client_offers_the_versions_of_its_priorities)
{
	const unsigned int *list;
	int count = gnutls_priority_protocol_list(self->priority, &list);
	uint16_t id;

	EXPECT_EQ(0x0303, self->ch.version);
	for (int i = 0; variant->offers_tls13 && i < count; i++) {
		if (list[i] >= GNUTLS_DTLS0_9)
			continue;
		ASSERT_TRUE(bytes_take_u16(&self->ch.versions, &id));
		EXPECT_EQ(0x0300 + list[i] - GNUTLS_SSL3, id);
	}
	EXPECT_EQ(0, self->ch.versions.len);
}

TEST_F(talk, the_client_asks_for_what_it_was_told_to)
{
	struct bytes protocol;
	gnutls_datum_t client, server;

	EXPECT_TRUE(is_text(self->ch.sni, "host.test"));
	ASSERT_TRUE(hello_take_protocol(&self->ch.alpn, &protocol));
	EXPECT_TRUE(is_text(protocol, "h2"));
	ASSERT_TRUE(hello_take_protocol(&self->ch.alpn, &protocol));
	EXPECT_TRUE(is_text(protocol, "http/1.1"));
	EXPECT_FALSE(hello_take_protocol(&self->ch.alpn, &protocol));
	EXPECT_EQ(variant->psk, self->ch.has_psk);
	EXPECT_FALSE(self->ch.has_early_data);
	EXPECT_FALSE(self->ch.has_ticket);
	EXPECT_TRUE(self->ch.extended_master_secret);
	EXPECT_TRUE(self->ch.status_request);
	gnutls_session_get_random(self->client.tls, &client, &server);
	EXPECT_EQ(0, memcmp(self->ch.random, client.data, client.size));
}

/* As libktls has read them before there was client_hello_parse(). */
static int on_extension(void *ctx, unsigned int id, const unsigned char *data,
			unsigned int size)
{
	unsigned int *limits = ctx;

	if (id == 28 && size == 2)
		limits[0] = data[0] << 8 | data[1];
	if (id == 1 && size == 1)
		limits[1] = 256 << data[0];
	return 0;
}

TEST_F(talk, the_limits_are_those_that_gnutls_reads)
{
	struct bytes msg = end_hello(&self->server);
	const gnutls_datum_t raw = { (void *)msg.data, msg.len };
	unsigned int limits[2] = { 0, 0 };

	ASSERT_EQ(0, gnutls_ext_raw_parse(limits, on_extension, &raw,
					  GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO));
	EXPECT_EQ(limits[0], self->ch.record_size_limit);
	EXPECT_EQ(limits[1], self->ch.max_fragment);
	EXPECT_EQ(variant->limit, self->ch.max_fragment);
}

TEST_F(talk, the_server_answers_what_was_agreed)
{
	gnutls_session_t tls = self->client.tls;
	gnutls_datum_t client, server;
	const char *group;

	EXPECT_EQ(variant->version, self->sh.version);
	EXPECT_EQ(variant->version - 0x0300 + GNUTLS_SSL3,
		  gnutls_protocol_get_version(tls));
	ASSERT_NE(NULL, suite_name(self->sh.suite));
	EXPECT_STREQ(gnutls_ciphersuite_get(tls), suite_name(self->sh.suite));
	EXPECT_EQ(variant->retry, self->sh.retry);
	EXPECT_EQ(variant->psk, self->sh.psk);
	gnutls_session_get_random(tls, &client, &server);
	EXPECT_EQ(!variant->retry,
		  !memcmp(self->sh.random, server.data, server.size));
	if (self->sh.version != 0x0304) {
		EXPECT_EQ(0, self->sh.group);
		return;
	}
	EXPECT_EQ(self->ch.session_id.len, self->sh.session_id.len);
	group = gnutls_group_get_name(gnutls_group_get(tls));
	ASSERT_NE(NULL, group_name(self->sh.group));
	EXPECT_EQ(0, strcasecmp(group, group_name(self->sh.group)));
}

TEST_HARNESS_MAIN
