// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Plaintext out of a kernel TLS socket. The kernel hands application data to
 * a plain recv(), and answers EIO when the next record is of another kind;
 * the record then waits for a recvmsg() that can take its type.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* An end is an end: later calls give the same answer. */
static int end(struct ktls_conn *c, int answer, enum ktls_reason reason)
{
	c->in = answer;
	c->reason = reason;
	message_drop(c);
	return answer;
}

/* The alert is best effort: there may be no room, or nobody to read it. */
int recv_fail(struct ktls_conn *c, int ret, enum ktls_reason reason, int alert)
{
	if (alert != ALERT_NONE && !atomic_exchange(&c->out_closed, true)) {
		atomic_store(&c->alert_owed, alert);
		send_owed(c);
	}
	return end(c, ret, reason);
}

/*
 * TLS 1.2 knows warnings, which end nothing; in TLS 1.3 every alert ends the
 * connection but user_canceled, which announces a close_notify. 1: read on.
 */
static int take_alert(struct ktls_conn *c, const unsigned char *alert,
		      size_t len)
{
	bool v13 = c->info.version == TLS_1_3_VERSION, warning;

	if (!len)		/* RFC 8446 section 5.4 */
		return recv_fail(c, -EPROTO, KTLS_UNEXPECTED,
				 ALERT_UNEXPECTED_MESSAGE);
	if (len != 2)
		return recv_fail(c, -EPROTO, KTLS_MALFORMED,
				 ALERT_DECODE_ERROR);
	warning = v13 ? alert[1] == ALERT_USER_CANCELED :
			alert[0] == ALERT_WARNING;
	trace_late_alert(c, alert[1],
			 !warning && alert[1] != ALERT_CLOSE_NOTIFY);
	if (alert[1] == ALERT_CLOSE_NOTIFY)
		return end(c, 0, KTLS_OK);
	if (warning)
		return 1;
	c->alert = alert[1];
	return end(c, -ECONNRESET, KTLS_ALERT);
}

/*
 * The kernel waits for a new key behind each record that begins as a KeyUpdate
 * does. A part of a message may begin so, too: then the old key will do.
 */
static int take_handshake(struct ktls_conn *c, const unsigned char *record,
			  size_t len)
{
	bool waits = len && record[0] == MESSAGE_KEY_UPDATE;
	int ret;

	c->advanced = false;
	ret = message_take(c, record, len);
	if (!ret && waits && !c->advanced && c->secrets.size)
		ret = keys_again(c, TLS_RX);
	if (ret && c->in == 1)
		return recv_fail(c, ret, KTLS_KERNEL_REFUSED,
				 ALERT_INTERNAL_ERROR);
	return ret ? ret : 1;
}

/* Takes the record that made recv() say EIO. 1: read on. */
static int __attribute__((noinline)) take_control(struct ktls_conn *c)
{
	unsigned char record[RECORD_MAX + 1];
	int type, ret;
	ssize_t n = control_recv(c->fd, &type, record, sizeof(record));

	if (n < 0)
		return end(c, n == -EIO ? -EPROTO : n, KTLS_LOST);
	if (c->idle++ == IDLE_MAX)
		return recv_fail(c, -EPROTO, KTLS_TOO_MANY,
				 ALERT_UNEXPECTED_MESSAGE);
	switch (type) {
	case RECORD_ALERT:
		return take_alert(c, record, n);
	case RECORD_HANDSHAKE:
		ret = take_handshake(c, record, n);
		explicit_bzero(record, n);	/* tickets are secrets */
		return ret;
	default:
		return recv_fail(c, -EPROTO, KTLS_UNEXPECTED,
				 ALERT_UNEXPECTED_MESSAGE);
	}
}

