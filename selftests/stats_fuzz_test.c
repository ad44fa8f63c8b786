// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that nobody would make, some nearly right: wrong lengths, nests,
 * repetitions, unknown commands, dumps and sockets left in the middle. From a
 * seed that is printed: KTLS_SEED repeats it, KTLS_FUZZ is how many.
 */
#include <errno.h>
#include <grp.h>
#include <linux/genetlink.h>
#include <linux/ktls_stats.h>
#include <linux/netlink.h>
#include <linux/tls.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "klog.h"
#include "stats_genl.h"
#include "tlswire.h"

#define NOBODY	65534
#define PAIRS	40

FIXTURE(fuzz) {
	struct stats *s;
	int fd[PAIRS][2], nl, log;
	uint16_t family;
	uint64_t cookie, told, refused;
	bool leak;			/* somebody was told who may not be */
	uint8_t buf[65536];
};

FIXTURE_VARIANT(fuzz) {
	uid_t uid;
};

FIXTURE_VARIANT_ADD(fuzz, root) { .uid = 0 };
FIXTURE_VARIANT_ADD(fuzz, nobody) { .uid = NOBODY };

FIXTURE_SETUP(fuzz)
{
	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->s) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	self->family = stats_family(self->s);
	self->log = klog_open();
	ASSERT_LE(0, self->log);
	self->nl = -1;
	for (int i = 0; i < PAIRS; i++) {
		int *fd = self->fd[i];

		ASSERT_EQ(0, tcp_pair(AF_INET, fd));
		ASSERT_EQ(0, tls_attach(fd[0]));
		ASSERT_EQ(0, tls_key(fd[0], TLS_TX, &suites[i % SUITES], 1));
	}
	self->cookie = socket_cookie(self->fd[0][0]);
}

FIXTURE_TEARDOWN(fuzz)
{
}

static size_t any(size_t n)
{
	return random() % n;
}

/* A value as it should be, or nearly, or not at all. Returns its length. */
static size_t value(FIXTURE_DATA(fuzz) *self, uint8_t *to)
{
	static const uint32_t numbers[] = {
		0, 1, 51, 52, 443, 65535, 65536, INT32_MAX, UINT32_MAX,
	};
	uint64_t cookie = self->cookie + any(3) - 1;
	uint32_t number = any(2) ? numbers[any(ARRAY_SIZE(numbers))] : any(60);
	size_t len = any(300);

	switch (any(6)) {
	case 0:
		memcpy(to, &cookie, 8);
		return 8;
	case 1:
	case 2:
		memcpy(to, &number, 4);
		return 4;
	case 3:
		return any(12);
	case 4:
		memset(to, 'l', len);
		return len;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = random();
	return len;
}

/* Returns the end. */
static uint8_t *attribute(FIXTURE_DATA(fuzz) *self, uint8_t *at, int depth)
{
	struct nlattr *a = (void *)at;
	size_t len = 0;

	at += NLA_HDRLEN;
	a->nla_type = any(8) ? any(KTLS_STATS_A_SESSION_MAX + 3) : random();
	if (depth < 4 && !any(4) && at < self->buf + sizeof(self->buf) / 2) {
		a->nla_type |= NLA_F_NESTED;
		for (size_t n = any(4); n > 0; n--)
			at = attribute(self, at, depth + 1);
	} else {
		len = value(self, at);
		at += NLA_ALIGN(len);
	}
	a->nla_len = len ? NLA_HDRLEN + len : at - (uint8_t *)a;
	if (!any(16))
		a->nla_len = random();
	return at;
}

/* Returns the end. */
static uint8_t *message(FIXTURE_DATA(fuzz) *self, uint8_t *at)
{
	static const uint16_t flags[] = {
		0, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP | NLM_F_ACK, NLM_F_ROOT,
		NLM_F_MATCH, NLM_F_ATOMIC, NLM_F_DUMP_INTR, NLM_F_ECHO,
	};
	struct nlmsghdr *nlh = (void *)at;
	struct genlmsghdr *genl = NLMSG_DATA(nlh);
	uint8_t *end = (uint8_t *)(genl + 1);

	memset(nlh, 0, end - at);
	nlh->nlmsg_type = any(64) ? self->family : random();
	nlh->nlmsg_flags = flags[any(ARRAY_SIZE(flags))] |
			   (any(32) ? NLM_F_REQUEST : 0);
	nlh->nlmsg_seq = random();
	genl->cmd = any(8) ? any(KTLS_STATS_CMD_MAX + 2) : random();
	genl->version = any(4) ? 1 : random();
	genl->reserved = any(16) ? 0 : random();
	for (size_t n = any(2) ? any(2) : any(8); n > 0; n--)
		end = attribute(self, end, 0);
	nlh->nlmsg_len = end - at;
	if (!any(16))
		nlh->nlmsg_len -= any(nlh->nlmsg_len);
	else if (!any(64))
		nlh->nlmsg_len = random();
	return at + NLMSG_ALIGN(end - at);
}

static void examine(FIXTURE_DATA(fuzz) *self, const uint8_t *buf, ssize_t len)
{
	const struct nlmsghdr *nlh = (void *)buf;

	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
		const struct genlmsghdr *genl = NLMSG_DATA(nlh);

		if (nlh->nlmsg_type == NLMSG_ERROR) {
			self->refused++;
		} else if (nlh->nlmsg_type == self->family) {
			self->told++;
			if (getuid() && genl->cmd != KTLS_STATS_CMD_TOTALS_GET)
				self->leak = true;
		}
	}
}

