// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key updates in both directions, as they stand on the wire: the peer's, our
 * answers, our own before a limit; broken ones; and at the worst moments.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "rawline.h"
#include "kselftest_harness.h"

#define WAIT_MS 3000

FIXTURE(update) {
	struct line l;
};
FIXTURE_VARIANT(update) {
	struct line_options o;
};
#define PLACE(name, ...) \
	FIXTURE_VARIANT_ADD(update, name) { .o = { .version = 3, __VA_ARGS__ } }
PLACE(aes_128_gcm,);
PLACE(aes_256_gcm, .cipher = "AES-256-GCM");
PLACE(aes_128_ccm, .cipher = "AES-128-CCM");
PLACE(chacha20, .cipher = "CHACHA20-POLY1305");
PLACE(client, .client = true);
PLACE(user, .offload = KTLS_OFFLOAD_NEVER);

FIXTURE_SETUP(update)
{
	if (variant->o.offload != KTLS_OFFLOAD_NEVER && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, line_open(&self->l, &variant->o));
}

FIXTURE_TEARDOWN(update)
{
	line_close(&self->l);
}

#define NEEDS_REKEY() do {						\
	if (!line_can_rekey(&self->l))					\
		SKIP(return, "this kernel replaces no keys (6.14 does)");	\
} while (0)

/* Where GnuTLS does the records, when is its own affair. */
#define NEEDS_KERNEL() do {						\
	NEEDS_REKEY();							\
	if (!line_in_kernel(&self->l))					\
		return;							\
} while (0)

#define READS(text) do {						\
	char buf_[256];							\
	size_t len_;							\
									\
	EXPECT_EQ(-EAGAIN, line_read(&self->l, buf_, sizeof(buf_), &len_,	\
				     100))				\
		TH_LOG("%s", ktls_reason_text(				\
			ktls_conn_reason(self->l.pair.c)));		\
	ASSERT_EQ(strlen(text), len_);					\
	ASSERT_EQ(0, memcmp(text, buf_, len_));				\
} while (0)

/* The next record that we sent: a KeyUpdate, or data. */
#define PEER_SEES_UPDATE(request) do {					\
	unsigned char buf_[64], type_;					\
	static const unsigned char want_[] = { 24, 0, 0, 1, request };	\
									\
	ASSERT_EQ(5, craft_recv(&self->l.craft, &type_, buf_,		\
				sizeof(buf_), WAIT_MS));		\
	ASSERT_EQ(CRAFT_HANDSHAKE, type_);				\
	ASSERT_EQ(0, memcmp(want_, buf_, 5));				\
} while (0)

#define PEER_SEES(text) do {						\
	unsigned char buf_[64], type_;					\
									\
	ASSERT_EQ(strlen(text), craft_recv(&self->l.craft, &type_, buf_,	\
					   sizeof(buf_), WAIT_MS));	\
	ASSERT_EQ(CRAFT_DATA, type_);					\
	ASSERT_EQ(0, memcmp(text, buf_, strlen(text)));			\
} while (0)

#define SENDS(text) \
	ASSERT_EQ(strlen(text), ktls_send(self->l.pair.c, text, strlen(text), 0))
#define PEER_SENDS(text) \
	ASSERT_EQ(0, craft_data(&self->l.craft, text, strlen(text)))
#define PEER_UPDATES(request) \
	ASSERT_EQ(0, craft_key_update(&self->l.craft, request))

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

/* --- our own, before a key has encrypted too much --- */

enum { LIMIT = 16, BYTES = 1 << 20 };

static char pattern(size_t at)
{
	return at * 7 + (at >> 9);
}

/* What the peer got, and the most records that it got under one key. */
struct tally {
	size_t bytes;
	unsigned int updates, run, longest;
	bool wrong;
};

static void count(struct line *l, struct tally *t, int ms)
{
	static char buf[CRAFT_PLAIN_MAX];
	unsigned char type;
	ssize_t n;

	while ((n = craft_recv(&l->craft, &type, buf, sizeof(buf), ms)) >= 0) {
		t->run++;
		if (t->run > t->longest)
			t->longest = t->run;
		if (type == CRAFT_HANDSHAKE) {
			t->updates++;
			t->run = 0;
			continue;
		}
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(t->bytes + i))
				t->wrong = true;
		t->bytes += n;
	}
}

static int make_file(char *data)
{
	int fd = memfd_create("pattern", MFD_CLOEXEC);

	for (size_t i = 0; i < BYTES; i++)
		data[i] = pattern(i);
	return write(fd, data, BYTES) == BYTES ? fd : -1;
}

enum way { SEND, SENDFILE, WRITE, WAYS };

static ssize_t send_some(struct line *l, enum way way, const char *data,
			 int file, size_t done)
{
	struct ktls_conn *c = l->pair.c;
	off_t off = done;
	ssize_t n;

	switch (way) {
	case SEND:	/* sizes from 1 byte to several records */
		n = 1 + done * 5 % 50000;
		if ((size_t)n > BYTES - done)
			n = BYTES - done;
		return ktls_send(c, data + done, n, MSG_DONTWAIT);
	case SENDFILE:
		return ktls_sendfile(c, file, &off, BYTES - done);
	default:
		n = ktls_update_due(c);
		if (n)
			return n;
		n = BYTES - done < 1000 ? BYTES - done : 1000;
		n = send(l->pair.fd, data + done, n, MSG_DONTWAIT);
		return n < 0 ? -errno : n;
	}
}

