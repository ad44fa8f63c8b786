// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody sends from memory that does not come: he holds his socket for as
 * long as he likes. Nobody else may have to wait for him; what he did is told
 * once he is done. userfaultfd is the memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "stats_genl.h"
#include "tlswire.h"

#define PAGE	4096
#define PATIENCE 20			/* seconds: far above what is promised */

/* A thread that moves two pages, of which the second does not come. */
struct slow {
	int fd, uffd;
	bool receives, held;
	uint8_t *memory;
	pthread_t thread;
};

/* [0] is held, [1] is free; both sent a little before. */
FIXTURE(stall) {
	struct stats *s, *events;
	int fd[2][2];
	uint64_t cookie[2];
	struct slow slow;
};

static const struct suite *suite(void)
{
	return suite_find(TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128);
}

static int keyed_pair(int fd[2])
{
	int ret = tcp_pair(AF_INET, fd);

	if (!ret)
		ret = tls_attach(fd[0]);
	if (!ret)
		ret = tls_key(fd[0], TLS_TX, suite(), 1);
	return ret ? ret : send(fd[0], "abc", 3, 0) == 3 ? 0 : -errno;
}

static int slow_memory(struct slow *w)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	w->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (w->uffd < 0 || ioctl(w->uffd, UFFDIO_API, &api))
		return -errno;
	w->memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(w->memory, 'm', PAGE);
	reg.range.start = (uintptr_t)w->memory + PAGE;
	reg.range.len = PAGE;
	return ioctl(w->uffd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

static void *move(void *arg)
{
	struct slow *w = arg;

	if (w->receives)
		return (void *)recv(w->fd, w->memory, 2 * PAGE, MSG_WAITALL);
	return (void *)send(w->fd, w->memory, 2 * PAGE, 0);
}

/* Returns once the socket is held. */
static int hold(struct slow *w)
{
	struct pollfd pfd = { w->uffd, POLLIN, 0 };
	struct uffd_msg msg;

	if (pthread_create(&w->thread, NULL, move, w))
		return -EAGAIN;
	w->held = true;
	return poll(&pfd, 1, PATIENCE * 1000) == 1 &&
	       read(w->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -ETIMEDOUT;
}

static int let_go(struct slow *w)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)w->memory + PAGE, PAGE },
	};
	void *moved;

	w->held = false;
	if (ioctl(w->uffd, UFFDIO_ZEROPAGE, &zero))
		return -errno;
	pthread_join(w->thread, &moved);
	return (long)moved == 2 * PAGE ? 0 : -EIO;
}

FIXTURE_SETUP(stall)
{
	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->s) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, stats_open(&self->events));
	ASSERT_EQ(0, stats_join(self->events, KTLS_STATS_MCGRP_CLOSE));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, keyed_pair(self->fd[i]));
		self->cookie[i] = socket_cookie(self->fd[i][0]);
	}
	self->slow.fd = self->fd[0][0];
	if (slow_memory(&self->slow))
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, hold(&self->slow));
}

FIXTURE_TEARDOWN(stall)
{
	if (self->slow.held)
		let_go(&self->slow);
	stats_close(self->s);
	stats_close(self->events);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Ends within our patience, or fails; prints how long it took. */
#define IN_TIME(want, what) do { \
	double _start = now(), _took; \
	EXPECT_EQ(want, what); \
	_took = now() - _start; \
	EXPECT_GT(PATIENCE, _took); \
	fprintf(stderr, "# %.2f s: " #what "\n", _took); \
} while (0)

TEST_F_TIMEOUT(stall, totals_say_busy, 300)
{
	struct stats_totals t;

	IN_TIME(0, stats_totals(self->s, &t));
	EXPECT_EQ(1, t.busy);
	EXPECT_EQ(2, t.live);
	EXPECT_LE(1, t.tx.live);
	EXPECT_LE(3, t.tx.bytes);
	EXPECT_GE(6, t.tx.bytes);
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(0, t.busy);
	EXPECT_EQ(6 + 2 * PAGE, t.tx.bytes);
	EXPECT_EQ(3, t.tx.records);
}

TEST_F_TIMEOUT(stall, sessions_say_busy, 300)
{
	struct stats_session s, all[3];

	IN_TIME(0, stats_session(self->s, self->cookie[0], &s));
	EXPECT_EQ(KTLS_STATS_SESSION_FLAGS_BUSY, s.flags);
	IN_TIME(0, stats_session(self->s, self->cookie[1], &s));
	EXPECT_EQ(0, s.flags);
	EXPECT_EQ(3, s.tx.bytes);
	IN_TIME(2, stats_dump(self->s, all, 3));
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(all[i].cookie == self->cookie[0] ?
			  KTLS_STATS_SESSION_FLAGS_BUSY : 0, all[i].flags);
	IN_TIME(0, stats_label(self->s, self->cookie[0], -1, "slow", 4));
	IN_TIME(0, stats_label(self->s, 0, self->fd[0][0], "slow", 4));
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, stats_session(self->s, self->cookie[0], &s));
	EXPECT_EQ(0, s.flags);
	EXPECT_EQ(3 + 2 * PAGE, s.tx.bytes);
	EXPECT_EQ(2, s.tx.records);
	EXPECT_STREQ("slow", s.label);
}

