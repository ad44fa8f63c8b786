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
	char dir[32];
	struct ktls_credentials *credentials;
	struct ktls_session *s;
	struct ktls_conn *c;
	struct peer p;
	int fd;
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
	struct ktls_error err = {};
	char path[2][64];
	int fds[2];

	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	strcpy(self->dir, "/tmp/handshake.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, peer_certificate(self->dir));
	snprintf(path[0], sizeof(path[0]), "%s/cert.pem", self->dir);
	snprintf(path[1], sizeof(path[1]), "%s/key.pem", self->dir);
	ASSERT_EQ(0, ktls_credentials_load(&self->credentials, path[0], path[1],
					   &err)) TH_LOG("%s", err.text);
	unlink(path[0]);
	unlink(path[1]);
	rmdir(self->dir);
	ASSERT_EQ(0, peer_tcp(fds));
	self->fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&self->s, self->credentials, fds[0]));
	ASSERT_EQ(0, peer_open(&self->p, fds[1], variant->priority,
			       GNUTLS_ENABLE_FALSE_START));
	for (size_t i = 0; i < sizeof(self->out); i++)
		self->out[i] = i * 7 + (i >> 8);
}

FIXTURE_TEARDOWN(tls)
{
	ktls_session_free(self->s);
	ktls_conn_close(self->c);
	ktls_credentials_free(self->credentials);
	peer_close(&self->p);
	close(self->fd);
}

/* The server's part from the end of the handshake, on a socket it was sent. */
#define TAKE_OVER() do {						\
	ASSERT_EQ(0, ktls_session_install(self->s))			\
		TH_LOG("%s", ktls_session_error(self->s));		\
	ASSERT_EQ(0, peer_conn(&self->c, self->fd,			\
			       ktls_session_info(self->s)));		\
} while (0)

/* write() here is gnutls_record_recv() there. */
#define SERVER_SENDS(len) do {						\
	ASSERT_EQ(len, peer_write(ktls_conn_fd(self->c), self->out, len)); \
	memset(self->in, 0, len);					\
	ASSERT_EQ(len, peer_recv(&self->p, self->in, len));		\
	ASSERT_EQ(0, memcmp(self->out, self->in, len));			\
} while (0)

#define SERVER_RECEIVES(len) do {					\
	size_t got = 0;							\
									\
	memset(self->in, 0, len);					\
	while (got < (len)) {						\
		ssize_t n = peer_ktls_recv(self->c, self->in + got,	\
					   (len) - got);		\
		ASSERT_LT(0, n);					\
		got += n;						\
	}								\
	ASSERT_EQ(0, memcmp(self->out, self->in, len));			\
} while (0)

TEST_F(tls, clean)
{
	const struct ktls_info *info = ktls_session_info(self->s);
	static const size_t lengths[] = { 1, 16383, 16384, 16385, 100000 };

	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd))
		TH_LOG("%s", ktls_session_error(self->s));
	EXPECT_EQ(variant->version, info->version);
	EXPECT_EQ(variant->cipher, info->cipher);
	EXPECT_STREQ("localhost", info->sni);
	EXPECT_STREQ("", info->alpn);
	EXPECT_EQ(AF_INET, info->peer.ss_family);
	TAKE_OVER();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		SERVER_SENDS(lengths[i]);
		ASSERT_EQ(lengths[i], peer_send(&self->p, self->out,
						lengths[i]));
		SERVER_RECEIVES(lengths[i]);
	}
	/* And the end of it, both ways. */
	EXPECT_EQ(0, ktls_shutdown(self->c));
	EXPECT_EQ(0, peer_recv(&self->p, self->in, 1));
	EXPECT_EQ(0, gnutls_bye(self->p.tls, GNUTLS_SHUT_WR));
	EXPECT_EQ(0, peer_ktls_recv(self->c, self->in, 1));
}

/* One TCP segment: the client's last flight, and its first request. */
TEST_F(tls, data_glued_to_finished)
{
	int ret;

	self->p.hold = true;
	while ((ret = peer_step(&self->p)) == GNUTLS_E_AGAIN)
		peer_drive(self->s, self->fd, 50);
	ASSERT_EQ(0, ret);
	ASSERT_LT(0, self->p.held_len);		/* Finished is still with us */
	ASSERT_EQ(1000, peer_send(&self->p, self->out, 1000));
	ASSERT_LT(1000, self->p.held_len);
	peer_flush(&self->p);
	self->p.hold = false;
	ASSERT_EQ(0, peer_drive(self->s, self->fd, PEER_MS))
		TH_LOG("%s", ktls_session_error(self->s));
	TAKE_OVER();
	SERVER_RECEIVES(1000);
	SERVER_SENDS(1000);
}

