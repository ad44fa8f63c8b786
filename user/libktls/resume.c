// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a client needs to come back. In TLS 1.2 it is there after the
 * handshake. In TLS 1.3 (RFC 8446 section 4.6.1) tickets come later, when the
 * kernel already has the keys, but they are worth nothing without a secret
 * that only GnuTLS holds: so its session stays until the connection ends. It
 * is fed tickets and nothing else, and never gets near the socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/* Each takes the place of the last; who sends more is not after resumption. */
#define TICKETS_MAX 1000

#define LIFETIME_MAX (7 * 24 * 3600)	/* RFC 8446 section 4.6.1 */

/* A ticket as our callers keep it; GnuTLS's part follows. */
struct blob {
	char magic[8];
	uint64_t until;
	char name[256];			/* whom it was got from */
	unsigned char data[];
};

static const char magic[8] = "KTLSTK1";

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void note_lifetime(struct ktls_conn *c)
{
	uint32_t lifetime = c->ticket_lifetime;

	if (lifetime > LIFETIME_MAX)
		lifetime = LIFETIME_MAX;
	c->ticket_until = time(NULL) + lifetime;
	if (c->valid_until && c->ticket_until > c->valid_until)
		c->ticket_until = c->valid_until;
}

/*
 * Until a ticket is read to its end there is none: GnuTLS drops the old one
 * first, and would not survive being asked for half of a new one.
 */
static int on_ticket(gnutls_session_t tls, unsigned int type, unsigned int when,
		     unsigned int incoming, const gnutls_datum_t *msg)
{
	struct ktls_conn *c = gnutls_session_get_ptr(tls);

	(void)type;
	if (!incoming)
		return 0;
	if (when == GNUTLS_HOOK_POST) {
		note_lifetime(c);
		return 0;
	}
	c->ticket_until = 0;
	c->ticket_lifetime = msg->size >= 4 ? get32(msg->data) : 0;
	if (c->tls)		/* the kernel's came by conn_take_ticket() */
		trace_late_ticket(c, c->ticket_lifetime, 4 + msg->size);
	return 0;
}

static void watch(struct ktls_conn *c, gnutls_session_t tls)
{
	gnutls_session_set_ptr(tls, c);
	gnutls_handshake_set_hook_function(tls,
					   GNUTLS_HANDSHAKE_NEW_SESSION_TICKET,
					   GNUTLS_HOOK_BOTH, on_ticket);
}

static ssize_t no_push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	(void)ptr;
	(void)buf;
	(void)len;
	errno = EPIPE;
	return -1;
}

static ssize_t no_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	(void)ptr;
	(void)buf;
	(void)len;
	errno = EPIPE;
	return -1;
}

/* It only has to be set: it marks a session that is fed by hand. */
static int no_read(gnutls_session_t tls, gnutls_record_encryption_level_t level,
		   gnutls_handshake_description_t type, const void *data,
		   size_t size)
{
	(void)tls;
	(void)level;
	(void)type;
	(void)data;
	(void)size;
	return 0;
}

static void cut_off(gnutls_session_t tls)
{
	gnutls_handshake_set_hook_function(tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, NULL);
	gnutls_handshake_set_secret_function(tls, NULL);
	gnutls_transport_set_ptr(tls, NULL);
	gnutls_transport_set_pull_function(tls, no_pull);
	gnutls_transport_set_vec_push_function(tls, NULL);
	gnutls_transport_set_push_function(tls, no_push);
	gnutls_handshake_set_read_function(tls, no_read);
}

/* A server that gave neither a ticket nor a session's number keeps nothing. */
static bool came_in_handshake(gnutls_session_t tls)
{
	gnutls_datum_t id = {};

	gnutls_session_get_id2(tls, &id);
	return id.size || gnutls_session_is_resumed(tls) ||
	       gnutls_session_get_flags(tls) & GNUTLS_SFLAGS_SESSION_TICKET;
}

/* Without memory there is no resumption, and nothing else is lost. */
void resume_keep(struct ktls_conn *c, struct ktls_session *s)
{
	gnutls_session_t tls = c->tls ? c->tls : s->tls;

	if (c->tls)
		c->config = ktls_config_get(s->config);
	if (!s->info.client || s->config->o.no_tickets)
		return;
	c->valid_until = s->valid_until;
	if (s->info.version == TLS_1_2_VERSION) {
		if (came_in_handshake(tls) &&
		    !gnutls_session_get_data2(tls, &c->ticket))
			c->ticket_until = c->valid_until ? c->valid_until :
					  time(NULL) + LIFETIME_MAX;
		return;
	}
	if (!c->tls) {
		c->config = ktls_config_get(s->config);
		c->resumption = s->tls;
		s->tls = NULL;
		cut_off(c->resumption);
	}
	watch(c, c->tls ? c->tls : c->resumption);
}

