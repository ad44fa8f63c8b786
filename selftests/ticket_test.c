// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session tickets: that they work, in whichever process or machine has the
 * same master, and data flows afterwards; and that none works where other
 * rules hold than those under which it was issued. A raw GnuTLS client, which
 * offers whatever it has, is the thief.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* --- a ticket from one service, shown to another --- */

FIXTURE(ticket) {
	struct ktls_config *from, *to;
	gnutls_datum_t ticket;
	struct call first, second;
};
FIXTURE_VARIANT(ticket) {
	struct service from, to;
	const char *from_sni, *to_sni;
	bool resumes, not_in_12;
	enum ktls_reason reason;	/* why @to refuses even to begin anew */
};

#define TICKETS(row, ...) FIXTURE_VARIANT_ADD(ticket, row) { __VA_ARGS__ }

TICKETS(same, .resumes = true);
TICKETS(same_name, .resumes = true, .from_sni = "localhost",
	.to_sni = "localhost");
/* In TLS 1.2 GnuTLS compares them too, and byte by byte. */
TICKETS(name_in_capitals, .resumes = true, .not_in_12 = true,
	.from_sni = "localhost", .to_sni = "LOCALHOST");
TICKETS(file, .resumes = true, .from.master = "one", .to.master = "one");
TICKETS(another_machine, .resumes = true, .from.master = "one",
	.to.master = "one-copy");
TICKETS(another_master, .from.master = "one", .to.master = "two");
TICKETS(file_then_none, .from.master = "one");
TICKETS(other_lifetime_is_another_key, .from.o.ticket_lifetime = 3600);
TICKETS(name_to_none, .from_sni = "localhost");
TICKETS(none_to_name, .to_sni = "localhost");
TICKETS(unknown_names, .from_sni = "a.example", .to_sni = "b.example");
TICKETS(name_to_name_of_one_certificate, .from_sni = "www.example.org",
	.to_sni = "example.org", .from.pairs = { "ec" }, .to.pairs = { "ec" });
TICKETS(name_to_name_of_one_wildcard, .from_sni = "a.example.org",
	.to_sni = "b.example.org", .from.pairs = { "wild" },
	.to.pairs = { "wild" });
TICKETS(certificate_to_certificate, .from_sni = "www.example.org",
	.to_sni = "www.example.net", .from.pairs = { "ec", "net" },
	.to.pairs = { "ec", "net" });
TICKETS(one_name_of_two_certificates, .from_sni = "www.example.org",
	.to_sni = "www.example.org", .from.pairs = { "ec" },
	.to.pairs = { "wild" });
TICKETS(renewed_certificate, .resumes = true, .from_sni = "www.example.org",
	.to_sni = "www.example.org", .from.pairs = { "ec" },
	.to.pairs = { "rsa" });
TICKETS(strict, .resumes = true, .from.o.strict_sni = true,
	.from_sni = "localhost", .to_sni = "localhost");
TICKETS(other_protocols, .to.o.alpn = "h2");
TICKETS(other_ciphers, .to.o.ciphers = "AES-256-GCM AES-128-GCM");
TICKETS(key_transport, .from.pairs = { "rsa" }, .to.pairs = { "rsa" },
	.from.o.rsa_key_transport = true);
TICKETS(other_versions, .to.o.min_version = 0x0303);
TICKETS(turned_off, .to.o.no_tickets = true);
TICKETS(none_to_request, .to.o.auth = KTLS_AUTH_REQUEST);
TICKETS(none_to_require, .to.o.auth = KTLS_AUTH_REQUIRE,
	.reason = KTLS_NO_CERTIFICATE);
TICKETS(request_to_require, .from.o.auth = KTLS_AUTH_REQUEST,
	.to.o.auth = KTLS_AUTH_REQUIRE, .reason = KTLS_NO_CERTIFICATE);
TICKETS(require_shares_its_master, .from.master = "one", .to.master = "one",
	.to.o.auth = KTLS_AUTH_REQUIRE, .reason = KTLS_NO_CERTIFICATE);

FIXTURE_SETUP(ticket)
{
	struct ktls_error err;

	ASSERT_EQ(0, write_master("one", 1, 64));
	ASSERT_EQ(0, write_master("one-copy", 1, 64));
	ASSERT_EQ(0, write_master("two", 2, 64));
	ASSERT_EQ(0, service_load(&self->from, &variant->from, &err))
		TH_LOG("%s", err.text);
	ASSERT_EQ(0, service_load(&self->to, &variant->to, &err))
		TH_LOG("%s", err.text);
}

FIXTURE_TEARDOWN(ticket)
{
	call_end(&self->first);
	call_end(&self->second);
	ktls_config_put(self->from);
	ktls_config_put(self->to);
	gnutls_free(self->ticket.data);
}

/* A ticket from @from, shown to @to: has it resumed, and does data flow? */
static void go(struct __test_metadata *const _metadata,
	       FIXTURE_DATA(ticket) *self, const FIXTURE_VARIANT(ticket) *variant,
	       const char *priority, bool resumes)
{
	struct call *v = &self->second;

	call_make(&self->first, self->from, priority, variant->from_sni, NULL);
	ASSERT_TRUE(self->first.data_flows)
		TH_LOG("%s", self->first.err.text);
	EXPECT_EQ(0, self->first.info.resumed);
	ASSERT_TRUE(call_ticket(&self->first, &self->ticket));

	call_make(v, self->to, priority, variant->to_sni, &self->ticket);
	EXPECT_EQ(variant->reason, v->err.reason) TH_LOG("%s", v->err.text);
	EXPECT_EQ(resumes, v->info.resumed);
	if (variant->reason) {
		EXPECT_GT(0, v->o.ours);
		return;
	}
	EXPECT_EQ(resumes, gnutls_session_is_resumed(v->p.tls));
	EXPECT_TRUE(v->data_flows);
}