TEST_F(tls, half_close_before_install)
{
	struct pollfd pfd = { .fd = self->fd, .events = POLLRDHUP };

	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd));
	ASSERT_EQ(1000, peer_send(&self->p, self->out, 1000));
	ASSERT_EQ(0, shutdown(self->p.fd, SHUT_WR));
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	TAKE_OVER();
	SERVER_RECEIVES(1000);
	EXPECT_EQ(-ECONNABORTED, peer_ktls_recv(self->c, self->in, 1));
	SERVER_SENDS(1000);
}

/* A bad Finished: the client hears of it by an alert. */
TEST_F(tls, garbage_in_place_of_finished)
{
	static const unsigned char record[5 + 40] = { 23, 3, 3, 0, 40, 1 };
	static const unsigned char old_record[5 + 40] = { 22, 3, 3, 0, 40, 1 };
	bool v13 = variant->version == TLS_1_3_VERSION;

	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->p));
	peer_drive(self->s, self->fd, 100);
	ASSERT_EQ(45, peer_write(self->p.fd, v13 ? record : old_record, 45));
	EXPECT_GT(0, peer_drive(self->s, self->fd, PEER_MS));
	EXPECT_NE('\0', ktls_session_error(self->s)[0]);
	EXPECT_EQ(-EINVAL, ktls_session_handshake(self->s));
	EXPECT_NE(0, ktls_session_install(self->s));
	EXPECT_LT(GNUTLS_A_CLOSE_NOTIFY, peer_hears(&self->p));
}

TEST_F(tls, silence_after_client_hello)
{
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->p));
	EXPECT_EQ(-ETIMEDOUT, peer_drive(self->s, self->fd, 200));
	EXPECT_EQ(-EAGAIN, ktls_session_handshake(self->s));
	EXPECT_EQ(POLLIN, ktls_session_events(self->s));
	EXPECT_EQ(-EINVAL, ktls_session_install(self->s));
}

TEST_F(tls, client_that_hangs_up_is_a_sentence)
{
	ASSERT_EQ(GNUTLS_E_AGAIN, peer_step(&self->p));
	shutdown(self->p.fd, SHUT_WR);
	EXPECT_EQ(-ECONNABORTED, peer_drive(self->s, self->fd, PEER_MS));
	EXPECT_STREQ("the client hung up during the handshake",
		     ktls_session_error(self->s));
}

/* TLS 1.2 shows its nonces. Number 0 was Finished's: twice would be fatal. */
TEST_F(tls, nonce_of_finished_is_not_used_again)
{
	static const unsigned char two[8] = { 0, 0, 0, 0, 0, 0, 0, 2 };
	struct pollfd pfd = { .fd = self->p.fd, .events = POLLIN };
	unsigned char head[5 + 8];

	if (variant->version != TLS_1_2_VERSION ||
	    variant->cipher == TLS_CIPHER_CHACHA20_POLY1305)
		SKIP(return, "no nonce in its records");
	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd));
	TAKE_OVER();
	SERVER_SENDS(1);		/* with it the client reads Finished */
	ASSERT_EQ(1, peer_write(ktls_conn_fd(self->c), "x", 1));
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	ASSERT_EQ(sizeof(head), recv(self->p.fd, head, sizeof(head), MSG_PEEK));
	EXPECT_EQ(23, head[0]);
	EXPECT_EQ(0, memcmp(two, head + 5, sizeof(two)));
}

TEST_F(tls, nodelay_is_as_it_was)
{
	int on = -1;
	socklen_t len = sizeof(on);

	getsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	EXPECT_EQ(1, on);
	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd));
	TAKE_OVER();
	getsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	EXPECT_EQ(0, on);
}

/* How often @needle, each byte inverted, stands in memory we can write to. */
static int count_in_memory(const unsigned char *inverted, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], mode[5];
	int found = 0;

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3 ||
		    strncmp(mode, "rw", 2) || strstr(line, "[v"))
			continue;
		for (unsigned char *p = (void *)start;
		     p + len <= (unsigned char *)end; p++) {
			size_t i = 0;

			while (i < len && p[i] == (unsigned char)~inverted[i])
				i++;
			found += i == len;
		}
	}
	fclose(maps);
	return found;
}

/* The kernel's copy of a key, inverted, so that ours is not found. */
static int fetch_key(int fd, int direction, unsigned char *inverted, size_t len)
{
	struct tls12_crypto_info_aes_gcm_128 c;
	socklen_t size = sizeof(c);

	if (getsockopt(fd, SOL_TLS, direction, &c, &size))
		return -errno;
	for (size_t i = 0; i < len; i++)
		inverted[i] = ~c.key[i];
	explicit_bzero(&c, sizeof(c));
	return 0;
}