/* Anybody may ask for totals, as often as he likes, and of many at once. */
TEST_F_TIMEOUT(stall, others_are_answered, 300)
{
	struct stats_totals t;
	struct stats *other;
	pid_t pid[8];

	for (int i = 0; i < 8; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		alarm(30);
		while (!stats_open(&other)) {
			stats_totals(other, &t);
			stats_close(other);
		}
		_exit(0);
	}
	for (int i = 0; i < 10; i++) {
		/* It looks the family up: that is another one, nlctrl. */
		IN_TIME(0, stats_open(&other));
		stats_close(other);
	}
	for (int i = 0; i < 8; i++) {
		kill(pid[i], SIGKILL);
		IN_TIME(pid[i], waitpid(pid[i], NULL, 0));
	}
}

TEST_F_TIMEOUT(stall, events_go_on, 300)
{
	struct stats_session s;

	ASSERT_EQ(0, close(self->fd[1][0]));
	IN_TIME(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
			       self->cookie[1], &s));
	EXPECT_EQ(3, s.tx.bytes);
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, close(self->fd[0][0]));
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
				 self->cookie[0], &s));
	EXPECT_EQ(3 + 2 * PAGE, s.tx.bytes);
}

/* The descriptor goes, and the socket stays until the send has ended. */
TEST_F_TIMEOUT(stall, close_may_wait, 300)
{
	struct stats_session s;
	struct stats_totals t;

	ASSERT_EQ(0, close(self->fd[0][0]));
	IN_TIME(0, stats_totals(self->s, &t));
	EXPECT_EQ(1, t.busy);
	EXPECT_EQ(2, t.live);
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
				 self->cookie[0], &s));
	EXPECT_EQ(3 + 2 * PAGE, s.tx.bytes);
	EXPECT_EQ(0, s.flags);
}

/* "NAME ktls_stats" ends in time. The module may be in use for a moment. */
static int run(const char *name)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execlp("timeout", "timeout", "60", name, "ktls_stats", NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ?
	       WEXITSTATUS(status) : -1;
}

/* Loaded again while the socket is held it cannot know what is in there. */
TEST_F_TIMEOUT(stall, the_module_comes_and_goes, 300)
{
	struct stats_totals t;
	struct stats *s;
	int ret = -1;

	for (int n = 0; n < 10 && ret && ret != 124; n++)
		IN_TIME(true, (ret = run("rmmod")) >= 0);
	ASSERT_EQ(0, ret);
	IN_TIME(0, run("modprobe"));
	ASSERT_EQ(0, stats_open(&s));
	IN_TIME(0, stats_totals(s, &t));
	EXPECT_EQ(2, t.live + t.missed);
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, stats_totals(s, &t));
	EXPECT_EQ(2, t.live + t.missed);
	EXPECT_EQ(0, t.busy);
	stats_close(s);
}

static void live_elsewhere(int ready)
{
	struct stats_session s;
	struct stats *there;
	int fd[2];

	if (own_netns() || keyed_pair(fd) || stats_open(&there) ||
	    stats_dump(there, &s, 1) != 1 || write(ready, "k", 1) != 1)
		_exit(1);
	pause();
	_exit(1);
}

/* One that goes takes its end of a link along. */
TEST_F_TIMEOUT(stall, namespaces_go, 300)
{
	char byte, command[100];
	int ready[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	if (!pid)
		live_elsewhere(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	snprintf(command, sizeof(command),
		 "ip link add here type veth peer name there netns %d", pid);
	if (system(command))
		SKIP(return, "ip cannot make a veth link");
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	for (int n = 0; n < 3000 && if_nametoindex("here"); n++)
		usleep(10000);
	EXPECT_EQ(0, if_nametoindex("here"));
	EXPECT_EQ(0, let_go(&self->slow));
}

/* The same with a receiver: [1] receives what another socket has sent. */
TEST_F_TIMEOUT(stall, receivers_are_no_better, 300)
{
	struct slow w = { .receives = true };
	static uint8_t data[2 * PAGE];
	struct stats_session s;
	struct stats_totals t;
	uint8_t raw[3];
	uint64_t cookie;

	w.fd = self->fd[1][1];
	cookie = socket_cookie(w.fd);
	ASSERT_EQ(0, slow_memory(&w));
	ASSERT_EQ(0, tls_attach(w.fd));
	ASSERT_EQ(0, tls_key(w.fd, TLS_RX, suite(), 1));
	ASSERT_EQ(3, recv(w.fd, raw, 3, 0));
	ASSERT_EQ((ssize_t)sizeof(data),
		  send(self->fd[1][0], data, sizeof(data), 0));
	ASSERT_EQ(0, hold(&w));
	IN_TIME(0, stats_session(self->s, cookie, &s));
	EXPECT_EQ(KTLS_STATS_SESSION_FLAGS_BUSY, s.flags);
	IN_TIME(0, stats_totals(self->s, &t));
	EXPECT_EQ(2, t.busy);
	ASSERT_EQ(0, let_go(&w));
	ASSERT_EQ(0, let_go(&self->slow));
	ASSERT_EQ(0, stats_session(self->s, cookie, &s));
	EXPECT_EQ(3 + sizeof(data), s.rx.bytes);
	EXPECT_EQ(2, s.rx.records);
	EXPECT_EQ(0, s.flags);
	ASSERT_EQ(0, stats_totals(self->s, &t));
	EXPECT_EQ(0, t.busy);
}

TEST_HARNESS_MAIN
