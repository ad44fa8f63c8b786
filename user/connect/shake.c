// SPDX-License-Identifier: GPL-2.0-or-later
/* The handshake, as fast as the peer allows, and before a deadline. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "connect.h"

static int await(const struct ktls_session *s, int fd, uint64_t deadline,
		 struct ktls_error *err)
{
	struct pollfd p = { .fd = fd, .events = ktls_session_events(s) };
	int left = left_ms(deadline);
	int ret = left ? poll(&p, 1, left) : 0;

	if (ret > 0 || (ret < 0 && errno == EINTR))
		return 0;
	if (ret < 0)
		return fail(err, -errno, KTLS_INTERNAL, "poll: %s",
			    strerror(errno));
	return fail(err, -ETIMEDOUT, KTLS_TIMEOUT,
		    "the handshake took too long");
}

int shake(struct ktls_session *s, int fd, uint64_t deadline,
	  struct ktls_error *err)
{
	int ret;

	while ((ret = ktls_session_handshake(s)) == -EAGAIN) {
		ret = await(s, fd, deadline, err);
		if (ret)
			return ret;
	}
	if (ret)
		*err = *ktls_session_error(s);
	return ret;
}
