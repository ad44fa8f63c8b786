// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions in great number, network namespaces that go with sessions in them,
 * and probes that an administrator has switched off.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "klog.h"
#include "stats_genl.h"
#include "tlswire.h"

#define PAIRS	5000
#define ROOM	(2 * PAIRS + 2000)
#define PROBES	"/sys/kernel/debug/kprobes/enabled"

static const struct suite *suite(void)
{
	return suite_find(TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128);
}

/* Keys on both ends, for sending: two sessions. */
static int keyed_pair(int fd[2])
{
	int ret = tcp_pair(AF_INET, fd);

	for (int i = 0; i < 2 && !ret; i++) {
		ret = tls_attach(fd[i]);
		if (!ret)
			ret = tls_key(fd[i], TLS_TX, suite(), 1);
	}
	return ret;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

FIXTURE(many) {
	struct stats *s;
	int (*fd)[2];
	uint64_t *cookie;
	struct stats_session *told;
	pid_t churn;
};

static void open_and_close(void)
{
	int fd[20][2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		for (int i = 0; i < 20; i++)
			if (keyed_pair(fd[i]))
				_exit(1);
		for (int i = 0; i < 20; i++) {
			close(fd[i][0]);
			close(fd[i][1]);
		}
	}
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

FIXTURE_SETUP(many)
{
	struct rlimit files = { 2 * PAIRS + 100, 2 * PAIRS + 100 };
	double start = now();

	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->s) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	self->fd = calloc(PAIRS, sizeof(*self->fd));
	self->cookie = calloc(2 * PAIRS, sizeof(*self->cookie));
	self->told = calloc(ROOM, sizeof(*self->told));
	for (int i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, keyed_pair(self->fd[i])) TH_LOG("pair %d", i);
		self->cookie[2 * i] = socket_cookie(self->fd[i][0]);
		self->cookie[2 * i + 1] = socket_cookie(self->fd[i][1]);
	}
	qsort(self->cookie, 2 * PAIRS, sizeof(*self->cookie), by_number);
	fprintf(stderr, "# %d sessions after %.1f s\n", 2 * PAIRS,
		now() - start);
}

FIXTURE_TEARDOWN(many)
{
	stats_close(self->s);
}

