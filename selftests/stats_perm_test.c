// SPDX-License-Identifier: GPL-2.0-only
/* Who may ask ktls_stats.ko what: a row for each kind of reader. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ktls_stats.h>
#include <linux/netlink.h>
#include <linux/tls.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "stats_genl.h"
#include "tlswire.h"

#define NOBODY	65534
#define OTHER	65533

/* One session of nobody's, in a network namespace of its own. */
FIXTURE(reader) {
	int fd[2];
	uint64_t cookie;
};

FIXTURE_VARIANT(reader) {
	uid_t uid;
	bool without_cap, other_netns, userns;
	int totals, sessions;		/* 0 or -errno */
	uint64_t live;			/* that it sees */
};

FIXTURE_VARIANT_ADD(reader, root) { .live = 1 };

FIXTURE_VARIANT_ADD(reader, root_without_cap_net_admin) {
	.without_cap = true, .sessions = -EPERM, .live = 1,
};

FIXTURE_VARIANT_ADD(reader, same_uid) {
	.uid = NOBODY, .sessions = -EPERM, .live = 1,
};

FIXTURE_VARIANT_ADD(reader, other_uid) {
	.uid = OTHER, .sessions = -EPERM, .live = 1,
};

FIXTURE_VARIANT_ADD(reader, root_of_another_netns) { .other_netns = true };

FIXTURE_VARIANT_ADD(reader, other_uid_in_another_netns) {
	.uid = OTHER, .other_netns = true, .userns = true,
};

FIXTURE_VARIANT_ADD(reader, root_of_a_user_namespace) {
	.uid = NOBODY, .userns = true, .other_netns = true,
};

FIXTURE_VARIANT_ADD(reader, root_of_a_user_namespace_only) {
	.uid = NOBODY, .userns = true, .sessions = -EPERM, .live = 1,
};

/* 0 or -errno. What root has else stays. */
static int drop_net_admin(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_NET_ADMIN);
	data[0].permitted &= ~(1U << CAP_NET_ADMIN);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

static int become(uid_t uid)
{
	if (!uid)
		return 0;
	return setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	       setresuid(uid, uid, uid) ? -errno : 0;
}

FIXTURE_SETUP(reader)
{
	const struct suite *suite = suite_find(TLS_1_3_VERSION,
					       TLS_CIPHER_AES_GCM_128);

	ASSERT_EQ(0, own_netns());
	ASSERT_EQ(0, seteuid(NOBODY));
	ASSERT_EQ(0, tcp_pair(AF_INET, self->fd));
	ASSERT_EQ(0, seteuid(0));
	ASSERT_EQ(0, tls_attach(self->fd[0]));
	ASSERT_EQ(0, tls_key(self->fd[0], TLS_TX, suite, 1));
	self->cookie = socket_cookie(self->fd[0]);

	if (variant->without_cap)
		ASSERT_EQ(0, drop_net_admin());
	ASSERT_EQ(0, become(variant->uid));
	if (variant->userns && unshare(CLONE_NEWUSER))
		SKIP(return, "no user namespaces for nobody");
	if (variant->other_netns)
		ASSERT_EQ(0, unshare(CLONE_NEWNET));
}

FIXTURE_TEARDOWN(reader)
{
}

#define OPEN(s) do { \
	int _ret = stats_open(s); \
	if (_ret == -ENOENT) \
		SKIP(return, "the module ktls_stats is not loaded"); \
	ASSERT_EQ(0, _ret); \
} while (0)

/* What somebody is answered who may ask for a session, and nobody else. */
static int for_readers(int may, uint64_t live)
{
	return may ? may : live ? 0 : -ENOENT;
}

TEST_F(reader, sees_what_it_may)
{
	struct stats_session session;
	struct stats_totals totals;
	struct stats *s;
	int ret;

	OPEN(&s);
	EXPECT_EQ(variant->totals, stats_totals(s, &totals));
	EXPECT_EQ(variant->live, totals.live);

	ret = stats_dump(s, &session, 1);
	EXPECT_EQ(variant->sessions ? variant->sessions : (int)variant->live,
		  ret);
	EXPECT_EQ(for_readers(variant->sessions, variant->live),
		  stats_session(s, self->cookie, &session));

	EXPECT_EQ(variant->sessions, stats_join(s, KTLS_STATS_MCGRP_OPEN));
	EXPECT_EQ(variant->sessions, stats_join(s, KTLS_STATS_MCGRP_CLOSE));
	stats_close(s);
}

/* A filter is no way around. */
TEST_F(reader, sees_no_more_with_a_filter)
{
	struct stats_session session;
	uint32_t uid = getuid();
	struct stats *s;
	int ret;

	OPEN(&s);
	ret = stats_filter(s, KTLS_STATS_A_SESSION_UID, &uid, sizeof(uid),
			   &session, 1);
	EXPECT_EQ(variant->sessions ? variant->sessions : 0, ret < 0 ? ret : 0);
	stats_close(s);
}

TEST_F(reader, labels_what_it_may)
{
	int by_cookie = for_readers(variant->sessions, variant->live);
	struct stats *s;

	OPEN(&s);
	EXPECT_EQ(by_cookie, stats_label(s, self->cookie, -1, "name", 4));
	EXPECT_EQ(by_cookie, stats_label(s, self->cookie, -1, "", 1));
	/* Who may not ask is not told what there is either. */
	EXPECT_EQ(for_readers(variant->sessions, 0),
		  stats_label(s, 1, -1, "name", 4));
	/* Whoever has the socket may, in its network namespace. */
	EXPECT_EQ(variant->live ? 0 : -ENOENT,
		  stats_label(s, 0, self->fd[0], "mine", 4));
	EXPECT_EQ(-ENOENT, stats_label(s, 0, self->fd[1], "plain", 5));
	stats_close(s);
}

/* A socket that was opened by somebody else is not more than oneself. */
TEST_F(reader, is_not_who_opened_the_socket)
{
	struct stats_session session;
	struct stats *s;

	if (variant->without_cap || variant->uid || variant->other_netns)
		return;
	OPEN(&s);
	ASSERT_EQ(0, stats_session(s, self->cookie, &session));
	ASSERT_EQ(0, drop_net_admin());
	EXPECT_EQ(-EPERM, stats_session(s, self->cookie, &session));
	EXPECT_EQ(-EPERM, stats_dump(s, &session, 1));
	EXPECT_EQ(-EPERM, stats_label(s, self->cookie, -1, "x", 1));
	stats_close(s);
}

TEST_HARNESS_MAIN
