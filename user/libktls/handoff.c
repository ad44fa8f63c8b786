// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How a socket changes hands: one SOCK_SEQPACKET message with its facts, one
 * descriptor beside it. The receiver believes only what the kernel confirms.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define MAGIC	0x6b746c73u		/* "ktls" */
#define VERSION	2

/* Room for more than one, so that the surplus is seen and closed. */
#define FDS_MAX	8

/* Both ends are on one machine: its byte order and its sockaddr will do. */
struct message {
	uint32_t magic;
	uint16_t version;
	uint16_t size;			/* of all of this */
	struct ktls_info info;
	struct secrets secrets;
};

union control {
	char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	struct cmsghdr align;
};

struct parcel {
	int fds[FDS_MAX];
	size_t count;
};

int ktls_handoff_send(int sock, const struct ktls_conn *c)
{
	struct message msg = {
		.magic = MAGIC,
		.version = VERSION,
		.size = sizeof(msg),
		.info = c->info,
		.secrets = c->secrets,
	};
	union control control = { .bytes = "" };
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(c->fd)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);
	int ret = 0;

	if (c->tls)
		return -EOPNOTSUPP;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(c->fd));
	memcpy(CMSG_DATA(cmsg), &c->fd, sizeof(c->fd));
	if (sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		ret = -errno;
	explicit_bzero(&msg, sizeof(msg));
	return ret;
}

/* Collects every descriptor that came, whatever the message looks like. */
static void unpack(struct parcel *p, struct msghdr *m)
{
	struct cmsghdr *cmsg;

	p->count = 0;
	for (cmsg = CMSG_FIRSTHDR(m); cmsg; cmsg = CMSG_NXTHDR(m, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS || n > FDS_MAX - p->count)
			continue;
		memcpy(&p->fds[p->count], CMSG_DATA(cmsg), n * sizeof(int));
		p->count += n;
	}
}

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

/* Whole, of our version, and fit to be printed by whoever asked for it. */
static bool is_ours(const struct message *msg, size_t len)
{
	const struct ktls_info *i = &msg->info;

	return len == sizeof(*msg) && msg->magic == MAGIC &&
	       msg->version == VERSION && msg->size == sizeof(*msg) &&
	       is_terminated(i->sni, sizeof(i->sni)) &&
	       is_terminated(i->alpn, sizeof(i->alpn)) &&
	       msg->secrets.size <= SECRET_MAX &&
	       cipher_by_kernel(i->cipher) &&
	       (i->version == TLS_1_2_VERSION ||
		i->version == TLS_1_3_VERSION);
}

static bool is_tcp(int fd)
{
	int protocol = 0, domain = 0;
	socklen_t len = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) &&
	       !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) &&
	       protocol == IPPROTO_TCP &&
	       (domain == AF_INET || domain == AF_INET6);
}

/* Asked for so little, the kernel answers without the key. */
static bool has_keys(int fd, int direction, const struct ktls_info *want)
{
	struct tls_crypto_info got = {};
	socklen_t len = sizeof(got);

	return !getsockopt(fd, SOL_TLS, direction, &got, &len) &&
	       got.version == want->version && got.cipher_type == want->cipher;
}

static int make_conn(struct ktls_conn **out, int fd, const struct message *msg)
{
	struct ktls_conn *c;

	if (!is_tcp(fd) || !has_keys(fd, TLS_RX, &msg->info) ||
	    !has_keys(fd, TLS_TX, &msg->info))
		return -EBADMSG;
	c = connection_new(fd, &msg->info);
	if (!c)
		return -ENOMEM;
	c->secrets = msg->secrets;
	*out = c;
	return 0;
}

int ktls_handoff_recv(int sock, struct ktls_conn **out)
{
	struct message msg;
	union control control;
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct parcel p;
	int ret = -EBADMSG;
	ssize_t n;

	n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	unpack(&p, &m);
	if (n == 0 && !p.count)
		return -EPIPE;
	/* The kernel drops what the process has no descriptor number for. */
	if ((m.msg_flags & MSG_CTRUNC) && !p.count)
		return -EMFILE;
	if (p.count == 1 && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    is_ours(&msg, n))
		ret = make_conn(out, p.fds[0], &msg);
	explicit_bzero(&msg, sizeof(msg));
	for (size_t i = 0; ret && i < p.count; i++)
		close(p.fds[i]);
	return ret;
}
