// SPDX-License-Identifier: GPL-2.0-only
/* Labels, and dumps of some: who is called what, and who is told. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ktls_stats.h>
#include <linux/netlink.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "stats_genl.h"
#include "tlswire.h"

#define NOBODY	65534
#define PAIRS	3

/* Keys on both ends; the suites differ, and so does the owner of the last. */
FIXTURE(labels) {
	struct stats *s, *events;
	int fd[PAIRS][2];
	uint64_t cookie[PAIRS];
};

static const struct { uint16_t version, cipher; uid_t uid; } kinds[PAIRS] = {
	{ TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128, 0 },
	{ TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_256, 0 },
	{ TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128, NOBODY },
};

static int open_pair(int n, int fd[2])
{
	const struct suite *suite = suite_find(kinds[n].version,
					       kinds[n].cipher);
	int ret = seteuid(kinds[n].uid) ? -errno : tcp_pair(AF_INET, fd);

	if (!ret)
		ret = seteuid(0) ? -errno : tls_attach(fd[0]);
	return ret ? ret : tls_key(fd[0], TLS_TX, suite, 1);
}

FIXTURE_SETUP(labels)
{
	ASSERT_EQ(0, own_netns());
	if (stats_open(&self->s) == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, stats_open(&self->events));
	ASSERT_EQ(0, stats_join(self->events, KTLS_STATS_MCGRP_CLOSE));
	for (int i = 0; i < PAIRS; i++) {
		ASSERT_EQ(0, open_pair(i, self->fd[i]));
		self->cookie[i] = socket_cookie(self->fd[i][0]);
	}
}

FIXTURE_TEARDOWN(labels)
{
	stats_close(self->s);
	stats_close(self->events);
}

static const struct {
	const char *why, *text;
	size_t len;
	int ret;
} texts[] = {
	{ "one byte", "x", 1, 0 },
	{ "with its NUL", "web", 4, 0 },
	{ "two bytes", "\xc2\xa9", 2, 0 },
	{ "three bytes", "\xe2\x82\xac", 3, 0 },
	{ "four bytes", "\xf4\x8f\xbf\xbf", 4, 0 },
	{ "controls are for the reader to escape", "\033[31m\n", 6, 0 },
	{ "NUL inside", "a\0b", 3, -EINVAL },
	{ "two NULs", "a\0\0", 3, -EINVAL },
	{ "a byte that begins nothing", "\x80", 1, -EINVAL },
	{ "an overlong slash", "\xc0\xaf", 2, -EINVAL },
	{ "an overlong euro", "\xf0\x82\x82\xac", 4, -EINVAL },
	{ "a surrogate", "\xed\xa0\x80", 3, -EINVAL },
	{ "above U+10FFFF", "\xf4\x90\x80\x80", 4, -EINVAL },
	{ "cut off", "abc\xe2\x82", 5, -EINVAL },
	{ "latin-1", "caf\xe9", 4, -EINVAL },
	{ "never a byte of UTF-8", "\xff", 1, -EINVAL },
};

TEST_F(labels, are_text)
{
	struct stats_session was, is;

	ASSERT_EQ(0, stats_label(self->s, self->cookie[0], -1, "before", 6));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		for (int by = 0; by < 2; by++) {
			stats_session(self->s, self->cookie[0], &was);
			EXPECT_EQ(texts[i].ret,
				  stats_label(self->s, by ? self->cookie[0] : 0,
					      by ? -1 : self->fd[0][0],
					      texts[i].text, texts[i].len))
				TH_LOG("%s", texts[i].why);
			if (!texts[i].ret)
				snprintf(was.label, sizeof(was.label), "%.*s",
					 (int)texts[i].len, texts[i].text);
			else
				EXPECT_NE(0, *stats_complaint(self->s));
			stats_session(self->s, self->cookie[0], &is);
			EXPECT_STREQ(was.label, is.label);
		}
}

