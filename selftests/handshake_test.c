// SPDX-License-Identifier: GPL-2.0-only
/* Version x cipher x what clients do; a GnuTLS client is the oracle. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "peer.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+"

FIXTURE(tls) {
	struct pair pair;
	unsigned char out[100000], in[100000];
};
FIXTURE_VARIANT(tls) {
	const char *priority;
	uint16_t version, cipher;
};

#define VARIANT(name, prefix, v, text, number)				\
	FIXTURE_VARIANT_ADD(tls, name) {				\
		.priority = prefix text,				\
		.version = v,						\
		.cipher = TLS_CIPHER_##number,				\
	}

VARIANT(12_aes_128_gcm, V12, TLS_1_2_VERSION, "AES-128-GCM", AES_GCM_128);
VARIANT(12_aes_256_gcm, V12, TLS_1_2_VERSION, "AES-256-GCM", AES_GCM_256);
VARIANT(12_aes_128_ccm, V12, TLS_1_2_VERSION, "AES-128-CCM", AES_CCM_128);
VARIANT(12_chacha20, V12, TLS_1_2_VERSION, "CHACHA20-POLY1305", CHACHA20_POLY1305);
VARIANT(13_aes_128_gcm, V13, TLS_1_3_VERSION, "AES-128-GCM", AES_GCM_128);
VARIANT(13_aes_256_gcm, V13, TLS_1_3_VERSION, "AES-256-GCM", AES_GCM_256);
VARIANT(13_aes_128_ccm, V13, TLS_1_3_VERSION, "AES-128-CCM", AES_CCM_128);
VARIANT(13_chacha20, V13, TLS_1_3_VERSION, "CHACHA20-POLY1305", CHACHA20_POLY1305);

FIXTURE_SETUP(tls)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority,
			       GNUTLS_ENABLE_FALSE_START));
	for (size_t i = 0; i < sizeof(self->out); i++)
		self->out[i] = i * 7 + (i >> 8);
}

FIXTURE_TEARDOWN(tls)
{
	pair_close(&self->pair);
}

/* The server's part from the end of the handshake, on a socket it was sent. */
#define TAKE_OVER() do {						\
	ASSERT_EQ(0, pair_install(&self->pair))				\
		TH_LOG("%s", ktls_session_error(self->pair.s)->text);		\
	ASSERT_EQ(0, pair_handoff(&self->pair));			\
} while (0)

/* write() here is gnutls_record_recv() there. */
#define SERVER_SENDS(len) do {						\
	ASSERT_EQ(len, peer_write(ktls_conn_fd(self->pair.c), self->out, len)); \
	memset(self->in, 0, len);					\
	ASSERT_EQ(len, peer_recv(&self->pair.p, self->in, len));		\
	ASSERT_EQ(0, memcmp(self->out, self->in, len));			\
} while (0)

#define SERVER_RECEIVES(len) do {					\
	size_t got = 0;							\
									\
	memset(self->in, 0, len);					\
	while (got < (len)) {						\
		ssize_t n = peer_ktls_recv(self->pair.c, self->in + got,	\
					   (len) - got);		\
		ASSERT_LT(0, n);					\
		got += n;						\
	}								\
	ASSERT_EQ(0, memcmp(self->out, self->in, len));			\
} while (0)

TEST_F(tls, clean)
{
	const struct ktls_info *info = ktls_session_info(self->pair.s);
	static const size_t lengths[] = { 1, 16383, 16384, 16385, 100000 };

	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd))
		TH_LOG("%s", ktls_session_error(self->pair.s)->text);
	EXPECT_EQ(variant->version, info->version);
	EXPECT_EQ(variant->cipher, info->cipher);
	EXPECT_STREQ("localhost", info->sni);
	EXPECT_STREQ("", info->alpn);
	EXPECT_EQ(AF_INET, info->peer.ss_family);
	TAKE_OVER();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		SERVER_SENDS(lengths[i]);
		ASSERT_EQ(lengths[i], peer_send(&self->pair.p, self->out,
						lengths[i]));
		SERVER_RECEIVES(lengths[i]);
	}
	/* And the end of it, both ways. */
	EXPECT_EQ(0, ktls_shutdown(self->pair.c));
	EXPECT_EQ(0, peer_recv(&self->pair.p, self->in, 1));
	EXPECT_EQ(0, gnutls_bye(self->pair.p.tls, GNUTLS_SHUT_WR));
	EXPECT_EQ(0, peer_ktls_recv(self->pair.c, self->in, 1));
}

