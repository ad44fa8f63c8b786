// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/tls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "known_ways.h"

#define ALERT	21
#define DATA	23

const struct known_way *known_way(const struct known_way *ways, size_t n,
				  const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ways[i].name, name))
			return &ways[i];
	return NULL;
}

/* Mostly small, and often about a whole record. */
static size_t some(void)
{
	switch (random() % 8) {
	case 0:
		return RECORD_MAX - 1 + random() % 3;
	case 1:
		return 1 + random() % MOST;
	}
	return 1 + random() % 2000;
}

static ssize_t result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static ssize_t plain_send(struct known *k, const uint8_t *data, size_t len)
{
	return result(send(k->fd, data, len, 0));
}

static ssize_t dontwait(struct known *k, const uint8_t *data, size_t len)
{
	return result(send(k->fd, data, len, MSG_DONTWAIT));
}

static ssize_t plain_write(struct known *k, const uint8_t *data, size_t len)
{
	return result(write(k->fd, data, len));
}

/* Seven pieces, empty ones among them. */
static ssize_t pieces(struct known *k, const uint8_t *data, size_t len)
{
	struct iovec iov[7];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 7 };

	for (int i = 0; i < 7; i++) {
		size_t n = i == 6 ? len : random() % (len + 1);

		iov[i] = (struct iovec){ (void *)data, n };
		data += n;
		len -= n;
	}
	return result(sendmsg(k->fd, &msg, 0));
}

static ssize_t from_file(struct known *k, const uint8_t *data, size_t len)
{
	int file = memfd_create("data", MFD_CLOEXEC);
	off_t at = 0;
	ssize_t n;

	if (write(file, data, len) != (ssize_t)len)
		n = -EIO;
	else
		n = result(sendfile(k->fd, file, &at, len));
	close(file);
	return n;
}

/* What the pipe took and the socket did not is thrown away with the pipe. */
static ssize_t from_pipe(struct known *k, const uint8_t *data, size_t len,
			 unsigned int flags)
{
	struct iovec iov = { (void *)data, len < 32768 ? len : 32768 };
	ssize_t n;
	int p[2];

	if (pipe(p))
		return -errno;
	n = vmsplice(p[1], &iov, 1, 0);
	if (n > 0)
		n = splice(p[0], NULL, k->fd, NULL, n, flags);
	n = result(n);
	close(p[0]);
	close(p[1]);
	return n;
}

static ssize_t spliced(struct known *k, const uint8_t *data, size_t len)
{
	return from_pipe(k, data, len, k->tight ? SPLICE_F_NONBLOCK : 0);
}

/* Returns the result of the one operation that @prepare puts into a ring. */
typedef void prepare(struct io_uring_sqe *sqe, int fd, void *data, size_t len);

static ssize_t by_uring(struct known *k, prepare *prepare, void *data,
			size_t len)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int ret = io_uring_queue_init(1, &ring, 0);

	if (ret)
		return -ENOKEY;		/* no rings in this kernel */
	prepare(io_uring_get_sqe(&ring), k->fd, data, len);
	ret = io_uring_submit_and_wait(&ring, 1);
	if (ret >= 0)
		ret = io_uring_wait_cqe(&ring, &cqe);
	if (!ret)
		ret = cqe->res;
	io_uring_queue_exit(&ring);
	return ret;
}

static void uring_send(struct io_uring_sqe *sqe, int fd, void *data, size_t len)
{
	io_uring_prep_send(sqe, fd, data, len, MSG_DONTWAIT);
}

static void uring_recv(struct io_uring_sqe *sqe, int fd, void *data, size_t len)
{
	io_uring_prep_recv(sqe, fd, data, len, MSG_DONTWAIT);
}

static ssize_t ring_send(struct known *k, const uint8_t *data, size_t len)
{
	return by_uring(k, uring_send, (void *)data, len);
}

static ssize_t ring_recv(struct known *k, uint8_t *to, size_t max,
			 uint8_t *type)
{
	return by_uring(k, uring_recv, to, max);
}

static ssize_t peeked(struct known *k, uint8_t *to, size_t max, uint8_t *type)
{
	static uint8_t before[MOST];
	ssize_t n = recv(k->fd, before, max, MSG_PEEK | MSG_DONTWAIT);
	ssize_t m;

	if (n < 0)
		return -errno;
	/* More may have come meanwhile, of the same bytes before it. */
	m = known_recvmsg(k, to, max, type);
	return m >= n && memcmp(before, to, n) ? -EILSEQ : m;
}

static ssize_t to_pipe(struct known *k, uint8_t *to, size_t max, uint8_t *type)
{
	ssize_t n;
	int p[2];

	if (pipe(p))
		return -errno;
	n = result(splice(k->fd, NULL, p[1], NULL, max < 32768 ? max : 32768,
			  SPLICE_F_NONBLOCK));
	if (n > 0 && read(p[0], to, n) != n)
		n = -EIO;
	close(p[0]);
	close(p[1]);
	return n;
}

#define PUSH(way, send) \
	static int way(struct known *k) \
	{ \
		int ret = known_push(k, send, some()); \
		k->held = 0; \
		return ret; \
	}

PUSH(run_send, plain_send)
PUSH(run_write, plain_write)
PUSH(run_pieces, pieces)
PUSH(run_file, from_file)
PUSH(run_spliced, spliced)
PUSH(run_ring, ring_send)
PUSH(run_dontwait, dontwait)

static ssize_t more(struct known *k, const uint8_t *data, size_t len)
{
	ssize_t n = result(send(k->fd, data, len, MSG_MORE));

	if (n > 0)
		k->held = (k->held + n) % RECORD_MAX;
	return n;
}

