// SPDX-License-Identifier: LGPL-2.1-or-later
/* The server's handshake, by GnuTLS, on a socket that does not block. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * What a client may send in its whole handshake; 1 to 4 KB are usual. GnuTLS
 * has no such bound: it would gather a message of 16 MB, and copy it anew
 * with each record.
 */
#define RECEIVED_MAX 65536

/* Warnings and other interruptions that one call bears. */
#define INTERRUPTIONS_MAX 16

static int attach_ulp(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return -errno;
	return 0;
}

/* Our flight is several sends: without this each waits for the last's ACK. */
static int hurry(struct ktls_session *s)
{
	socklen_t len = sizeof(s->nodelay);
	int on = 1;

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &s->nodelay, &len) ||
	    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -errno;
	return 0;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct ktls_session *s = ptr;
	ssize_t n;

	if (s->received >= RECEIVED_MAX) {
		gnutls_transport_set_errno(s->tls, EMSGSIZE);
		return -1;
	}
	n = recv(s->fd, buf, len, MSG_DONTWAIT);
	if (n < 0)
		gnutls_transport_set_errno(s->tls, errno);
	else
		s->received += n;
	return n;
}

static int open_tls(struct ktls_session *s, const struct ktls_credentials *c)
{
	int ret;

	ret = gnutls_init(&s->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK |
				   GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS);
	if (ret) {
		s->tls = NULL;
		return -ENOMEM;
	}
	if (credentials_use(c, s->tls))
		return -ENOMEM;
	gnutls_transport_set_int(s->tls, s->fd);
	gnutls_transport_set_pull_function(s->tls, pull);
	gnutls_transport_set_ptr2(s->tls, s, (void *)(intptr_t)s->fd);
	limit_watch(s);
	return 0;
}

int ktls_session_new(struct ktls_session **out,
		     const struct ktls_credentials *c, int fd)
{
	struct ktls_session *s;
	socklen_t len = sizeof(s->info.peer);
	int ret;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	ret = attach_ulp(fd);
	if (ret)
		goto free_session;
	if (getpeername(fd, (struct sockaddr *)&s->info.peer, &len)) {
		ret = -errno;
		goto free_session;
	}
	ret = hurry(s);
	if (ret)
		goto free_session;
	ret = open_tls(s, c);
	if (ret)
		goto free_session;
	*out = s;
	return 0;

free_session:
	ktls_session_free(s);
	return ret;
}

static void note_names(struct ktls_session *s)
{
	size_t size = sizeof(s->info.sni) - 1;
	gnutls_datum_t alpn;
	unsigned int type;

	/* On failure it may have written a part: begin anew. */
	if (gnutls_server_name_get(s->tls, s->info.sni, &size, &type, 0))
		s->info.sni[0] = '\0';
	if (!gnutls_alpn_get_selected_protocol(s->tls, &alpn))
		memcpy(s->info.alpn, alpn.data, alpn.size);
}

static int finish(struct ktls_session *s)
{
	const struct cipher *c;

	note_names(s);
	c = cipher_by_gnutls(gnutls_cipher_get(s->tls));
	if (!c)			/* the priority string forbids it */
		return session_fail(s, -EPROTONOSUPPORT,
				    "the kernel has no such cipher");
	s->info.cipher = c->kernel;
	s->info.version = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3 ?
			  TLS_1_3_VERSION : TLS_1_2_VERSION;
	s->done = true;
	return 0;
}

int ktls_session_handshake(struct ktls_session *s)
{
	int ret = GNUTLS_E_INTERRUPTED;

	if (s->done)
		return 0;
	if (!s->tls || s->error.text[0])
		return -EINVAL;		/* it has failed before */
	for (int i = 0; i < INTERRUPTIONS_MAX; i++) {
		ret = gnutls_handshake(s->tls);
		if (!ret)
			return finish(s);
		if (ret == GNUTLS_E_AGAIN)
			return -EAGAIN;
		if (gnutls_error_is_fatal(ret))
			break;
	}
	note_names(s);
	if (s->received >= RECEIVED_MAX)
		ret = GNUTLS_E_HANDSHAKE_TOO_LARGE;
	return session_give_up(s, ret);
}

short ktls_session_events(const struct ktls_session *s)
{
	return s->tls && gnutls_record_get_direction(s->tls) ? POLLOUT : POLLIN;
}

const struct ktls_info *ktls_session_info(const struct ktls_session *s)
{
	return &s->info;
}

const char *ktls_session_error(const struct ktls_session *s)
{
	return s->error.text;
}

/* Leaves nothing of the session's secrets. No bye: it would be a record. */
void session_forget(struct ktls_session *s)
{
	if (!s->tls)
		return;
	gnutls_deinit(s->tls);
	s->tls = NULL;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &s->nodelay,
		   sizeof(s->nodelay));
}

void ktls_session_free(struct ktls_session *s)
{
	if (!s)
		return;
	session_forget(s);
	free(s);
}
