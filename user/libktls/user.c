// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where the kernel does not do the records, GnuTLS does, in this process. The
 * answers are those of recv.c and send.c: nobody who calls has to know.
 */
#include <errno.h>
#include <unistd.h>

#include "internal.h"

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct ktls_conn *c = ptr;
	ssize_t n = recv(c->fd, buf, len, 0);

	if (n < 0)
		gnutls_transport_set_errno(c->tls, errno);
	return n;
}

/*
 * GnuTLS must not hear that the socket is full: it would hold the record, and
 * a KeyUpdate of the peer that came before the next try would make it send
 * the data twice. So what does not fit is held here, and no more data are
 * taken until it has left.
 */
static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct ktls_conn *c = ptr;
	ssize_t n = 0;
	int ret;

	if (!c->held.len)
		n = send(c->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		gnutls_transport_set_errno(c->tls, errno);
		return -1;
	}
	if (n < 0)
		n = 0;
	ret = flight_add(&c->held, (const char *)buf + n, len - n);
	if (!ret)
		return len;
	gnutls_transport_set_errno(c->tls, -ret);
	return -1;
}

/* The session it came from is on its way out: nothing may point to it. */
void user_adopt(struct ktls_conn *c, gnutls_session_t tls)
{
	c->tls = tls;
	gnutls_session_set_ptr(tls, NULL);
	gnutls_handshake_set_hook_function(tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, NULL);
	gnutls_handshake_set_secret_function(tls, NULL);
	gnutls_transport_set_ptr(tls, c);
	gnutls_transport_set_pull_function(tls, pull);
	gnutls_transport_set_vec_push_function(tls, NULL);
	gnutls_transport_set_push_function(tls, push);
}

enum { DEFAULT = -2 };

static const struct answer {
	int gnutls, ret;
	enum ktls_reason reason;
	int alert;		/* that the peer is due, or DEFAULT: GnuTLS's */
} answers[] = {
	{ GNUTLS_E_AGAIN, -EAGAIN, KTLS_OK, ALERT_NONE },
	{ GNUTLS_E_INTERRUPTED, -EINTR, KTLS_OK, ALERT_NONE },
	{ GNUTLS_E_PREMATURE_TERMINATION, -ECONNABORTED, KTLS_TRUNCATED,
	  ALERT_NONE },
	{ GNUTLS_E_FATAL_ALERT_RECEIVED, -ECONNRESET, KTLS_ALERT, ALERT_NONE },
	{ GNUTLS_E_PULL_ERROR, -ECONNRESET, KTLS_LOST, ALERT_NONE },
	{ GNUTLS_E_PUSH_ERROR, -ECONNRESET, KTLS_LOST, ALERT_NONE },
	{ GNUTLS_E_DECRYPTION_FAILED, -EBADMSG, KTLS_BAD_RECORD, DEFAULT },
	{ GNUTLS_E_RECORD_OVERFLOW, -EPROTO, KTLS_TOO_LONG, DEFAULT },
	{ GNUTLS_E_UNSUPPORTED_VERSION_PACKET, -EPROTO, KTLS_MALFORMED,
	  DEFAULT },
	{ GNUTLS_E_UNEXPECTED_PACKET_LENGTH, -EPROTO, KTLS_MALFORMED,
	  DEFAULT },
	{ GNUTLS_E_TOO_MANY_EMPTY_PACKETS, -EPROTO, KTLS_TOO_MANY,
	  ALERT_UNEXPECTED_MESSAGE },
	{ GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS, -EPROTO, KTLS_TOO_MANY,
	  ALERT_UNEXPECTED_MESSAGE },
	{ GNUTLS_E_MEMORY_ERROR, -ENOMEM, KTLS_INTERNAL, DEFAULT },
};

static void send_alert(struct ktls_conn *c, int alert, int error)
{
	if (alert == DEFAULT)
		gnutls_alert_send_appropriate(c->tls, error);
	else
		gnutls_alert_send(c->tls, GNUTLS_AL_FATAL, alert);
}

/* Under c->sending: what GnuTLS said, as recv.c would have said it. */
static int translate(struct ktls_conn *c, int error)
{
	struct answer a = { error, -EPROTO, KTLS_UNEXPECTED, DEFAULT };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (answers[i].gnutls == error)
			a = answers[i];
	if (a.reason == KTLS_OK)
		return a.ret;
	if (c->in == 1)
		c->reason = a.reason;
	if (a.reason == KTLS_ALERT) {
		c->alert = gnutls_alert_get(c->tls);
		trace_late_alert(c, c->alert, true);
	}
	if (a.alert != ALERT_NONE && !atomic_exchange(&c->out_closed, true))
		send_alert(c, a.alert, error);
	return a.ret;
}

