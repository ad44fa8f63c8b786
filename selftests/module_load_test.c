// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktls_stats.ko comes and goes while kTLS connections are opened, used, asked
 * about and closed. The kernel log must have nothing to say about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "klog.h"
#include "stats_genl.h"
#include "tlswire.h"

#define ROUNDS	20			/* unless KTLS_ROUNDS says */
#define WORKERS	5

static const struct suite *suite(void)
{
	return suite_find(TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128);
}

/* Both ends with keys, for sending from [0] to [1]. 0 or -errno. */
static int keyed_pair(int fd[2])
{
	int ret = tcp_pair(AF_INET, fd);

	if (ret)
		return ret;
	ret = tls_attach(fd[0]) || tls_attach(fd[1]) ||
	      tls_key(fd[0], TLS_TX, suite(), 1) ||
	      tls_key(fd[1], TLS_RX, suite(), 1);
	if (ret) {
		close(fd[0]);
		close(fd[1]);
	}
	return ret;
}

static void traffic(void)
{
	static char buf[65536];
	int fd[2];

	while (!keyed_pair(fd)) {
		for (int n = random() % 20; n > 0; n--) {
			if (send(fd[0], buf, 1 + random() % sizeof(buf),
				 MSG_DONTWAIT) < 0)
				break;
			recv(fd[1], buf, sizeof(buf), MSG_DONTWAIT);
		}
		close(fd[random() % 2]);
		close(fd[0]);
		close(fd[1]);
	}
}

/* Asks and asks; mostly there is nobody, or not for long. */
static void questions(void)
{
	struct stats_session session;
	struct stats_totals totals;
	struct stats *s;

	for (;;) {
		if (stats_open(&s)) {
			usleep(1000);
			continue;
		}
		stats_join(s, KTLS_STATS_MCGRP_CLOSE);
		for (int n = 0; n < 20; n++) {
			stats_dump(s, &session, 1);
			stats_totals(s, &totals);
		}
		stats_close(s);
	}
}

/* They come with sessions and go with them. */
static void namespaces(void)
{
	int fd[2];

	while (!own_netns()) {
		for (int n = random() % 5; n > 0; n--)
			if (keyed_pair(fd) || send(fd[0], "abc", 3, 0) != 3)
				return;
		close_range(3, ~0U, 0);
		/* They go slowly, and the module waits for those before it. */
		usleep(100000);
	}
}

static pid_t start(void (*work)(void), bool apart)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom(getpid());
	if (apart && own_netns())
		_exit(1);
	work();
	_exit(1);
}

/* The exit status of "NAME [OPTION] ktls_stats". */
static int run(const char *name, const char *option)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execlp(name, name, option, "ktls_stats", NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int load(void)
{
	return run("modprobe", "-q");
}

/* A question that is being answered holds the module for a moment. */
static int unload(void)
{
	int ret = 0;

	for (int n = 0; n < 1000; n++) {
		ret = run("rmmod", "-s");
		if (!ret)
			break;
		usleep(1000);
	}
	return ret;
}

FIXTURE(module) {
	int log;			/* what the kernel said since setup */
	pid_t worker[WORKERS];
};

FIXTURE_SETUP(module)
{
	if (load())
		SKIP(return, "modprobe cannot load ktls_stats");
	self->log = klog_open();
	ASSERT_LE(0, self->log);
	self->worker[0] = start(questions, false);
	self->worker[1] = start(namespaces, false);
	for (int i = 2; i < WORKERS; i++)
		self->worker[i] = start(traffic, i == 2);
	ASSERT_EQ(0, unload());
}

FIXTURE_TEARDOWN(module)
{
	for (int i = 0; i < WORKERS; i++) {
		kill(self->worker[i], SIGKILL);
		waitpid(self->worker[i], NULL, 0);
	}
	EXPECT_EQ(0, load());
}

static void expect_clean_log(struct __test_metadata *_metadata, int log)
{
	const char *bad = klog_bad(log);

	EXPECT_EQ(NULL, bad) TH_LOG("%s", bad);
}

TEST_F_TIMEOUT(module, comes_and_goes_under_traffic, 1800)
{
	const char *given = getenv("KTLS_ROUNDS");
	int rounds = given ? atoi(given) : ROUNDS;

	for (int i = 0; i < rounds; i++) {
		ASSERT_EQ(0, load()) TH_LOG("round %d", i);
		usleep(random() % 200000);
		ASSERT_EQ(0, unload()) TH_LOG("round %d", i);
	}
	for (int i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, waitpid(self->worker[i], NULL, WNOHANG));
	expect_clean_log(_metadata, self->log);
}

/* Sessions older than the module are found, in every network namespace. */
TEST_F_TIMEOUT(module, adopts_what_it_finds, 300)
{
	static char buf[30000];
	struct stats_session tx, rx;
	struct stats *s;
	int fd[2];

	ASSERT_EQ(0, own_netns());
	ASSERT_EQ(0, keyed_pair(fd));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(1000, send(fd[0], buf, 1000, 0));
		ASSERT_EQ(0, load());
		ASSERT_EQ(0, stats_open(&s));
		ASSERT_EQ(0, stats_session(s, socket_cookie(fd[0]), &tx));
		EXPECT_EQ(KTLS_STATS_SESSION_FLAGS_ADOPTED, tx.flags);
		EXPECT_EQ(0, tx.tx.bytes);
		EXPECT_EQ(0, tx.tx.records);
		EXPECT_EQ(0, tx.tx.wire);
		EXPECT_EQ(KTLS_STATS_MODE_SW, tx.tx.mode);

		ASSERT_EQ(30000, send(fd[0], buf, 30000, 0));
		ASSERT_EQ(1000, recv(fd[1], buf, 1000, MSG_WAITALL));
		ASSERT_EQ(30000, recv(fd[1], buf, 30000, MSG_WAITALL));
		ASSERT_EQ(0, stats_session(s, socket_cookie(fd[0]), &tx));
		EXPECT_EQ(30000, tx.tx.bytes);
		EXPECT_EQ(2, tx.tx.records);
		ASSERT_EQ(0, stats_session(s, socket_cookie(fd[1]), &rx));
		EXPECT_EQ(KTLS_STATS_SESSION_FLAGS_ADOPTED, rx.flags);
		EXPECT_EQ(31000, rx.rx.bytes);
		EXPECT_EQ(3, rx.rx.records);
		stats_close(s);
		ASSERT_EQ(0, unload());
	}
	expect_clean_log(_metadata, self->log);
}

