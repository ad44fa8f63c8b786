// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key updates in both directions, as they stand on the wire: the peer's, our
 * answers, our own; broken ones; and at the worst moments.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "update.h"

#define ENDS(want_reason, want_alert) do {				\
	char buf_[64];							\
	size_t len_;							\
									\
	EXPECT_EQ(-EPROTO, line_read(&self->l, buf_, sizeof(buf_), &len_,	\
				     WAIT_MS));				\
	EXPECT_EQ(want_reason, ktls_conn_reason(self->l.pair.c));	\
	EXPECT_EQ(want_alert, line_hears(&self->l, WAIT_MS));		\
	EXPECT_EQ(-EPIPE, ktls_send(self->l.pair.c, "x", 1, 0));		\
} while (0)

TEST_F(update, of_the_peer_is_followed)
{
	NEEDS_REKEY();
	for (int i = 0; i < 5; i++) {
		PEER_UPDATES(0);
		PEER_SENDS("new key");
		READS("new key");
		SENDS("old key");
		PEER_SEES("old key");
	}
}

TEST_F(update, is_answered_when_asked_for)
{
	NEEDS_REKEY();
	for (int i = 0; i < 5; i++) {
		PEER_UPDATES(1);
		PEER_SENDS("new key");
		READS("new key");
		SENDS("new key");	/* GnuTLS answers not before */
		PEER_SEES_UPDATE(0);
		PEER_SEES("new key");
	}
}

TEST_F(update, needs_a_kernel_that_can)
{
	if (line_can_rekey(&self->l))
		return;			/* all the others show that */
	EXPECT_EQ(-EOPNOTSUPP, ktls_update(self->l.pair.c, false));
	SENDS("goes on");
	PEER_SEES("goes on");
	PEER_UPDATES(0);
	PEER_SENDS("lost");
	ENDS(KTLS_NO_REKEY, 80);
}

TEST_F_TIMEOUT(update, a_thousand_times, 200)
{
	NEEDS_KERNEL();
	for (int i = 0; i < 1000; i++) {
		PEER_UPDATES(i % 2);
		PEER_SENDS("x");
		READS("x");	/* 100 ms with nothing behind it: below the rate */
		if (i % 2)
			PEER_SEES_UPDATE(0);
		if (i >= 40)
			i += 9;		/* the first 40 one by one, then by tens */
		for (int j = 0; i > 40 && j < 9; j++) {
			PEER_UPDATES(0);
			PEER_SENDS("x");
		}
		if (i > 40)
			READS("xxxxxxxxx");
	}
}

TEST_F(update, flood_ends_it)
{
	NEEDS_KERNEL();
	self->l.craft.hold = true;
	for (int i = 0; i < 64; i++) {
		PEER_UPDATES(0);
		PEER_SENDS("x");	/* or it would be too many idle records */
	}
	self->l.craft.hold = false;
	ASSERT_EQ(0, craft_flush(&self->l.craft));
	ENDS(KTLS_TOO_MANY, 10);
}

static const struct broken {
	const char *name;
	unsigned char bytes[16];
	size_t len;
	enum ktls_reason reason;
	int alert;
} broken[] = {
	{ "length 0", { 24, 0, 0, 0 }, 4, KTLS_MALFORMED, 50 },
	{ "length 2", { 24, 0, 0, 2, 0, 0 }, 6, KTLS_MALFORMED, 50 },
	{ "request 7", { 24, 0, 0, 1, 7 }, 5, KTLS_MALFORMED, 47 },
	{ "length of 16 MB", { 24, 255, 255, 255, 0 }, 5, KTLS_TOO_LONG, 50 },
	{ "two in one record", { 24, 0, 0, 1, 0, 24, 0, 0, 1, 0 }, 10,
	  KTLS_UNEXPECTED, 10 },
	{ "another byte behind it", { 24, 0, 0, 1, 0, 4 }, 6, KTLS_UNEXPECTED,
	  10 },
};

TEST_F(update, broken_ends_it)
{
	NEEDS_KERNEL();
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		const struct broken *b = &broken[i];

		TH_LOG("%s", b->name);
		ASSERT_EQ(0, craft_handshake(&self->l.craft, b->bytes, b->len,
					     b->len));
		ENDS(b->reason, b->alert);
		line_close(&self->l);
		ASSERT_EQ(0, line_open(&self->l, &variant->o));
	}
}

