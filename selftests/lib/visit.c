// SPDX-License-Identifier: GPL-2.0-only
/* Clients of ours that come and go. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

unsigned char sent[8][4096];
size_t sent_len[8];
unsigned int sent_count;

static int on_sent(gnutls_session_t tls, unsigned int type, unsigned int when,
		   unsigned int incoming, const gnutls_datum_t *msg)
{
	unsigned char *to = sent[sent_count % 8];

	if (incoming || msg->size + 4 > sizeof(sent[0]))
		return 0;
	to[0] = type;
	to[1] = 0;
	to[2] = msg->size >> 8;
	to[3] = msg->size;
	memcpy(to + 4, msg->data, msg->size);
	sent_len[sent_count++ % 8] = msg->size + 4;
	return 0;
}

void leave(struct visit *v)
{
	ktls_session_free(v->s);
	if (v->c)
		ktls_conn_close(v->c);
	else if (v->fd >= 0)
		close(v->fd);
	peer_close(&v->p);
	*v = (struct visit){ .fd = -1, .p.fd = -1 };
}

struct ktls_config *client_config(const struct ktls_options *change,
				  bool kernel)
{
	struct ktls_options o = *change;
	struct ktls_config *c = NULL;
	struct ktls_error err;

	o.client = true;
	o.offload = kernel ? KTLS_OFFLOAD_REQUIRE : KTLS_OFFLOAD_NEVER;
	if (ktls_config_load(&c, &o, &err))
		fprintf(stderr, "# %s\n", err.text);
	return c;
}

int visit(struct visit *v, const struct server *server, int version,
	  struct ktls_config *config, const char *name, const void *ticket,
	  size_t len)
{
	int fds[2], ret;

	ret = peer_tcp(fds);
	if (ret)
		return ret;
	v->fd = fds[0];
	ret = server_open(&v->p, fds[1], priorities[version], server);
	if (ret)
		return ret;
	sent_count = 0;
	gnutls_handshake_set_hook_function(v->p.tls,
					   GNUTLS_HANDSHAKE_NEW_SESSION_TICKET,
					   GNUTLS_HOOK_PRE, on_sent);
	ret = ktls_session_new(&v->s, config, v->fd, name);
	if (!ret && ticket)
		ret = ktls_session_resume(v->s, ticket, len);
	if (!ret)
		v->o = meet(&v->p, v->s, v->fd);
	return ret ? ret : v->o.ours;
}
