// SPDX-License-Identifier: GPL-2.0-only
/* Names in certificates are what their owners like them to be. */
#include <stdlib.h>
#include <string.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "internal.h"
#include "kselftest_harness.h"

FIXTURE(identity) {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	struct ktls_session s;
};

FIXTURE_SETUP(identity)
{
	gnutls_x509_privkey_init(&self->key);
	gnutls_x509_privkey_generate(self->key, GNUTLS_PK_ECDSA, 256, 0);
	gnutls_x509_crt_init(&self->crt);
	gnutls_x509_crt_set_version(self->crt, 3);
	gnutls_x509_crt_set_serial(self->crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(self->crt, 0);
	gnutls_x509_crt_set_expiration_time(self->crt, 4000000000);
	gnutls_x509_crt_set_key(self->crt, self->key);
	memset(&self->s, 0, sizeof(self->s));
}

FIXTURE_TEARDOWN(identity)
{
	gnutls_x509_crt_deinit(self->crt);
	gnutls_x509_privkey_deinit(self->key);
	free(self->s.identity);
}

#define SUBJECT(text, len)						\
	gnutls_x509_crt_set_dn_by_oid(self->crt, GNUTLS_OID_X520_COMMON_NAME, \
				      0, text, len)
#define NAME(kind, text, len)						\
	ASSERT_EQ(0, gnutls_x509_crt_set_subject_alt_name(self->crt,	\
		  GNUTLS_SAN_##kind, text, len, GNUTLS_FSAN_APPEND))

/* As it comes from the wire: signed, written and read. */
#define TAKE() do {							\
	gnutls_datum_t der;						\
									\
	ASSERT_EQ(0, gnutls_x509_crt_sign2(self->crt, self->crt, self->key, \
					   GNUTLS_DIG_SHA256, 0));	\
	ASSERT_EQ(0, gnutls_x509_crt_export2(self->crt,			\
					     GNUTLS_X509_FMT_DER, &der)); \
	gnutls_x509_crt_deinit(self->crt);				\
	gnutls_x509_crt_init(&self->crt);				\
	ASSERT_EQ(0, gnutls_x509_crt_import(self->crt, &der,		\
					    GNUTLS_X509_FMT_DER));	\
	gnutls_free(der.data);						\
	ASSERT_EQ(0, identity_take(&self->s, self->crt));		\
} while (0)

TEST_F(identity, of_every_kind)
{
	SUBJECT("a.example", 9);
	NAME(DNSNAME, "a.example", 9);
	NAME(IPADDRESS, "\xc0\0\2\1", 4);
	NAME(IPADDRESS, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	NAME(RFC822NAME, "a@example", 9);
	NAME(URI, "spiffe://example/a", 18);
	TAKE();
	EXPECT_STREQ("CN=a.example", self->s.identity->subject);
	EXPECT_STREQ("DNS:a.example IP:192.0.2.1 IP:2001:db8::1 "
		     "email:a@example URI:spiffe://example/a",
		     self->s.identity->names);
	EXPECT_FALSE(self->s.identity->verified);
}

/* One name must not look like two, nor like another. */
TEST_F(identity, is_unambiguous)
{
	/* By hand: GnuTLS would not write such. [2] is dNSName. */
	static const char names[] =
		"\60\74"
		"\202\22a DNS:bank.example"
		"\202\32bank.example\0.evil.example"
		"\206\12x:\\20\"\33[3\177";
	const size_t len = sizeof(names) - 1;

	ASSERT_EQ(0, gnutls_x509_crt_set_extension_by_oid(self->crt, "2.5.29.17",
							  names, len, 0));
	TAKE();
	EXPECT_STREQ("", self->s.identity->subject);
	EXPECT_STREQ("DNS:a\\20DNS:bank.example "
		     "DNS:bank.example\\00.evil.example "
		     "URI:x:\\5C20\"\\1B[3\\7F",
		     self->s.identity->names);
}

TEST_F(identity, is_printable)
{
	SUBJECT("a\xc3\xa4\033[2J, CN=b\n", 15);
	TAKE();
	for (char *c = self->s.identity->subject; *c; c++)
		EXPECT_TRUE(*c >= ' ' && *c < 0x7f);
	EXPECT_EQ(NULL, strstr(self->s.identity->subject, ",CN=b"));
	EXPECT_EQ(NULL, strstr(self->s.identity->subject, ", CN=b"))
		TH_LOG("%s", self->s.identity->subject);
}

TEST_F(identity, is_never_cut_within_a_name)
{
	char name[32];

	for (int i = 0; i < 100; i++) {
		sprintf(name, "host-%03d.example.evil", i);
		NAME(DNSNAME, name, strlen(name));
	}
	TAKE();
	ASSERT_GT(sizeof(self->s.identity->names),
		  strlen(self->s.identity->names));
	EXPECT_STREQ(" ...", self->s.identity->names +
			     strlen(self->s.identity->names) - 4);
	for (char *n = strtok(self->s.identity->names, " "); n;
	     n = strtok(NULL, " "))
		EXPECT_TRUE(!strcmp(n, "...") ||
			    !strcmp(n + strlen(n) - 13, ".example.evil"));
}

TEST_F(identity, of_one_giant_name_is_a_mark)
{
	static char name[8000];

	memset(name, 'a', sizeof(name));
	NAME(DNSNAME, name, 1020);
	TAKE();
	EXPECT_STREQ("...", self->s.identity->names);
}

TEST_F(identity, longer_than_any_name_is_left_out)
{
	static char name[8000];

	memset(name, 'a', sizeof(name));
	NAME(DNSNAME, name, sizeof(name));
	NAME(DNSNAME, "b", 1);
	TAKE();
	EXPECT_STREQ("DNS:b ...", self->s.identity->names);
}

/* What follows it is told, and the mark stands for what is not. */
TEST_F(identity, of_a_kind_that_is_not_told)
{
	static const char *const extensions[] = {
		"\60\12\210\3\52\3\4\202\3b.c",	/* [8] registeredID */
		"\60\12\207\3\1\2\3\202\3b.c",	/* no address at all */
	};

	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		const char *e = extensions[i];
		int ret = gnutls_x509_crt_set_extension_by_oid(self->crt,
							       "2.5.29.17", e,
							       e[1] + 2, 0);

		ASSERT_EQ(0, ret);
		TAKE();
		EXPECT_STREQ("DNS:b.c ...", self->s.identity->names);
	}
}

TEST_F(identity, with_a_long_subject_says_that_it_goes_on)
{
	static const char unit[] = GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME;
	static char name[300];

	memset(name, 'a', sizeof(name));
	for (int i = 0; i < 8; i++)
		gnutls_x509_crt_set_dn_by_oid(self->crt, unit, 0, name, 60);
	TAKE();
	ASSERT_EQ(sizeof(self->s.identity->subject) - 1,
		  strlen(self->s.identity->subject));
	EXPECT_STREQ(" ...", self->s.identity->subject +
			     sizeof(self->s.identity->subject) - 5);
}

TEST_F(identity, without_any_name_is_empty)
{
	TAKE();
	EXPECT_STREQ("", self->s.identity->subject);
	EXPECT_STREQ("", self->s.identity->names);
}

TEST_HARNESS_MAIN