TEST_F(labels, have_up_to_255_bytes)
{
	struct stats_session is;
	char text[257];

	memset(text, 'l', sizeof(text));
	EXPECT_EQ(0, stats_label(self->s, self->cookie[0], -1, text, 255));
	stats_session(self->s, self->cookie[0], &is);
	EXPECT_EQ(255, strlen(is.label));
	EXPECT_EQ(-ERANGE, stats_label(self->s, self->cookie[0], -1, text, 256));
	EXPECT_EQ(-ERANGE, stats_label(self->s, self->cookie[0], -1, text, 257));
	stats_session(self->s, self->cookie[0], &is);
	EXPECT_EQ(255, strlen(is.label));
	text[255] = 0;
	EXPECT_EQ(0, stats_label(self->s, self->cookie[0], -1, text, 256));
}

TEST_F(labels, go_with_an_empty_one)
{
	struct stats_session is;

	ASSERT_EQ(0, stats_label(self->s, self->cookie[0], -1, "web", 3));
	ASSERT_EQ(1, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "web", 3,
				  &is, 1));
	EXPECT_EQ(0, stats_label(self->s, self->cookie[0], -1, "", 1));
	stats_session(self->s, self->cookie[0], &is);
	EXPECT_STREQ("", is.label);
	EXPECT_EQ(0, stats_label(self->s, self->cookie[0], -1, "web", 3));
	EXPECT_EQ(0, stats_label(self->s, 0, self->fd[0][0], "", 1));
	EXPECT_EQ(0, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "web", 3,
				  &is, 1));
}

TEST_F(labels, are_told_at_the_close)
{
	struct stats_session s;

	ASSERT_EQ(0, stats_label(self->s, self->cookie[1], -1, "one", 3));
	ASSERT_EQ(0, stats_label(self->s, 0, self->fd[1][0], "another", 7));
	close(self->fd[1][0]);
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
				 self->cookie[1], &s));
	EXPECT_STREQ("another", s.label);
	EXPECT_EQ(-ENOENT, stats_label(self->s, self->cookie[1], -1, "x", 1));
	close(self->fd[0][0]);
	ASSERT_EQ(0, stats_event(self->events, KTLS_STATS_CMD_CLOSE_NTF,
				 self->cookie[0], &s));
	EXPECT_STREQ("", s.label);
}

TEST_F(labels, say_whose_they_are)
{
	uint64_t cookie = self->cookie[0];
	int fd = self->fd[0][0], file = open("/dev/null", O_RDONLY), plain[2];

	ASSERT_EQ(0, tcp_pair(AF_INET, plain));
	EXPECT_EQ(-EINVAL, stats_label(self->s, 0, -1, "x", 1));
	EXPECT_EQ(-EINVAL, stats_label(self->s, cookie, fd, "x", 1));
	EXPECT_EQ(-EINVAL, stats_label(self->s, cookie, -1, NULL, 0));
	EXPECT_EQ(-ENOENT, stats_label(self->s, ~0ULL, -1, "x", 1));
	EXPECT_EQ(-EBADF, stats_label(self->s, 0, 999, "x", 1));
	EXPECT_EQ(-EBADF, stats_label(self->s, 0, INT32_MAX, "x", 1));
	EXPECT_EQ(-ENOTSOCK, stats_label(self->s, 0, file, "x", 1));
	EXPECT_EQ(-ENOENT, stats_label(self->s, 0, plain[0], "x", 1));
	EXPECT_EQ(-ENOENT, stats_label(self->s, 0, stats_fd(self->s), "x", 1));
}

/* The request is of one namespace, and the socket of another. */
TEST_F(labels, stay_in_their_netns)
{
	struct stats_session s;
	struct stats *there;

	ASSERT_EQ(0, own_netns());
	ASSERT_EQ(0, stats_open(&there));
	EXPECT_EQ(-ENOENT, stats_label(there, self->cookie[0], -1, "x", 1));
	EXPECT_EQ(-ENOENT, stats_label(there, 0, self->fd[0][0], "x", 1));
	EXPECT_EQ(0, stats_label(self->s, 0, self->fd[0][0], "x", 1));
	EXPECT_EQ(0, stats_dump(there, &s, 1));
	stats_close(there);
}

static uint32_t local_port(int fd)
{
	struct sockaddr_in in = {};
	socklen_t len = sizeof(in);

	getsockname(fd, (void *)&in, &len);
	return ntohs(in.sin_port);
}

