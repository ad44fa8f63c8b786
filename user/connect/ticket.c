// SPDX-License-Identifier: GPL-2.0-or-later
/* In TLS 1.3 tickets come after the handshake, as the server pleases. */
#include <errno.h>
#include <poll.h>

#include "connect.h"

#define WAIT_MS 1000

/* What else comes is not for this connection to show. */
static int take_some(struct ktls_conn *c, uint64_t deadline)
{
	struct pollfd p = { .fd = ktls_conn_fd(c), .events = POLLIN };
	char waste[4096];
	ssize_t n = ktls_recv(c, waste, sizeof(waste));

	if (n > 0)
		return left_ms(deadline) ? 0 : -ETIMEDOUT;
	if (n != -EAGAIN)
		return n == -EINTR ? 0 : -ENOENT;
	n = poll(&p, 1, left_ms(deadline));
	return n > 0 || (n < 0 && errno == EINTR) ? 0 : -ETIMEDOUT;
}

int ticket_await(struct ktls_conn *c, void **out, size_t *len)
{
	uint64_t deadline = now_ms() + WAIT_MS;
	int ret;

	*out = NULL;
	while ((ret = ktls_conn_ticket(c, out, len)) == -ENOENT)
		if (take_some(c, deadline))
			break;
	/* It may have come with the end. */
	if (ret == -ENOENT)
		ret = ktls_conn_ticket(c, out, len);
	return ret == -ENOENT ? 0 : ret;
}
