// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Plaintext out of a kernel TLS socket. The kernel hands application data to
 * a plain recv(), and answers EIO when the next record is of another kind;
 * the record then waits for a recvmsg() that can take its type.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

enum { ALERT_WARNING = 1, ALERT_FATAL = 2 };	/* RFC 8446 section 6 */
enum { CLOSE_NOTIFY = 0, USER_CANCELED = 90 };

/* Warnings in a row that we bear before we call it abuse. */
#define WARNINGS_MAX 4

/* Room for the type of one record. */
union control {
	char bytes[CMSG_SPACE(sizeof(unsigned char))];
	struct cmsghdr align;
};

/* The type of the record that @m received, or -1. */
static int record_type(struct msghdr *m)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(m);

	if (!cmsg || cmsg->cmsg_level != SOL_TLS ||
	    cmsg->cmsg_type != TLS_GET_RECORD_TYPE)
		return -1;
	return *CMSG_DATA(cmsg);
}

/*
 * TLS 1.2 knows warnings, which end nothing; in TLS 1.3 every alert ends the
 * connection but user_canceled, which announces a close_notify.
 */
static int judge_alert(uint16_t version, const unsigned char alert[2])
{
	if (alert[1] == CLOSE_NOTIFY)
		return 0;
	if (version == TLS_1_3_VERSION)
		return alert[1] == USER_CANCELED ? -EAGAIN : -ECONNRESET;
	return alert[0] == ALERT_WARNING ? -EAGAIN : -ECONNRESET;
}

/* Takes the record that made recv() say EIO. -EAGAIN: read on. */
static int take_control(const struct ktls_conn *c)
{
	union control control;
	unsigned char alert[2 + 1];	/* one more, to see a long one */
	struct iovec iov = { alert, sizeof(alert) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(c->fd, &m, MSG_DONTWAIT);

	if (n < 0)
		return errno == EIO ? -EPROTO : -errno;
	if (n != 2 || record_type(&m) != RECORD_ALERT)
		return -EPROTO;
	return judge_alert(c->info.version, alert);
}

/* An end is an end: later calls give the same answer. */
static int end(struct ktls_conn *c, int answer)
{
	c->in = answer;
	return answer;
}

static ssize_t end_user(struct ktls_conn *c, ssize_t n)
{
	return n > 0 || n == -EAGAIN || n == -EINTR ? n : end(c, n);
}

ssize_t ktls_recv(struct ktls_conn *c, void *buf, size_t len)
{
	if (c->in != 1)
		return c->in;
	if (!len)
		return -EINVAL;		/* 0 would read as close_notify */
	if (c->tls)
		return end_user(c, user_recv(c, buf, len));
	for (int warnings = 0; warnings < WARNINGS_MAX; warnings++) {
		ssize_t n = recv(c->fd, buf, len, 0);
		int ret;

		if (n > 0)
			return n;
		if (n == 0)
			return end(c, -ECONNABORTED);
		if (errno == EAGAIN || errno == EINTR)
			return -errno;
		if (errno != EIO)
			return end(c, -errno);
		ret = take_control(c);
		if (ret != -EAGAIN)
			return end(c, ret);
	}
	return end(c, -EPROTO);
}

bool ktls_pending(const struct ktls_conn *c)
{
	return c->tls && gnutls_record_check_pending(c->tls);
}