/* One TCP segment: the client's last flight, and its first request. */
TEST_F(tls, data_glued_to_finished)
{
	int ret;

	self->pair.p.hold = true;
	while ((ret = peer_step(&self->pair.p)) == GNUTLS_E_AGAIN)
		peer_drive(self->pair.s, self->pair.fd, 50);
	ASSERT_EQ(0, ret);
	ASSERT_LT(0, self->pair.p.held_len);		/* Finished is still with us */
	ASSERT_EQ(1000, peer_send(&self->pair.p, self->out, 1000));
	ASSERT_LT(1000, self->pair.p.held_len);
	peer_flush(&self->pair.p);
	self->pair.p.hold = false;
	ASSERT_EQ(0, peer_drive(self->pair.s, self->pair.fd, PEER_MS))
		TH_LOG("%s", ktls_session_error(self->pair.s)->text);
	TAKE_OVER();
	SERVER_RECEIVES(1000);
	SERVER_SENDS(1000);
}

TEST_F(tls, half_close_before_install)
{
	struct pollfd pfd = { .fd = self->pair.fd, .events = POLLRDHUP };

	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(1000, peer_send(&self->pair.p, self->out, 1000));
	ASSERT_EQ(0, shutdown(self->pair.p.fd, SHUT_WR));
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	TAKE_OVER();
	SERVER_RECEIVES(1000);
	EXPECT_EQ(-ECONNABORTED, peer_ktls_recv(self->pair.c, self->in, 1));
	SERVER_SENDS(1000);
}

/* A bad Finished: the client hears of it by an alert. */
TEST_F(tls, garbage_in_place_of_finished)
{
	static const unsigned char record[5 + 40] = { 23, 3, 3, 0, 40, 1 };
	static const unsigned char old_record[5 + 40] = { 22, 3, 3, 0, 40, 1 };
	bool v13 = variant->version == TLS_1_3_VERSION;

	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->pair.p));
	peer_drive(self->pair.s, self->pair.fd, 100);
	ASSERT_EQ(45, peer_write(self->pair.p.fd, v13 ? record : old_record, 45));
	EXPECT_GT(0, peer_drive(self->pair.s, self->pair.fd, PEER_MS));
	EXPECT_NE('\0', ktls_session_error(self->pair.s)->text[0]);
	EXPECT_EQ(-EINVAL, ktls_session_handshake(self->pair.s));
	EXPECT_NE(0, pair_install(&self->pair));
	EXPECT_LT(GNUTLS_A_CLOSE_NOTIFY, peer_hears(&self->pair.p));
}

TEST_F(tls, silence_after_client_hello)
{
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->pair.p));
	EXPECT_EQ(-ETIMEDOUT, peer_drive(self->pair.s, self->pair.fd, 200));
	EXPECT_EQ(-EAGAIN, ktls_session_handshake(self->pair.s));
	EXPECT_EQ(POLLIN, ktls_session_events(self->pair.s));
	EXPECT_EQ(-EINVAL, pair_install(&self->pair));
}

TEST_F(tls, client_that_hangs_up_is_a_sentence)
{
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->pair.p));
	shutdown(self->pair.p.fd, SHUT_WR);
	EXPECT_EQ(-ECONNABORTED, peer_drive(self->pair.s, self->pair.fd, PEER_MS));
	EXPECT_STREQ("the peer hung up during the handshake",
		     ktls_session_error(self->pair.s)->text);
}

TEST_HARNESS_MAIN
