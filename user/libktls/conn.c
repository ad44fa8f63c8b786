// SPDX-License-Identifier: LGPL-2.1-or-later
/* A connection: its socket, its facts, and what a key update needs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* What TLS_TX_MAX_PAYLOAD_LEN has been set to, where the kernel knows it. */
static uint16_t payload_of(int fd)
{
	uint16_t payload = RECORD_MAX;
	socklen_t len = sizeof(payload);

	if (getsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &payload, &len) ||
	    !payload || payload > RECORD_MAX)
		return RECORD_MAX;
	return payload;
}

struct ktls_conn *connection_new(int fd, const struct ktls_info *info)
{
	struct ktls_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->in = 1;
	c->alert = -1;
	c->info = *info;
	c->payload = payload_of(fd);
	c->records = RECORDS_UNKNOWN;
	c->start_ns = clock_ns();
	pthread_mutex_init(&c->sending, NULL);
	return c;
}

struct ktls_conn *connection_from(struct ktls_session *s)
{
	struct ktls_conn *c = connection_new(s->fd, &s->info);

	if (!c)
		return NULL;
	c->start_ns = s->start_ns;
	c->identity = s->identity;
	s->identity = NULL;
	if (s->info.tx_mode == KTLS_MODE_USER) {
		user_adopt(c, s->tls);
		s->tls = NULL;
	} else {
		c->secrets = s->secrets;
	}
	resume_keep(c, s);
	return c;
}

int ktls_conn_fd(const struct ktls_conn *c)
{
	return c->fd;
}

const struct ktls_info *ktls_conn_info(const struct ktls_conn *c)
{
	return &c->info;
}

const struct ktls_identity *ktls_conn_identity(const struct ktls_conn *c)
{
	return c->identity;
}

enum ktls_reason ktls_conn_reason(const struct ktls_conn *c)
{
	return c->reason;
}

int ktls_conn_alert(const struct ktls_conn *c)
{
	return c->alert;
}

void ktls_conn_close(struct ktls_conn *c)
{
	if (!c)
		return;
	if (c->tls)
		gnutls_deinit(c->tls);
	flight_drop(&c->held);
	resume_drop(c);
	close(c->fd);
	message_drop(c);
	pthread_mutex_destroy(&c->sending);
	free(c->identity);
	explicit_bzero(c, sizeof(*c));
	free(c);
}
