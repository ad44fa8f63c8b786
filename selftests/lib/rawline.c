// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <linux/tls.h>

#include "internal.h"
#include "rawline.h"
#include "talk.h"

static int open_server(struct line *l, int fd, const char *priority)
{
	struct peer *p = &l->pair.p;
	int ret = talk_certificate(&l->server);

	/* A client's, and then made a server. */
	if (!ret)
		ret = peer_open(p, fd, priority, 0);
	if (ret)
		return ret;
	gnutls_deinit(p->tls);
	gnutls_init(&p->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK |
		    GNUTLS_NO_TICKETS);
	gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, l->server);
	peer_transport(p);
	return gnutls_priority_set_direct(p->tls, priority, NULL);
}

static int open_pair(struct line *l, const struct line_options *o,
		     const char *priority)
{
	struct pair *pair = &l->pair;
	const struct ktls_options options = {
		.client = o->client, .no_verify = o->client, .no_tickets = true,
		.offload = o->offload,
	};
	int fds[2], ret;

	if (!o->client)
		ret = peer_config(&pair->credentials, options);
	else
		ret = ktls_config_load(&pair->credentials, &options,
				       &(struct ktls_error){});
	if (!ret)
		ret = peer_tcp(fds);
	if (ret)
		return ret;
	pair->fd = fds[0];
	ret = ktls_session_new(&pair->s, pair->credentials, pair->fd,
			       o->client ? "localhost" : NULL);
	if (ret)
		return ret;
	return o->client ? open_server(l, fds[1], priority) :
			   peer_open(&pair->p, fds[1], priority, 0);
}

int line_open(struct line *l, const struct line_options *o)
{
	char priority[128];
	int ret;

	memset(l, 0, sizeof(*l));
	snprintf(priority, sizeof(priority),
		 "NORMAL:-VERS-ALL:+VERS-TLS1.%d:-CIPHER-ALL:+%s", o->version,
		 o->cipher ? o->cipher : "AES-128-GCM");
	ret = open_pair(l, o, priority);
	if (ret)
		return ret;
	craft_watch(&l->craft, &l->pair.p);
	if (o->client)
		ktls_session_handshake(l->pair.s);	/* it speaks first */
	ret = peer_shake(&l->pair.p, l->pair.s, l->pair.fd);
	if (!ret)
		ret = pair_install(&l->pair);
	return ret ? ret : craft_open(&l->craft, &l->pair.p);
}

void line_close(struct line *l)
{
	craft_close(&l->craft);
	pair_close(&l->pair);
	if (l->server)
		gnutls_certificate_free_credentials(l->server);
}

bool line_in_kernel(const struct line *l)
{
	return ktls_conn_info(l->pair.c)->rx_mode != KTLS_MODE_USER;
}

bool line_can_rekey(struct line *l)
{
	return !line_in_kernel(l) || keys_can_advance(l->pair.c);
}

int line_hears(struct line *l, int ms)
{
	static unsigned char buf[CRAFT_PLAIN_MAX];
	unsigned char type;
	ssize_t n;

	while ((n = craft_recv(&l->craft, &type, buf, sizeof(buf), ms)) >= 0)
		if (type == CRAFT_ALERT && n == 2 && buf[0] == 2)
			return buf[1];
	return -1;
}

ssize_t line_read(struct line *l, char *buf, size_t size, size_t *len, int ms)
{
	ssize_t n;

	*len = 0;
	for (;;) {
		struct pollfd pfd = { .fd = l->pair.fd, .events = POLLIN };

		if (!ktls_pending(l->pair.c) && poll(&pfd, 1, ms) <= 0)
			return -EAGAIN;
		n = ktls_recv(l->pair.c, buf + *len, size - *len);
		if (n > 0)
			*len += n;
		else if (n != -EAGAIN)
			return n;
	}
}
