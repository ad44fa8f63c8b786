// SPDX-License-Identifier: LGPL-2.1-or-later
/* A handshake in either role, by GnuTLS, on a socket that does not block. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * What a peer may send in its whole handshake; 1 to 4 KB are usual. GnuTLS
 * has no such bound: it would gather a message of 16 MB, and copy it anew
 * with each record.
 */
#define RECEIVED_MAX 65536

/* Warnings and other interruptions that one call bears. */
#define INTERRUPTIONS_MAX 16

static int attach_ulp(struct ktls_session *s)
{
	enum ktls_offload want = s->config->o.offload;

	if (want == KTLS_OFFLOAD_NEVER)
		return 0;
	s->ulp = !setsockopt(s->fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));
	return s->ulp || want == KTLS_OFFLOAD_PREFER ? 0 : -errno;
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

void session_unhurry(struct ktls_session *s)
{
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &s->nodelay,
		   sizeof(s->nodelay));
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

/* A name on the wire is a host's, never an address (RFC 6066 section 3). */
static bool is_address(const char *name)
{
	unsigned char waste[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, waste) == 1 ||
	       inet_pton(AF_INET6, name, waste) == 1;
}

static int set_name(struct ktls_session *s, const char *name)
{
	if (!name)
		return 0;
	s->name = strdup(name);
	if (!s->name)
		return -ENOMEM;
	if (is_address(name))
		return 0;
	return gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, name,
				      strlen(name)) ? -EINVAL : 0;
}

static int open_tls(struct ktls_session *s, const char *name)
{
	unsigned int role = s->config->o.client ? GNUTLS_CLIENT : GNUTLS_SERVER;
	int ret;

	ret = gnutls_init(&s->tls, role | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
				   GNUTLS_NO_TICKETS);
	if (ret) {
		s->tls = NULL;
		return -ENOMEM;
	}
	if (config_use(s->config, s->tls))
		return -ENOMEM;
	gnutls_transport_set_int(s->tls, s->fd);
	gnutls_transport_set_pull_function(s->tls, pull);
	gnutls_transport_set_ptr2(s->tls, s, (void *)(intptr_t)s->fd);
	hook_install(s);
	secrets_watch(s);
	return set_name(s, name);
}

int ktls_session_new(struct ktls_session **out, struct ktls_config *c, int fd,
		     const char *name)
{
	struct ktls_session *s;
	socklen_t len = sizeof(s->info.peer);
	int ret;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	s->start_ns = clock_ns();
	s->config = ktls_config_get(c);
	s->info.client = c->o.client;
	s->error.alert_sent = s->error.alert_received = -1;
	ret = attach_ulp(s);
	if (ret)
		goto free_session;
	if (getpeername(fd, (struct sockaddr *)&s->info.peer, &len)) {
		ret = -errno;
		goto free_session;
	}
	ret = hurry(s);
	if (ret)
		goto free_session;
	ret = open_tls(s, name);
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

	if (s->name)
		snprintf(s->info.sni, sizeof(s->info.sni), "%s", s->name);
	/* On failure it may have written a part: begin anew. */
	else if (gnutls_server_name_get(s->tls, s->info.sni, &size, &type, 0))
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
		return session_fail(s, -EPROTONOSUPPORT, KTLS_NO_CIPHER,
				    "the kernel has no such cipher");
	s->info.cipher = c->kernel;
	s->info.version = gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3 ?
			  TLS_1_3_VERSION : TLS_1_2_VERSION;
	s->info.resumed = gnutls_session_is_resumed(s->tls) != 0;
	s->info.group = group_of(s->tls);
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
		if (!ret) {
			ret = finish(s);
			if (ret)
				trace_failed(s);
			return ret;
		}
		if (ret == GNUTLS_E_AGAIN)
			return -EAGAIN;
		if (ret == GNUTLS_E_WARNING_ALERT_RECEIVED)
			trace_alert(s, gnutls_alert_get(s->tls), false, true);
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

const struct ktls_identity *ktls_session_identity(const struct ktls_session *s)
{
	return s->identity;
}

const struct ktls_error *ktls_session_error(const struct ktls_session *s)
{
	return &s->error;
}

/* Leaves nothing of the session's secrets. No bye: it would be a record. */
void session_forget(struct ktls_session *s)
{
	explicit_bzero(&s->secrets, sizeof(s->secrets));
	if (!s->tls)
		return;
	gnutls_deinit(s->tls);
	s->tls = NULL;
	session_unhurry(s);
}

void ktls_session_free(struct ktls_session *s)
{
	if (!s)
		return;
	session_forget(s);
	ktls_config_put(s->config);
	free(s->identity);
	free(s->name);
	free(s);
}
