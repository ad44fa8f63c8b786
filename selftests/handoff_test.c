// SPDX-License-Identifier: GPL-2.0-only
/* A socket changes hands; whatever is not just that is refused and closed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/tls.h>

#include "handoff.h"
#include "peer.h"
#include "kselftest_harness.h"

/* The message, as long as it is; what comes out of ktls_handoff_send(). */
#define MESSAGE_MAX 4096

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int send_raw(int sock, const void *msg, size_t len, const int *fds,
		    size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 64)];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { (void *)msg, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		struct cmsghdr *cmsg;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		cmsg = CMSG_FIRSTHDR(&m);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	return sendmsg(sock, &m, 0) == (ssize_t)len ? 0 : -errno;
}

/* As if that were a connection, whatever @fd is. */
static int send_conn(int sock, int fd, const struct ktls_info *info)
{
	const struct ktls_conn c = {
		.fd = fd, .in = 1, .info = *info,
		.secrets.size = info->version == TLS_1_2_VERSION ? 0 :
				info->cipher == TLS_CIPHER_AES_GCM_256 ? 48 : 32,
	};

	return ktls_handoff_send(sock, &c);
}

/* Keys of no use, but the kernel does not know. */
static int install(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 key = {
		.info = { TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128 },
	};

	return setsockopt(fd, SOL_TLS, direction, &key, sizeof(key)) ?
	       -errno : 0;
}

FIXTURE(handoff) {
	int pair[2];			/* [0] the agent's, [1] the server's */
	int tcp[2];
	int before;
	struct ktls_info info;
	unsigned char msg[MESSAGE_MAX];	/* a good one, to be spoilt */
	size_t len;
};

FIXTURE_SETUP(handoff)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->pair));
	ASSERT_EQ(0, peer_tcp(self->tcp));
	ASSERT_EQ(0, setsockopt(self->tcp[0], IPPROTO_TCP, TCP_ULP, "tls", 4));
	self->info.version = TLS_1_3_VERSION;
	self->info.cipher = TLS_CIPHER_AES_GCM_128;
	self->info.tx_mode = self->info.rx_mode = KTLS_MODE_SW;
	self->info.peer.ss_family = AF_INET;
	strcpy(self->info.sni, "example.org");
	strcpy(self->info.alpn, "http/1.1");
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	/* Read without room for the descriptor, which the kernel drops. */
	self->len = recv(self->pair[1], self->msg, sizeof(self->msg), 0);
	ASSERT_LT(sizeof(self->info), self->len);
	self->before = count_fds();
}

FIXTURE_TEARDOWN(handoff)
{
	close(self->pair[0]);
	close(self->pair[1]);
	close(self->tcp[0]);
	close(self->tcp[1]);
}

#define INSTALL_BOTH() do {						\
	ASSERT_EQ(0, install(self->tcp[0], TLS_RX));			\
	ASSERT_EQ(0, install(self->tcp[0], TLS_TX));			\
} while (0)

/* Refused as what it is, and nothing of it stays. */
#define REFUSED(error) do {						\
	struct ktls_conn *c = NULL;					\
									\
	EXPECT_EQ(error, ktls_handoff_recv(self->pair[1], &c));		\
	EXPECT_EQ(NULL, c);						\
	EXPECT_EQ(self->before, count_fds());				\
} while (0)

TEST_F(handoff, socket_arrives_with_its_facts)
{
	struct ktls_conn *c;

	INSTALL_BOTH();
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	ASSERT_EQ(0, ktls_handoff_recv(self->pair[1], &c));
	EXPECT_EQ(0, memcmp(&self->info, ktls_conn_info(c),
			    sizeof(self->info)));
	EXPECT_EQ(FD_CLOEXEC, fcntl(ktls_conn_fd(c), F_GETFD));
	EXPECT_EQ(self->before + 1, count_fds());
	ktls_conn_close(c);
	EXPECT_EQ(self->before, count_fds());
}

