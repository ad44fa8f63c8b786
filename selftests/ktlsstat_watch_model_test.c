// SPDX-License-Identifier: GPL-2.0-only
/* The rates and histories of ktlsstat watch, without a kernel. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "watching.h"

#include "kselftest_harness.h"

#define MANY 10000

FIXTURE(watch)
{
	struct model m;
};

FIXTURE_SETUP(watch)
{
	memset(&self->m, 0, sizeof(self->m));
}

FIXTURE_TEARDOWN(watch)
{
	model_free(&self->m);
}

#define RATE(i, which) (self->m.v[i]->gauge.flow[which].rate)

TEST_F(watch, the_first_look_has_no_rates)
{
	SEE(0, S(7, 1000, 50));
	ASSERT_EQ(1, self->m.n);
	EXPECT_EQ(UNKNOWN, RATE(0, TX_BYTES));
	EXPECT_EQ(UNKNOWN, self->m.v[0]->gauge.sum);
	EXPECT_EQ(UNKNOWN, self->m.totals.flow[RX_BYTES].rate);
}

TEST_F(watch, rates_are_differences_over_time)
{
	SEE(0, S(7, 1000, 50), S(8, 0, 0));
	SEE(2, S(7, 5000, 50), S(8, 300, 100));
	EXPECT_EQ(2000, RATE(0, TX_BYTES));
	EXPECT_EQ(20, RATE(0, TX_RECORDS));
	EXPECT_EQ(0, RATE(0, RX_BYTES));
	EXPECT_EQ(150, RATE(1, TX_BYTES));
	EXPECT_EQ(200, self->m.v[1]->gauge.sum);
	EXPECT_EQ(2150, self->m.totals.flow[TX_BYTES].rate);
	SEE(2.5, S(7, 5000, 50), S(8, 400, 100));
	EXPECT_EQ(0, RATE(0, TX_BYTES));
	EXPECT_EQ(200, RATE(1, TX_BYTES));
}

TEST_F(watch, a_new_session_did_all_since_the_last_look)
{
	SEE(0, S(7, 1000, 0));
	SEE(2, S(7, 1000, 0), S(9, 600, 200, .age = 1500));
	ASSERT_EQ(2, self->m.n);
	EXPECT_EQ(300, RATE(1, TX_BYTES));
	EXPECT_EQ(100, RATE(1, RX_BYTES));
}

TEST_F(watch, of_an_older_one_nobody_knows_since_when)
{
	SEE(0, S(7, 1000, 0));
	SEE(2, S(7, 1000, 0), S(9, 600, 200, .age = 3000));
	EXPECT_EQ(UNKNOWN, RATE(1, TX_BYTES));
	SEE(4, S(7, 1000, 0), S(9, 800, 200, .age = 5000));
	EXPECT_EQ(100, RATE(1, TX_BYTES));
}

TEST_F(watch, what_a_busy_session_does_is_told_later)
{
	const uint32_t busy = KTLS_STATS_SESSION_FLAGS_BUSY;
	char line[64];

	SEE(0, S(7, 1000, 0));
	SEE(1, S(7, 2000, 0));
	SEE(2, S(7, 2000, 0, .flags = busy));
	EXPECT_EQ(UNKNOWN, RATE(0, TX_BYTES));
	SEE(3, S(7, 2500, 0, .flags = busy));
	EXPECT_EQ(UNKNOWN, RATE(0, TX_BYTES));
	SEE(5, S(7, 10000, 0));
	EXPECT_EQ(2000, RATE(0, TX_BYTES));
	spark(line, sizeof(line), &self->m.v[0]->trend, 5, false);
	EXPECT_STREQ(" =??#", line);
}

TEST_F(watch, a_closed_session_is_told_once_more)
{
	SEE(0, S(7, 1000, 0), S(8, 5, 0));
	SEE(1, S(8, 5, 0));
	ASSERT_EQ(2, self->m.n);
	EXPECT_TRUE(self->m.v[0]->closed);
	EXPECT_EQ(1000, self->m.v[0]->row.s.tx.bytes);
	EXPECT_FALSE(self->m.v[1]->closed);
	SEE(2, S(8, 5, 0));
	ASSERT_EQ(1, self->m.n);
	EXPECT_EQ(8, self->m.v[0]->row.s.cookie);
	ASSERT_EQ(0, see(&self->m, 3, NULL, 0));
	EXPECT_EQ(1, self->m.n);
	ASSERT_EQ(0, see(&self->m, 4, NULL, 0));
	EXPECT_EQ(0, self->m.n);
}

TEST_F(watch, what_an_inconsistent_look_misses_is_not_closed)
{
	const struct told rest[] = { S(8, 5, 0), S(8, 5, 0) };
	struct look l;

	SEE(0, S(7, 1000, 0), S(8, 5, 0));
	look_make(&l, 1, rest, ARRAY_SIZE(rest));
	l.inconsistent = true;
	ASSERT_EQ(0, model_take(&self->m, &l));
	ASSERT_EQ(2, self->m.n);
	EXPECT_FALSE(self->m.v[0]->closed);
	EXPECT_EQ(UNKNOWN, RATE(0, TX_BYTES));
	SEE(2, S(7, 3000, 0), S(8, 5, 0));
	EXPECT_EQ(1000, RATE(0, TX_BYTES));
}

TEST_F(watch, what_a_new_filter_leaves_out_is_not_closed)
{
	SEE(0, S(7, 1000, 0), S(8, 5, 0));
	self->m.narrowed = true;
	SEE(1, S(8, 5, 0));
	EXPECT_EQ(1, self->m.n);
}

TEST_F(watch, counters_of_another_module_begin_anew)
{
	SEE(0, S(7, 1000, 0));
	SEE(1, S(7, 10, 0));
	EXPECT_EQ(UNKNOWN, RATE(0, TX_BYTES));
	EXPECT_EQ(UNKNOWN, self->m.totals.flow[TX_BYTES].rate);
	SEE(2, S(7, 20, 0));
	EXPECT_EQ(10, RATE(0, TX_BYTES));
}

/* Sessions come and go; what is kept is bounded by those there are. */
TEST_F(watch, rates_of_many_sessions_add_up_to_those_of_the_totals)
{
	size_t used = mallinfo2().uordblks, n = 0, before;
	struct told *t = calloc(2 * MANY, sizeof(*t));
	double sum;

	srand(1);
	for (int i = 0; i < MANY; i++)
		t[n++] = (struct told)S(i + 1, 0, 0);
	for (int step = 0; step < 50; step++) {
		before = self->m.n;
		for (size_t i = 0; i < n; i++) {
			t[i].tx += rand() % 10000;
			t[i].age += 1000;
		}
		for (int i = 0; i < 50; i++)
			t[n++] = (struct told)S(MANY + n + 1, rand(), 0,
						.age = 500);
		ASSERT_EQ(0, see(&self->m, step, t, n));
		ASSERT_LE(self->m.n, n + before);
		sum = 0;
		for (size_t i = 0; i < self->m.n; i++)
			sum += RATE(i, TX_BYTES);
		if (step)
			ASSERT_LT(labs((long)(sum - self->m.totals
				  .flow[TX_BYTES].rate)), 2);
	}
	ASSERT_EQ(0, see(&self->m, 50, t, 10));
	EXPECT_EQ(n, self->m.n);
	ASSERT_EQ(0, see(&self->m, 51, t, 10));
	EXPECT_EQ(10, self->m.n);
	free(t);
	model_free(&self->m);
	/* malloc() keeps some for itself; each track is about a kilobyte. */
	EXPECT_LT(mallinfo2().uordblks, used + MANY * 100);
}