/* 0 or -errno. */
static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The module is loaded, and nothing else goes on. */
FIXTURE(quiet) {
	struct stats *stats;
	int fd[3][2];
};

FIXTURE_SETUP(quiet)
{
	if (load())
		SKIP(return, "modprobe cannot load ktls_stats");
	ASSERT_EQ(0, own_netns());
	ASSERT_EQ(0, stats_open(&self->stats));
}

FIXTURE_TEARDOWN(quiet)
{
	stats_close(self->stats);
}

static void close_all(int fd[3][2])
{
	for (int i = 0; i < 3; i++) {
		close(fd[i][0]);
		close(fd[i][1]);
	}
}

TEST_F(quiet, sessions_beyond_the_bound_are_missed)
{
	const char *param = "/sys/module/ktls_stats/parameters/max_sessions";
	struct stats_totals t;

	ASSERT_EQ(0, put(param, "2"));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, keyed_pair(self->fd[i]));
	EXPECT_EQ(0, put(param, "65536"));
	EXPECT_EQ(0, stats_totals(self->stats, &t));
	EXPECT_EQ(2, t.live);
	EXPECT_EQ(4, t.missed);
	close_all(self->fd);
	EXPECT_EQ(0, stats_totals(self->stats, &t));
	EXPECT_EQ(0, t.live);
	EXPECT_EQ(2, t.closed);
	EXPECT_EQ(4, t.missed);
}

/* An administrator may switch all kprobes off, and on again. */
TEST_F(quiet, unseen_close_is_found_out)
{
	const char *enabled = "/sys/kernel/debug/kprobes/enabled";
	struct stats_session s;
	struct stats_totals t;
	struct stats *events;
	uint64_t cookie;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	if (access(enabled, W_OK))
		SKIP(return, "no debugfs here");
	ASSERT_EQ(0, stats_open(&events));
	ASSERT_EQ(0, stats_join(events, KTLS_STATS_MCGRP_CLOSE));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, keyed_pair(self->fd[i]));
	ASSERT_EQ(3, send(self->fd[0][0], "abc", 3, 0));
	ASSERT_EQ(0, stats_totals(self->stats, &t));
	EXPECT_EQ(6, t.live);
	cookie = socket_cookie(self->fd[0][0]);

	ASSERT_EQ(0, put(enabled, "0"));
	close_all(self->fd);
	EXPECT_EQ(0, stats_totals(self->stats, &t));
	ASSERT_EQ(0, put(enabled, "1"));
	EXPECT_EQ(0, t.live);
	EXPECT_EQ(6, t.closed);
	EXPECT_EQ(3, t.tx.bytes);
	ASSERT_EQ(0, stats_event(events, KTLS_STATS_CMD_CLOSE_NTF, cookie, &s));
	EXPECT_EQ(KTLS_STATS_SESSION_FLAGS_STALE, s.flags);
	EXPECT_EQ(3, s.tx.bytes);
	stats_close(events);
}

TEST_HARNESS_MAIN
