// SPDX-License-Identifier: GPL-2.0-or-later
/* In TLS 1.3 tickets come after the handshake, as the server pleases. */
#include <errno.h>
#include <poll.h>

#include "connect.h"

#define WAIT_MS 1000

/* What else comes is not for this connection to show. */
static int take_some(struct ktls_conn *c)
{
	char waste[4096];

	return ktls_recv(c, waste, sizeof(waste));
}

/* After that answer of take_some(): 0 if it is worth to ask again. */
static int await_more(struct ktls_conn *c, int taken, uint64_t deadline)
{
	struct pollfd p = { .fd = ktls_conn_fd(c), .events = POLLIN };
	int n;

	if (taken != -EAGAIN)
		return (taken > 0 || taken == -EINTR) && left_ms(deadline) ?
		       0 : -ENOENT;
	n = poll(&p, 1, left_ms(deadline));
	return n > 0 || (n < 0 && errno == EINTR) ? 0 : -ETIMEDOUT;
}

int ticket_await(struct ktls_conn *c, void **out, size_t *len)
{
	uint64_t deadline = now_ms() + WAIT_MS;
	int taken, ret;

	*out = NULL;
	/* It may have come before any answer: data, nothing more, the end. */
	do {
		taken = take_some(c);
		ret = ktls_conn_ticket(c, out, len);
	} while (ret == -ENOENT && !await_more(c, taken, deadline));
	return ret == -ENOENT ? 0 : ret;
}
