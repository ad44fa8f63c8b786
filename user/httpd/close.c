// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The end of a connection in order: close_notify, so that the peer knows that
 * nothing was cut off; FIN; then its own end is awaited, for a while, because
 * close() over unread data resets the connection and takes our last bytes
 * with it.
 */
#include <errno.h>
#include <sys/socket.h>

#include "httpd.h"

/*
 * Not at once: while the socket is not writable the kernel may still hold
 * encrypted records back, and the FIN would overtake them.
 */
void close_begin(struct conn *c)
{
	conn_enter(c, CONN_CLOSE, EPOLLOUT, STALL_MS);
}

void close_notify(struct conn *c)
{
	int ret = ktls_shutdown(c->tls);

	if (ret == -EAGAIN)
		return;
	if (ret || shutdown(c->watch.fd, SHUT_WR)) {
		conn_free(c);
		return;
	}
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
