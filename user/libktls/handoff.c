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

#include "handoff.h"

/* Room for more than one, so that the surplus is seen and closed. */
#define FDS_MAX	8

union control {
	char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	struct cmsghdr align;
};

struct parcel {
	int fds[FDS_MAX];
	size_t count;
};

static int post(int sock, int fd, const void *buf, size_t len)
{
	union control control = { .bytes = "" };
	struct iovec iov = { (void *)buf, len };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(fd)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	if (sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

int ktls_handoff_send(int sock, const struct ktls_conn *c)
{
	struct handoff_message m;
	size_t len;
	int ret;

	if (c->tls)
		return -EOPNOTSUPP;
	if (c->in != 1 || c->out_closed || c->partial)
		return -EINVAL;
	len = handoff_message_fill(&m, c);
	ret = post(sock, c->fd, &m, len);
	explicit_bzero(&m, sizeof(m));
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

static int make_conn(struct ktls_conn **out, int fd,
		     const struct handoff_message *m)
{
	struct ktls_conn *c;

	if (!is_tcp(fd) || !has_keys(fd, TLS_RX, &m->info) ||
	    !has_keys(fd, TLS_TX, &m->info))
		return -EBADMSG;
	c = connection_new(fd, &m->info);
	if (!c)
		return -ENOMEM;
	if (m->has_identity)
		c->identity = malloc(sizeof(*c->identity));
	if (m->has_identity && !c->identity) {
		free(c);
		return -ENOMEM;
	}
	if (c->identity)
		*c->identity = m->identity;
	c->secrets = m->secrets;
	c->limit = m->limit;
	c->answer_owed = m->answer_owed;
	*out = c;
	return 0;
}

int ktls_handoff_recv(int sock, struct ktls_conn **out)
{
	struct handoff_message msg;
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
	    handoff_message_is_good(&msg, n))
		ret = make_conn(out, p.fds[0], &msg);
	explicit_bzero(&msg, sizeof(msg));
	for (size_t i = 0; ret && i < p.count; i++)
		close(p.fds[i]);
	return ret;
}
