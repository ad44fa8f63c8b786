// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where the kernel does not do the records, GnuTLS does, in this process. */
#include <errno.h>

#include "internal.h"

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct ktls_conn *c = ptr;
	ssize_t n = recv(c->fd, buf, len, MSG_DONTWAIT);

	if (n < 0)
		gnutls_transport_set_errno(c->tls, errno);
	return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct ktls_conn *c = ptr;
	ssize_t n = send(c->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		gnutls_transport_set_errno(c->tls, errno);
	return n;
}

void user_adopt(struct ktls_conn *c, gnutls_session_t tls)
{
	c->tls = tls;
	gnutls_session_set_ptr(tls, NULL);
	gnutls_handshake_set_hook_function(tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, NULL);
	gnutls_transport_set_ptr(tls, c);
	gnutls_transport_set_pull_function(tls, pull);
	gnutls_transport_set_vec_push_function(tls, NULL);
	gnutls_transport_set_push_function(tls, push);
}

static const struct answer {
	int gnutls, ret;
	enum ktls_reason reason;
} answers[] = {
	{ GNUTLS_E_AGAIN, -EAGAIN, KTLS_OK },
	{ GNUTLS_E_INTERRUPTED, -EINTR, KTLS_OK },
	{ GNUTLS_E_PREMATURE_TERMINATION, -ECONNABORTED, KTLS_TRUNCATED },
	{ GNUTLS_E_FATAL_ALERT_RECEIVED, -ECONNRESET, KTLS_ALERT },
	{ GNUTLS_E_PULL_ERROR, -ECONNRESET, KTLS_LOST },
	{ GNUTLS_E_PUSH_ERROR, -ECONNRESET, KTLS_LOST },
	{ GNUTLS_E_DECRYPTION_FAILED, -EBADMSG, KTLS_BAD_RECORD },
};

static int translate(struct ktls_conn *c, int error)
{
	struct answer a = { error, -EPROTO, KTLS_UNEXPECTED };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (answers[i].gnutls == error)
			a = answers[i];
	c->reason = a.reason;
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		c->alert = gnutls_alert_get(c->tls);
	return a.ret;
}

ssize_t user_recv(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n = gnutls_record_recv(c->tls, buf, len);

	return n < 0 ? translate(c, n) : n;
}

ssize_t user_send(struct ktls_conn *c, const void *buf, size_t len, int flags)
{
	ssize_t n = gnutls_record_send(c->tls, buf, len);

	(void)flags;
	return n < 0 ? translate(c, n) : n;
}

int user_shutdown(struct ktls_conn *c)
{
	int ret = gnutls_bye(c->tls, GNUTLS_SHUT_WR);

	if (ret)
		return translate(c, ret);
	c->out_closed = true;
	return 0;
}
