// SPDX-License-Identifier: GPL-2.0-only
/* The loop and the log that agent and server share. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "log.h"
#include "loop.h"

static struct loop loop;
static char order[16];
static struct timer timers[4];
static struct watch watches[2];
static int calls;

static void note(struct timer *t)
{
	order[strlen(order)] = 'a' + (t - timers);
	if (strlen(order) == 3)
		loop.stop = true;
}

static void rearm(struct timer *t)
{
	if (++calls == 3)
		loop.stop = true;
	loop_timer_set(&loop, t, 0);
}

/* Deadlines of many lengths; half of them are cleared, or set once more. */
#define CROWD 3000
static struct timer crowd[CROWD];
static uint64_t last_ms;
static bool disorder;

static void leave(struct timer *t)
{
	disorder |= t->at_ms < last_ms || loop_timer_is_set(t);
	last_ms = t->at_ms;
	loop.stop = ++calls == CROWD;
}

static void gather(struct timer *t)
{
	loop_timer_set(&loop, t, rand() % 100);
}

static void stop(struct timer *t)
{
	loop.stop = true;
}

static void delete_both(struct watch *w, uint32_t events)
{
	calls++;
	loop_del(&loop, &watches[0]);
	loop_del(&loop, &watches[1]);
	memset(watches, 0xff, sizeof(watches));		/* as if freed */
}

FIXTURE(loop) {
	struct timespec start;
};

FIXTURE_SETUP(loop)
{
	ASSERT_EQ(0, loop_open(&loop));
	clock_gettime(CLOCK_MONOTONIC, &self->start);
}

FIXTURE_TEARDOWN(loop)
{
	loop_close(&loop);
}

static long passed_ms(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 +
	       (now.tv_nsec - start->tv_nsec) / 1000000;
}

TEST_F(loop, timers_fire_in_the_order_of_their_deadlines)
{
	for (int i = 0; i < 4; i++)
		timers[i].fire = note;
	loop_timer_set(&loop, &timers[0], 60);
	loop_timer_set(&loop, &timers[1], 20);
	loop_timer_set(&loop, &timers[2], 500);
	loop_timer_set(&loop, &timers[3], 30);
	loop_timer_clear(&timers[3]);
	loop_timer_set(&loop, &timers[2], 40);		/* once more: sooner */
	EXPECT_EQ(0, loop_run(&loop));
	EXPECT_STREQ("bca", order);
	EXPECT_LE(60, passed_ms(&self->start));
}

TEST_F(loop, timer_may_set_itself)
{
	timers[0].fire = rearm;
	loop_timer_set(&loop, &timers[0], 0);
	EXPECT_EQ(0, loop_run(&loop));
	EXPECT_EQ(3, calls);
}

TEST_F(loop, clearing_what_is_not_set_is_nothing)
{
	loop_timer_clear(&timers[0]);
	loop_timer_set(&loop, &timers[0], 1);
	loop_timer_clear(&timers[0]);
	loop_timer_clear(&timers[0]);
	EXPECT_FALSE(loop_timer_is_set(&timers[0]));
}

TEST_F(loop, mixed_durations_fire_in_order_and_once)
{
	for (int i = 0; i < CROWD; i++) {
		crowd[i].fire = leave;
		gather(&crowd[i]);
		if (i % 2)
			loop_timer_clear(&crowd[rand() % i]);
	}
	for (int i = 0; i < CROWD; i++)
		if (!loop_timer_is_set(&crowd[i]) || rand() % 2)
			gather(&crowd[i]);
	EXPECT_EQ(0, loop_run(&loop));
	EXPECT_EQ(CROWD, calls);
	EXPECT_FALSE(disorder);
	EXPECT_EQ(NULL, loop.timers);
}

/* Who waits for long must not cost those anything who wait for less. */
TEST_F(loop, setting_costs_the_same_however_many_are_set)
{
	const int many = 200000;
	struct timer *idle = calloc(many, sizeof(*idle));
	struct timespec used;

	ASSERT_NE(NULL, idle);
	for (int i = 0; i < many; i++)
		loop_timer_set(&loop, &idle[i], 60000);
	for (int i = 0; i < many; i++)
		loop_timer_set(&loop, &timers[0], i % 2 ? 10000 : 2000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	EXPECT_GT(5, used.tv_sec);
	free(idle);
}

TEST_F(loop, deleted_watch_is_not_called_in_the_same_batch)
{
	int fds[2] = { eventfd(1, 0), eventfd(1, 0) };

	for (int i = 0; i < 2; i++) {
		watches[i].fd = fds[i];
		watches[i].ready = delete_both;
		ASSERT_EQ(0, loop_add(&loop, &watches[i], EPOLLIN));
	}
	timers[0].fire = stop;
	loop_timer_set(&loop, &timers[0], 50);
	EXPECT_EQ(0, loop_run(&loop));
	EXPECT_EQ(1, calls);
	close(fds[0]);
	close(fds[1]);
}

FIXTURE(escape) {
};
FIXTURE_VARIANT(escape) {
	const char *text, *want;
	size_t size;
};
FIXTURE_VARIANT_ADD(escape, plain) { "example.org", "example.org", 64 };
FIXTURE_VARIANT_ADD(escape, terminal) { "a\x1b[2Jb", "a\\x1b[2Jb", 64 };
FIXTURE_VARIANT_ADD(escape, line) { "a\nktlsd: b", "a\\x0aktlsd: b", 64 };
FIXTURE_VARIANT_ADD(escape, quote) { "a\"b\\c", "a\\x22b\\x5cc", 64 };
FIXTURE_VARIANT_ADD(escape, utf8) { "\xc3\xa9", "\\xc3\\xa9", 64 };
FIXTURE_VARIANT_ADD(escape, cut) { "abcdefgh", "abc", 7 };
FIXTURE_VARIANT_ADD(escape, cut_whole) { "a\nb", "a", 5 };

FIXTURE_SETUP(escape)
{
}

FIXTURE_TEARDOWN(escape)
{
}

TEST_F(escape, leaves_what_a_terminal_may_see)
{
	char out[64];

	memset(out, '?', sizeof(out));
	EXPECT_EQ(&out[0], log_escape(out, variant->size, variant->text));
	EXPECT_STREQ(variant->want, out);
}

TEST(log_line_is_whole_whatever_its_length)
{
	char text[5000], line[5000];
	int pipes[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ASSERT_EQ(0, pipe(pipes));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	dup2(pipes[1], STDERR_FILENO);
	log_init("name");
	log_warnx("%s", text);
	dup2(saved, STDERR_FILENO);
	n = read(pipes[0], line, sizeof(line));
	ASSERT_LT(100, n);
	EXPECT_EQ('\n', line[n - 1]);
	EXPECT_EQ(&line[n - 1], memchr(line, '\n', n));
	EXPECT_EQ(0, memcmp(line, "name: xxx", 9));
}

TEST_HARNESS_MAIN
