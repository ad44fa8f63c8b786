// SPDX-License-Identifier: LGPL-2.1-or-later
/* Plaintext into a kernel TLS socket, and close_notify behind it. */
#include <errno.h>
#include <sys/sendfile.h>

#include "internal.h"

/* What went wrong in receiving would else be the answer to the next send. */
static void clear_error(int fd)
{
	int error;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static void send_refusal(struct ktls_conn *c)
{
	const unsigned char alert[2] = { ALERT_WARNING, ALERT_NO_RENEGOTIATION };

	if (atomic_exchange(&c->refusal_owed, false) &&
	    control_send(c->fd, RECORD_ALERT, alert, sizeof(alert)) == -EAGAIN)
		atomic_store(&c->refusal_owed, true);
}

static bool is_owed(const struct ktls_conn *c)
{
	return atomic_load(&c->alert_owed) || atomic_load(&c->answer_owed) ||
	       atomic_load(&c->refusal_owed);
}

void send_owed(struct ktls_conn *c)
{
	unsigned char record[2] = { ALERT_FATAL };

	if (!is_owed(c) || pthread_mutex_trylock(&c->sending))
		return;
	record[1] = atomic_exchange(&c->alert_owed, 0);
	if (record[1]) {
		clear_error(c->fd);
		control_send(c->fd, RECORD_ALERT, record, sizeof(record));
	} else if (!c->out_closed) {
		send_refusal(c);
		update_before(c, 0);
	}
	pthread_mutex_unlock(&c->sending);
}

/*
 * Key updates go first, and no call sends more than one key may encrypt.
 * Holds c->sending when it returns 0.
 */
static int begin(struct ktls_conn *c, size_t *len)
{
	uint64_t room = update_room(c) - update_records(c, 0);
	int ret;

	if (*len / c->payload >= room)
		*len = room * c->payload;
	pthread_mutex_lock(&c->sending);
	ret = c->out_closed ? -EPIPE :
	      update_before(c, update_records(c, *len));
	if (ret)
		pthread_mutex_unlock(&c->sending);
	return ret;
}

/* A reader may have found us sending, and have left its part to us. */
static ssize_t finish(struct ktls_conn *c, ssize_t n)
{
	ssize_t ret = n < 0 ? -errno : n;

	pthread_mutex_unlock(&c->sending);
	send_owed(c);
	return ret;
}

ssize_t ktls_send(struct ktls_conn *c, const void *buf, size_t len, int flags)
{
	int ret;

	if (c->tls)
		return user_send(c, buf, len, flags);
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
	int ret = 0;

	if (c->tls)
		return user_shutdown(c);
	pthread_mutex_lock(&c->sending);
	if (!c->out_closed) {
		ret = control_send(c->fd, RECORD_ALERT, alert, sizeof(alert));
		if (!ret)
			c->out_closed = true;
	}
	pthread_mutex_unlock(&c->sending);
	send_owed(c);
	return ret;
}