#define U32(attr, value, want) \
	{ #attr " " #value, KTLS_STATS_A_SESSION_ ## attr, value, want }

TEST_F(labels, filters_choose)
{
	const struct {
		const char *name;
		int attr;
		uint32_t value;
		int want;
	} rows[] = {
		U32(UID, 0, 2),
		U32(UID, NOBODY, 1),
		U32(UID, 1, 0),
		U32(CIPHER, TLS_CIPHER_AES_GCM_128, 2),
		U32(CIPHER, TLS_CIPHER_AES_GCM_256, 1),
		U32(CIPHER, 0, 0),
		U32(CIPHER, 0x10033, 0),
		U32(LOCAL_PORT, local_port(self->fd[1][0]), 1),
		U32(LOCAL_PORT, 0, 0),
		U32(LOCAL_PORT, local_port(self->fd[1][0]) + 0x10000, 0),
		U32(REMOTE_PORT, local_port(self->fd[2][1]), 1),
		U32(REMOTE_PORT, 65536, 0),
	};
	struct stats_session s;

	ASSERT_EQ(PAIRS, stats_dump(self->s, &s, 1));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT_EQ(rows[i].want,
			  stats_filter(self->s, rows[i].attr, &rows[i].value, 4,
				       &s, 1))
			TH_LOG("%s", rows[i].name);
	}
	/* No label is what "" asks for. */
	EXPECT_EQ(PAIRS, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "", 1,
				      &s, 1));
	ASSERT_EQ(0, stats_label(self->s, self->cookie[2], -1, "web", 3));
	EXPECT_EQ(1, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "web", 3,
				  &s, 1));
	EXPECT_EQ(self->cookie[2], s.cookie);
	EXPECT_EQ(0, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "we", 2,
				  &s, 1));
	EXPECT_EQ(0, stats_filter(self->s, KTLS_STATS_A_SESSION_LABEL, "webs", 4,
				  &s, 1));
}

static const struct {
	const char *why;
	uint8_t cmd;
	uint16_t flags;
	int attr;
	size_t len;
} strangers[] = {
#define ROW(cmd, flags, attr, len) \
	{ #cmd " " #attr " of " #len, KTLS_STATS_CMD_ ## cmd, flags, attr, len }
	ROW(SESSION_GET, 0, KTLS_STATS_A_SESSION_FD, 4),
	ROW(SESSION_GET, 0, KTLS_STATS_A_SESSION_TX, 4),
	ROW(SESSION_GET, 0, 999, 4),
	ROW(SESSION_GET, 0, KTLS_STATS_A_SESSION_COOKIE, 4),
	ROW(SESSION_GET, 0, KTLS_STATS_A_SESSION_COOKIE, 0),
	ROW(SESSION_GET, NLM_F_DUMP, KTLS_STATS_A_SESSION_COOKIE, 8),
	ROW(SESSION_GET, NLM_F_DUMP, KTLS_STATS_A_SESSION_UID, 8),
	ROW(SESSION_GET, NLM_F_DUMP, KTLS_STATS_A_SESSION_FD, 4),
	ROW(SESSION_GET, NLM_F_DUMP, 999, 4),
	ROW(TOTALS_GET, 0, KTLS_STATS_A_SESSION_COOKIE, 8),
	ROW(TOTALS_GET, 0, 999, 4),
	ROW(LABEL_SET, 0, KTLS_STATS_A_SESSION_UID, 4),
	ROW(LABEL_SET, 0, KTLS_STATS_A_SESSION_FD, 8),
	ROW(LABEL_SET, 0, 999, 4),
};

/* Nothing that is not understood is passed over in silence. */
TEST_F(labels, strangers_are_refused)
{
	static const uint8_t zeroes[8];

	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		EXPECT_EQ(-EINVAL,
			  stats_ask(self->s, strangers[i].cmd, strangers[i].flags,
				    strangers[i].attr, zeroes, strangers[i].len))
			TH_LOG("%s", strangers[i].why);
		EXPECT_NE(0, *stats_complaint(self->s))
			TH_LOG("%s: no word", strangers[i].why);
	}
	EXPECT_EQ(-EOPNOTSUPP, stats_ask(self->s, 99, 0, 0, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, stats_ask(self->s, KTLS_STATS_CMD_TOTALS_GET,
					 NLM_F_DUMP, 0, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, stats_ask(self->s, KTLS_STATS_CMD_CLOSE_NTF, 0, 0,
					 NULL, 0));
}

TEST_HARNESS_MAIN