TEST(a_history_keeps_the_last_of_many)
{
	struct history h = { 0 };
	char line[3 * HISTORY + 1];

	for (int i = 0; i < 1000; i++) {
		history_add(&h, i % 8);
		spark(line, sizeof(line), &h, HISTORY, false);
		ASSERT_EQ(HISTORY, strlen(line));
		if (i >= 7)
			ASSERT_EQ("_.-~=+*#"[i % 8], line[HISTORY - 1]);
	}
	spark(line, sizeof(line), &h, 8, false);
	EXPECT_STREQ("_.-~=+*#", line);
	spark(line, sizeof(line), &h, 4, true);
	EXPECT_STREQ("\u2585\u2586\u2587\u2588", line);
	EXPECT_EQ(7, history_peak(&h, HISTORY));
}

TEST(a_spark_fits_whatever_its_room)
{
	struct history h = { 0 };
	char line[3 * HISTORY + 1];

	for (int i = 0; i < HISTORY; i++)
		history_add(&h, i ? 1e12 / i : UNKNOWN);
	for (size_t size = 1; size <= sizeof(line); size++) {
		memset(line, 'x', sizeof(line));
		spark(line, size, &h, HISTORY, true);
		ASSERT_LT(strlen(line), size);
	}
}

TEST_HARNESS_MAIN