TEST_F(tls, no_key_stays_in_memory)
{
	unsigned char rx[16], tx[16], control[16];
	unsigned char *copy = malloc(16);

	if (variant->cipher != TLS_CIPHER_AES_GCM_128)
		SKIP(return, "one cipher is enough");
#ifdef __SANITIZE_ADDRESS__
	SKIP(return, "the sanitizer keeps what was freed");
#endif
	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd));
	ASSERT_EQ(0, ktls_session_install(self->s));
	peer_close(&self->p);		/* the client has the same keys */
	ASSERT_EQ(0, fetch_key(self->fd, TLS_RX, rx, sizeof(rx)));
	ASSERT_EQ(0, fetch_key(self->fd, TLS_TX, tx, sizeof(tx)));
	EXPECT_EQ(0, count_in_memory(rx, sizeof(rx)));
	EXPECT_EQ(0, count_in_memory(tx, sizeof(tx)));
	/* And that the search finds what is there. */
	for (int i = 0; i < 16; i++) {
		copy[i] = 0x51 + 3 * i;
		control[i] = ~copy[i];
	}
	EXPECT_LE(1, count_in_memory(control, sizeof(control)));
	free(copy);
}

/* --- once, whatever the version and cipher --- */

FIXTURE(refused) {
	struct ktls_credentials *credentials;
	struct ktls_session *s;
	struct peer p;
	int fd;
};
FIXTURE_VARIANT(refused) {
	const char *priority;	/* a client's, or NULL: */
	const char *bytes;	/* what is sent instead */
	size_t len;
	int alert;
	const char *says;
};

FIXTURE_VARIANT_ADD(refused, http) {
	.bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .len = 27,
	.says = "what the client sent is not a TLS handshake",
};
FIXTURE_VARIANT_ADD(refused, zeros) {
	.bytes = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", .len = 15,
	.says = "not",
};
FIXTURE_VARIANT_ADD(refused, empty_handshake_record) {
	.bytes = "\x16\3\1\0\4\1\0\0\0", .len = 9,
	.says = "not",
};
FIXTURE_VARIANT_ADD(refused, old_version) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1",
	.alert = GNUTLS_A_PROTOCOL_VERSION,
	.says = "neither TLS 1.2 nor TLS 1.3",
};
FIXTURE_VARIANT_ADD(refused, no_common_cipher) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC",
	.alert = GNUTLS_A_HANDSHAKE_FAILURE,
	.says = "no cipher suite in common",
};
FIXTURE_VARIANT_ADD(refused, no_common_group) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP521R1",
	.alert = GNUTLS_A_HANDSHAKE_FAILURE,
	.says = "in common",
};

static int load(struct ktls_credentials **out)
{
	char dir[] = "/tmp/handshake.XXXXXX", cert[64], key[64];
	struct ktls_error err;
	int ret;

	if (!mkdtemp(dir))
		return -errno;
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	peer_certificate(dir);
	ret = ktls_credentials_load(out, cert, key, &err);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return ret;
}

FIXTURE_SETUP(refused)
{
	int fds[2];

	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, load(&self->credentials));
	ASSERT_EQ(0, peer_tcp(fds));
	self->fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&self->s, self->credentials, fds[0]));
	ASSERT_EQ(0, peer_open(&self->p, fds[1], variant->priority ?: "NORMAL",
			       0));
}

FIXTURE_TEARDOWN(refused)
{
	ktls_session_free(self->s);
	ktls_credentials_free(self->credentials);
	peer_close(&self->p);
	close(self->fd);
}

TEST_F(refused, with_an_alert_and_a_reason)
{
	unsigned char answer[64] = {};
	struct pollfd pfd = { .fd = self->p.fd, .events = POLLIN };

	if (variant->priority) {
		EXPECT_EQ(GNUTLS_E_AGAIN, peer_step(&self->p));
	} else {
		ASSERT_EQ(variant->len, peer_write(self->p.fd, variant->bytes,
						   variant->len));
	}
	EXPECT_GT(0, peer_drive(self->s, self->fd, PEER_MS));
	EXPECT_NE(NULL, strstr(ktls_session_error(self->s), variant->says))
		TH_LOG("said: %s", ktls_session_error(self->s));
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	/* type 21, version, length 2, fatal, which */
	ASSERT_EQ(7, recv(self->p.fd, answer, sizeof(answer), 0));
	EXPECT_EQ(21, answer[0]);
	EXPECT_EQ(2, answer[4]);
	EXPECT_EQ(2, answer[5]);
	if (variant->alert)
		EXPECT_EQ(variant->alert, answer[6]);
	EXPECT_EQ(0, recv(self->p.fd, answer, sizeof(answer), 0));
}

