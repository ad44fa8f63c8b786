// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tlswire.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define HEAD	5			/* type, version, length */

#define SUITE(version, name, NAME, nonce, inner) { version, \
	TLS_CIPHER_ ## NAME, sizeof(struct tls12_crypto_info_ ## name), \
	offsetof(struct tls12_crypto_info_ ## name, iv), \
	offsetof(struct tls12_crypto_info_ ## name, key), \
	offsetof(struct tls12_crypto_info_ ## name, salt), \
	offsetof(struct tls12_crypto_info_ ## name, rec_seq), nonce, 16, inner }
#define TLS12(name, NAME, nonce) SUITE(TLS_1_2_VERSION, name, NAME, nonce, 0)
#define TLS13(name, NAME) SUITE(TLS_1_3_VERSION, name, NAME, 0, 1)

const struct suite suites[SUITES] = {
	TLS12(aes_gcm_128, AES_GCM_128, 8),
	TLS12(aes_gcm_256, AES_GCM_256, 8),
	TLS12(aes_ccm_128, AES_CCM_128, 8),
	TLS12(chacha20_poly1305, CHACHA20_POLY1305, 0),
	TLS13(aes_gcm_128, AES_GCM_128),
	TLS13(aes_gcm_256, AES_GCM_256),
	TLS13(aes_ccm_128, AES_CCM_128),
	TLS13(chacha20_poly1305, CHACHA20_POLY1305),
};

const struct suite *suite_find(uint16_t version, uint16_t cipher)
{
	for (size_t i = 0; i < SUITES; i++)
		if (suites[i].version == version && suites[i].cipher == cipher)
			return &suites[i];
	return NULL;
}

size_t suite_overhead(const struct suite *s)
{
	return HEAD + s->explicit_nonce + s->tag + s->inner_type;
}

/* The head is complete. */
static void record(struct oracle *o)
{
	o->left = o->head[3] << 8 | o->head[4];
	o->bytes += HEAD + o->left - suite_overhead(o->suite);
	o->records++;
	o->have = 0;
}

void oracle_feed(struct oracle *o, const uint8_t *data, size_t len)
{
	o->wire += len;
	while (len) {
		size_t n = o->left < len ? o->left : len;

		o->left -= n;
		data += n;
		len -= n;
		if (!len)
			break;
		o->head[o->have++] = *data++;
		len--;
		if (o->have == HEAD)
			record(o);
	}
}

static socklen_t loopback(int family, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = family;
	if (family == AF_INET) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	in6->sin6_addr = in6addr_loopback;
	return sizeof(*in6);
}

int tcp_pair(int family, int fd[2])
{
	struct sockaddr_storage ss;
	socklen_t len = loopback(family, &ss);
	int listener, ret = 0;

	fd[0] = -1;
	fd[1] = -1;
	listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -errno;
	if (bind(listener, (void *)&ss, len) || listen(listener, 1) ||
	    getsockname(listener, (void *)&ss, &len))
		goto error;
	fd[0] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || connect(fd[0], (void *)&ss, len))
		goto error;
	fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd[1] < 0)
		goto error;
	close(listener);
	return 0;

error:
	ret = -errno;
	close(fd[0]);
	close(listener);
	return ret;
}

int tls_attach(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 4) ? -errno : 0;
}

void tls_fill(uint8_t *info, const struct suite *suite, uint8_t key)
{
	struct tls_crypto_info *head = (void *)info;

	for (size_t i = 0; i < suite->info; i++)
		info[i] = i * 7 + key;
	head->version = suite->version;
	head->cipher_type = suite->cipher;
}

int tls_key(int fd, int dir, const struct suite *suite, uint8_t key)
{
	uint8_t info[SUITE_INFO];

	tls_fill(info, suite, key);
	return setsockopt(fd, SOL_TLS, dir, info, suite->info) ? -errno : 0;
}

ssize_t tls_send_control(int fd, uint8_t type, const void *data, size_t len)
{
	char control[CMSG_SPACE(sizeof(type))] = {};
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(type));
	*CMSG_DATA(cmsg) = type;
	return sendmsg(fd, &msg, 0);
}

ssize_t tls_recv(int fd, void *data, size_t len, uint8_t *type)
{
	char control[CMSG_SPACE(sizeof(*type))] = {};
	struct iovec iov = { data, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	*type = n >= 0 && cmsg && cmsg->cmsg_level == SOL_TLS ?
		*CMSG_DATA(cmsg) : 0;
	return n;
}

uint64_t socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

int own_netns(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd, ret = 0;

	if (unshare(CLONE_NEWNET))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		ret = -errno;
	close(fd);
	return ret;
}
