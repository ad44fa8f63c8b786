// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything that may be done to a kTLS socket, held against a peer that opens
 * its records by itself: exact while the connection lives and in its close
 * event. A row for each operation, a row for each way to end, and random walks
 * over all of them: KTLS_SEED repeats one, KTLS_STEPS sets its length.
 */
#include <errno.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "known_ways.h"

#define TIMES	4			/* each operation, with each suite */
#define WALK	60			/* steps of one connection */

static unsigned int seed;

static void start_random(void)
{
	const char *given = getenv("KTLS_SEED");

	seed = given ? strtoul(given, NULL, 0) : time(NULL);
	srandom(seed);
}

struct eye {
	struct stats *stats, *events;
};

static int open_eye(struct eye *e)
{
	int ret = own_netns();

	if (!ret)
		ret = stats_open(&e->stats);
	if (!ret)
		ret = stats_open(&e->events);
	if (!ret)
		ret = stats_join(e->events, KTLS_STATS_MCGRP_CLOSE);
	start_random();
	return ret;
}

#define SETUP() do { \
	int _ret = open_eye(&self->eye); \
	if (_ret == -ENOENT) \
		SKIP(return, "the module ktls_stats is not loaded"); \
	ASSERT_EQ(0, _ret); \
} while (0)

/* What must be true at any moment, and when all has come. 0 or -errno. */
static int look(struct eye *e, struct known *k)
{
	struct stats_session s;
	int ret = stats_session(e->stats, socket_cookie(k->fd), &s);

	if (!ret && !known_may_be(k, &s.rx))
		ret = -ERANGE;
	if (!ret)
		ret = known_settle(k);
	if (!ret)
		ret = stats_session(e->stats, socket_cookie(k->fd), &s);
	return ret ? ret : known_agrees(k, &s) ? 0 : -ERANGE;
}

/* As it ends. A record may be open, or lost: see its size, not its reading. */
static int part(struct eye *e, struct known *k, const struct known_way *way)
{
	uint64_t cookie = socket_cookie(k->fd);
	struct stats_session s;
	int ret = way->run(k);

	if (ret)
		return ret;
	close(k->fd);
	k->fd = -1;
	k->read += !!k->part;
	k->part = 0;
	ret = stats_event(e->events, KTLS_STATS_CMD_CLOSE_NTF, cookie, &s);
	return ret ? ret : known_agrees(k, &s) ? 0 : -ERANGE;
}

FIXTURE(operation) {
	struct eye eye;
	struct known k;
};

FIXTURE_VARIANT(operation) {
	const char *name;
};

