// SPDX-License-Identifier: GPL-2.0-or-later
/* Standard input to the peer, the peer to standard output, until both end. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect.h"

#define BUFFER_SIZE 65536

struct buffer {
	size_t start, end;
	char data[BUFFER_SIZE];
};

struct pump {
	struct ktls_conn *c;
	struct tape *tape;
	struct buffer up, down;
	bool in_ended;		/* standard input */
	bool out_broken;	/* standard output */
	bool readable, writable;	/* the connection, until -EAGAIN */
	bool ended;		/* the peer has, or the connection */
	bool waited;		/* long enough for the peer to end first */
	bool send_failed;
	size_t chunk;		/* that standard output takes at once */
	uint64_t quiet_since;
	struct outcome so_far;
	struct ktls_error *err;
};

static size_t filled(const struct buffer *b)
{
	return b->end - b->start;
}

/* Room at the end; made by a move only when that pays. */
static size_t room(struct buffer *b)
{
	if (b->start == b->end || b->start >= sizeof(b->data) / 2) {
		memmove(b->data, b->data + b->start, filled(b));
		b->end -= b->start;
		b->start = 0;
	}
	return sizeof(b->data) - b->end;
}

static void moved(struct pump *p)
{
	p->quiet_since = now_ms();
}

/* Told at once, and in the status when all else is over. */
static void lose_stdin(struct pump *p)
{
	struct ktls_error err;

	fail(&err, -errno, KTLS_INTERNAL, "standard input: %s",
	     strerror(errno));
	p->tape->status = tape_tell(p->tape, &err);
	p->in_ended = true;
}

static void from_stdin(struct pump *p)
{
	ssize_t n = read(STDIN_FILENO, p->up.data + p->up.end, room(&p->up));

	if (n > 0)
		p->up.end += n;
	else if (n == 0)
		p->in_ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		lose_stdin(p);
	moved(p);
}

static void to_stdout(struct pump *p)
{
	size_t len = filled(&p->down) < p->chunk ? filled(&p->down) : p->chunk;
	ssize_t n = write(STDOUT_FILENO, p->down.data + p->down.start, len);

	if (n > 0) {
		p->down.start += n;
		moved(p);
	} else if (errno != EAGAIN && errno != EINTR) {
		p->out_broken = true;
		fail(p->err, -errno, KTLS_INTERNAL, "standard output: %s",
		     strerror(errno));
	}
}

static void from_peer(struct pump *p)
{
	ssize_t n = ktls_recv(p->c, p->down.data + p->down.end,
			      room(&p->down));

	if (n == -EINTR)
		return;
	if (n == -EAGAIN) {
		p->readable = false;
		return;
	}
	moved(p);
	if (n > 0) {
		p->down.end += n;
		p->so_far.received += n;
		return;
	}
	p->ended = true;
	p->so_far.end = n;
}

/* What the peer thinks of it is still to be read. */
static void to_peer(struct pump *p)
{
	ssize_t n = ktls_send(p->c, p->up.data + p->up.start, filled(&p->up),
			      0);

	if (n > 0) {
		p->up.start += n;
		p->so_far.sent += n;
		moved(p);
	} else if (n == -EAGAIN) {
		p->writable = false;
	} else if (n != -EINTR) {
		p->send_failed = true;
		p->in_ended = true;
	}
}

/*
 * After standard input has ended it is for the peer to end: many a server
 * throws away what it still had to send when it sees our close_notify. TLS 1.2
 * wants it to (RFC 5246 section 7.2.1); TLS 1.3 does not (RFC 8446 section
 * 6.1), but then a TCP reset is what comes of data that nobody reads.
 */
static bool may_close(const struct pump *p)
{
	if (p->so_far.closed || p->send_failed || filled(&p->up) ||
	    !p->in_ended)
		return false;
	return !p->so_far.sent || p->waited || p->tape->a->half_close;
}

