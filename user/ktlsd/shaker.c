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
#include "log.h"

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void report(const struct shake *sh, const char *outcome)
{
	const struct ktls_info *info = ktls_session_info(sh->session);
	char peer[ADDRESS_TEXT], sni[4 * sizeof(info->sni) + 1];
	char agreed[64] = "";

	if (info->version)
		snprintf(agreed, sizeof(agreed), "%s, %s, ",
			 ktls_version_name(info->version),
			 ktls_cipher_name(info->cipher));
	log_info("%s: %s, name \"%s\", %s%u ms: %s", sh->service->name,
		 address_text(peer, sizeof(peer), &info->peer),
		 log_escape(sni, sizeof(sni), info->sni), agreed,
		 (unsigned int)(now_ms() - sh->start_ms), outcome);
}

void shake_end(struct shake *sh, const char *reason)
{
	struct service *sv = sh->service;

	report(sh, reason ? reason : "handed over");
	loop_timer_clear(&sh->deadline);
	if (sh->waiting)
		TAILQ_REMOVE(&sv->waiting, sh, queue);
	LIST_REMOVE(sh, all);
	loop_del(&sv->agent->loop, &sh->watch);
	ktls_session_free(sh->session);
	if (sh->conn)
		ktls_conn_close(sh->conn);
	else
		close(sh->watch.fd);
	free(sh);
	sv->live--;
	listen_update(sv);
	if (sv->agent->ending)
		agent_leave(sv->agent);
}

int shake_deliver(struct shake *sh)
{
	struct service *sv = sh->service;
	int ret = server_send(sv, sh->conn);
	char reason[128];

	if (!ret) {
		shake_end(sh, NULL);
		return 0;
	}
	if (ret != -EAGAIN) {
		snprintf(reason, sizeof(reason), "closed, no hand-off: %s",
			 strerror(-ret));
		shake_end(sh, reason);
		return 0;
	}
	if (!sh->waiting) {
		TAILQ_INSERT_TAIL(&sv->waiting, sh, queue);
		sh->waiting = true;
		server_wait(sv);
	}
	return -EAGAIN;
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
		shake_end(sh, ktls_session_error(sh->session)->text);
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
		 sh->service->handshake_timeout);
	shake_end(sh, reason);
}

static void refuse(struct service *sv, int fd, int err)
{
	errno = -err;
	log_warn("%s: connection closed before its handshake", sv->name);
	close(fd);
}

void shake_start(struct service *sv, int fd)
{
	struct shake *sh = calloc(1, sizeof(*sh));
	int ret;

	if (!sh) {
		refuse(sv, fd, -ENOMEM);
		return;
	}
	sh->watch.fd = fd;
	sh->watch.ready = on_client;
	sh->deadline.fire = on_deadline;
	sh->service = sv;
	sh->start_ms = now_ms();
	ret = ktls_session_new(&sh->session, sv->config, fd, NULL);
	if (ret)
		goto free_shake;
	ret = loop_add(&sv->agent->loop, &sh->watch, EPOLLIN);
	if (ret)
		goto free_session;
	loop_timer_set(&sv->agent->loop, &sh->deadline,
		       sv->handshake_timeout * 1000);
	LIST_INSERT_HEAD(&sv->shakes, sh, all);
	sv->live++;
	listen_update(sv);
	return;

free_session:
	ktls_session_free(sh->session);
free_shake:
	free(sh);
	refuse(sv, fd, ret);
}
