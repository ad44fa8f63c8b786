// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of a connection in order: close_notify, so that the peer knows that
 * nothing was cut off; then its own end is awaited, for a while, because
 * close() over unread data resets the connection and takes our last bytes
 * with it. The FIN comes by close(): one by shutdown() overtakes the records
 * that are encrypted and not yet in TCP, and nobody can ask for those. Where
 * there are any the socket is not writable.
 */
#include <errno.h>

#include "httpd.h"

void close_begin(struct conn *c)
{
	conn_enter(c, CONN_CLOSE, EPOLLOUT, STALL_MS);
}

void close_notify(struct conn *c)
{
	int ret = ktls_shutdown(c->tls);

	if (ret == -EAGAIN)
		return;
	if (ret)
		conn_free(c);
	else
		conn_enter(c, CONN_DRAIN, EPOLLOUT, STALL_MS);
}

/* It has left, or the kernel sends it now that there is room. */
void close_drained(struct conn *c)
{
	conn_enter(c, CONN_LINGER, EPOLLIN, LINGER_MS);
}

/* Whatever comes now comes too late. */
void close_linger(struct conn *c)
{
	char *buf = c->server->scratch;
	ssize_t n = ktls_recv(c->tls, buf, sizeof(c->server->scratch));

	if (n <= 0 && n != -EAGAIN && n != -EINTR)
		conn_free(c);
}
