// SPDX-License-Identifier: GPL-2.0-only
/* Who may ask ktls_stats.ko what: a row for each kind of reader. */
#include <errno.h>
#include <grp.h>
#include <linux/ktls_stats.h>
#include <linux/tls.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "stats_genl.h"
#include "tlswire.h"

#define NOBODY 65534

/* One session, in a network namespace of its own. */
FIXTURE(reader) {
	int fd[2];
	uint64_t cookie;
};

FIXTURE_VARIANT(reader) {
	bool nobody, other_netns, userns;
	int totals, sessions;		/* 0 or -errno */
	uint64_t live;			/* that it sees */
};

FIXTURE_VARIANT_ADD(reader, root) { .live = 1 };

FIXTURE_VARIANT_ADD(reader, nobody) {
	.nobody = true, .sessions = -EPERM, .live = 1,
};

FIXTURE_VARIANT_ADD(reader, root_of_another_netns) { .other_netns = true };

FIXTURE_VARIANT_ADD(reader, root_of_a_user_namespace) {
	.nobody = true, .userns = true, .other_netns = true,
};

FIXTURE_VARIANT_ADD(reader, root_of_a_user_namespace_only) {
	.nobody = true, .userns = true, .sessions = -EPERM, .live = 1,
};

FIXTURE_SETUP(reader)
{
	const struct suite *suite = suite_find(TLS_1_3_VERSION,
					       TLS_CIPHER_AES_GCM_128);

	ASSERT_EQ(0, own_netns());
	ASSERT_EQ(0, tcp_pair(AF_INET, self->fd));
	ASSERT_EQ(0, tls_attach(self->fd[0]));
	ASSERT_EQ(0, tls_key(self->fd[0], TLS_TX, suite, 1));
	self->cookie = socket_cookie(self->fd[0]);

	if (variant->nobody) {
		ASSERT_EQ(0, setgroups(0, NULL));
		ASSERT_EQ(0, setresgid(NOBODY, NOBODY, NOBODY));
		ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	}
	if (variant->userns && unshare(CLONE_NEWUSER))
		SKIP(return, "no user namespaces for nobody");
	if (variant->other_netns)
		ASSERT_EQ(0, unshare(CLONE_NEWNET));
}

FIXTURE_TEARDOWN(reader)
{
}

TEST_F(reader, sees_what_it_may)
{
	struct stats_session session;
	struct stats_totals totals;
	struct stats *s;
	int ret = stats_open(&s);

	if (ret == -ENOENT)
		SKIP(return, "the module ktls_stats is not loaded");
	ASSERT_EQ(0, ret);
	EXPECT_EQ(variant->totals, stats_totals(s, &totals));
	EXPECT_EQ(variant->live, totals.live);

	ret = stats_dump(s, &session, 1);
	EXPECT_EQ(variant->sessions ? variant->sessions : (int)variant->live,
		  ret);
	ret = stats_session(s, self->cookie, &session);
	EXPECT_EQ(variant->sessions ? variant->sessions :
		  variant->live ? 0 : -ENOENT, ret);

	EXPECT_EQ(variant->sessions, stats_join(s, KTLS_STATS_MCGRP_OPEN));
	EXPECT_EQ(variant->sessions, stats_join(s, KTLS_STATS_MCGRP_CLOSE));
	stats_close(s);
}

TEST_HARNESS_MAIN
