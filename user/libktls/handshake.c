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
		return verify_wants(s->config) && s->config->o.client &&
		       !s->config->trust.pins_count ? -EINVAL : 0;
	if (!*name || strlen(name) >= sizeof(s->info.sni))
		return -EINVAL;
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
	const struct ktls_options *o = &s->config->o;
	unsigned int role = o->client ? GNUTLS_CLIENT : GNUTLS_SERVER;
	int ret;

	if (!o->client || o->no_tickets)
		role |= GNUTLS_NO_TICKETS;
	ret = gnutls_init(&s->tls, role | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	if (ret) {
		s->tls = NULL;
		return -ENOMEM;
	}
	if (config_use(s->config, s->tls))
		return -ENOMEM;
	flight_use(s);
	hook_install(s);
	secrets_watch(s);
	verify_install(s);
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
	s->alert = s->clear_alert = s->error.alert_sent = s->error.alert_received = -1;
	ret = attach_ulp(s);
	if (ret)
		goto free_session;
	if (getpeername(fd, (struct sockaddr *)&s->info.peer, &len)) {
		ret = -errno;
		goto free_session;
	}
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
	gnutls_datum_t alpn;

	if (s->name)		/* a server's is in place: select.c */
		snprintf(s->info.sni, sizeof(s->info.sni), "%s", s->name);
	if (!gnutls_alpn_get_selected_protocol(s->tls, &alpn))
		memcpy(s->info.alpn, alpn.data, alpn.size);
}

/* What is still to be sent. 0: nothing is. */
static int leave(struct ktls_session *s)
{
	int ret = flight_send(s);

	if (!ret || ret == -EAGAIN)
		return ret;
	ret = session_fail(s, -ECONNRESET, KTLS_LOST, "%s",
			   ktls_reason_text(KTLS_LOST));
	trace_failed(s);
	return ret;
}

static int finish(struct ktls_session *s)
{
	const struct cipher *c;
	int ret;

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
	ret = ticket_check(s);
	if (!ret)
		ret = limit_check(s);
	if (ret)
		return session_give_up(s, ret);
	ret = s->judged ? 0 : verify_again(s);
	if (ret)
		return ret;
	s->done = true;
	return leave(s);
}

int ktls_session_handshake(struct ktls_session *s)
{
	int ret = GNUTLS_E_INTERRUPTED;

	if (!s->tls || s->error.text[0])
		return -EINVAL;		/* it has failed before */
	if (s->done)
		return leave(s);
	for (int i = 0; i < INTERRUPTIONS_MAX; i++) {
		ret = gnutls_handshake(s->tls);
		if (!ret) {
			ret = finish(s);
			if (ret && ret != -EAGAIN)
				trace_failed(s);
			return ret;
		}
		/* Of half a record it says so even if no more can come. */
		if (ret == GNUTLS_E_AGAIN && !s->eof)
			return leave(s) ? : -EAGAIN;
		if (ret == GNUTLS_E_WARNING_ALERT_RECEIVED)
			trace_alert(s, gnutls_alert_get(s->tls), false, true);
		if (gnutls_error_is_fatal(ret))
			break;
	}
	note_names(s);
	if (flight_is_too_long(s))
		ret = GNUTLS_E_HANDSHAKE_TOO_LARGE;
	return session_give_up(s, ret);
}

short ktls_session_events(const struct ktls_session *s)
{
	return s->flight.len ? POLLOUT : POLLIN;
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
}

void ktls_session_free(struct ktls_session *s)
{
	if (!s)
		return;
	session_forget(s);
	flight_drop(&s->flight);
	ktls_config_put(s->config);
	free(s->identity);
	free(s->name);
	free(s);
}
