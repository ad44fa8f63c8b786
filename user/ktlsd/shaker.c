// SPDX-License-Identifier: GPL-2.0-or-later
/* One connection: accept, handshake, install, hand-off, under one deadline. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktlsd.h"

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void count(const struct shake *sh, enum ktls_reason reason,
		  const char *text)
{
	struct stats *stats = &sh->service->stats;

	if (!text) {
		stats->delivered++;
		stats->resumed += ktls_session_info(sh->session)->resumed;
	} else if (sh->conn) {
		stats->undelivered++;
	} else {
		stats->failed[reason]++;
	}
}

static void free_shake(struct shake *sh)
{
	struct service *sv = sh->service;

	loop_timer_clear(&sh->deadline);
	if (sh->waiting)
		TAILQ_REMOVE(&sv->waiting, sh, queue);
	LIST_REMOVE(sh, all);
	loop_del(&sv->agent->loop, &sh->watch);
	ktls_session_free(sh->session);
	settings_put(sh->settings);
	if (sh->conn)
		ktls_conn_close(sh->conn);
	else
		close(sh->watch.fd);
	free(sh);
}

void shake_end(struct shake *sh, enum ktls_reason reason, const char *text)
{
	struct service *sv = sh->service;

	count(sh, reason, text);
	report_connection(sh, reason, text);
	/* Else the library has said so. */
	if (text && (sh->conn || reason == KTLS_TIMEOUT))
		trace_failure(sh, ktls_reason_name(reason), text);
	free_shake(sh);
	sv->live--;
	listen_update(sv);
	service_left(sv);
	agent_left(sv->agent);
}

int shake_deliver(struct shake *sh)
{
	struct service *sv = sh->service;
	int ret = server_send(sv, sh->conn);
	char reason[128];

	if (!ret) {
		shake_end(sh, KTLS_OK, NULL);
		return 0;
	}
	if (ret != -EAGAIN) {
		snprintf(reason, sizeof(reason), "closed, no hand-off: %s",
			 strerror(-ret));
		shake_end(sh, KTLS_OK, reason);
		return 0;
	}
	if (!sh->waiting) {
		TAILQ_INSERT_TAIL(&sv->waiting, sh, queue);
		sh->waiting = true;
		server_wait(sv);
	}
	return -EAGAIN;
}

static void give_up(struct shake *sh)
{
	const struct ktls_error *err = ktls_session_error(sh->session);

	shake_end(sh, err->reason, err->text);
}

static void on_client(struct watch *w, uint32_t events)
{
	struct shake *sh = (struct shake *)w;
	struct loop *loop = &sh->service->agent->loop;
	int ret = ktls_session_handshake(sh->session);

	(void)events;
	if (ret == -EAGAIN) {
		bool out = ktls_session_events(sh->session) == POLLOUT;

		loop_change(loop, w, out ? EPOLLOUT : EPOLLIN);
		return;
	}
	/* From here on what happens on the socket is the server's business. */
	loop_del(loop, w);
	if (!ret)
		ret = ktls_session_install(sh->session, &sh->conn);
	if (ret)
		give_up(sh);
	else
		shake_deliver(sh);
}

static void on_deadline(struct timer *t)
{
	struct shake *sh = (void *)((char *)t -
				    offsetof(struct shake, deadline));
	char reason[80];

	snprintf(reason, sizeof(reason), "%s within %u s", sh->waiting ?
		 "the server took no connection" : "no complete handshake",
		 sh->settings->handshake_timeout);
	shake_end(sh, sh->waiting ? KTLS_OK : KTLS_TIMEOUT, reason);
}

static void refuse(struct service *sv, int fd,
		   const struct sockaddr_storage *peer, int err)
{
	bool left = err == -ENOTCONN;	/* before we came to it */
	enum ktls_reason reason = left ? KTLS_HANGUP : KTLS_INTERNAL;

	sv->stats.failed[reason]++;
	report_refused(sv, peer, reason, left ?
		       "the peer left before its handshake" : strerror(-err));
	close(fd);
}

void shake_start(struct service *sv, int fd,
		 const struct sockaddr_storage *peer)
{
	struct shake *sh = calloc(1, sizeof(*sh));
	int ret;

	if (!sh) {
		refuse(sv, fd, peer, -ENOMEM);
		return;
	}
	sh->watch.fd = fd;
	sh->watch.ready = on_client;
	sh->deadline.fire = on_deadline;
	sh->service = sv;
	sh->settings = settings_get(sv->settings);
	sh->start_ns = now_ns();
	sh->number = ++sv->agent->connections;
	ret = ktls_session_new(&sh->session, sh->settings->config, fd, NULL);
	if (ret)
		goto put_settings;
	ret = loop_add(&sv->agent->loop, &sh->watch, EPOLLIN);
	if (ret)
		goto free_session;
	trace_start(sh);
	loop_timer_set(&sv->agent->loop, &sh->deadline,
		       sh->settings->handshake_timeout * 1000);
	LIST_INSERT_HEAD(&sv->shakes, sh, all);
	sv->live++;
	listen_update(sv);
	return;

free_session:
	ktls_session_free(sh->session);
put_settings:
	settings_put(sh->settings);
	free(sh);
	refuse(sv, fd, peer, ret);
}
