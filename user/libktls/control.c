// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records that are no application data, through the kernel: their type goes
 * beside them in a control message (Documentation/networking/tls.rst).
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Room for the type of one record. */
union control {
	char bytes[CMSG_SPACE(sizeof(unsigned char))];
	struct cmsghdr align;
};

/*
 * All of it or nothing: -EAGAIN when there is no room. It never waits, so
 * that a reader can send an alert or an answer; a record that the kernel has
 * opened with MSG_MORE is closed before it.
 */
int control_send(int fd, unsigned char type, const void *buf, size_t len)
{
	union control control = { .bytes = "" };
	struct iovec iov = { (void *)buf, len };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(unsigned char));
	*CMSG_DATA(cmsg) = type;
	if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static ssize_t receive(int fd, int *type, void *buf, size_t len, int flags)
{
	union control control;
	struct iovec iov = { buf, len };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | flags);
	struct cmsghdr *cmsg;

	if (n < 0)
		return -errno;
	*type = -1;
	cmsg = CMSG_FIRSTHDR(&m);
	if (cmsg && cmsg->cmsg_level == SOL_TLS &&
	    cmsg->cmsg_type == TLS_GET_RECORD_TYPE)
		*type = *CMSG_DATA(cmsg);
	return n;
}

/* The next record, of whatever type: its length, or -errno. 0 is no end. */
ssize_t control_recv(int fd, int *type, void *buf, size_t len)
{
	return receive(fd, type, buf, len, 0);
}

/* The same, and it stays where it is. */
ssize_t control_peek(int fd, int *type, void *buf, size_t len)
{
	return receive(fd, type, buf, len, MSG_PEEK);
}
