// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay.h"

#define ALERT	21
#define DATA	23

uint8_t relay_data[8 << 20];
uint8_t relay_raw[12 << 20];

int relay_open(struct relay *r, int family, const struct suite *suite)
{
	int to_tap[2], to_receiver[2], on = 1, ret;

	for (size_t i = 0; i < sizeof(relay_data); i++)
		relay_data[i] = i * 31 >> 3;
	*r = (struct relay) { .sent.suite = suite, .fed.suite = suite };
	ret = tcp_pair(family, to_tap);
	if (!ret)
		ret = tcp_pair(family, to_receiver);
	if (ret)
		return ret;
	r->sender = to_tap[0];
	r->tap = to_tap[1];
	r->feeder = to_receiver[0];
	r->receiver = to_receiver[1];
	setsockopt(r->feeder, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ret = tls_attach(r->sender);
	if (!ret)
		ret = tls_attach(r->receiver);
	/* What goes through before the keys must not be counted. */
	if (!ret && (send(r->sender, "plaintext", 9, 0) != 9 ||
		     recv(r->tap, relay_raw, 9, MSG_WAITALL) != 9))
		ret = -EIO;
	if (!ret)
		ret = tls_key(r->sender, TLS_TX, suite, 1);
	return ret ? ret : tls_key(r->receiver, TLS_RX, suite, 1);
}

ssize_t relay_tap(struct relay *r, size_t max)
{
	uint64_t at = r->sent.wire, room = sizeof(relay_raw) - at;
	ssize_t n = recv(r->tap, relay_raw + at, max < room ? max : room,
			 MSG_DONTWAIT);

	if (n > 0)
		oracle_feed(&r->sent, relay_raw + at, n);
	return n;
}

int relay_tap_all(struct relay *r)
{
	struct pollfd pfd = { r->tap, POLLIN, 0 };

	for (int idle = 0; idle < 20;) {
		if (relay_tap(r, SIZE_MAX) > 0) {
			idle = 0;
			continue;
		}
		if (r->sent.bytes == r->sending && !r->sent.left &&
		    !r->sent.have)
			return 0;
		idle++;
		poll(&pfd, 1, 100);
	}
	return -ETIMEDOUT;
}

int relay_feed(struct relay *r, size_t len)
{
	ssize_t n = send(r->feeder, relay_raw + r->forwarded, len, 0);

	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	oracle_feed(&r->fed, relay_raw + r->forwarded, len);
	r->forwarded += len;
	return 0;
}

int relay_feed_all(struct relay *r)
{
	return relay_feed(r, r->sent.wire - r->forwarded);
}

int relay_receive(struct relay *r, size_t bytes, uint8_t *type)
{
	static uint8_t in[sizeof(relay_data)];
	size_t got = 0;
	ssize_t n;

	for (int idle = 0; got < bytes;) {
		n = tls_recv(r->receiver, in + got, bytes - got, type);
		if (n > 0) {
			got += n;
			idle = 0;
			continue;
		}
		if (!n)
			return -ENODATA;
		if (errno != EAGAIN)
			return -errno;
		/* Old kernels call half a record readable: poll() is no use. */
		if (++idle == 200)
			return -ETIMEDOUT;
		usleep(10000);
	}
	return *type == DATA && memcmp(in, relay_data, bytes) ? -EILSEQ : 0;
}

void relay_fix_buffers(struct relay *r)
{
	int size = 100000;

	setsockopt(r->sender, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(r->tap, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void relay_fill_up(struct relay *r)
{
	ssize_t n;

	while ((n = send(r->sender, relay_data, 50000, MSG_DONTWAIT)) > 0)
		r->sending += n;
}

static ssize_t by_send(int fd, size_t len)
{
	return send(fd, relay_data, len, 0);
}

static ssize_t by_sendfile(int fd, size_t len)
{
	int file = memfd_create("data", MFD_CLOEXEC);
	off_t off = 0;
	ssize_t n = -1;

	if (write(file, relay_data, len) == (ssize_t)len)
		n = sendfile(fd, file, &off, len);
	close(file);
	return n;
}

static ssize_t by_splice(int fd, size_t len)
{
	size_t done = 0, part;
	ssize_t n;
	int p[2];

	if (pipe(p))
		return -1;
	while (done < len) {
		part = len - done < 32768 ? len - done : 32768;
		n = write(p[1], relay_data + done, part);
		if (n > 0)
			n = splice(p[0], NULL, fd, NULL, n, 0);
		if (n <= 0)
			break;
		done += n;
	}
	close(p[0]);
	close(p[1]);
	return done;
}

/* In two: the first half waits for the second. */
static ssize_t by_more(int fd, size_t len)
{
	ssize_t first = send(fd, relay_data, len / 2, MSG_MORE);
	ssize_t rest = send(fd, relay_data + len / 2, len - len / 2, 0);

	return first < 0 || rest < 0 ? -1 : first + rest;
}

static ssize_t by_control(int fd, size_t len)
{
	return tls_send_control(fd, ALERT, relay_data, len);
}

const struct way relay_ways[WAYS] = {
	{ "send", by_send },
	{ "sendfile", by_sendfile },
	{ "splice", by_splice },
	{ "MSG_MORE", by_more },
	{ "control record", by_control },
};