/* Few in a row: pieces of memory, and not only bytes, fill a record. */
static int run_more(struct known *k)
{
	return k->held ? run_send(k) : known_push(k, more, some());
}

static int run_more_then_control(struct known *k)
{
	int ret = run_more(k);

	return ret ? ret : known_control(k, ALERT, known_data, 2);
}

static ssize_t spliced_more(struct known *k, const uint8_t *data, size_t len)
{
	return from_pipe(k, data, len, SPLICE_F_MORE |
			 (k->tight ? SPLICE_F_NONBLOCK : 0));
}

static int run_spliced_more(struct known *k)
{
	int ret = known_push(k, spliced_more, some());

	return ret ? ret : run_send(k);
}

static int run_control(struct known *k)
{
	static const uint8_t types[] = { ALERT, 22, 24, 77 };

	return known_control(k, types[random() % 4], known_data,
			     1 + random() % RECORD_MAX);
}

/* As much as there is room for: it ends in the middle of a record. */
static int run_fill_up(struct known *k)
{
	int size = 50000, ret = k->held ? run_send(k) : 0;
	ssize_t n;

	setsockopt(k->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (!ret) {
		n = dontwait(k, known_data + k->given % PERIOD, some());
		if (n < 0) {
			ret = n;
			break;
		}
		k->given += n;
	}
	size = k->tight ? 4608 : 2 << 20;
	setsockopt(k->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return ret == -EAGAIN ? 0 : ret;
}

static int run_nothing(struct known *k)
{
	return send(k->fd, known_data, 0, 0) ? -EIO : 0;
}

/* Two messages at once, and flags that TLS has no use for. */
static int run_refused(struct known *k)
{
	struct iovec iov = { (void *)known_data, 100 };
	struct mmsghdr msg[2] = {
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
		{ .msg_hdr = { .msg_iov = &iov, .msg_iovlen = 1 } },
	};

	if (sendmmsg(k->fd, msg, 2, 0) >= 0 ||
	    send(k->fd, known_data, 100, MSG_OOB) >= 0 ||
	    send(k->fd, known_data, 100, MSG_WAITALL) >= 0)
		return -EPROTO;
	return 0;
}

static int run_getsockopt(struct known *k)
{
	uint8_t info[SUITE_INFO];

	for (int dir = TLS_TX; dir <= TLS_RX; dir++) {
		socklen_t len = k->suite->info;

		if (getsockopt(k->fd, SOL_TLS, dir, info, &len))
			return -errno;
	}
	return 0;
}

/* Either may be refused, and nothing is different then. */
static int run_options(struct known *k)
{
	int on = random() % 2;

	setsockopt(k->fd, SOL_TLS, TLS_TX_ZEROCOPY_RO, &on, sizeof(on));
	setsockopt(k->fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on, sizeof(on));
	return 0;
}

/* Some records, read by @recv in bites of up to @max. */
static int receive(struct known *k, known_recv *recv, size_t max, size_t pad)
{
	int ret = 0;

	for (int n = 1 + random() % 4; n > 0 && !ret; n--) {
		size_t len = some() % (RECORD_MAX - 255) + 1;

		ret = known_feed(k, DATA, NULL, len,
				 k->suite->inner_type ? pad : 0);
	}
	return ret ? ret : known_take_all(k, recv, max);
}

static int run_recv(struct known *k)
{
	return receive(k, known_recvmsg, MOST, 0);
}

static int run_bites(struct known *k)
{
	return receive(k, known_recvmsg, 500 + random() % 9000, 0);
}

static int run_padded(struct known *k)
{
	return receive(k, known_recvmsg, MOST, random() % 255);
}

static int run_peeked(struct known *k)
{
	return receive(k, peeked, 500 + random() % MOST, 0);
}

static int run_to_pipe(struct known *k)
{
	return receive(k, to_pipe, 500 + random() % MOST, 0);
}

static int run_ring_recv(struct known *k)
{
	return receive(k, ring_recv, 500 + random() % MOST, 0);
}

static int run_recv_control(struct known *k)
{
	int ret = known_feed(k, DATA, NULL, some() % RECORD_MAX + 1, 0);

	if (!ret)
		ret = known_feed(k, ALERT, known_data, 1 + random() % 200, 0);
	if (!ret)
		ret = known_feed(k, 77, known_data, some() % RECORD_MAX + 1, 0);
	return ret ? ret : run_bites(k);
}

static int run_recv_empty(struct known *k)
{
	int ret = known_feed(k, DATA, NULL, 0, 0);

	return ret ? ret : run_recv(k);
}

const struct known_way known_ways[KNOWN_WAYS] = {
	{ "send", run_send },
	{ "write", run_write },
	{ "sendmsg_of_pieces", run_pieces },
	{ "sendfile", run_file },
	{ "splice", run_spliced },
	{ "splice_with_more", run_spliced_more },
	{ "io_uring_send", run_ring },
	{ "send_dontwait", run_dontwait },
	{ "msg_more", run_more },
	{ "msg_more_then_control", run_more_then_control },
	{ "control_record", run_control },
	{ "full_buffer", run_fill_up },
	{ "send_of_nothing", run_nothing },
	{ "refused_send", run_refused },
	{ "getsockopt", run_getsockopt },
	{ "other_options", run_options },
	{ "rekey_tx", known_rekey_tx },
	{ "rekey_rx", known_rekey_rx },
	{ "recv", run_recv },
	{ "recv_in_bites", run_bites },
	{ "recv_padded", run_padded },
	{ "recv_peeked", run_peeked },
	{ "recv_splice", run_to_pipe },
	{ "io_uring_recv", run_ring_recv },
	{ "recv_control", run_recv_control },
	{ "recv_empty", run_recv_empty },
};
