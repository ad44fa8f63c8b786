// SPDX-License-Identifier: GPL-2.0-only
/* Key updates of our own before a limit, and both under load. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "update.h"

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

static ssize_t send_some(struct line *l, enum way how, const char *data,
			 int file, size_t done)
{
	struct ktls_conn *c = l->pair.c;
	off_t off = done;
	ssize_t n;

	switch (how) {
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
	for (enum way w = 0; w < WAYS; w++) {
		struct tally t = {};
		size_t done = 0;

		ktls_conn_limit(self->l.pair.c, LIMIT);
		while (done < BYTES) {
			ssize_t n = send_some(&self->l, w, data, file, done);

			ASSERT_TRUE(n > 0 || n == -EAGAIN)
				TH_LOG("way %d: %zd at %zu", w, n, done);
			done += n > 0 ? n : 0;
			count(&self->l, &t, 0);
		}
		count(&self->l, &t, 200);
		TH_LOG("way %d: %u updates, at most %u records under a key",
		       w, t.updates, t.longest);
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

/* The peer asks while a record waits for room: what was sent comes once. */
TEST_F_TIMEOUT(update, asked_for_while_full, 100)
{
	static char data[BYTES];
	struct tally t = {};
	const int small = 8192;
	unsigned int asked = 0;
	size_t done = 0;

	NEEDS_REKEY();
	for (size_t i = 0; i < BYTES; i++)
		data[i] = pattern(i);
	setsockopt(self->l.pair.fd, SOL_SOCKET, SO_SNDBUF, &small,
		   sizeof(small));
	while (done < BYTES) {
		ssize_t n = ktls_send(self->l.pair.c, data + done, BYTES - done,
				      MSG_DONTWAIT);

		ASSERT_TRUE(n > 0 || n == -EAGAIN) TH_LOG("%zd", n);
		if (n > 0) {
			done += n;
			continue;
		}
		if (asked < 5) {
			PEER_UPDATES(1);
			PEER_SENDS("question");
			READS("question");
			asked++;
		}
		count(&self->l, &t, 1);
	}
	count(&self->l, &t, 300);
	EXPECT_EQ(5, asked);
	EXPECT_EQ(BYTES, t.bytes);
	EXPECT_FALSE(t.wrong);
	EXPECT_LE(1, t.updates);
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
