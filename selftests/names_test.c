// SPDX-License-Identifier: GPL-2.0-only
/* The names of numbers, against what GnuTLS sends for names of its own. */
#include <gnutls/gnutls.h>

#include "hello.h"
#include "talk.h"
#include "kselftest_harness.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define EC ":-KX-ALL:+ECDHE-ECDSA"
#define RSA ":-KX-ALL:+ECDHE-RSA"
#define CIPHER(one) ":-CIPHER-ALL:+" one
#define SIGN(one) ":-SIGN-ALL:+SIGN-" one

/* The first of a list, when GnuTLS is told that there is one alone. */
static const struct {
	const char *priority;
	size_t list;
	const char *(*name)(uint16_t id);
	const char *first;
} offers[] = {
#define OFFER(priority, list, first) \
	{ priority, offsetof(struct client_hello, list ## s), \
	  list ## _name, first }
	OFFER(V13 CIPHER("AES-128-GCM"), suite, "TLS_AES_128_GCM_SHA256"),
	OFFER(V13 CIPHER("AES-256-GCM"), suite, "TLS_AES_256_GCM_SHA384"),
	OFFER(V13 CIPHER("CHACHA20-POLY1305"), suite,
	      "TLS_CHACHA20_POLY1305_SHA256"),
	OFFER(V13 CIPHER("AES-128-CCM"), suite, "TLS_AES_128_CCM_SHA256"),
	OFFER(V12 EC CIPHER("AES-128-GCM"), suite,
	      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
	OFFER(V12 EC CIPHER("AES-256-GCM"), suite,
	      "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
	OFFER(V12 EC CIPHER("CHACHA20-POLY1305"), suite,
	      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
	OFFER(V12 EC CIPHER("AES-128-CCM"), suite,
	      "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
	OFFER(V12 RSA CIPHER("AES-128-GCM"), suite,
	      "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
	OFFER(V12 RSA CIPHER("AES-256-GCM"), suite,
	      "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
	OFFER(V12 RSA CIPHER("CHACHA20-POLY1305"), suite,
	      "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
	OFFER(V13 SIGN("RSA-SHA256"), signature, "rsa_pkcs1_sha256"),
	OFFER(V13 SIGN("RSA-PSS-RSAE-SHA384"), signature,
	      "rsa_pss_rsae_sha384"),
	OFFER(V13 SIGN("RSA-PSS-SHA512"), signature, "rsa_pss_pss_sha512"),
	OFFER(V13 SIGN("ECDSA-SECP256R1-SHA256"), signature,
	      "ecdsa_secp256r1_sha256"),
	OFFER(V13 SIGN("EdDSA-Ed25519"), signature, "ed25519"),
	OFFER(V13 SIGN("EdDSA-Ed448"), signature, "ed448"),
};

TEST(what_is_offered_alone_has_its_name)
{
	static struct end client, server;
	gnutls_certificate_credentials_t none;

	gnutls_certificate_allocate_credentials(&none);
	for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
		struct client_hello h;
		struct bytes msg, *list = (void *)((char *)&h + offers[i].list);
		uint16_t id;

		server.in_len = 0;
		end_open(&client, &server, GNUTLS_CLIENT,
			 offers[i].priority);
		gnutls_credentials_set(client.tls, GNUTLS_CRD_CERTIFICATE,
				       none);
		gnutls_handshake(client.tls);
		gnutls_deinit(client.tls);
		msg = end_hello(&server);
		ASSERT_EQ(0, client_hello_parse(&h, msg.data, msg.len))
			TH_LOG("row %zu", i);
		ASSERT_TRUE(bytes_take_u16(list, &id))
			TH_LOG("row %zu", i);
		EXPECT_STREQ(offers[i].first, offers[i].name(id));
	}
	gnutls_certificate_free_credentials(none);
}

TEST(names_are_those_of_iana)
{
	EXPECT_STREQ("TLS_EMPTY_RENEGOTIATION_INFO_SCSV", suite_name(0x00ff));
	EXPECT_STREQ("TLS_RSA_WITH_AES_128_GCM_SHA256", suite_name(0x009c));
	EXPECT_STREQ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", suite_name(0xc013));
	EXPECT_STREQ("X25519MLKEM768", group_name(0x11ec));
	EXPECT_STREQ("ffdhe2048", group_name(0x0100));
	EXPECT_STREQ("ecdsa_secp384r1_sha384", signature_name(0x0503));
	EXPECT_STREQ("TLS 1.2", tls_version_name(0x0303));
	EXPECT_STREQ("TLS 1.3", tls_version_name(0x0304));
}

TEST(unknown_numbers_have_no_name)
{
	EXPECT_EQ(NULL, suite_name(0));
	EXPECT_EQ(NULL, suite_name(0x1a1a));
	EXPECT_EQ(NULL, group_name(0));
	EXPECT_EQ(NULL, signature_name(0xffff));
	EXPECT_EQ(NULL, tls_version_name(0x7f1c));
}

TEST(grease_is_sixteen_numbers)
{
	int count = 0;

	for (unsigned int id = 0; id <= UINT16_MAX; id++)
		count += is_grease(id);
	EXPECT_EQ(16, count);
	EXPECT_TRUE(is_grease(0x0a0a) && is_grease(0xfafa));
	EXPECT_FALSE(is_grease(0x0a1a) || is_grease(0x1a0a));
}

TEST_HARNESS_MAIN