TEST_F(ticket, of_12_works_only_where_it_may)
{
	go(_metadata, self, variant, V12, variant->resumes &&
	   !variant->not_in_12);
}

TEST_F(ticket, of_13_works_only_where_it_may)
{
	go(_metadata, self, variant, V13, variant->resumes);
}

/* --- what else can happen to them --- */

FIXTURE(version) {
	struct ktls_config *config;
	struct call v;
	gnutls_datum_t ticket;
};
FIXTURE_VARIANT(version) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(version, 12) { .priority = V12 };
FIXTURE_VARIANT_ADD(version, 13) { .priority = V13 };

FIXTURE_SETUP(version)
{
	struct ktls_error err;
	const struct service plain = {};

	ASSERT_EQ(0, service_load(&self->config, &plain, &err));
}

FIXTURE_TEARDOWN(version)
{
	call_end(&self->v);
	ktls_config_put(self->config);
	gnutls_free(self->ticket.data);
}

/* A visit with the ticket of a visit with a ticket, and so on. */
TEST_F(version, begets_another)
{
	gnutls_datum_t next = {};

	call_make(&self->v, self->config, variant->priority, "localhost", NULL);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	for (int i = 0; i < 3; i++) {
		call_end(&self->v);
		call_make(&self->v, self->config, variant->priority, "localhost",
			  &self->ticket);
		ASSERT_EQ(1, self->v.info.resumed);
		ASSERT_TRUE(self->v.data_flows);
		if (!call_ticket(&self->v, &next))
			continue;
		gnutls_free(self->ticket.data);
		self->ticket = next;
	}
}

/* A configuration loaded anew has the master of the old one. */
TEST_F(version, survives_a_reload)
{
	const struct service plain = {};
	struct ktls_error err;

	call_make(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	call_end(&self->v);
	ktls_config_put(self->config);
	ASSERT_EQ(0, service_load(&self->config, &plain, &err));
	call_make(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

TEST_F(version, is_not_offered_when_turned_off)
{
	const struct service off = { .o.no_tickets = true };
	struct ktls_error err;

	ktls_config_put(self->config);
	ASSERT_EQ(0, service_load(&self->config, &off, &err));
	call_make(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(self->v.data_flows);
	EXPECT_FALSE(call_ticket(&self->v, &self->ticket));
}

TEST_F(version, ends_with_its_lifetime)
{
	const struct service brief = { .o.ticket_lifetime = 1 };
	struct ktls_error err;

	ktls_config_put(self->config);
	ASSERT_EQ(0, service_load(&self->config, &brief, &err));
	call_make(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	call_end(&self->v);
	sleep(3);
	call_make(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

/* A ticket of which one bit is another, or nonsense: a full handshake. */
TEST_F(version, damaged_is_ignored)
{
	struct ktls_config *other;
	struct ktls_error err;
	const struct service two = { .master = "two" };

	ASSERT_EQ(0, write_master("two", 2, 64));
	ASSERT_EQ(0, service_load(&other, &two, &err));
	call_make(&self->v, other, variant->priority, NULL, NULL);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	call_end(&self->v);
	ktls_config_put(other);
	call_make(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

/* The client asks for a HelloRetryRequest: two hellos, one ticket key. */
TEST_F(version, works_through_a_second_hello)
{
	const struct service p384 = { .o.groups = "P-384" };
	char priority[128];
	struct ktls_error err;

	snprintf(priority, sizeof(priority),
		 "%s:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1",
		 variant->priority);
	ktls_config_put(self->config);
	ASSERT_EQ(0, service_load(&self->config, &p384, &err));
	call_make(&self->v, self->config, priority, "localhost", NULL);
	ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	call_end(&self->v);
	call_make(&self->v, self->config, priority, "localhost", &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
}

/* --- a file that is no key --- */

FIXTURE(file) {
	int unused;
};
FIXTURE_VARIANT(file) {
	size_t len;
	int ret;
	const char *says;
};
FIXTURE_VARIANT_ADD(file, empty) { 0, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, short) { 63, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, right) { 64, 0, "" };
FIXTURE_VARIANT_ADD(file, long) { 65, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, longer) { 150, -EINVAL, "must be 64 random bytes" };

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, write_master("length", 3, variant->len));
}

FIXTURE_TEARDOWN(file)
{
}

TEST_F(file, has_64_bytes)
{
	const struct service v = { .master = "length" };
	struct ktls_config *config = NULL;
	struct ktls_error err;

	EXPECT_EQ(variant->ret, service_load(&config, &v, &err));
	EXPECT_NE(NULL, strstr(err.text, variant->says))
		TH_LOG("said: %s", err.text);
	ktls_config_put(config);
}

TEST(a_key_file_that_is_not_there)
{
	const struct service v = { .master = "nowhere" };
	struct ktls_config *config = NULL;
	struct ktls_error err;

	EXPECT_EQ(-ENOENT, service_load(&config, &v, &err));
	EXPECT_NE(NULL, strstr(err.text, "nowhere")) TH_LOG("%s", err.text);
}

TEST_HARNESS_MAIN