static void close_ours(struct pump *p)
{
	int ret = ktls_shutdown(p->c);

	if (ret == -EAGAIN)
		p->writable = false;
	else if (ret != -EINTR)
		p->so_far.closed = true;
	moved(p);
}

static bool wants_write(const struct pump *p)
{
	return !p->send_failed && (filled(&p->up) || may_close(p));
}

/* All that can be done without waiting. False: nothing could. */
static bool work(struct pump *p)
{
	bool done = false;

	if (p->readable && !p->ended && room(&p->down)) {
		from_peer(p);
		done = true;
	}
	if (p->writable && !p->ended && wants_write(p)) {
		if (filled(&p->up))
			to_peer(p);
		else
			close_ours(p);
		done = true;
	}
	return done;
}

/* No end while a user may type, or standard output sets the pace. */
static int patience(const struct pump *p)
{
	if (!p->in_ended || p->ended || filled(&p->down))
		return -1;
	return left_ms(p->quiet_since + 1000ULL * p->tape->a->timeout_s);
}

/* A descriptor that has nothing to tell us would be told about for ever. */
static struct pollfd watch(int fd, short events)
{
	return (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static int await(struct pump *p)
{
	bool in = !p->in_ended && !p->ended && room(&p->up);
	struct pollfd fds[] = {
		watch(STDIN_FILENO, in ? POLLIN : 0),
		watch(STDOUT_FILENO, filled(&p->down) ? POLLOUT : 0),
		watch(ktls_conn_fd(p->c), p->ended ? 0 :
		      (room(&p->down) ? POLLIN : 0) |
		      (wants_write(p) ? POLLOUT : 0)),
	};
	int ret = poll(fds, ARRAY_SIZE(fds), patience(p));

	if (ret < 0 && errno != EINTR)
		return fail(p->err, -errno, KTLS_INTERNAL, "poll: %s",
			    strerror(errno));
	if (ret <= 0)
		return ret ? 0 : -ETIMEDOUT;
	if (fds[0].revents)
		from_stdin(p);
	if (fds[1].revents)
		to_stdout(p);
	p->readable |= fds[2].revents & ~POLLOUT || ktls_pending(p->c);
	p->writable |= fds[2].revents & ~POLLIN;
	return 0;
}

/* The peer is silent: end it ourselves, and if that does not help, give up. */
static int lose_patience(struct pump *p)
{
	if (!p->so_far.closed && !p->waited && !filled(&p->up) && !p->send_failed) {
		p->waited = true;
		moved(p);
		return 0;
	}
	return fail(p->err, -ETIMEDOUT, KTLS_TIMEOUT,
		    "the peer neither answered nor ended the connection");
}

static int run(struct pump *p)
{
	while (!p->out_broken && (!p->ended || filled(&p->down))) {
		int ret = work(p) ? 0 : await(p);

		if (ret == -ETIMEDOUT)
			ret = lose_patience(p);
		if (ret)
			return ret;
	}
	return p->out_broken ? -EIO : 0;
}

/* A pipe that shows POLLOUT takes this much without blocking. */
static size_t chunk_of(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) ? BUFFER_SIZE : PIPE_BUF;
}

int pump(struct ktls_conn *c, struct tape *t, struct ktls_error *err)
{
	struct pump *p = calloc(1, sizeof(*p));
	int ret;

	if (!p)
		return fail(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	p->c = c;
	p->tape = t;
	p->err = err;
	p->readable = p->writable = true;
	p->chunk = chunk_of(STDOUT_FILENO);
	moved(p);
	ret = run(p);
	/* One try: nobody waits for it, and after an alert nobody wants it. */
	if (!p->so_far.closed && !p->so_far.end)
		ktls_shutdown(c);
	p->so_far.unsent = filled(&p->up) || p->send_failed;
	if (!ret)
		ret = verdict(c, &p->so_far, err);
	free(p);
	return ret;
}
