// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktls_stats.ko against an oracle that counts the records on the wire by
 * their headers alone; lib/relay.h draws the sockets. Every test has a network
 * namespace of its own, in which the totals begin at zero.
 */
#include <errno.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "relay.h"
#include "stats_genl.h"

#define ALERT		21
#define RECORD		16384

FIXTURE(wire) {
	const struct suite *suite;
	struct relay r;
	struct stats *stats, *events;
	uint64_t sender_cookie, receiver_cookie;
};

FIXTURE_VARIANT(wire) {
	uint16_t version, cipher;
	int family;
};

FIXTURE_VARIANT_ADD(wire, tls12_aes128_gcm) {
	TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_128, AF_INET
};

FIXTURE_VARIANT_ADD(wire, tls12_aes256_gcm) {
	TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_256, AF_INET6
};

FIXTURE_VARIANT_ADD(wire, tls12_chacha) {
	TLS_1_2_VERSION, TLS_CIPHER_CHACHA20_POLY1305, AF_INET
};

FIXTURE_VARIANT_ADD(wire, tls12_aes128_ccm) {
	TLS_1_2_VERSION, TLS_CIPHER_AES_CCM_128, AF_INET6
};

FIXTURE_VARIANT_ADD(wire, tls13_aes128_gcm) {
	TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128, AF_INET
};

FIXTURE_VARIANT_ADD(wire, tls13_aes256_gcm) {
	TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_256, AF_INET6
};

FIXTURE_VARIANT_ADD(wire, tls13_chacha) {
	TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305, AF_INET
};

FIXTURE_VARIANT_ADD(wire, tls13_aes128_ccm) {
	TLS_1_3_VERSION, TLS_CIPHER_AES_CCM_128, AF_INET6
};

FIXTURE_SETUP(wire)
{
	self->suite = suite_find(variant->version, variant->cipher);
	ASSERT_NE(NULL, self->suite);
	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->stats) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, stats_open(&self->events));
	ASSERT_EQ(0, stats_join(self->events, KTLS_STATS_MCGRP_OPEN));
	ASSERT_EQ(0, stats_join(self->events, KTLS_STATS_MCGRP_CLOSE));
	ASSERT_EQ(0, relay_open(&self->r, variant->family, self->suite));
	self->sender_cookie = socket_cookie(self->r.sender);
	self->receiver_cookie = socket_cookie(self->r.receiver);
}

FIXTURE_TEARDOWN(wire)
{
	stats_close(self->stats);
	stats_close(self->events);
}

static void expect_same(struct __test_metadata *_metadata,
			const struct oracle *o,
			const struct stats_direction *d)
{
	EXPECT_EQ(o->bytes, d->bytes);
	EXPECT_EQ(o->records, d->records);
	EXPECT_EQ(o->wire, d->wire);
}

/* Once all is on the wire the module says what the oracle does. */
#define EXPECT_SENT() do { \
	struct stats_session _s; \
	ASSERT_EQ(0, relay_tap_all(&self->r)); \
	ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie, &_s)); \
	expect_same(_metadata, &self->r.sent, &_s.tx); \
} while (0)

#define EXPECT_RECEIVED() do { \
	struct stats_session _s; \
	ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie, &_s)); \
	expect_same(_metadata, &self->r.fed, &_s.rx); \
} while (0)

/* And with its last words. */
#define EXPECT_CLOSED(end, oracle, dir) do { \
	struct stats_session _s; \
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF, \
				 self->end ## _cookie, &_s)); \
	expect_same(_metadata, &self->r.oracle, &_s.dir); \
} while (0)

static const size_t sizes[] = { 1, 100, RECORD - 1, RECORD, RECORD + 1, 50000 };

TEST_F(wire, every_way_to_send_is_counted)
{
	struct stats_session s;

	for (size_t w = 0; w < WAYS; w++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			ssize_t n = relay_ways[w].send(self->r.sender, sizes[i]);

			ASSERT_EQ((ssize_t)sizes[i], n)
				TH_LOG("%s of %zu", relay_ways[w].name, sizes[i]);
			self->r.sending += n;
			EXPECT_SENT();
		}
	ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie, &s));
	EXPECT_EQ(ARRAY_SIZE(sizes), s.tx.control);
	EXPECT_EQ(0, s.errors);
}

