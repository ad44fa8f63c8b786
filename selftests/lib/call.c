// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "call.h"

int service_load(struct ktls_config **out, const struct service *v,
		 struct ktls_error *err)
{
	static const char *const plain[] = { "localhost", NULL };
	struct ktls_options o = v->o;

	if (v->master)
		o.ticket_key = pki(v->master);
	if (o.auth)
		o.ca = pki("ca.pem");
	o.offload = KTLS_OFFLOAD_PREFER;
	return pki_config(out, v->pairs[0] ? v->pairs : plain, o, err);
}

int write_master(const char *name, int fill, size_t len)
{
	char bytes[200];
	int fd = open(pki(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	memset(bytes, fill, sizeof(bytes));
	n = write(fd, bytes, len);
	close(fd);
	return n == len ? 0 : -EIO;
}

static bool data_flows(struct call *v)
{
	static char out[20000], in[20000];
	size_t got = 0;

	memset(out, 'o', sizeof(out));
	if (ktls_session_install(v->s, &v->c))
		return false;
	for (int i = 0; i < 3; i++) {
		if (ktls_send(v->c, out, 1000, 0) != 1000 ||
		    peer_recv(&v->p, in, 1000) != 1000 || memcmp(in, out, 1000))
			return false;
	}
	if (peer_send(&v->p, out, sizeof(out)) != sizeof(out))
		return false;
	while (got < sizeof(in)) {
		ssize_t n = peer_ktls_recv(v->c, in + got, sizeof(in) - got);

		if (n <= 0)
			return false;
		got += n;
	}
	return !memcmp(in, out, sizeof(in));
}

const char *call_shows;

void call_make(struct call *v, struct ktls_config *c, const char *priority,
	       const char *sni, const gnutls_datum_t *ticket)
{
	int fds[2];

	memset(v, 0, sizeof(*v));
	v->fd = -1;
	if (peer_tcp(fds))
		return;
	v->fd = fds[0];
	if (ktls_session_new(&v->s, c, v->fd, NULL))
		return;
	peer_open(&v->p, fds[1], priority, 0);
	if (call_shows && client_show(&v->p, call_shows))
		return;
	gnutls_server_name_set(v->p.tls, GNUTLS_NAME_DNS, sni ?: "",
			       sni ? strlen(sni) : 0);
	if (ticket)
		gnutls_session_set_data(v->p.tls, ticket->data, ticket->size);
	v->o = meet(&v->p, v->s, v->fd);
	v->err = *ktls_session_error(v->s);
	v->info = *ktls_session_info(v->s);
	if (!v->o.ours && !v->o.theirs)
		v->data_flows = data_flows(v);
}

void call_end(struct call *v)
{
	ktls_session_free(v->s);
	peer_close(&v->p);
	if (v->c)
		ktls_conn_close(v->c);
	else
		close(v->fd);
}

bool call_ticket(struct call *v, gnutls_datum_t *out)
{
	return gnutls_session_get_flags(v->p.tls) &
	       GNUTLS_SFLAGS_SESSION_TICKET &&
	       !gnutls_session_get_data2(v->p.tls, out);
}