/* How often each of ours was told; others may be there or not. */
static int count_wrong(FIXTURE_DATA(many) *self, int n)
{
	static int times[2 * PAIRS];
	int wrong = 0;

	memset(times, 0, sizeof(times));
	for (int i = 0; i < n; i++) {
		uint64_t *found = bsearch(&self->told[i].cookie, self->cookie,
					  2 * PAIRS, sizeof(*self->cookie),
					  by_number);

		if (found)
			times[found - self->cookie]++;
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		wrong += times[i] != 1;
	return wrong;
}

TEST_F_TIMEOUT(many, who_lives_through_a_dump_is_told_once, 600)
{
	struct stats_totals t;
	double start = now();
	int n;

	n = stats_dump(self->s, self->told, ROOM);
	fprintf(stderr, "# a dump of %d takes %.2f s\n", n, now() - start);
	EXPECT_EQ(2 * PAIRS, n);
	EXPECT_EQ(0, count_wrong(self, n));
	start = now();
	EXPECT_EQ(0, stats_totals(self->s, &t));
	fprintf(stderr, "# totals take %.2f s\n", now() - start);
	EXPECT_EQ(2 * PAIRS, t.live);

	self->churn = fork();
	if (!self->churn)
		open_and_close();
	for (int i = 0; i < 10; i++) {
		n = stats_dump(self->s, self->told, ROOM);
		EXPECT_LE(2 * PAIRS, n);
		EXPECT_GE(ROOM, n);
		EXPECT_EQ(0, count_wrong(self, n)) TH_LOG("dump %d", i);
	}
	EXPECT_EQ(0, waitpid(self->churn, NULL, WNOHANG));
	kill(self->churn, SIGKILL);
	ASSERT_EQ(self->churn, waitpid(self->churn, NULL, 0));
	EXPECT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(2 * PAIRS, t.live);
	EXPECT_EQ(0, t.missed);
	EXPECT_EQ(0, t.busy);
	for (int i = 0; i < PAIRS; i++) {
		close(self->fd[i][0]);
		close(self->fd[i][1]);
	}
	EXPECT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(0, t.live);
	EXPECT_EQ(0, stats_dump(self->s, self->told, ROOM));
}

/* 0 or -errno. */
static int probes(bool on)
{
	int fd, ret = 0;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	fd = open(PROBES, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, on ? "1" : "0", 1) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* A namespace whose going can be seen: it takes its end of a link along. */
FIXTURE(netns) {
	int log, go[2];
	pid_t child;
};

FIXTURE_VARIANT(netns) {
	int pairs;
	bool blind, reload, in_flight;
};

FIXTURE_VARIANT_ADD(netns, without_sessions) { .pairs = 0 };
FIXTURE_VARIANT_ADD(netns, with_sessions) { .pairs = 50 };

FIXTURE_VARIANT_ADD(netns, with_data_in_flight) {
	.pairs = 50, .in_flight = true
};

FIXTURE_VARIANT_ADD(netns, with_closes_unseen) {
	.pairs = 50, .blind = true,
};

FIXTURE_VARIANT_ADD(netns, with_the_module_gone) {
	.pairs = 50, .reload = true,
};

/* In the namespace, until it is killed. */
static void live_there(FIXTURE_DATA(netns) *self, int pairs, bool in_flight)
{
	static char data[100000];
	int fd[2], failed = own_netns();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pairs-- > 0 && !failed) {
		failed = keyed_pair(fd) || send(fd[0], "abc", 3, 0) != 3;
		if (!failed && in_flight)
			send(fd[0], data, sizeof(data), MSG_DONTWAIT);
	}
	if (write(self->go[1], failed ? "-" : "+", 1) == 1)
		pause();
	_exit(1);
}

static int shell(const char *format, int number)
{
	char command[256];

	snprintf(command, sizeof(command), format, number);
	return system(command);
}

FIXTURE_SETUP(netns)
{
	char ready;

	if (system("modprobe -q ktls_stats"))
		SKIP(return, "modprobe cannot load ktls_stats");
	ASSERT_EQ(0, own_netns());
	self->log = klog_open();
	ASSERT_LE(0, self->log);
	ASSERT_EQ(0, pipe(self->go));
	self->child = fork();
	if (!self->child)
		live_there(self, variant->pairs, variant->in_flight);
	ASSERT_EQ(1, read(self->go[0], &ready, 1));
	ASSERT_EQ('+', ready);
	if (shell("ip link add here type veth peer name there netns %d",
		  self->child))
		SKIP(return, "ip cannot make a veth link");
	ASSERT_NE(0, if_nametoindex("here"));
}

FIXTURE_TEARDOWN(netns)
{
	probes(true);
	EXPECT_EQ(0, system("modprobe -q ktls_stats"));
}

/* Asks in the namespace of the child. */
static int open_there(pid_t child, struct stats **s)
{
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, ret;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	there = open(path, O_RDONLY | O_CLOEXEC);
	ret = setns(there, CLONE_NEWNET) ? -errno : stats_open(s);
	if (setns(here, CLONE_NEWNET) && !ret)
		ret = -errno;
	close(here);
	close(there);
	return ret;
}

/*
 * A close that went unseen keeps the socket, and that its namespace, until
 * somebody asks or the minute is over.
 */
TEST_F_TIMEOUT(netns, goes, 120)
{
	struct stats_totals totals;
	struct stats *s = NULL;
	const char *bad;

	if (variant->blind) {
		ASSERT_EQ(0, open_there(self->child, &s));
		if (probes(false))
			SKIP(return, "no debugfs here");
	}
	kill(self->child, SIGKILL);
	ASSERT_EQ(self->child, waitpid(self->child, NULL, 0));
	if (variant->blind) {
		EXPECT_EQ(0, stats_totals(s, &totals));
		EXPECT_EQ(0, totals.live);
		stats_close(s);
	}
	if (variant->reload)
		EXPECT_EQ(0, system("timeout 30 sh -c '"
				    "until rmmod -s ktls_stats; do :; done'"));
	for (int n = 0; n < 3000 && if_nametoindex("here"); n++)
		usleep(10000);
	EXPECT_EQ(0, if_nametoindex("here"));
	bad = klog_bad(self->log);
	EXPECT_EQ(NULL, bad) TH_LOG("%s", bad);
}

FIXTURE(blind) {
	struct stats *s, *events;
	int fd[2];
};

FIXTURE_SETUP(blind)
{
	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->s) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, stats_open(&self->events));
	ASSERT_EQ(0, stats_join(self->events, KTLS_STATS_MCGRP_CLOSE));
}

FIXTURE_TEARDOWN(blind)
{
	probes(true);
	stats_close(self->s);
	stats_close(self->events);
}

/* Whose keys went unseen is missed, and the next one is followed again. */
TEST_F(blind, keys_that_went_unseen_are_missed)
{
	struct stats_session s;
	struct stats_totals t;
	uint64_t cookie;

	if (probes(false))
		SKIP(return, "no debugfs here");
	ASSERT_EQ(0, keyed_pair(self->fd));
	ASSERT_EQ(0, probes(true));
	ASSERT_EQ(3, send(self->fd[0], "abc", 3, 0));
	ASSERT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(0, t.live);
	EXPECT_EQ(0, t.tx.bytes);
	close(self->fd[0]);
	close(self->fd[1]);
	ASSERT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(2, t.missed);
	EXPECT_EQ(0, t.closed);

	ASSERT_EQ(0, keyed_pair(self->fd));
	cookie = socket_cookie(self->fd[0]);
	ASSERT_EQ(3, send(self->fd[0], "abc", 3, 0));
	close(self->fd[0]);
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF, cookie,
				 &s));
	EXPECT_EQ(3, s.tx.bytes);
	EXPECT_EQ(0, s.flags);
}

/* Nothing is lost of a session whose data went while nobody watched. */
TEST_F(blind, data_needs_no_probe)
{
	static char data[50000];
	struct stats_session s;
	uint64_t cookie;

	ASSERT_EQ(0, keyed_pair(self->fd));
	cookie = socket_cookie(self->fd[0]);
	if (probes(false))
		SKIP(return, "no debugfs here");
	ASSERT_EQ((ssize_t)sizeof(data),
		  send(self->fd[0], data, sizeof(data), 0));
	ASSERT_EQ(0, stats_session(self->s, cookie, &s));
	EXPECT_EQ(sizeof(data), s.tx.bytes);
	EXPECT_EQ(4, s.tx.records);
	ASSERT_EQ(0, probes(true));
	close(self->fd[0]);
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF, cookie,
				 &s));
	EXPECT_EQ(sizeof(data), s.tx.bytes);
	EXPECT_EQ(0, s.flags);
}

TEST_HARNESS_MAIN
