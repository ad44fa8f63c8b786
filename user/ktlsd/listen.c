// SPDX-License-Identifier: GPL-2.0-or-later
/* The listening sockets of a service: open, accept while there is room. */
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "ktlsd.h"
#include "log.h"

/* Connections taken in one go, before others have their turn. */
#define ACCEPT_BATCH 16

/* What is short (descriptors, memory) does not come back at once. */
#define BACKOFF_MS 200

static int open_socket(const struct sockaddr_storage *address)
{
	bool v6 = address->ss_family == AF_INET6;
	int fd, on = 1, off = 0, ret;

	fd = socket(address->ss_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
			      sizeof(off))) ||
	    bind(fd, (const struct sockaddr *)address, address_size(address)) ||
	    listen(fd, SOMAXCONN)) {
		ret = -errno;
		goto close_fd;
	}
	return fd;

close_fd:
	close(fd);
	return ret;
}

static void on_backoff(struct timer *t)
{
	struct service *sv = (void *)((char *)t -
				      offsetof(struct service, backoff));

	listen_update(sv);
}

/* The connection stays in the queue: without a pause the loop would spin. */
static void back_off(struct service *sv)
{
	if (!sv->warned)
		log_warn("%s: cannot accept, trying again every %d ms",
			 sv->name, BACKOFF_MS);
	sv->warned = true;
	loop_timer_set(&sv->agent->loop, &sv->backoff, BACKOFF_MS);
	listen_update(sv);
}

static bool is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

static void on_connection(struct watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)w;
	struct service *sv = l->service;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && sv->listening; i++) {
		int fd = accept4(w->fd, NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			sv->warned = false;
			shake_start(sv, fd);
			continue;
		}
		if (is_shortage(errno))
			back_off(sv);
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

void listen_open(struct service *sv)
{
	char text[ADDRESS_TEXT];

	sv->backoff.fire = on_backoff;
	for (unsigned int i = 0; i < sv->listeners_count; i++) {
		struct listener *l = &sv->listeners[i];
		socklen_t len = sizeof(l->address);

		address_text(text, sizeof(text), &l->address);
		l->watch.ready = on_connection;
		l->watch.fd = open_socket(&l->address);
		if (l->watch.fd < 0) {
			errno = -l->watch.fd;
			log_fatal(EXIT_SYSTEM, "%s: cannot listen on %s",
				  sv->name, text);
		}
		getsockname(l->watch.fd, (struct sockaddr *)&l->address, &len);
	}
}

static int watch_all(struct service *sv)
{
	int ret = 0;

	for (unsigned int i = 0; i < sv->listeners_count && !ret; i++)
		ret = loop_add(&sv->agent->loop, &sv->listeners[i].watch,
			       EPOLLIN);
	return ret;
}

static void unwatch_all(struct service *sv)
{
	for (unsigned int i = 0; i < sv->listeners_count; i++)
		if (sv->listeners[i].watch.fd >= 0)
			loop_del(&sv->agent->loop, &sv->listeners[i].watch);
}

void listen_update(struct service *sv)
{
	bool want = !sv->agent->ending && !sv->backoff.next &&
		    sv->live < sv->max_handshakes;
	int ret;

	if (want == sv->listening)
		return;
	ret = want ? watch_all(sv) : 0;
	sv->listening = want && !ret;
	if (sv->listening)
		return;
	unwatch_all(sv);
	if (ret) {
		errno = -ret;
		back_off(sv);
	}
}

void listen_close(struct service *sv)
{
	loop_timer_clear(&sv->backoff);
	for (unsigned int i = 0; i < sv->listeners_count; i++) {
		close(sv->listeners[i].watch.fd);
		sv->listeners[i].watch.fd = -1;
	}
}
