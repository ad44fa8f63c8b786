// SPDX-License-Identifier: GPL-2.0-or-later
/* From a name to a TCP connection, one address after the other. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connect.h"

#define ADDRESSES_MAX 16

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

int left_ms(uint64_t deadline)
{
	uint64_t now = now_ms();

	return now < deadline ? deadline - now : 0;
}

/* getaddrinfo() knows no deadline, and holds nothing that must be undone. */
static void on_alarm(int sig)
{
	static const char text[] =
		"ktls-connect: the name was not resolved in time\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_NETWORK);	/* nobody is left to be told */
	_exit(STATUS_NETWORK);
}

static int resolve(struct addrinfo **found, const struct target *t,
		   uint64_t deadline, struct ktls_error *err)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	struct sigaction alarmed = { .sa_handler = on_alarm };
	char safe[4 * sizeof(t->host) + 1];
	int ret;

	sigaction(SIGALRM, &alarmed, NULL);
	alarm((left_ms(deadline) + 999) / 1000);
	ret = getaddrinfo(t->host, t->port, &hints, found);
	alarm(0);
	if (!ret)
		return 0;
	return fail(err, -EHOSTUNREACH, KTLS_LOST, "%s: %s",
		    log_escape(safe, sizeof(safe), t->host),
		    gai_strerror(ret));
}

static int finish(int fd, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int ret, error = 0;

	do {
		ret = poll(&p, 1, left_ms(deadline));
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

static int try_one(const struct addrinfo *ai, uint64_t deadline)
{
	int fd, ret = 0;

	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return -errno;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen))
		ret = errno == EINPROGRESS ? finish(fd, deadline) : -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int give_up(const struct addrinfo *ai, int ret, struct ktls_error *err)
{
	struct sockaddr_storage address = {};
	char text[ADDRESS_TEXT];

	memcpy(&address, ai->ai_addr, ai->ai_addrlen);
	address_text(text, sizeof(text), &address);
	return fail(err, ret, ret == -ETIMEDOUT ? KTLS_TIMEOUT : KTLS_LOST,
		    "cannot connect to %s: %s", text, strerror(-ret));
}

/* Each address has its share of the time: the first may be a black hole. */
int dial(int *fd, const struct target *t, uint64_t deadline,
	 struct ktls_error *err)
{
	struct addrinfo *found = NULL, *ai;
	int ret = resolve(&found, t, deadline, err);
	int count = 0;

	for (ai = found; ai && count < ADDRESSES_MAX; ai = ai->ai_next)
		count++;
	for (ai = found; ai && count; ai = ai->ai_next, count--) {
		ret = try_one(ai, now_ms() + left_ms(deadline) / count);
		if (ret >= 0)
			break;
		ret = give_up(ai, ret, err);
	}
	if (found)
		freeaddrinfo(found);
	if (ret < 0)
		return ret;
	*fd = ret;
	return 0;
}