TEST_F(wire, session_tells_who_it_is)
{
	struct stats_session s;
	struct stat st;

	ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie, &s));
	ASSERT_EQ(0, fstat(self->r.sender, &st));
	EXPECT_EQ(variant->version, s.version);
	EXPECT_EQ(variant->cipher, s.cipher);
	EXPECT_EQ((uint32_t)variant->family, s.family);
	EXPECT_EQ(st.st_ino, s.inode);
	EXPECT_EQ(getuid(), s.uid);
	EXPECT_EQ(KTLS_STATS_MODE_SW, s.tx.mode);
	EXPECT_EQ(KTLS_STATS_MODE_NONE, s.rx.mode);
	EXPECT_EQ(0, s.flags);
	EXPECT_EQ(0, memcmp(s.local, s.remote, 16));
	EXPECT_EQ(2, stats_dump(self->stats, &s, 1));
	EXPECT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_OPEN_NTF,
				 self->sender_cookie, &s));
	EXPECT_EQ(-ENOENT, stats_session(self->stats, 1, &s));
}

TEST_F(wire, data_held_back_counts_when_its_record_is_finished)
{
	struct stats_session s;

	ASSERT_EQ(1000, send(self->r.sender, relay_data, 1000, MSG_MORE));
	ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie, &s));
	EXPECT_EQ(0, s.tx.bytes);
	EXPECT_EQ(0, s.tx.records);
	ASSERT_EQ(1, send(self->r.sender, relay_data, 1, 0));
	self->r.sending = 1001;
	EXPECT_SENT();
	EXPECT_EQ(1, self->r.sent.records);
}

/* Asking for the key state overwrites the first record number in the kernel. */
TEST_F(wire, getsockopt_changes_nothing)
{
	uint8_t info[sizeof(struct tls12_crypto_info_aes_gcm_256) + 16];

	for (socklen_t len = 4, got; len <= sizeof(info); len++) {
		got = len;
		self->r.sending += send(self->r.sender, relay_data, 2000, 0);
		getsockopt(self->r.sender, SOL_TLS, TLS_TX, info, &got);
	}
	EXPECT_SENT();
}

/* Encrypted but not in TCP, in bytes; @s is filled in. */
static uint64_t unsent(struct relay *r, struct stats *stats,
		       struct stats_session *s)
{
	usleep(20000);			/* late acknowledgements make room */
	if (stats_session(stats, socket_cookie(r->sender), s))
		return 0;
	return s->tx.bytes - s->tx.wire +
	       s->tx.records * suite_overhead(r->sent.suite);
}

/*
 * Fills the send buffer until it ends in the middle of a record: where it does
 * is up to TCP. Nothing moves then but by the tap. Returns false if it never
 * does.
 */
static bool cut_a_record(struct relay *r, struct stats *stats,
			 struct stats_session *s)
{
	relay_fix_buffers(r);
	for (int n = 0; n < 100; n++) {
		relay_tap(r, n * 1000);
		relay_fill_up(r);
		if (unsent(r, stats, s))
			return true;
	}
	return false;
}

TEST_F(wire, partly_sent_record_is_counted_whole)
{
	struct stats_session s;

	ASSERT_TRUE(cut_a_record(&self->r, self->stats, &s));
	EXPECT_EQ(self->r.sending, s.tx.bytes);
	EXPECT_SENT();
	EXPECT_EQ(self->r.sent.records, s.tx.records);
}

static void *send_all(void *arg)
{
	struct relay *r = arg;

	return (void *)send(r->sender, relay_data, sizeof(relay_data), 0);
}

/*
 * A blocking sender sleeps in the middle of a record, and how far it got is in
 * no structure. All its records are full ones here.
 */
TEST_F(wire, blocked_sender_is_counted)
{
	const size_t full = RECORD + suite_overhead(self->suite);
	struct stats_session s;
	bool cut = false;
	pthread_t thread;
	void *sent;

	relay_fix_buffers(&self->r);
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_all, &self->r));
	for (int n = 0; n < 100 && !cut; n++) {
		relay_tap(&self->r, n * 1000);
		cut = unsent(&self->r, self->stats, &s) % full;
		EXPECT_EQ(s.tx.records * RECORD, s.tx.bytes);
	}
	EXPECT_TRUE(cut);

	self->r.sending = sizeof(relay_data);
	EXPECT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, pthread_join(thread, &sent));
	EXPECT_EQ((long)sizeof(relay_data), (long)sent);
	EXPECT_SENT();
}

TEST_F(wire, shutdown_is_not_a_byte)
{
	self->r.sending += send(self->r.sender, relay_data, 777, 0);
	ASSERT_EQ(0, shutdown(self->r.sender, SHUT_WR));
	EXPECT_SENT();
	ASSERT_EQ(0, recv(self->r.tap, relay_data, 1, 0));
	EXPECT_SENT();
	ASSERT_EQ(0, shutdown(self->r.sender, SHUT_RDWR));
	ASSERT_EQ(0, close(self->r.sender));
	EXPECT_CLOSED(sender, sent, tx);
}

