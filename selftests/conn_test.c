// SPDX-License-Identifier: GPL-2.0-only
/* What a server reads when a connection ends, in order or not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <linux/tls.h>

#include "peer.h"
#include "kselftest_harness.h"

FIXTURE(conn) {
	struct pair pair;
	char buf[256];
};
FIXTURE_VARIANT(conn) {
	const char *priority;
	bool v13;
};
FIXTURE_VARIANT_ADD(conn, 12) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2", .v13 = false,
};
FIXTURE_VARIANT_ADD(conn, 13) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3", .v13 = true,
};

FIXTURE_SETUP(conn)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority, 0));
	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(0, pair_install(&self->pair));
	ASSERT_EQ(0, pair_handoff(&self->pair));
}

FIXTURE_TEARDOWN(conn)
{
	pair_close(&self->pair);
}

/* The answer, and that it stays the answer. */
#define ENDS_WITH(answer) do {						\
	EXPECT_EQ(answer, peer_ktls_recv(self->pair.c, self->buf,		\
					 sizeof(self->buf)));		\
	EXPECT_EQ(answer, ktls_recv(self->pair.c, self->buf,			\
				    sizeof(self->buf)));		\
} while (0)

#define READS(text)							\
	EXPECT_EQ(strlen(text), peer_ktls_recv(self->pair.c, self->buf,	\
					       sizeof(self->buf)))

TEST_F(conn, nothing_yet_is_eagain)
{
	EXPECT_EQ(-EAGAIN, ktls_recv(self->pair.c, self->buf, sizeof(self->buf)));
	EXPECT_EQ(-EINVAL, ktls_recv(self->pair.c, self->buf, 0));
}

TEST_F(conn, close_notify_is_the_end)
{
	ASSERT_EQ(0, gnutls_bye(self->pair.p.tls, GNUTLS_SHUT_WR));
	ENDS_WITH(0);
}

TEST_F(conn, data_before_close_notify_is_not_lost)
{
	self->pair.p.hold = true;			/* both in one segment */
	ASSERT_EQ(5, peer_send(&self->pair.p, "hello", 5));
	ASSERT_EQ(0, gnutls_bye(self->pair.p.tls, GNUTLS_SHUT_WR));
	peer_flush(&self->pair.p);
	READS("hello");
	ENDS_WITH(0);
}

TEST_F(conn, close_notify_is_the_end_for_one_direction)
{
	ASSERT_EQ(0, gnutls_bye(self->pair.p.tls, GNUTLS_SHUT_WR));
	ENDS_WITH(0);
	ASSERT_EQ(3, peer_write(ktls_conn_fd(self->pair.c), "bye", 3));
	EXPECT_EQ(3, peer_recv(&self->pair.p, self->buf, 3));
}

TEST_F(conn, fin_without_close_notify_is_truncation)
{
	ASSERT_EQ(5, peer_send(&self->pair.p, "hello", 5));
	shutdown(self->pair.p.fd, SHUT_WR);
	READS("hello");
	ENDS_WITH(-ECONNABORTED);
}

TEST_F(conn, fin_within_a_record_is_truncation)
{
	self->pair.p.hold = true;
	ASSERT_EQ(5, peer_send(&self->pair.p, "hello", 5));
	self->pair.p.held_len -= 3;
	peer_flush(&self->pair.p);
	shutdown(self->pair.p.fd, SHUT_WR);
	ENDS_WITH(-ECONNABORTED);
}

TEST_F(conn, rst_is_a_reset)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(self->pair.p.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(self->pair.p.fd);
	self->pair.p.fd = -1;
	ENDS_WITH(-ECONNRESET);
}

TEST_F(conn, fatal_alert_is_a_reset)
{
	ASSERT_EQ(0, gnutls_alert_send(self->pair.p.tls, GNUTLS_AL_FATAL,
				       GNUTLS_A_INTERNAL_ERROR));
	ENDS_WITH(-ECONNRESET);
}

/* TLS 1.2 has warnings that end nothing; TLS 1.3 knows only ends. */
TEST_F(conn, warning_depends_on_the_version)
{
	ASSERT_EQ(0, gnutls_alert_send(self->pair.p.tls, GNUTLS_AL_WARNING,
				       GNUTLS_A_UNRECOGNIZED_NAME));
	ASSERT_EQ(5, peer_send(&self->pair.p, "hello", 5));
	if (variant->v13)
		ENDS_WITH(-ECONNRESET);
	else
		READS("hello");
}

TEST_F(conn, user_canceled_only_announces)
{
	ASSERT_EQ(0, gnutls_alert_send(self->pair.p.tls, GNUTLS_AL_WARNING,
				       GNUTLS_A_USER_CANCELED));
	ASSERT_EQ(0, gnutls_bye(self->pair.p.tls, GNUTLS_SHUT_WR));
	ENDS_WITH(0);
}

TEST_F(conn, forged_record_fails_authentication)
{
	unsigned char record[5 + 64] = { 23, 3, 3, 0, 64 };

	ASSERT_EQ(64, getrandom(record + 5, 64, 0));
	ASSERT_EQ(sizeof(record), peer_write(self->pair.p.fd, record,
					     sizeof(record)));
	ENDS_WITH(-EBADMSG);
}

TEST_F(conn, shutdown_sends_one_close_notify)
{
	ASSERT_EQ(3, peer_write(ktls_conn_fd(self->pair.c), "bye", 3));
	EXPECT_EQ(0, ktls_shutdown(self->pair.c));
	EXPECT_EQ(0, ktls_shutdown(self->pair.c));
	shutdown(ktls_conn_fd(self->pair.c), SHUT_WR);
	EXPECT_EQ(3, peer_recv(&self->pair.p, self->buf, sizeof(self->buf)));
	/* Nothing but the FIN behind it: a second would be left over. */
	EXPECT_EQ(0, recv(self->pair.p.fd, self->buf, sizeof(self->buf), 0));
}

TEST_F(conn, shutdown_without_room_says_so)
{
	static char block[1 << 20];
	int fd = ktls_conn_fd(self->pair.c);

	while (send(fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-EAGAIN, ktls_shutdown(self->pair.c));
}

TEST_F(conn, shutdown_to_nobody_is_no_signal)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(self->pair.p.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(self->pair.p.fd);
	self->pair.p.fd = -1;
	ENDS_WITH(-ECONNRESET);
	/* The kernel counts what it took as sent; the point is no SIGPIPE. */
	EXPECT_GE(0, ktls_shutdown(self->pair.c));
}

TEST_HARNESS_MAIN
