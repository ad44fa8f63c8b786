// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "known_ways.h"

#define DATA	23

static int shut(struct known *k, int how)
{
	return shutdown(k->fd, how) ? -errno : 0;
}

static int nothing(struct known *k)
{
	return 0;
}

static int shut_sending(struct known *k)
{
	return shut(k, SHUT_WR);
}

static int shut_receiving(struct known *k)
{
	return shut(k, SHUT_RD);
}

static int shut_both(struct known *k)
{
	return shut(k, SHUT_RDWR);
}

static int shut_twice(struct known *k)
{
	int ret = shut(k, SHUT_WR);

	return ret ? ret : shut(k, SHUT_RDWR);
}

static int await(int fd, int events)
{
	return poll(&(struct pollfd){ fd, events, 0 }, 1, 5000) == 1 ? 0 :
	       -ETIMEDOUT;
}

static int peer_first(struct known *k)
{
	if (shutdown(k->peer, SHUT_WR))
		return -errno;
	return await(k->fd, POLLRDHUP);
}

static int read_the_end(struct known *k)
{
	int ret = peer_first(k);
	uint8_t byte;

	if (!ret && recv(k->fd, &byte, 1, 0))
		ret = -EIO;
	return ret;
}

static int both_shut(struct known *k)
{
	int ret = read_the_end(k);

	return ret ? ret : shut(k, SHUT_WR);
}

static int reset_by(int fd)
{
	struct linger linger = { 1, 0 };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ?
	       -errno : 0;
}

static int peer_resets(struct known *k)
{
	int ret = reset_by(k->peer), fd = k->peer;

	k->peer = -1;
	if (!ret && close(fd))
		ret = -errno;
	return ret ? ret : await(k->fd, POLLHUP);
}

static int we_reset(struct known *k)
{
	return reset_by(k->fd);
}

/* Decrypted as a whole, and read in part. */
static int partly_read(struct known *k)
{
	int ret = known_feed(k, DATA, NULL, 9000, 0);

	for (int n = 0; !ret && n < 500; n++) {
		ret = known_take(k, known_recvmsg, 100);
		if (!ret)
			usleep(10000);
	}
	return ret < 0 ? ret : ret ? 0 : -ETIMEDOUT;
}

static int never_read(struct known *k)
{
	int ret = known_feed(k, DATA, NULL, 9000, 0);

	return ret ? ret : await(k->fd, POLLIN);
}

static int other_process(struct known *k)
{
	pid_t pid = fork();

	if (!pid) {
		close(k->fd);
		_exit(0);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -errno;
}

const struct known_way known_endings[KNOWN_ENDINGS] = {
	{ "close", nothing },
	{ "shutdown_write", shut_sending },
	{ "shutdown_read", shut_receiving },
	{ "shutdown_both", shut_both },
	{ "shutdown_twice", shut_twice },
	{ "peer_first_unread", peer_first },
	{ "peer_first_read", read_the_end },
	{ "peer_first_then_shutdown", both_shut },
	{ "peer_resets", peer_resets },
	{ "own_reset", we_reset },
	{ "partly_read", partly_read },
	{ "never_read", never_read },
	{ "closed_in_two_processes", other_process },
};