TEST_F(wire, records_lost_in_close_were_encrypted)
{
	struct stats_session s;

	ASSERT_TRUE(cut_a_record(&self->r, self->stats, &s));
	ASSERT_EQ(0, close(self->r.sender));
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
				 self->sender_cookie, &s));
	while (relay_tap(&self->r, SIZE_MAX))
		poll(&(struct pollfd){ self->r.tap, POLLIN, 0 }, 1, 1000);
	EXPECT_EQ(self->r.sending, s.tx.bytes);
	EXPECT_EQ(self->r.sent.wire, s.tx.wire);
	/* Of the last record that came at least the end is missing. */
	EXPECT_LT(0, self->r.sent.left);
}

TEST_F(wire, reset_changes_nothing)
{
	struct linger linger = { 1, 0 };
	struct stats_session s;

	self->r.sending += send(self->r.sender, relay_data, 33333, 0);
	EXPECT_SENT();
	setsockopt(self->r.tap, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ASSERT_EQ(0, close(self->r.tap));
	ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie, &s));
	expect_same(_metadata, &self->r.sent, &s.tx);
	ASSERT_EQ(0, close(self->r.sender));
	EXPECT_CLOSED(sender, sent, tx);
}

TEST_F(wire, received_records_count_when_decrypted)
{
	const struct oracle none = { .suite = self->suite };
	struct stats_session s;
	uint8_t type;

	self->r.sending += send(self->r.sender, relay_data, 40000, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, relay_feed_all(&self->r));
	ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie, &s));
	expect_same(_metadata, &none, &s.rx);
	ASSERT_EQ(0, relay_receive(&self->r, 40000, &type));
	EXPECT_RECEIVED();
}

TEST_F(wire, part_of_a_record_counts_for_nothing)
{
	struct stats_session s;
	struct oracle first = {
		.records = 1, .bytes = RECORD,
		.wire = RECORD + suite_overhead(self->suite),
	};
	uint8_t type;

	self->r.sending += send(self->r.sender, relay_data, 20000, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, relay_feed(&self->r, first.wire));
	ASSERT_EQ(0, relay_receive(&self->r, RECORD, &type));
	for (int n = 0; n < 100; n++) {
		ASSERT_EQ(0, relay_feed(&self->r, 1));
		ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie,
					   &s));
		expect_same(_metadata, &first, &s.rx);
	}
	ASSERT_EQ(0, relay_feed_all(&self->r));
	/* (Its data is the first record's again.) */
	ASSERT_EQ(0, relay_receive(&self->r, 20000 - RECORD, &type));
	EXPECT_RECEIVED();
}

/* Then TLS takes what there is of a record out of TCP, to make room. */
TEST_F(wire, record_larger_than_the_receive_buffer)
{
	const struct oracle none = { .suite = self->suite };
	struct stats_session s;
	uint8_t type;

	setsockopt(self->r.receiver, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, 4);
	self->r.sending += send(self->r.sender, relay_data, 40000, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	for (int n = 0; n < 10; n++) {
		ASSERT_EQ(0, relay_feed(&self->r, 1500));
		ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie,
					   &s));
		expect_same(_metadata, &none, &s.rx);
	}
	ASSERT_EQ(0, relay_feed_all(&self->r));
	ASSERT_EQ(0, relay_receive(&self->r, 40000, &type));
	EXPECT_RECEIVED();
}

TEST_F(wire, end_of_stream_is_not_a_byte)
{
	uint8_t type;

	self->r.sending += send(self->r.sender, relay_data, 5000, 0);
	self->r.sending += tls_send_control(self->r.sender, ALERT, "\1\0", 2);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, relay_feed_all(&self->r));
	ASSERT_EQ(0, shutdown(self->r.feeder, SHUT_WR));
	ASSERT_EQ(0, relay_receive(&self->r, 5000, &type));
	ASSERT_EQ(0, relay_receive(&self->r, 2, &type));
	EXPECT_EQ(ALERT, type);
	EXPECT_EQ(0, tls_recv(self->r.receiver, relay_raw, 1, &type));
	EXPECT_RECEIVED();
	ASSERT_EQ(0, close(self->r.receiver));
	EXPECT_CLOSED(receiver, fed, rx);
}