FIXTURE(flood) {
	struct ktls_credentials *credentials;
	struct ktls_session *s;
	int fds[2];
};

FIXTURE_SETUP(flood)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, load(&self->credentials));
	ASSERT_EQ(0, peer_tcp(self->fds));
	ASSERT_EQ(0, ktls_session_new(&self->s, self->credentials,
				      self->fds[0]));
}

FIXTURE_TEARDOWN(flood)
{
	ktls_session_free(self->s);
	ktls_credentials_free(self->credentials);
	close(self->fds[0]);
	close(self->fds[1]);
}

/* A ClientHello of 16 MB, a record at a time: it must end well before. */
TEST_F(flood, of_one_message_has_a_bound)
{
	unsigned char record[5 + 16384] = { 22, 3, 1, 64, 0, 1, 255, 255, 255 };
	int records = 0, ret = -EAGAIN;

	for (; ret == -EAGAIN && records < 100; records++) {
		ASSERT_EQ(sizeof(record), peer_write(self->fds[1], record,
						     sizeof(record)));
		memset(record + 5, 0, 4);
		ret = peer_drive(self->s, self->fds[0], 20);
		if (ret == -ETIMEDOUT)
			ret = -EAGAIN;
	}
	EXPECT_EQ(-EPROTO, ret);
	EXPECT_GE(5, records);
	EXPECT_NE(NULL, strstr(ktls_session_error(self->s), "too long"))
		TH_LOG("said: %s", ktls_session_error(self->s));
}

/* --- a client that takes only short records --- */

FIXTURE(limit) {
	struct ktls_credentials *credentials;
	struct ktls_session *s;
	struct peer p;
	int fd;
	bool kernel_can;
};
FIXTURE_VARIANT(limit) {
	const char *priority;
	unsigned int size;
	size_t most;		/* bytes on the wire beyond the header */
};
FIXTURE_VARIANT_ADD(limit, 12) {
	.priority = V12 "AES-128-GCM", .size = 1024, .most = 1024 + 24,
};
FIXTURE_VARIANT_ADD(limit, 13) {
	.priority = V13 "AES-128-GCM", .size = 1024, .most = 1024 + 1 + 16,
};

FIXTURE_SETUP(limit)
{
	int fds[2];
	uint16_t value;
	socklen_t len = sizeof(value);

	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, load(&self->credentials));
	ASSERT_EQ(0, peer_tcp(fds));
	self->fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&self->s, self->credentials, fds[0]));
	ASSERT_EQ(0, peer_open(&self->p, fds[1], variant->priority, 0));
	ASSERT_EQ(0, gnutls_record_set_max_recv_size(self->p.tls,
						     variant->size));
	self->kernel_can = !getsockopt(self->fd, SOL_TLS, 5, &value, &len);
}

FIXTURE_TEARDOWN(limit)
{
	ktls_session_free(self->s);
	ktls_credentials_free(self->credentials);
	peer_close(&self->p);
	close(self->fd);
}

TEST_F(limit, is_obeyed)
{
	static unsigned char out[50000], in[50000];

	if (!self->kernel_can)
		SKIP(return, "this kernel has no TLS_TX_MAX_PAYLOAD_LEN");
	ASSERT_EQ(0, peer_shake(&self->p, self->s, self->fd))
		TH_LOG("%s", ktls_session_error(self->s));
	ASSERT_EQ(0, ktls_session_install(self->s))
		TH_LOG("%s", ktls_session_error(self->s));
	memset(out, 'x', sizeof(out));
	ASSERT_EQ(sizeof(out), peer_write(self->fd, out, sizeof(out)));
	ASSERT_EQ(5, recv(self->p.fd, in, 5, MSG_PEEK));
	EXPECT_GE(variant->most, in[3] << 8 | in[4]);
	ASSERT_EQ(sizeof(in), peer_recv(&self->p, in, sizeof(in)));
	EXPECT_EQ(0, memcmp(out, in, sizeof(in)));
}

TEST_F(limit, or_the_client_is_refused)
{
	if (self->kernel_can)
		SKIP(return, "this kernel has TLS_TX_MAX_PAYLOAD_LEN");
	EXPECT_EQ(GNUTLS_E_AGAIN, peer_step(&self->p));
	EXPECT_GT(0, peer_drive(self->s, self->fd, PEER_MS));
	EXPECT_NE(NULL, strstr(ktls_session_error(self->s), "cannot obey"))
		TH_LOG("said: %s", ktls_session_error(self->s));
	EXPECT_EQ(GNUTLS_A_HANDSHAKE_FAILURE, peer_hears(&self->p));
}

TEST_HARNESS_MAIN
