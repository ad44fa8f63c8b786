// SPDX-License-Identifier: GPL-2.0-or-later
/* A loopback connection with throw-away keys. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* In the order of struct tls12_crypto_info_*: iv, key, salt, rec_seq. */
const struct algorithm algorithms[] = {
	{ "AES-128-GCM", TLS_CIPHER_AES_GCM_128, 8, 16, 4, FAIL },
	{ "AES-256-GCM", TLS_CIPHER_AES_GCM_256, 8, 32, 4, FAIL },
	{ "CHACHA20-POLY1305", TLS_CIPHER_CHACHA20_POLY1305, 12, 32, 0, WARN },
	{ "AES-128-CCM", TLS_CIPHER_AES_CCM_128, 8, 16, 4, WARN },
	{ "SM4-GCM", TLS_CIPHER_SM4_GCM, 8, 16, 4, WELL },
	{ "SM4-CCM", TLS_CIPHER_SM4_CCM, 8, 16, 4, WELL },
	{ "ARIA-128-GCM", TLS_CIPHER_ARIA_GCM_128, 8, 16, 4, WELL },
	{ "ARIA-256-GCM", TLS_CIPHER_ARIA_GCM_256, 8, 32, 4, WELL },
};

const size_t nalgorithms = ARRAY_SIZE(algorithms);

/* What does not work must not hang. */
static void limit(int fd)
{
	const struct timeval most = { .tv_sec = 10 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
}

int pair_open(int fds[2])
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[1] = -1;
	if (listener < 0 || fds[0] < 0)
		goto fail;
	limit(fds[0]);
	if (bind(listener, (void *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (void *)&at, &len) ||
	    connect(fds[0], (void *)&at, sizeof(at)))
		goto fail;
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fds[1] < 0)
		goto fail;
	limit(fds[1]);
	close(listener);
	return 0;
fail:
	ret = -errno;
	pair_close(fds);
	if (listener >= 0)
		close(listener);
	return ret;
}

void pair_close(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int pair_attach(int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], IPPROTO_TCP, TCP_ULP, "tls", 4))
			return -errno;
	return 0;
}

int secret_make(struct secret *s, uint16_t version, const struct algorithm *a)
{
	const struct tls_crypto_info info = { version, a->number };

	memset(s, 0, sizeof(*s));
	s->size = sizeof(info) + a->iv + a->key + a->salt + 8;
	if (getrandom(s->bytes, s->size - 8, 0) != (ssize_t)s->size - 8)
		return -EIO;
	memcpy(s->bytes, &info, sizeof(info));
	return 0;
}

int pair_key(int from, int to, uint16_t version, const struct algorithm *a,
	     const char **stage)
{
	struct secret s;
	int ret;

	*stage = "random numbers";
	ret = secret_make(&s, version, a);
	if (ret)
		goto wipe;
	*stage = "receiving";
	if (setsockopt(to, SOL_TLS, TLS_RX, s.bytes, s.size)) {
		ret = -errno;
		goto wipe;
	}
	*stage = "sending";
	if (setsockopt(from, SOL_TLS, TLS_TX, s.bytes, s.size))
		ret = -errno;
wipe:
	explicit_bzero(&s, sizeof(s));
	return ret;
}

/* One byte more than fits into a record: the second is a short one. */
int pair_pass(int from, int to)
{
	unsigned char out[16385], in[sizeof(out)];
	size_t got = 0;
	ssize_t n;

	for (size_t at = 0; at < sizeof(out); at += n) {
		n = getrandom(out + at, sizeof(out) - at, 0);
		if (n < 0)
			return -errno;
	}
	n = send(from, out, sizeof(out), MSG_NOSIGNAL);
	if (n != (ssize_t)sizeof(out))
		return n < 0 ? -errno : -EIO;
	while (got < sizeof(in)) {
		n = recv(to, in + got, sizeof(in) - got, 0);
		if (n <= 0)
			return n ? -errno : -EPIPE;
		got += n;
	}
	return memcmp(in, out, sizeof(out)) ? -EBADMSG : 0;
}