TEST_F(handoff, spoilt_message_is_refused)
{
	INSTALL_BOTH();
	/* Magic, version, size, TLS version, cipher: none may be another. */
	for (size_t i = 0; i < 12; i++) {
		self->msg[i] ^= 0x10;
		ASSERT_EQ(0, send_raw(self->pair[0], self->msg, self->len,
				      self->tcp, 1));
		REFUSED(-EBADMSG);
		self->msg[i] ^= 0x10;
	}
}

TEST_F(handoff, message_of_other_length_is_refused)
{
	const size_t lengths[] = { 1, 4, 8, self->len - 1, self->len + 1,
				   MESSAGE_MAX };

	INSTALL_BOTH();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		ASSERT_EQ(0, send_raw(self->pair[0], self->msg, lengths[i],
				      self->tcp, 1));
		REFUSED(-EBADMSG);
	}
}

TEST_F(handoff, name_without_end_is_refused)
{
	unsigned char *sni = memmem(self->msg, self->len, "example.org", 11);

	INSTALL_BOTH();
	ASSERT_NE(NULL, sni);
	memset(sni, 'a', sizeof(self->info.sni));
	ASSERT_EQ(0, send_raw(self->pair[0], self->msg, self->len,
			      self->tcp, 1));
	REFUSED(-EBADMSG);
}

/* What may not be as it is: the field, its value, and nothing else. */
TEST_F(handoff, each_field_is_checked)
{
#define FIELD(name, value) { offsetof(struct handoff_message, name), value }
	static const struct { size_t at; unsigned char value; } spoils[] = {
		FIELD(info.client, 2), FIELD(info.resumed, 2),
		FIELD(info.tx_mode, KTLS_MODE_USER), FIELD(info.rx_mode, 3),
		FIELD(info.peer.ss_family, AF_UNIX),
		FIELD(secrets.size, 0), FIELD(secrets.size, 31),
		FIELD(secrets.size, 48), FIELD(answer_owed, 2),
		FIELD(has_identity, 1), FIELD(has_identity, 2),
		FIELD(limit, 1), FIELD(limit, RECORDS_MIN - 1),
	};

	INSTALL_BOTH();
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		unsigned char good = self->msg[spoils[i].at];

		self->msg[spoils[i].at] = spoils[i].value;
		ASSERT_EQ(0, send_raw(self->pair[0], self->msg, self->len,
				      self->tcp, 1));
		REFUSED(-EBADMSG);
		self->msg[spoils[i].at] = good;
	}
}

TEST_F(handoff, all_that_matters_travels)
{
	struct ktls_identity id = { .verified = 1, .subject = "CN=me" };
	struct ktls_conn out = {
		.fd = self->tcp[0], .in = 1, .info = self->info,
		.secrets = { "receive", "transmit", 32 }, .limit = 4711,
		.answer_owed = true, .identity = &id,
	}, *in;

	INSTALL_BOTH();
	ASSERT_EQ(0, ktls_handoff_send(self->pair[0], &out));
	ASSERT_EQ(0, ktls_handoff_recv(self->pair[1], &in));
	EXPECT_EQ(0, memcmp(&out.secrets, &in->secrets, sizeof(in->secrets)));
	EXPECT_EQ(4711, in->limit);
	EXPECT_TRUE(atomic_load(&in->answer_owed));
	ASSERT_NE(NULL, ktls_conn_identity(in));
	EXPECT_EQ(0, memcmp(&id, ktls_conn_identity(in), sizeof(id)));
	ktls_conn_close(in);
}

TEST_F(handoff, identity_without_end_is_refused)
{
	struct ktls_identity id = {};
	struct ktls_conn c = {
		.fd = self->tcp[0], .in = 1, .info = self->info,
		.secrets.size = 32, .identity = &id,
	};

	INSTALL_BOTH();
	memset(id.names, 'a', sizeof(id.names));
	ASSERT_EQ(0, ktls_handoff_send(self->pair[0], &c));
	REFUSED(-EBADMSG);
}

