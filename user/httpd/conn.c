// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connection. A wakeup does one step of the state it is in; between
 * requests a connection holds no buffer, and no timer is moved per request.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "httpd.h"
#include "log.h"

/* Into ADDRESS_TEXT bytes. */
const char *conn_peer(const struct conn *c, char *out)
{
	return address_text(out, ADDRESS_TEXT, &ktls_conn_info(c->tls)->peer);
}

/* One line about @c, the last. */
static void abort_conn(struct conn *c, const char *why)
{
	char peer[ADDRESS_TEXT];

	log_warnx("%s: %s", conn_peer(c, peer), why);
	conn_free(c);
}

static void fail(struct conn *c, int err)
{
	bool gone = err == -EPIPE || err == -ECONNRESET ||
		    err == -ECONNABORTED;

	/* Peers that leave without a word between requests are legion. */
	if (gone && c->state == CONN_IDLE && !c->server->verbose)
		conn_free(c);
	else if (err == -ENODATA)
		abort_conn(c, "cut off, the file shrank while it was sent");
	else if (err == -ECONNABORTED)
		abort_conn(c, "truncated by the peer, no close_notify");
	else if (ktls_conn_reason(c->tls))
		abort_conn(c, ktls_reason_text(ktls_conn_reason(c->tls)));
	else
		abort_conn(c, strerror(-err));
}

/* A deadline that moves away leaves the timer alone: expire() looks again. */
static void set_deadline(struct conn *c, unsigned int ms)
{
	c->deadline_ms = now_ms() + ms;
	if (loop_timer_is_set(&c->timer) && c->timer_ms <= c->deadline_ms)
		return;
	c->timer_ms = c->deadline_ms;
	loop_timer_set(&c->server->loop, &c->timer, ms);
}

static void expire(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	uint64_t now = now_ms();

	if (now < c->deadline_ms)
		set_deadline(c, c->deadline_ms - now);
	else if (c->state == CONN_IDLE || c->state == CONN_REQUEST)
		close_begin(c);
	else if (c->state == CONN_LINGER)
		conn_free(c);
	else
		abort_conn(c, "given up, the peer takes no data");
}

void conn_enter(struct conn *c, enum state next, uint32_t events,
		unsigned int ms)
{
	c->state = next;
	set_deadline(c, ms);
	if (c->events == events)
		return;
	c->events = events;
	loop_change(&c->server->loop, &c->watch, events);
}

/* What was received beyond the requests served stays for later. */
static int keep(struct conn *c, const char *rest, size_t len)
{
	char *in = NULL;

	if (len) {
		in = malloc(len);
		if (!in)
			return -ENOMEM;
		memcpy(in, rest, len);
	}
	free(c->in);
	c->in = in;
	c->in_len = len;
	return 0;
}

/*
 * All requests served, or the socket full, or the connection to be closed.
 * The part of a request that is left over has a deadline of its own, which
 * stays where it is while the part just grows.
 */
static void settle(struct conn *c, int sent, const char *rest, size_t len,
		   bool served)
{
	int ret = sent < 0 ? sent : keep(c, rest, len);

	if (ret < 0)
		fail(c, ret);
	else if (sent == 0)
		conn_enter(c, CONN_SEND, EPOLLOUT, STALL_MS);
	else if (c->close)
		close_begin(c);
	else if (!len)
		conn_enter(c, CONN_IDLE, EPOLLIN, c->server->idle_ms);
	else if (served || c->state != CONN_REQUEST)
		conn_enter(c, CONN_REQUEST, EPOLLIN, REQUEST_MS);
}

/* Serves what is whole of the @len bytes in the scratch buffer. */
static void serve(struct conn *c, size_t len)
{
	const char *buf = c->server->scratch;
	size_t off = 0;
	int ret = 1;

	while (ret == 1 && off < len && !c->close) {
		struct request req;
		int n = request_parse(&req, buf + off, len - off);

		if (!n)
			break;
		off = n < 0 ? len : off + n;
		ret = respond(c, &req);
		if (!ret)
			ret = send_pending(c);
	}
	settle(c, ret, buf + off, len - off, off > 0);
}

static void receive(struct conn *c)
{
	char *buf = c->server->scratch;
	ssize_t n;

	memcpy(buf, c->in ? c->in : "", c->in_len);
	n = ktls_recv(c->tls, buf + c->in_len, REQUEST_MAX - c->in_len);
	if (n > 0)
		serve(c, c->in_len + n);
	else if (n == 0)
		close_begin(c);		/* it may still read what we sent */
	else if (n != -EAGAIN && n != -EINTR)
		fail(c, n);
}

static void resume(struct conn *c)
{
	int ret = send_pending(c);

	if (ret == 1 && !c->close) {
		memcpy(c->server->scratch, c->in ? c->in : "", c->in_len);
		serve(c, c->in_len);
	} else if (ret || c->turn != TURN_MAX) {
		settle(c, ret, c->in, c->in_len, false);
	}
}

static void (*const steps[])(struct conn *c) = {
	[CONN_IDLE] = receive,
	[CONN_REQUEST] = receive,
	[CONN_SEND] = resume,
	[CONN_CLOSE] = close_notify,
	[CONN_DRAIN] = close_drained,
	[CONN_LINGER] = close_linger,
};

static void ready(struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

	(void)events;
	c->turn = TURN_MAX;
	steps[c->state](c);
}

static void refuse(struct conn *c)
{
	const struct request full = {
		.method = "-", .target = "", .status = 503, .close = true,
	};
	int ret = respond(c, &full);

	settle(c, ret ? ret : send_pending(c), NULL, 0, true);
}

static void tune(struct conn *c)
{
	const int on = 1;

	setsockopt(c->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void conn_new(struct server *s, struct ktls_conn *tls, bool refused)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		ktls_conn_close(tls);
		return;
	}
	c->server = s;
	c->tls = tls;
	c->watch.fd = ktls_conn_fd(tls);
	c->watch.ready = ready;
	c->timer.fire = expire;
	c->events = EPOLLIN;
	c->turn = TURN_MAX;
	c->prev = &s->conns;
	c->next = s->conns.next;
	c->prev->next = c->next->prev = c;
	s->count++;
	tune(c);
	if (fcntl(c->watch.fd, F_SETFL, O_NONBLOCK) ||
	    loop_add(&s->loop, &c->watch, EPOLLIN))
		conn_free(c);
	else if (refused)
		refuse(c);
	else
		conn_enter(c, CONN_IDLE, EPOLLIN, s->idle_ms);
}

void conn_free(struct conn *c)
{
	struct server *s = c->server;

	loop_del(&s->loop, &c->watch);
	loop_timer_clear(&c->timer);
	c->prev->next = c->next;
	c->next->prev = c->prev;
	s->count--;
	if (c->file)
		cache_put(c->file);
	free(c->in);
	free(c->out);
	ktls_conn_close(c->tls);
	free(c);
	handoff_resume(s);
}
