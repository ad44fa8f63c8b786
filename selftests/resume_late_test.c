// SPDX-License-Identifier: GPL-2.0-only
/* Tickets that come when the keys have left; no kernel is needed for that. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "internal.h"
#include "server.h"
#include "kselftest_harness.h"

FIXTURE(late) {
	gnutls_datum_t key;
	struct ktls_config *config;
	struct visit v;
	struct ktls_conn c;
	void *ticket;
	size_t len;
};

FIXTURE_SETUP(late)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };
	struct server server = { .certificate = "localhost" };

	self->v.fd = self->v.p.fd = -1;
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&self->key));
	server.ticket_key = &self->key;
	self->config = client_config(&o, false);
	ASSERT_EQ(0, visit(&self->v, &server, 1, self->config, "localhost",
			   NULL, 0));
	ASSERT_EQ(2, sent_count);
	/* As connection_new() does it for the kernel. */
	self->c = (struct ktls_conn){ .fd = -1, .in = 1, .alert = -1 };
	self->c.info = self->v.s->info;
	resume_keep(&self->c, self->v.s);
	ASSERT_NE(NULL, self->c.resumption);
	ASSERT_EQ(NULL, self->v.s->tls);
	/* It must not need the session, nor its configuration. */
	ktls_session_free(self->v.s);
	self->v.s = NULL;
	ktls_config_put(self->config);
}

FIXTURE_TEARDOWN(late)
{
	resume_drop(&self->c);
	leave(&self->v);
	ktls_ticket_free(self->ticket, self->len);
	gnutls_free(self->key.data);
}

#define GIVE(i) conn_take_ticket(&self->c, sent[i], sent_len[i])
#define ASK() ktls_conn_ticket(&self->c, &self->ticket, &self->len)

TEST_F(late, none_until_one_came)
{
	EXPECT_EQ(-ENOENT, ASK());
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());
}

TEST_F(late, each_is_told)
{
	static struct events events;
	char steps[256], lifetime[16], size[16];
	const unsigned char *at = sent[0] + 4;

	snprintf(lifetime, sizeof(lifetime), "%u",
		 (unsigned int)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]);
	snprintf(size, sizeof(size), "%zu", sent_len[0]);
	ktls_conn_trace(&self->c, events_add, &events);
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, GIVE(1));
	EXPECT_EQ(-EPROTO, conn_take_ticket(&self->c, sent[0], 8));
	EXPECT_STREQ("s NewSessionTicket, s NewSessionTicket",
		     events_steps(&events, steps, sizeof(steps)));
	EXPECT_STREQ(lifetime, events_value(&events, KTLS_STEP_NEW_SESSION_TICKET,
					    0, "lifetime"));
	EXPECT_STREQ(size, events_value(&events, KTLS_STEP_NEW_SESSION_TICKET,
					0, "size"));
	EXPECT_STREQ("", events.fault);
	events_clear(&events);
}

TEST_F(late, the_newest_wins)
{
	void *first;
	size_t first_len;

	ASSERT_EQ(0, GIVE(0));
	ASSERT_EQ(0, ktls_conn_ticket(&self->c, &first, &first_len));
	ASSERT_EQ(0, GIVE(1));
	ASSERT_EQ(0, ASK());
	EXPECT_TRUE(self->len != first_len ||
		    memcmp(self->ticket, first, first_len));
	ktls_ticket_free(first, first_len);
}

TEST_F(late, lifetime_zero_is_not_kept)
{
	memset(sent[0] + 4, 0, 4);
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(-ENOENT, ASK());
	EXPECT_EQ(0, GIVE(1));
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());		/* for the one before */
}

TEST_F(late, a_lifetime_ends)
{
	memset(sent[0] + 4, 0, 4);
	sent[0][7] = 1;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());
	sleep(1);
	ktls_ticket_free(self->ticket, self->len);
	self->ticket = NULL;
	EXPECT_EQ(-ENOENT, ASK());
}

TEST_F(late, no_lifetime_is_over_a_week)
{
	memset(sent[0] + 4, 0xff, 4);
	/* Nor over the certificate's. */
	self->c.valid_until = 0;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_GE(time(NULL) + 7 * 24 * 3600, self->c.ticket_until);
	self->c.valid_until = time(NULL) + 5;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_GE(time(NULL) + 5, self->c.ticket_until);
}

TEST_F(late, cut_off_is_malformed)
{
	unsigned char msg[sizeof(sent[0])];

	for (size_t len = 0; len < sent_len[0]; len++) {
		memcpy(msg, sent[0], len);
		EXPECT_EQ(-EPROTO, conn_take_ticket(&self->c, msg, len));
		EXPECT_EQ(KTLS_MALFORMED, self->c.reason);
	}
	EXPECT_EQ(-ENOENT, ASK());
}

/* The header is right, and the rest cut; GnuTLS wants no extensions. */
TEST_F(late, half_of_one_is_none)
{
	unsigned char msg[sizeof(sent[0])];

	for (size_t len = 4; len < sent_len[0] - 2; len++) {
		memcpy(msg, sent[0], len);
		msg[2] = (len - 4) >> 8;
		msg[3] = len - 4;
		ASSERT_EQ(0, GIVE(len & 1));
		EXPECT_EQ(-EPROTO, conn_take_ticket(&self->c, msg, len));
		EXPECT_EQ(KTLS_MALFORMED, self->c.reason);
		EXPECT_EQ(-ENOENT, ASK());
	}
}

TEST_F(late, another_message_is_none)
{
	sent[0][0] = GNUTLS_HANDSHAKE_KEY_UPDATE;
	EXPECT_EQ(-EPROTO, GIVE(0));
}

TEST_F(late, an_empty_ticket_does_no_harm)
{
	/* lifetime, age, nonce of one byte, ticket, extensions */
	unsigned char msg[] = { 4, 0, 0, 14, 0, 0, 1, 0, 1, 2, 3, 4, 1, 0,
				0, 0, 0, 0 };

	if (!conn_take_ticket(&self->c, msg, sizeof(msg)))
		ASK();
}

TEST_F(late, too_many_are_abuse)
{
	int i = 0;

	while (i < 1100 && !GIVE(i & 1))
		i++;
	EXPECT_EQ(1000, i);
	EXPECT_EQ(KTLS_TOO_MANY, self->c.reason);
}

TEST_F(late, a_client_has_no_place_to_send_one)
{
	self->c.info.client = 0;
	EXPECT_EQ(-EPROTO, GIVE(0));
	EXPECT_EQ(KTLS_UNEXPECTED, self->c.reason);
}

TEST_HARNESS_MAIN