TEST_F_TIMEOUT(update, before_the_limit, 200)
{
	static char data[BYTES];
	int file = make_file(data);

	NEEDS_KERNEL();
	for (enum way way = 0; way < WAYS; way++) {
		struct tally t = {};
		size_t done = 0;

		ktls_conn_limit(self->l.pair.c, LIMIT);
		while (done < BYTES) {
			ssize_t n = send_some(&self->l, way, data, file, done);

			ASSERT_TRUE(n > 0 || n == -EAGAIN)
				TH_LOG("way %d: %zd at %zu", way, n, done);
			done += n > 0 ? n : 0;
			count(&self->l, &t, 0);
		}
		count(&self->l, &t, 200);
		TH_LOG("way %d: %u updates, at most %u records under a key",
		       way, t.updates, t.longest);
		EXPECT_EQ(BYTES, t.bytes);
		EXPECT_FALSE(t.wrong);
		EXPECT_GE(LIMIT, t.longest);
		EXPECT_LE(BYTES / 16384 / LIMIT, t.updates);
		line_close(&self->l);
		ASSERT_EQ(0, line_open(&self->l, &variant->o));
	}
	close(file);
}

/* There is no room for the answer: it comes later, and nothing is lost. */
TEST_F_TIMEOUT(update, answer_waits_for_room, 100)
{
	static char data[BYTES];
	struct tally t = {};
	size_t done = 0, full;
	ssize_t n;

	NEEDS_KERNEL();
	for (size_t i = 0; i < BYTES; i++)
		data[i] = pattern(i);
	for (full = 0; (n = ktls_send(self->l.pair.c, data + done % BYTES,
				      1, MSG_DONTWAIT)) > 0 && full < 8;) {
		/* The pattern is not periodic: big pieces, from the start. */
		done += n;
		n = ktls_send(self->l.pair.c, data + done,
			      BYTES - done > 65536 ? 65536 : BYTES - done - 1,
			      MSG_DONTWAIT);
		if (n > 0)
			done += n;
		if (n == -EAGAIN || done + 65537 >= BYTES)
			full++;
		if (done + 65537 >= BYTES)
			break;
	}
	PEER_UPDATES(1);
	PEER_SENDS("question");
	READS("question");
	count(&self->l, &t, 200);
	while (done < BYTES) {
		n = ktls_send(self->l.pair.c, data + done, BYTES - done,
			      MSG_DONTWAIT);
		ASSERT_TRUE(n > 0 || n == -EAGAIN);
		done += n > 0 ? n : 0;
		count(&self->l, &t, 0);
	}
	count(&self->l, &t, 300);
	EXPECT_EQ(BYTES, t.bytes);
	EXPECT_FALSE(t.wrong);
	EXPECT_EQ(1, t.updates);
}

/* --- a reader and a writer, and a peer that updates all the time --- */

struct side {
	struct ktls_conn *c;
	size_t total;
	int ret;
};

static void *reader(void *arg)
{
	struct side *s = arg;
	char buf[4096];
	size_t got = 0;

	while (got < s->total) {
		struct pollfd pfd = { ktls_conn_fd(s->c), POLLIN, 0 };
		ssize_t n = ktls_recv(s->c, buf, sizeof(buf));

		if (n == -EAGAIN && poll(&pfd, 1, 10000) == 1)
			continue;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(got + i))
				s->ret = -EBADMSG;
		if (n <= 0)
			s->ret = n ? n : -EPIPE;
		if (s->ret)
			return NULL;
		got += n;
	}
	return NULL;
}

static void *writer(void *arg)
{
	struct side *s = arg;
	char buf[3000];
	size_t sent = 0;

	while (sent < s->total) {
		struct pollfd pfd = { ktls_conn_fd(s->c), POLLOUT, 0 };
		size_t len = s->total - sent;
		ssize_t n;

		len = len < sizeof(buf) ? len : sizeof(buf);
		for (size_t i = 0; i < len; i++)
			buf[i] = pattern(sent + i);
		n = ktls_send(s->c, buf, len, 0);
		if (n == -EAGAIN && poll(&pfd, 1, 10000) == 1)
			continue;
		if (n <= 0) {
			s->ret = n ? n : -EPIPE;
			return NULL;
		}
		sent += n;
	}
	return NULL;
}

TEST_F_TIMEOUT(update, under_load_in_two_threads, 200)
{
	enum { TOTAL = 3000000, PIECE = 1000, EVERY = 40 };
	struct side in = { self->l.pair.c, TOTAL, 0 };
	struct side out = { self->l.pair.c, TOTAL, 0 };
	pthread_t threads[2];
	struct tally t = {};
	char piece[PIECE];

	NEEDS_KERNEL();
	pthread_create(&threads[0], NULL, reader, &in);
	pthread_create(&threads[1], NULL, writer, &out);
	for (size_t sent = 0, i = 0; sent < TOTAL; sent += PIECE, i++) {
		for (size_t j = 0; j < PIECE; j++)
			piece[j] = pattern(sent + j);
		ASSERT_EQ(0, craft_data(&self->l.craft, piece, PIECE));
		if (i % EVERY == 0) {
			PEER_UPDATES(1);
			usleep(12000);		/* within the rate */
		}
		count(&self->l, &t, 0);
	}
	for (int i = 0; i < 100 && t.bytes < TOTAL; i++)
		count(&self->l, &t, 100);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	count(&self->l, &t, 100);
	EXPECT_EQ(0, in.ret);
	EXPECT_EQ(0, out.ret);
	EXPECT_EQ(TOTAL, t.bytes);
	EXPECT_FALSE(t.wrong);
	TH_LOG("%u answers to %u requests", t.updates, TOTAL / PIECE / EVERY);
	EXPECT_LE(1, t.updates);
	EXPECT_GE(TOTAL / PIECE / EVERY, t.updates);
}

TEST_HARNESS_MAIN
