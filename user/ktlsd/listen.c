// SPDX-License-Identifier: GPL-2.0-or-later
/* The listening sockets of a service: open, accept while there is room. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktlsd.h"

/* Connections taken in one go, before others have their turn. */
#define ACCEPT_BATCH 16

/* What is short (descriptors, memory) does not come back at once. */
#define BACKOFF_MS 200

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
			 sv->settings->name, BACKOFF_MS);
	sv->warned = true;
	sv->backoff.fire = on_backoff;
	loop_timer_set(&sv->agent->loop, &sv->backoff, BACKOFF_MS);
	listen_update(sv);
}

static bool is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

static int take_one(struct service *sv, const struct listener *l)
{
	struct sockaddr_storage peer = {};
	socklen_t len = sizeof(peer);
	int fd = accept4(l->watch.fd, (struct sockaddr *)&peer, &len,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	sv->warned = false;
	shake_start(sv, fd, &peer);
	return 0;
}

static void on_connection(struct watch *w, uint32_t events)
{
	struct listener *l = (struct listener *)w;
	struct service *sv = l->service;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && sv->listening; i++) {
		int ret = take_one(sv, l);

		errno = -ret;
		if (is_shortage(-ret))
			back_off(sv);
		if (ret && ret != -ECONNABORTED && ret != -EINTR)
			return;
	}
}

static int watch_all(struct service *sv)
{
	struct listener *l;
	int ret = 0;

	STAILQ_FOREACH(l, &sv->listeners, next) {
		ret = loop_add(&sv->agent->loop, &l->watch, EPOLLIN);
		if (ret)
			break;
	}
	return ret;
}

static void unwatch_all(struct service *sv)
{
	struct listener *l;

	STAILQ_FOREACH(l, &sv->listeners, next)
		if (l->watch.fd >= 0)
			loop_del(&sv->agent->loop, &l->watch);
}

void listen_update(struct service *sv)
{
	bool want = !sv->agent->ending && !sv->retired &&
		    !loop_timer_is_set(&sv->backoff) &&
		    sv->live < sv->settings->max_handshakes;
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

/* Who waits in its queue came in time: closing it would reset them. */
static void drain(struct service *sv, const struct listener *l)
{
	int ret = 0;

	while (sv->live < sv->settings->max_handshakes &&
	       (!ret || ret == -ECONNABORTED || ret == -EINTR))
		ret = take_one(sv, l);
}

void listen_replace(struct service *sv, struct listeners *news)
{
	struct listeners olds = STAILQ_HEAD_INITIALIZER(olds);
	char text[ADDRESS_TEXT];
	struct listener *l;

	unwatch_all(sv);
	sv->listening = false;
	STAILQ_CONCAT(&olds, &sv->listeners);
	STAILQ_CONCAT(&sv->listeners, news);
	STAILQ_FOREACH(l, &sv->listeners, next) {
		l->service = sv;
		l->watch.ready = on_connection;
		if (!l->old)
			log_info("%s: listening on %s", sv->settings->name,
				 address_text(text, sizeof(text), &l->bound));
		l->old = NULL;
	}
	STAILQ_FOREACH(l, &olds, next) {
		if (l->watch.fd < 0)
			continue;
		log_info("%s: no longer listening on %s", sv->settings->name,
			 address_text(text, sizeof(text), &l->bound));
		drain(sv, l);
	}
	listeners_free(&olds);
	listen_update(sv);
}

void listen_close(struct service *sv)
{
	loop_timer_clear(&sv->backoff);
	unwatch_all(sv);
	sv->listening = false;
	listeners_free(&sv->listeners);
}

void listeners_free(struct listeners *list)
{
	struct listener *l;

	while ((l = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		if (l->watch.fd >= 0)
			close(l->watch.fd);
		free(l);
	}
}
