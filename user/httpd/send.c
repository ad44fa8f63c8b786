// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "httpd.h"

static ssize_t send_some(struct conn *c, const char *buf, size_t len, int flags)
{
	ssize_t n;

	do {
		n = ktls_send(c->tls, buf, len, MSG_DONTWAIT | flags);
	} while (n == -EINTR);
	if (n < 0)
		return n == -EAGAIN ? 0 : n;
	c->turn -= (size_t)n < c->turn ? (size_t)n : c->turn;
	return n;
}

/* The socket took less than it was given: only then is a copy made. */
static int keep(struct conn *c, const char *buf, size_t len, bool more)
{
	c->out = malloc(len);
	if (!c->out)
		return -ENOMEM;
	memcpy(c->out, buf, len);
	c->out_off = 0;
	c->out_len = len;
	c->out_more = more;
	return 0;
}

int send_head(struct conn *c, const char *buf, size_t len, bool more)
{
	ssize_t n = send_some(c, buf, len, more ? MSG_MORE : 0);

	if (n < 0)
		return n;
	return (size_t)n < len ? keep(c, buf + n, len - n, more) : 0;
}

static int send_kept(struct conn *c)
{
	ssize_t n = send_some(c, c->out + c->out_off, c->out_len - c->out_off,
			      c->out_more ? MSG_MORE : 0);

	if (n < 0)
		return n;
	c->out_off += n;
	if (c->out_off < c->out_len)
		return 0;
	free(c->out);
	c->out = NULL;
	return 1;
}

/* Where a turn ends inside a file, pages and records still end together. */
static size_t portion(const struct conn *c)
{
	size_t left = c->end - c->off;

	return left <= c->turn ? left : c->turn / RECORD_MAX * RECORD_MAX;
}

static int send_body(struct conn *c)
{
	while (c->off < c->end) {
		size_t want = portion(c);
		ssize_t n;

		if (!want)
			return 0;		/* others first */
		n = ktls_sendfile(c->tls, c->file->file.fd, &c->off, want);
		if (n > 0) {
			c->turn -= n;
			if ((size_t)n < want)
				return 0;	/* full, or we hear it next */
			continue;
		}
		if (n == 0)
			return -ENODATA;	/* the file shrank under us */
		if (n == -EAGAIN)
			return 0;
		if (n != -EINTR)
			return n;
	}
	return 1;
}

int send_pending(struct conn *c)
{
	int ret = c->out ? send_kept(c) : 1;

	if (ret == 1)
		ret = send_body(c);
	if (ret == 1 && c->file) {
		cache_put(c->file);
		c->file = NULL;
	}
	return ret;
}