TEST_F(handoff, connection_that_has_ended_stays)
{
	struct ktls_conn c = { .fd = self->tcp[0], .info = self->info };

	EXPECT_EQ(-EINVAL, ktls_handoff_send(self->pair[0], &c));
	c.in = 1;
	c.out_closed = true;
	EXPECT_EQ(-EINVAL, ktls_handoff_send(self->pair[0], &c));
	c.out_closed = false;
	c.partial = self->msg;
	EXPECT_EQ(-EINVAL, ktls_handoff_send(self->pair[0], &c));
}

TEST_F(handoff, number_of_descriptors_must_be_one)
{
	const size_t counts[] = { 0, 2, 8, 9, 50 };
	int fds[50];

	INSTALL_BOTH();
	for (size_t i = 0; i < 50; i++)
		fds[i] = self->tcp[0];
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		ASSERT_EQ(0, send_raw(self->pair[0], self->msg, self->len, fds,
				      counts[i]));
		REFUSED(-EBADMSG);
	}
}

TEST_F(handoff, socket_without_keys_is_refused)
{
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	REFUSED(-EBADMSG);
	/* The other end has no ULP at all. */
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[1],
			       &self->info));
	REFUSED(-EBADMSG);
}

TEST_F(handoff, socket_that_would_send_cleartext_is_refused)
{
	ASSERT_EQ(0, install(self->tcp[0], TLS_RX));
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	REFUSED(-EBADMSG);
}

TEST_F(handoff, socket_that_would_read_ciphertext_is_refused)
{
	ASSERT_EQ(0, install(self->tcp[0], TLS_TX));
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	REFUSED(-EBADMSG);
}

TEST_F(handoff, facts_that_the_kernel_denies_are_refused)
{
	INSTALL_BOTH();
	self->info.version = TLS_1_2_VERSION;
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	REFUSED(-EBADMSG);
	self->info.version = TLS_1_3_VERSION;
	self->info.cipher = TLS_CIPHER_AES_GCM_256;
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	REFUSED(-EBADMSG);
}

TEST_F(handoff, what_is_no_tcp_socket_is_refused)
{
	int others[] = {
		open("/dev/null", O_RDWR), socket(AF_INET, SOCK_DGRAM, 0),
		socket(AF_UNIX, SOCK_STREAM, 0),
	};

	self->before = count_fds();
	for (size_t i = 0; i < 3; i++) {
		ASSERT_EQ(0, send_conn(self->pair[0], others[i],
				       &self->info));
		REFUSED(-EBADMSG);
		close(others[i]);
		self->before--;
	}
}

TEST_F(handoff, nothing_there_is_eagain)
{
	REFUSED(-EAGAIN);
}

TEST_F(handoff, agent_that_has_gone_is_epipe)
{
	close(self->pair[0]);
	self->pair[0] = -1;
	self->before--;
	REFUSED(-EPIPE);
}

TEST_F(handoff, server_that_has_gone_is_no_signal)
{
	close(self->pair[1]);
	self->pair[1] = -1;
	EXPECT_EQ(-EPIPE, send_conn(self->pair[0], self->tcp[0],
				    &self->info));
}

TEST_F(handoff, full_queue_is_eagain_and_sends_nothing)
{
	struct ktls_conn *c;
	int sent = 0, got = 0, ret;

	INSTALL_BOTH();
	while (!(ret = send_conn(self->pair[0], self->tcp[0],
				 &self->info)))
		sent++;
	EXPECT_EQ(-EAGAIN, ret);
	while (!(ret = ktls_handoff_recv(self->pair[1], &c))) {
		got++;
		ktls_conn_close(c);
	}
	EXPECT_EQ(-EAGAIN, ret);
	EXPECT_EQ(sent, got);
	EXPECT_LT(8, sent);
	EXPECT_EQ(self->before, count_fds());
}

TEST_F(handoff, receiver_out_of_descriptors_is_told)
{
	struct rlimit old, none;

	INSTALL_BOTH();
	ASSERT_EQ(0, send_conn(self->pair[0], self->tcp[0],
			       &self->info));
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 3;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, ktls_handoff_recv(self->pair[1],
					     &(struct ktls_conn *){ NULL }));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(self->before, count_fds());
}

TEST_HARNESS_MAIN
