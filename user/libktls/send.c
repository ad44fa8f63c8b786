// SPDX-License-Identifier: LGPL-2.1-or-later
/* Plaintext into a kernel TLS socket, and close_notify behind it. */
#include <errno.h>
#include <sys/sendfile.h>

#include "internal.h"

/* At most so many records come of @len bytes: one may have been begun. */
#define SURPLUS 2

/*
 * Key updates go first, and no call sends more than one key may encrypt.
 * Holds c->sending when it returns 0.
 */
static int begin(struct ktls_conn *c, size_t *len)
{
	uint64_t room = update_room(c) - SURPLUS;
	int ret;

	if (c->out_closed)
		return -EPIPE;
	if (*len / RECORD_MAX >= room)
		*len = room * RECORD_MAX;
	pthread_mutex_lock(&c->sending);
	ret = update_before(c, *len / RECORD_MAX + SURPLUS);
	if (ret)
		pthread_mutex_unlock(&c->sending);
	return ret;
}

/* A reader may have found us sending, and have left the answer to us. */
static ssize_t finish(struct ktls_conn *c, ssize_t n)
{
	ssize_t ret = n < 0 ? -errno : n;

	pthread_mutex_unlock(&c->sending);
	update_answer(c);
	return ret;
}

ssize_t ktls_send(struct ktls_conn *c, const void *buf, size_t len, int flags)
{
	int ret;

	if (c->tls)
		return user_send(c, buf, len);
	ret = begin(c, &len);
	if (ret)
		return ret;
	return finish(c, send(c->fd, buf, len, flags | MSG_NOSIGNAL));
}

ssize_t ktls_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len)
{
	int ret;

	if (c->tls)
		return user_sendfile(c, file, off, len);
	ret = begin(c, &len);
	if (ret)
		return ret;
	return finish(c, sendfile(c->fd, file, off, len));
}

int ktls_shutdown(struct ktls_conn *c)
{
	const unsigned char alert[2] = { ALERT_WARNING, ALERT_CLOSE_NOTIFY };
	int ret;

	if (c->out_closed)
		return 0;
	if (c->tls)
		return user_shutdown(c);
	pthread_mutex_lock(&c->sending);
	ret = control_send(c->fd, RECORD_ALERT, alert, sizeof(alert));
	if (!ret)
		c->out_closed = true;
	pthread_mutex_unlock(&c->sending);
	return ret;
}