static void wipe(gnutls_datum_t *d)
{
	if (d->data)
		explicit_bzero(d->data, d->size);
	gnutls_free(d->data);
	*d = (gnutls_datum_t){};
}

void resume_drop(struct ktls_conn *c)
{
	if (c->resumption)
		gnutls_deinit(c->resumption);	/* wipes; no bye, no socket */
	c->resumption = NULL;
	wipe(&c->ticket);
	ktls_config_put(c->config);
	c->config = NULL;
}

static int bad_ticket(struct ktls_conn *c, enum ktls_reason reason)
{
	c->reason = reason;
	c->ticket_until = 0;	/* who errs is not to be trusted with one */
	return -EPROTO;
}

int conn_take_ticket(struct ktls_conn *c, const unsigned char *msg, size_t len)
{
	if (len < 4 + 8 || msg[0] != GNUTLS_HANDSHAKE_NEW_SESSION_TICKET ||
	    (get32(msg) & 0xffffff) != len - 4)
		return bad_ticket(c, KTLS_MALFORMED);
	if (!c->info.client)
		return bad_ticket(c, KTLS_UNEXPECTED);
	if (++c->tickets > TICKETS_MAX)
		return bad_ticket(c, KTLS_TOO_MANY);
	trace_late_ticket(c, get32(msg + 4), len);
	/* Lifetime 0 means that it is not to be kept. */
	if (!c->resumption || !get32(msg + 4))
		return 0;
	if (gnutls_handshake_write(c->resumption,
				   GNUTLS_ENCRYPTION_LEVEL_APPLICATION,
				   msg, len))
		return bad_ticket(c, KTLS_MALFORMED);
	return 0;
}

/* 0 with GnuTLS's part, which the caller wipes. */
static int newest(struct ktls_conn *c, gnutls_datum_t *out)
{
	gnutls_session_t tls = c->resumption ? c->resumption : c->tls;

	if (time(NULL) >= c->ticket_until)
		return -ENOENT;
	if (c->ticket.size) {
		out->data = gnutls_malloc(c->ticket.size);
		if (!out->data)
			return -ENOMEM;
		out->size = c->ticket.size;
		memcpy(out->data, c->ticket.data, out->size);
		return 0;
	}
	if (!(gnutls_session_get_flags(tls) & GNUTLS_SFLAGS_SESSION_TICKET))
		return -ENOENT;
	return gnutls_session_get_data2(tls, out) ? -ENOENT : 0;
}

int ktls_conn_ticket(struct ktls_conn *c, void **out, size_t *len)
{
	gnutls_datum_t data = {};
	struct blob *blob;
	int ret = newest(c, &data);

	if (ret)
		return ret;
	blob = calloc(1, sizeof(*blob) + data.size);
	if (blob) {
		memcpy(blob->magic, magic, sizeof(magic));
		blob->until = c->ticket_until;
		strcpy(blob->name, c->info.sni);
		memcpy(blob->data, data.data, data.size);
		*out = blob;
		*len = sizeof(*blob) + data.size;
	}
	wipe(&data);
	return blob ? 0 : -ENOMEM;
}

void ktls_ticket_free(void *ticket, size_t len)
{
	if (ticket)
		explicit_bzero(ticket, len);
	free(ticket);
}

/* What of one peer's would tell another who we are, and fail besides. */
static bool is_for(const struct blob *b, const struct ktls_session *s)
{
	return !memcmp(b->magic, magic, sizeof(magic)) &&
	       memchr(b->name, '\0', sizeof(b->name)) &&
	       !strcasecmp(b->name, s->name ? s->name : "");
}

int ktls_session_resume(struct ktls_session *s, const void *ticket, size_t len)
{
	const struct blob *b = ticket;
	struct blob head;

	if (!s->tls || !s->config->o.client || s->config->o.no_tickets ||
	    (int)gnutls_handshake_get_last_out(s->tls) != -1 ||
	    len <= sizeof(head))
		return -EINVAL;
	memcpy(&head, ticket, sizeof(head));	/* it may not be aligned */
	if (!is_for(&head, s))
		return -EINVAL;
	if ((uint64_t)time(NULL) >= head.until)
		return -ESTALE;
	return gnutls_session_set_data(s->tls, b->data, len - sizeof(head)) ?
	       -EINVAL : 0;
}