TEST_F(wire, forged_record_is_an_error)
{
	struct stats_session s;
	struct oracle good;
	uint8_t type;

	self->r.sending += send(self->r.sender, relay_data, 100, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, relay_feed_all(&self->r));
	ASSERT_EQ(0, relay_receive(&self->r, 100, &type));
	good = self->r.fed;

	self->r.sending += send(self->r.sender, relay_data, 100, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	relay_raw[self->r.sent.wire - 1] ^= 1;
	ASSERT_EQ(0, relay_feed_all(&self->r));
	EXPECT_EQ(-EBADMSG, relay_receive(&self->r, 100, &type));
	ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie, &s));
	EXPECT_EQ(1, s.errors);
	expect_same(_metadata, &good, &s.rx);
}

TEST_F(wire, key_update_goes_on_counting)
{
	struct stats_session s;
	uint8_t type;
	int ret;

	for (int key = 1; key < 5; key++) {
		self->r.sending += send(self->r.sender, relay_data, 40000 * key, 0);
		ASSERT_EQ(0, relay_tap_all(&self->r));
		ASSERT_EQ(0, relay_feed_all(&self->r));
		ASSERT_EQ(0, relay_receive(&self->r, 40000 * key, &type));
		EXPECT_SENT();
		EXPECT_RECEIVED();
		ret = tls_key(self->r.sender, TLS_TX, self->suite, key + 1);
		if (ret == -EBUSY && variant->version == TLS_1_2_VERSION)
			return;		/* has none, and nothing has changed */
		if (ret == -EBUSY)
			SKIP(return, "no key updates in this kernel");
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, tls_key(self->r.receiver, TLS_RX, self->suite,
				     key + 1));
		ASSERT_EQ(0, stats_session(self->stats, self->sender_cookie,
					   &s));
		EXPECT_EQ((uint64_t)key, s.tx.rekeys);
		ASSERT_EQ(0, stats_session(self->stats, self->receiver_cookie,
					   &s));
		EXPECT_EQ((uint64_t)key, s.rx.rekeys);
	}
}

/* Everything at once, from a seed that is printed: KTLS_SEED repeats it. */
TEST_F(wire, random_walk)
{
	const char *given = getenv("KTLS_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : time(NULL);
	uint8_t type;

	TH_LOG("KTLS_SEED=%u", seed);
	srandom(seed);
	for (int step = 0; step < 40; step++) {
		size_t way = random() % WAYS;
		size_t len = 1 + random() % 60000;
		ssize_t n = relay_ways[way].send(self->r.sender, len);

		ASSERT_EQ((ssize_t)len, n) TH_LOG("%s", relay_ways[way].name);
		self->r.sending += n;
		EXPECT_SENT();
		ASSERT_EQ(0, relay_feed_all(&self->r));
		ASSERT_EQ(0, relay_receive(&self->r, len, &type));
		EXPECT_RECEIVED();
	}
	close(self->r.sender);
	close(self->r.receiver);
	EXPECT_CLOSED(sender, sent, tx);
	EXPECT_CLOSED(receiver, fed, rx);
}

TEST_F(wire, totals_survive_the_sockets)
{
	struct stats_totals live, after;
	uint8_t type;

	self->r.sending += send(self->r.sender, relay_data, 12345, 0);
	ASSERT_EQ(0, relay_tap_all(&self->r));
	ASSERT_EQ(0, relay_feed_all(&self->r));
	ASSERT_EQ(0, relay_receive(&self->r, 12345, &type));
	ASSERT_EQ(0, stats_totals(self->stats, &live));
	EXPECT_EQ(2, live.live);
	EXPECT_EQ(0, live.closed);
	EXPECT_EQ(1, live.tx.live);
	expect_same(_metadata, &self->r.sent, &live.tx);
	expect_same(_metadata, &self->r.fed, &live.rx);

	close(self->r.sender);
	close(self->r.receiver);
	ASSERT_EQ(0, stats_totals(self->stats, &after));
	EXPECT_EQ(0, after.live);
	EXPECT_EQ(2, after.closed);
	EXPECT_EQ(0, after.missed);
	EXPECT_EQ(0, after.tx.live);
	EXPECT_EQ(1, after.tx.closed);
	expect_same(_metadata, &self->r.sent, &after.tx);
	expect_same(_metadata, &self->r.fed, &after.rx);
	ASSERT_EQ(1, after.breakdowns);
	EXPECT_EQ(variant->version, after.breakdown[0].version);
	EXPECT_EQ(variant->cipher, after.breakdown[0].cipher);
	EXPECT_EQ(KTLS_STATS_MODE_SW, after.breakdown[0].mode);
	expect_same(_metadata, &self->r.sent, &after.breakdown[0].tx);
}

TEST_HARNESS_MAIN