/* As many answers as there are, or fewer. */
static void listen_for(FIXTURE_DATA(fuzz) *self, size_t most)
{
	static uint8_t buf[65536];
	ssize_t n;

	while (most-- > 0) {
		n = recv(self->nl, buf, any(16) ? sizeof(buf) : any(200),
			 MSG_DONTWAIT);
		if (n < 0 && errno != ENOBUFS)
			return;
		examine(self, buf, n);
	}
}

static int new_socket(FIXTURE_DATA(fuzz) *self)
{
	int on = any(2);

	if (self->nl >= 0)
		close(self->nl);
	self->nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	setsockopt(self->nl, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(self->nl, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
		   sizeof(on));
	return self->nl < 0 ? -errno : 0;
}

static int sessions(FIXTURE_DATA(fuzz) *self)
{
	struct stats_totals t;
	int ret = stats_totals(self->s, &t);

	return ret ? ret : (int)t.live;
}

TEST_F_TIMEOUT(fuzz, leaves_all_as_it_was, 600)
{
	const char *given = getenv("KTLS_SEED"), *many = getenv("KTLS_FUZZ");
	unsigned int seed = given ? strtoul(given, NULL, 0) : time(NULL);
	int total = many ? atoi(many) : 60000, left = total;
	const char *bad;

	fprintf(stderr, "# KTLS_SEED=%u KTLS_FUZZ=%d\n", seed, total);
	srandom(seed);
	if (variant->uid) {
		ASSERT_EQ(0, setgroups(0, NULL));
		ASSERT_EQ(0, setresuid(variant->uid, variant->uid,
				       variant->uid));
	}
	while (left > 0) {
		uint8_t *end = self->buf;

		if (self->nl < 0 || !any(100))
			ASSERT_EQ(0, new_socket(self));
		for (size_t n = any(4) ? 1 : 1 + any(8); n > 0; n--, left--)
			end = message(self, end);
		send(self->nl, self->buf, end - self->buf, MSG_DONTWAIT);
		if (any(4))
			listen_for(self, any(4) ? 1000 : any(3));
		if (left % 1000 == 0)
			ASSERT_EQ(PAIRS, sessions(self));
	}
	close(self->nl);
	EXPECT_EQ(PAIRS, sessions(self));
	EXPECT_FALSE(self->leak);
	fprintf(stderr, "# %llu told, %llu refused\n",
		(unsigned long long)self->told,
		(unsigned long long)self->refused);
	/* Both kinds, or the messages are too far from right or wrong. */
	EXPECT_LT(total / 500, self->told);
	EXPECT_LT(total / 500, self->refused);
	bad = klog_bad(self->log);
	EXPECT_EQ(NULL, bad) TH_LOG("%s", bad);
}

TEST_HARNESS_MAIN