/* RFC 8446 section 5.1 allows it, and the kernel waits for a key too early. */
TEST_F(update, in_two_records_is_one)
{
	static const unsigned char message[] = { 24, 0, 0, 1, 0 };

	NEEDS_KERNEL();
	for (size_t first = 1; first < sizeof(message); first++) {
		ASSERT_EQ(0, craft_handshake(&self->l.craft, message, first,
					     first));
		ASSERT_EQ(0, craft_handshake(&self->l.craft, message + first,
					     sizeof(message) - first, 5));
		ASSERT_EQ(0, craft_next_key(&self->l.craft,
					    &self->l.craft.out));
		PEER_SENDS("after");
		READS("after");
	}
}

/* To the kernel its second record looks like a KeyUpdate. */
TEST_F(update, ticket_in_pieces_is_none)
{
	unsigned char ticket[4 + 4 + 4 + 2 + 2 + 100 + 2] = {
		4, 0, 0, sizeof(ticket) - 4, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7,
		0, 100,
	};

	NEEDS_KERNEL();
	if (!variant->o.client)
		return;
	memset(ticket + 16, 24, 100);
	ASSERT_EQ(0, craft_handshake(&self->l.craft, ticket, sizeof(ticket),
				     50));
	PEER_SENDS("after");
	READS("after");
	PEER_UPDATES(0);
	PEER_SENDS("new key");
	READS("new key");
}

/* One read takes the data and decrypts what is behind it: poll() is silent. */
TEST_F(update, behind_data_does_not_stall)
{
	static const bool asks[] = { false, true };

	NEEDS_REKEY();
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		self->l.craft.hold = true;
		PEER_SENDS("a");
		PEER_UPDATES(asks[i]);
		self->l.craft.hold = false;
		ASSERT_EQ(0, craft_flush(&self->l.craft));
		READS("a");
		SENDS("answer");
		if (asks[i])
			PEER_SEES_UPDATE(0);
		PEER_SEES("answer");
		PEER_SENDS("later");
		READS("later");
	}
	self->l.craft.hold = true;
	/* GnuTLS follows eight a second. */
	for (int i = 0; i < (line_in_kernel(&self->l) ? 10 : 3); i++) {
		PEER_SENDS("d");
		PEER_UPDATES(0);
	}
	PEER_SENDS("e");
	self->l.craft.hold = false;
	ASSERT_EQ(0, craft_flush(&self->l.craft));
	READS(line_in_kernel(&self->l) ? "dddddddddde" : "ddde");
}

TEST_F(update, behind_data_does_not_stall_edge_triggered)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET }, got;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	char buf[64];

	NEEDS_REKEY();
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->l.pair.fd, &ev));
	for (int i = 0; i < 5; i++) {
		self->l.craft.hold = true;
		PEER_SENDS("a");
		PEER_UPDATES(0);
		self->l.craft.hold = false;
		ASSERT_EQ(0, craft_flush(&self->l.craft));
		ASSERT_EQ(1, epoll_wait(ep, &got, 1, WAIT_MS));
		ASSERT_EQ(1, ktls_recv(self->l.pair.c, buf, sizeof(buf)));
		ASSERT_EQ(-EAGAIN, ktls_recv(self->l.pair.c, buf, sizeof(buf)));
	}
	close(ep);
}

TEST_F(update, of_our_own)
{
	NEEDS_REKEY();
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ktls_update(self->l.pair.c, false));
		PEER_SEES_UPDATE(0);
		SENDS("new key");
		PEER_SEES("new key");
		ASSERT_EQ(0, ktls_update(self->l.pair.c, true));
		PEER_SEES_UPDATE(1);
		PEER_UPDATES(0);
		PEER_SENDS("new key");
		READS("new key");
	}
}

TEST_F(update, behind_an_open_record)
{
	NEEDS_KERNEL();
	ASSERT_EQ(4, ktls_send(self->l.pair.c, "open", 4, MSG_MORE));
	ASSERT_EQ(0, ktls_update(self->l.pair.c, false));
	PEER_SEES("open");
	PEER_SEES_UPDATE(0);
	SENDS("next");
	PEER_SEES("next");
}

TEST_HARNESS_MAIN