/* GnuTLS leaves it to us to refuse a renegotiation (RFC 5246 section 7.2.2). */
static void refuse_renegotiation(struct ktls_conn *c)
{
	gnutls_alert_send(c->tls, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
}

/* What came was no data. 0: read on. */
static int take_other(struct ktls_conn *c, int what)
{
	if (what != GNUTLS_E_REHANDSHAKE &&
	    what != GNUTLS_E_WARNING_ALERT_RECEIVED)
		return translate(c, what);
	if (c->idle++ == IDLE_MAX)
		return translate(c, GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS);
	if (what == GNUTLS_E_WARNING_ALERT_RECEIVED) {
		trace_late_alert(c, gnutls_alert_get(c->tls), false);
		return 0;
	}
	if (c->renegotiations++ == RENEGOTIATIONS_MAX)
		return translate(c, GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS);
	refuse_renegotiation(c);
	return 0;
}

static ssize_t receive(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n;

	while ((n = gnutls_record_recv(c->tls, buf, len)) < 0) {
		int ret = take_other(c, n);

		if (ret)
			return ret;
	}
	if (!n)
		trace_late_alert(c, ALERT_CLOSE_NOTIFY, false);
	c->idle = 0;
	return n;
}

static bool is_final(int ret)
{
	return ret && ret != -EAGAIN && ret != -EINTR;
}

/*
 * Reading is sending, too: alerts, refusals, and what is held. A socket tells
 * its error once only, and what came before it is still to be read.
 */
ssize_t user_recv(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n;
	int ret;

	pthread_mutex_lock(&c->sending);
	ret = flight_flush(&c->held, c->fd, MSG_DONTWAIT);
	n = receive(c, buf, len);
	if (n == -ECONNABORTED && is_final(ret)) {
		n = -ECONNRESET;
		c->reason = KTLS_LOST;
	}
	pthread_mutex_unlock(&c->sending);
	return n;
}

/* Under c->sending, as all below. 0: nothing is held. */
static int flush(struct ktls_conn *c, int flags)
{
	int ret = flight_flush(&c->held, c->fd, flags);

	return is_final(ret) ? translate(c, GNUTLS_E_PUSH_ERROR) : ret;
}

/*
 * Only what has left is told of as sent, since nobody would call again to
 * send the rest; a call with the same data, as every caller of send() makes it
 * after -EAGAIN, is told then.
 */
static ssize_t send_data(struct ktls_conn *c, const void *buf, size_t len,
			 int flags)
{
	ssize_t n = flush(c, flags);

	if (!n && !c->accepted) {
		n = gnutls_record_send(c->tls, buf, len);
		if (n < 0)
			return translate(c, n);
		c->accepted = n;
		n = flush(c, flags);
	}
	if (n)
		return n;
	n = c->accepted < len ? c->accepted : len;
	c->accepted -= n;
	return n;
}

ssize_t user_send(struct ktls_conn *c, const void *buf, size_t len, int flags)
{
	ssize_t n;

	pthread_mutex_lock(&c->sending);
	n = c->out_closed ? -EPIPE :
			    send_data(c, buf, len, flags & MSG_DONTWAIT);
	pthread_mutex_unlock(&c->sending);
	return n;
}

ssize_t user_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len)
{
	unsigned char buf[RECORD_MAX], *data = NULL;
	ssize_t n = len, sent;

	if (!c->accepted) {	/* else the file may have shrunk since */
		data = buf;
		n = pread(file, buf, len < sizeof(buf) ? len : sizeof(buf),
			  *off);
		if (n <= 0)
			return n < 0 ? -errno : 0;
	}
	sent = user_send(c, data, n, 0);
	if (sent > 0)
		*off += sent;
	return sent;
}

static int update(struct ktls_conn *c, bool request)
{
	int ret = flush(c, MSG_DONTWAIT);

	if (ret)
		return ret;
	ret = gnutls_session_key_update(c->tls, request ? GNUTLS_KU_PEER : 0);
	return ret ? translate(c, ret) : 0;
}

int user_update(struct ktls_conn *c, bool request)
{
	int ret;

	pthread_mutex_lock(&c->sending);
	ret = c->out_closed ? -EPIPE : update(c, request);
	pthread_mutex_unlock(&c->sending);
	return ret;
}

static int shut(struct ktls_conn *c)
{
	int ret = flush(c, MSG_DONTWAIT);

	if (ret || c->out_closed)
		return ret;
	ret = gnutls_bye(c->tls, GNUTLS_SHUT_WR);
	if (ret)
		return translate(c, ret);
	c->out_closed = true;
	return flush(c, MSG_DONTWAIT);
}

int user_shutdown(struct ktls_conn *c)
{
	int ret;

	pthread_mutex_lock(&c->sending);
	ret = shut(c);
	pthread_mutex_unlock(&c->sending);
	return ret;
}
