// SPDX-License-Identifier: GPL-2.0-only
/* What a resumed handshake tells: version x what the client's ticket gives. */
#include <stdio.h>
#include <string.h>

#include "ends.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define NONE "(none)"

FIXTURE(resumed) {
	struct ends e;
	gnutls_datum_t key, ticket;
};
FIXTURE_VARIANT(resumed) {
	const char *priority;
	const char *first, *second;	/* the steps */
	const char *kind, *group, *forward, *psk, *session_ticket;
};

/* By the full handshake's end the client has its ticket, but in TLS 1.3. */
FIXTURE_VARIANT_ADD(resumed, v12) {
	.priority = V12,
	.first = "c ClientHello, s ServerHello, s Certificate, "
		 "s ServerKeyExchange, s ServerHelloDone, c ClientKeyExchange, "
		 "h key exchange, c ChangeCipherSpec, c Finished, "
		 "s NewSessionTicket, s ChangeCipherSpec, s Finished, h done",
	.second = "c ClientHello, s ServerHello, h key exchange, "
		  "s ChangeCipherSpec, s Finished, "
		  "c ChangeCipherSpec, c Finished, h done",
	.kind = "resumption",
	.group = NONE,
	.forward = "no",
	.psk = "no",
	.session_ticket = "yes",
};

#define SERVER_13 "c ClientHello, s ServerHello, h key exchange, " \
		  "s EncryptedExtensions, "
FIXTURE_VARIANT_ADD(resumed, v13) {
	.priority = V13,
	.first = SERVER_13 "s Certificate, s CertificateVerify, s Finished, "
		 "s NewSessionTicket, s NewSessionTicket, c Finished, h done",
	.second = SERVER_13 "s Finished, c Finished, "
		  "s NewSessionTicket, s NewSessionTicket, h done",
	.kind = "ECDHE",
	.group = "x25519",
	.forward = "yes",
	.psk = "yes",
	.session_ticket = "no",
};
static int connect_with_tickets(struct ends *e, const gnutls_datum_t *key,
				const char *priority)
{
	int ret = ends_connect(e, false, priority);

	if (ret)
		return ret;
	return gnutls_session_ticket_enable_server(e->s[0]->tls, key);
}

/* Whatever has come: in TLS 1.3 tickets are read with data. */
static int take_ticket(struct ends *e, gnutls_datum_t *ticket)
{
	char c;

	if (ktls_send(e->c[0], "x", 1, 0) != 1 || peer_recv(&e->p, &c, 1) != 1)
		return -1;
	return gnutls_session_get_data2(e->p.tls, ticket);
}

FIXTURE_SETUP(resumed)
{
	const struct ktls_options o = {};

	ASSERT_EQ(0, ends_prepare(&self->e, false, &o));
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&self->key));
}

FIXTURE_TEARDOWN(resumed)
{
	gnutls_free(self->key.data);
	gnutls_free(self->ticket.data);
	ends_close(&self->e);
}

#define STEPS(buf) events_steps(&e->events[0], buf, sizeof(buf))
#define VALUE(step, name) \
	events_value(&e->events[0], KTLS_STEP_##step, 0, name)

TEST_F(resumed, is_told)
{
	struct ends *e = &self->e;
	char buf[1024];

	ASSERT_EQ(0, connect_with_tickets(e, &self->key, variant->priority));
	ASSERT_EQ(0, ends_shake(e));
	ASSERT_EQ(0, ends_install(e));
	EXPECT_STREQ(variant->first, STEPS(buf));
	EXPECT_STREQ("no", VALUE(DONE, "resumed"));
	EXPECT_STRNE(NONE, VALUE(NEW_SESSION_TICKET, "lifetime"));
	ASSERT_EQ(0, take_ticket(e, &self->ticket));
	ends_disconnect(e);

	ASSERT_EQ(0, connect_with_tickets(e, &self->key, variant->priority));
	gnutls_session_set_data(e->p.tls, self->ticket.data, self->ticket.size);
	ASSERT_EQ(0, ends_shake(e));
	ASSERT_EQ(0, ends_install(e));
	EXPECT_NE(0, gnutls_session_is_resumed(e->p.tls));
	EXPECT_STREQ(variant->second, STEPS(buf));
	EXPECT_STREQ("", e->events[0].fault);
	EXPECT_STREQ("yes", VALUE(DONE, "resumed"));
	EXPECT_STREQ("yes", VALUE(KEY_EXCHANGE, "resumed"));
	EXPECT_STREQ(variant->kind, VALUE(KEY_EXCHANGE, "kind"));
	EXPECT_STREQ(variant->group, VALUE(KEY_EXCHANGE, "group"));
	EXPECT_STREQ(variant->forward, VALUE(KEY_EXCHANGE, "forward_secrecy"));
	EXPECT_STREQ(variant->psk, VALUE(CLIENT_HELLO, "psk"));
	EXPECT_STREQ(variant->psk, VALUE(SERVER_HELLO, "psk"));
	EXPECT_STREQ(variant->session_ticket,
		     VALUE(CLIENT_HELLO, "session_ticket"));
	EXPECT_FALSE(events_leak(&e->events[0], &e->events[0]));
	/* In TLS 1.2 that of the exchange whose secret it still is. */
	EXPECT_EQ(0x001d, ktls_conn_info(e->c[0])->group);
}

TEST_HARNESS_MAIN