/* What the kernel says of a record or connection that is broken. */
static const struct failure {
	int error, ret;
	enum ktls_reason reason;
	int alert;
} failures[] = {
	{ EBADMSG, -EBADMSG, KTLS_BAD_RECORD, ALERT_BAD_RECORD_MAC },
	{ EMSGSIZE, -EPROTO, KTLS_TOO_LONG, ALERT_RECORD_OVERFLOW },
	{ EINVAL, -EPROTO, KTLS_MALFORMED, ALERT_PROTOCOL_VERSION },
	{ ECONNRESET, -ECONNRESET, KTLS_LOST, ALERT_NONE },
	{ EPIPE, -ECONNRESET, KTLS_LOST, ALERT_NONE },
	{ ETIMEDOUT, -ETIMEDOUT, KTLS_TIMEOUT, ALERT_NONE },
};

/* recv() said @error. 1: read on. */
static int __attribute__((noinline)) take_error(struct ktls_conn *c, int error)
{
	if (error == EAGAIN || error == EINTR)
		return -error;
	if (error == EIO)
		return take_control(c);
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (failures[i].error == error)
			return recv_fail(c, failures[i].ret, failures[i].reason,
					 failures[i].alert);
	return end(c, -error, KTLS_LOST);
}

/* An empty record reads as 0, too, when something else is behind it. */
static bool is_fin(const struct ktls_conn *c)
{
	unsigned char byte;
	int type;

	return control_peek(c->fd, &type, &byte, sizeof(byte)) == 0 &&
	       type == -1;
}

/* GnuTLS keeps to the same order, but not to "an end is an end". */
static ssize_t recv_user(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n = user_recv(c, buf, len);

	if (n <= 0 && n != -EAGAIN && n != -EINTR)
		end(c, n, c->reason);
	return n;
}

/* RFC 8446 section 5.1: nothing may come between the parts of a message. */
static ssize_t data_in_between(struct ktls_conn *c)
{
	return recv_fail(c, -EPROTO, KTLS_UNEXPECTED, ALERT_UNEXPECTED_MESSAGE);
}

static bool next_is_handshake(const struct ktls_conn *c)
{
	unsigned char byte;
	int type;

	return control_peek(c->fd, &type, &byte, sizeof(byte)) >= 0 &&
	       type == RECORD_HANDSHAKE;
}

/* recv() said @error behind data. Alerts stay where they are: poll() shows. */
static bool goes_on(struct ktls_conn *c, int error)
{
	if (error == EIO && !next_is_handshake(c))
		return false;
	return take_error(c, error) == 1;
}

/*
 * One call may return data and also decrypt a KeyUpdate behind it; poll()
 * would then be silent for ever, since the kernel waits for a key. So where
 * that can be, what is behind the data is looked at: it costs a recv(). The
 * kernel tells most errors once only, so they are taken here, and then it is
 * told to say that there is something to read.
 */
static ssize_t look_behind(struct ktls_conn *c, char *buf, size_t n, size_t len)
{
	while (n < len && c->in == 1) {
		ssize_t more = recv(c->fd, buf + n, len - n, MSG_DONTWAIT);

		if (more > 0 && c->partial) {
			data_in_between(c);
		} else if (more > 0) {
			c->idle = 0;
			n += more;
		} else if (more == 0 ? is_fin(c) : !goes_on(c, errno)) {
			break;
		}
	}
	if (c->in != 1)
		shutdown(c->fd, SHUT_RD);
	return n;
}

ssize_t ktls_recv(struct ktls_conn *c, void *buf, size_t len)
{
	if (c->in != 1)
		return c->in;
	if (!len)
		return -EINVAL;		/* 0 would read as close_notify */
	if (c->tls)
		return recv_user(c, buf, len);
	for (;;) {
		ssize_t n = recv(c->fd, buf, len, 0);
		int ret;

		if (n > 0) {
			if (c->partial)
				return data_in_between(c);
			c->idle = 0;
			if ((size_t)n == len || !keys_can_advance(c))
				return n;
			return look_behind(c, buf, n, len);
		}
		if (n == 0 && is_fin(c))
			return end(c, -ECONNABORTED, KTLS_TRUNCATED);
		if (n == 0)
			continue;
		ret = take_error(c, errno);
		if (ret != 1)
			return ret;
	}
}

bool ktls_pending(const struct ktls_conn *c)
{
	return c->in != 1 || (c->tls && gnutls_record_check_pending(c->tls));
}
