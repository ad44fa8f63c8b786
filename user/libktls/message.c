// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handshake messages behind the handshake (RFC 8446 section 4.6, RFC 5246
 * section 7.4.1): put together from their records, and each to who wants it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define HEADER 4			/* type, and three bytes of length */

/* A ticket with a client's certificate in it is some 2 KB; 64 KB the format. */
#define MESSAGE_MAX 32768

static int take_update(struct ktls_conn *c, const unsigned char *m, size_t len)
{
	return update_take(c, m + HEADER, len - HEADER);
}

static int take_ticket(struct ktls_conn *c, const unsigned char *m, size_t len)
{
	int ret = conn_take_ticket(c, m, len);

	if (!ret)
		return 0;
	return recv_fail(c, ret, c->reason, c->reason == KTLS_MALFORMED ?
			 ALERT_DECODE_ERROR : ALERT_UNEXPECTED_MESSAGE);
}

static int refuse_renegotiation(struct ktls_conn *c, const unsigned char *m,
				size_t len)
{
	(void)m;
	(void)len;
	if (c->renegotiations++ == RENEGOTIATIONS_MAX)
		return recv_fail(c, -EPROTO, KTLS_TOO_MANY,
				 ALERT_UNEXPECTED_MESSAGE);
	atomic_store(&c->refusal_owed, true);
	send_owed(c);
	return 0;
}

enum { SERVER = 1, CLIENT = 2 };

static const struct message {
	unsigned char type;
	uint16_t version;
	unsigned int roles;		/* who may get it */
	bool last;			/* nothing may follow in its record */
	int (*take)(struct ktls_conn *c, const unsigned char *m, size_t len);
} messages[] = {
	/* RFC 8446 section 5.1: a change of keys ends its record. */
	{ MESSAGE_KEY_UPDATE, TLS_1_3_VERSION, SERVER | CLIENT, true,
	  take_update },
	{ MESSAGE_NEW_SESSION_TICKET, TLS_1_3_VERSION, CLIENT, false,
	  take_ticket },
	{ MESSAGE_HELLO_REQUEST, TLS_1_2_VERSION, CLIENT, false,
	  refuse_renegotiation },
	{ MESSAGE_CLIENT_HELLO, TLS_1_2_VERSION, SERVER, false,
	  refuse_renegotiation },
};

static const struct message *find(const struct ktls_conn *c, unsigned char type)
{
	unsigned int role = c->info.client ? CLIENT : SERVER;

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].type == type && (messages[i].roles & role) &&
		    messages[i].version == c->info.version)
			return &messages[i];
	return NULL;
}

/*
 * One message at most, of @len bytes up to the end of a record: the bytes
 * eaten, 0 when there are too few, or -errno.
 */
static ssize_t take_one(struct ktls_conn *c, const unsigned char *buf,
			size_t len)
{
	const struct message *m = find(c, buf[0]);
	size_t want;
	int ret;

	if (!m)
		return recv_fail(c, -EPROTO, KTLS_UNEXPECTED,
				 ALERT_UNEXPECTED_MESSAGE);
	if (len < HEADER)
		return 0;
	want = HEADER + (buf[1] << 16 | buf[2] << 8 | buf[3]);
	if (want > MESSAGE_MAX)
		return recv_fail(c, -EPROTO, KTLS_TOO_LONG, ALERT_DECODE_ERROR);
	if (len < want)
		return 0;
	if (m->last && len != want)
		return recv_fail(c, -EPROTO, KTLS_UNEXPECTED,
				 ALERT_UNEXPECTED_MESSAGE);
	ret = m->take(c, buf, want);
	return ret ? ret : (ssize_t)want;
}

/* What is left of @buf waits for the next record. */
static int keep(struct ktls_conn *c, const unsigned char *buf, size_t len)
{
	unsigned char *copy = NULL;

	if (len) {
		copy = malloc(len);
		if (!copy)
			return recv_fail(c, -ENOMEM, KTLS_INTERNAL,
					 ALERT_INTERNAL_ERROR);
		memcpy(copy, buf, len);
	}
	message_drop(c);
	c->partial = copy;
	c->partial_len = len;
	return 0;
}

void message_drop(struct ktls_conn *c)
{
	if (c->partial)
		explicit_bzero(c->partial, c->partial_len);
	free(c->partial);
	c->partial = NULL;
	c->partial_len = 0;
}

static int take_all(struct ktls_conn *c, const unsigned char *buf, size_t len)
{
	size_t off = 0;

	while (off < len) {
		ssize_t n = take_one(c, buf + off, len - off);

		if (n < 0)
			return n;
		if (!n)
			break;
		off += n;
	}
	return keep(c, buf + off, len - off);
}

int message_take(struct ktls_conn *c, const unsigned char *buf, size_t len)
{
	unsigned char *all;
	size_t all_len = c->partial_len + len;
	int ret;

	if (!len)		/* RFC 8446 section 5.1 */
		return recv_fail(c, -EPROTO, KTLS_UNEXPECTED,
				 ALERT_UNEXPECTED_MESSAGE);
	if (!c->partial)
		return take_all(c, buf, len);
	if (all_len > MESSAGE_MAX + RECORD_MAX)
		return recv_fail(c, -EPROTO, KTLS_TOO_LONG, ALERT_DECODE_ERROR);
	all = malloc(all_len);
	if (!all)
		return recv_fail(c, -ENOMEM, KTLS_INTERNAL,
				 ALERT_INTERNAL_ERROR);
	memcpy(all, c->partial, c->partial_len);
	memcpy(all + c->partial_len, buf, len);
	ret = take_all(c, all, all_len);
	explicit_bzero(all, all_len);
	free(all);
	return ret;
}
