// SPDX-License-Identifier: GPL-2.0-only
/* Tickets of clients that have shown a certificate. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "kselftest_harness.h"

FIXTURE(ticket) {
	struct ktls_config *config;
	struct call v;
	gnutls_datum_t ticket;
};
FIXTURE_VARIANT(ticket) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(ticket, 12) { .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2" };
FIXTURE_VARIANT_ADD(ticket, 13) { .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3" };

FIXTURE_SETUP(ticket)
{
	self->v.fd = -1;
	self->v.p.fd = -1;
}

FIXTURE_TEARDOWN(ticket)
{
	call_end(&self->v);
	ktls_config_put(self->config);
	gnutls_free(self->ticket.data);
}

static time_t in_two_hours(time_t *out)
{
	time_t t = time(NULL) + 2 * 3600;

	return out ? *out = t : t;
}

/* No certificate is shown again, but what it was is judged again. */
TEST_F(ticket, ends_with_the_certificate)
{
	const struct service require = { .o.auth = KTLS_AUTH_REQUIRE };
	struct ktls_error err;

	call_shows = "client-brief";
	ASSERT_EQ(0, service_load(&self->config, &require, &err));
	for (int i = 0; i < 2; i++) {
		call_make(&self->v, self->config, variant->priority, NULL,
			  i ? &self->ticket : NULL);
		ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
		EXPECT_EQ(i, self->v.info.resumed);
		if (!i)
			ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
		call_end(&self->v);
	}
	gnutls_global_set_time_function(in_two_hours);
	call_make(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_EQ(-EKEYREJECTED, self->v.o.ours);
	EXPECT_EQ(KTLS_EXPIRED, self->v.err.reason)
		TH_LOG("%s", self->v.err.text);
	EXPECT_EQ(45, self->v.o.alert);
}

/*
 * Lifetime, age_add, a nonce of four bytes: with another age_add the age that
 * a client tells of its ticket is wrong.
 */
static int make_stale(gnutls_datum_t *session)
{
	static const unsigned char lifetime[4] = { 0, 0, 21600 >> 8, 21600 & 255 };
	int found = 0;

	for (unsigned int i = 0; i + 8 < session->size; i++)
		if (!memcmp(session->data + i, lifetime, sizeof(lifetime)) &&
		    session->data[i + 8] == 4) {
			session->data[i + 4] ^= 0x80;
			found++;
		}
	return found;
}

/* Who has nothing but a ticket, which anybody on the way can see. */
TEST_F(ticket, lends_nobody_its_certificate)
{
	const struct service request = { .o.auth = KTLS_AUTH_REQUEST };
	const struct ktls_identity *id;
	struct ktls_error err;
	char priority[128];

	call_shows = "client";
	ASSERT_EQ(0, service_load(&self->config, &request, &err));
	call_make(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
	ASSERT_TRUE(call_ticket(&self->v, &self->ticket));
	call_end(&self->v);
	call_shows = NULL;
	if (self->v.info.version == 0x0304)
		ASSERT_EQ(1, make_stale(&self->ticket));
	/* In 1.2 it is not resumed with another rule for the master secret. */
	snprintf(priority, sizeof(priority), "%s:%%NO_SESSION_HASH",
		 variant->priority);
	call_make(&self->v, self->config, priority, NULL, &self->ticket);
	id = ktls_session_identity(self->v.s);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_FALSE(id && id->verified);
	EXPECT_EQ(-EKEYREJECTED, self->v.o.ours);
	EXPECT_EQ(KTLS_NO_CERTIFICATE, self->v.err.reason)
		TH_LOG("%s", self->v.err.text);
	EXPECT_EQ(47, self->v.o.alert);
}

TEST_HARNESS_MAIN
