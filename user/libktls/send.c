// SPDX-License-Identifier: LGPL-2.1-or-later
/* Plaintext into a kernel TLS socket, and close_notify behind it. */
#include <errno.h>
#include <sys/sendfile.h>

#include "internal.h"

enum { ALERT_WARNING = 1, CLOSE_NOTIFY = 0 };	/* RFC 8446 section 6 */

union control {
	char bytes[CMSG_SPACE(sizeof(unsigned char))];
	struct cmsghdr align;
};

ssize_t ktls_send(struct ktls_conn *c, const void *buf, size_t len, int flags)
{
	ssize_t n;

	if (c->tls)
		return user_send(c, buf, len);
	n = send(c->fd, buf, len, flags | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

ssize_t ktls_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len)
{
	ssize_t n;

	if (c->tls)
		return user_sendfile(c, file, off, len);
	n = sendfile(c->fd, file, off, len);
	return n < 0 ? -errno : n;
}

int ktls_shutdown(struct ktls_conn *c)
{
	unsigned char alert[2] = { ALERT_WARNING, CLOSE_NOTIFY };
	union control control = { .bytes = "" };
	struct iovec iov = { alert, sizeof(alert) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);

	if (c->out_closed)
		return 0;
	if (c->tls)
		return user_shutdown(c);
	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(unsigned char));
	*CMSG_DATA(cmsg) = RECORD_ALERT;
	if (sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	c->out_closed = true;
	return 0;
}