#define OPERATION(way) \
	FIXTURE_VARIANT_ADD(operation, way) { .name = #way }

OPERATION(send);
OPERATION(write);
OPERATION(sendmsg_of_pieces);
OPERATION(sendfile);
OPERATION(splice);
OPERATION(splice_with_more);
OPERATION(io_uring_send);
OPERATION(send_dontwait);
OPERATION(msg_more);
OPERATION(msg_more_then_control);
OPERATION(control_record);
OPERATION(full_buffer);
OPERATION(send_of_nothing);
OPERATION(refused_send);
OPERATION(getsockopt);
OPERATION(other_options);
OPERATION(rekey_tx);
OPERATION(rekey_rx);
OPERATION(recv);
OPERATION(recv_in_bites);
OPERATION(recv_padded);
OPERATION(recv_peeked);
OPERATION(recv_splice);
OPERATION(io_uring_recv);
OPERATION(recv_control);
OPERATION(recv_empty);

FIXTURE_SETUP(operation)
{
	SETUP();
}

FIXTURE_TEARDOWN(operation)
{
}

/* With every suite, with room and without. */
TEST_F_TIMEOUT(operation, is_exact, 300)
{
	const struct known_way *way = known_way(known_ways, KNOWN_WAYS,
						variant->name);
	struct known *k = &self->k;
	int done = 0;

	ASSERT_NE(NULL, way);
	for (int n = 0; n < 2 * SUITES; n++) {
		int ret = known_open(k, &suites[n / 2], n % 2);

		ASSERT_EQ(0, ret) TH_LOG("suite %d", n / 2);
		for (int i = 0; i < TIMES && !ret; i++) {
			ret = way->run(k);
			if (!ret)
				ret = look(&self->eye, k);
		}
		ASSERT_TRUE(!ret || ret == -ENOKEY)
			TH_LOG("%d, suite %d, KTLS_SEED=%u", ret, n / 2, seed);
		done += !ret;
		ASSERT_EQ(0, part(&self->eye, k, &known_endings[0]))
			TH_LOG("suite %d, KTLS_SEED=%u", n / 2, seed);
		known_end(k);
	}
	if (!done)
		SKIP(return, "not in this kernel");
}

FIXTURE(ending) {
	struct eye eye;
	struct known k;
};

FIXTURE_VARIANT(ending) {
	const char *name;
};

#define ENDING(way) \
	FIXTURE_VARIANT_ADD(ending, way) { .name = #way }

ENDING(close);
ENDING(shutdown_write);
ENDING(shutdown_read);
ENDING(shutdown_both);
ENDING(shutdown_twice);
ENDING(peer_first_unread);
ENDING(peer_first_read);
ENDING(peer_first_then_shutdown);
ENDING(peer_resets);
ENDING(own_reset);
ENDING(partly_read);
ENDING(never_read);
ENDING(closed_in_two_processes);

FIXTURE_SETUP(ending)
{
	SETUP();
}

FIXTURE_TEARDOWN(ending)
{
}

TEST_F_TIMEOUT(ending, is_exact, 300)
{
	const struct known_way *way = known_way(known_endings, KNOWN_ENDINGS,
						variant->name);
	struct known *k = &self->k;

	ASSERT_NE(NULL, way);
	for (int n = 0; n < 2 * SUITES; n++) {
		ASSERT_EQ(0, known_open(k, &suites[n / 2], n % 2));
		ASSERT_EQ(0, known_ways[0].run(k));
		ASSERT_EQ(0, known_way(known_ways, KNOWN_WAYS, "recv")->run(k));
		ASSERT_EQ(0, look(&self->eye, k));
		ASSERT_EQ(0, part(&self->eye, k, way))
			TH_LOG("suite %d, KTLS_SEED=%u", n / 2, seed);
		known_end(k);
	}
}

FIXTURE(walk) {
	struct eye eye;
	struct known k;
};

FIXTURE_VARIANT(walk) {
	int suite;
};

#define SUITE_ROW(name, n) FIXTURE_VARIANT_ADD(walk, name) { .suite = n }

SUITE_ROW(tls12_aes128_gcm, 0);
SUITE_ROW(tls12_aes256_gcm, 1);
SUITE_ROW(tls12_aes128_ccm, 2);
SUITE_ROW(tls12_chacha, 3);
SUITE_ROW(tls13_aes128_gcm, 4);
SUITE_ROW(tls13_aes256_gcm, 5);
SUITE_ROW(tls13_aes128_ccm, 6);
SUITE_ROW(tls13_chacha, 7);

FIXTURE_SETUP(walk)
{
	SETUP();
}

FIXTURE_TEARDOWN(walk)
{
}

static void add(struct stats_direction *sum, const struct stats_direction *d)
{
	sum->bytes += d->bytes;
	sum->records += d->records;
	sum->wire += d->wire;
	sum->control += d->control;
	sum->rekeys += d->rekeys;
}

/* One connection from its keys to its end, looked at now and then. */
static int walk(struct eye *e, struct known *k, int steps)
{
	int ret = 0;

	while (steps-- > 0 && !ret) {
		const struct known_way *way = &known_ways[random() % KNOWN_WAYS];

		ret = way->run(k);
		ret = ret == -ENOKEY ? 0 : ret;
		if (ret)
			fprintf(stderr, "# %s\n", way->name);
		if (!ret && random() % 3 == 0)
			ret = look(e, k);
	}
	if (!ret)
		ret = known_ways[0].run(k);
	return ret ? ret : look(e, k);
}

TEST_F_TIMEOUT(walk, is_exact_at_every_step, 600)
{
	const char *given = getenv("KTLS_STEPS");
	int left = given ? atoi(given) : 600, ret;
	struct stats_direction sum = {};
	struct known *k = &self->k;
	struct stats_totals t;
	uint64_t closed = 0;

	fprintf(stderr, "# KTLS_SEED=%u KTLS_STEPS=%d\n", seed, left);
	for (; left > 0; left -= WALK, closed++) {
		const struct known_way *way;

		way = &known_endings[random() % KNOWN_ENDINGS];
		ASSERT_EQ(0, known_open(k, &suites[variant->suite],
					random() % 2));
		ret = walk(&self->eye, k, left < WALK ? left : WALK);
		ASSERT_EQ(0, ret) TH_LOG("KTLS_SEED=%u", seed);
		ASSERT_EQ(0, part(&self->eye, k, way))
			TH_LOG("%s, KTLS_SEED=%u", way->name, seed);
		add(&sum, &k->sent);
		known_end(k);
	}
	ASSERT_EQ(0, stats_totals(self->eye.stats, &t));
	EXPECT_EQ(0, t.live);
	EXPECT_EQ(closed, t.closed);
	EXPECT_EQ(sum.bytes, t.tx.bytes);
	EXPECT_EQ(sum.records, t.tx.records);
	EXPECT_EQ(sum.wire, t.tx.wire);
	EXPECT_EQ(sum.control, t.tx.control);
	EXPECT_EQ(sum.rekeys, t.tx.rekeys);
	EXPECT_EQ(0, t.missed + t.errors);
}

TEST_HARNESS_MAIN
