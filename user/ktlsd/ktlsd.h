/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of ktlsd share: main, config, listen, shaker, server. */
#ifndef KTLSD_H
#define KTLSD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "address.h"
#include "ktls.h"
#include "loop.h"

/* Exit statuses: the system said no; the user asked for the impossible. */
enum { EXIT_SYSTEM = 1, EXIT_CONFIG = 2 };

#define LISTENERS_MAX 16
#define NAME_MAX_LEN 40

struct service;

struct listener {
	struct watch watch;		/* fd -1 when not open */
	struct service *service;
	struct sockaddr_storage address;
};

/* A connection on its way: accept, handshake, install, hand-off. */
struct shake {
	struct watch watch;		/* the client's socket, ours */
	struct timer deadline;
	struct service *service;
	struct ktls_session *session;
	struct ktls_conn *conn;		/* then it owns the socket */
	uint64_t start_ms;
	bool waiting;			/* for room in the hand-off socket */

	LIST_ENTRY(shake) all;
	TAILQ_ENTRY(shake) queue;
};

struct service {
	/* As configured */
	char name[NAME_MAX_LEN + 1];
	char *certificate, *key, *handoff;
	unsigned int handshake_timeout;	/* s */
	unsigned int max_handshakes;
	struct listener listeners[LISTENERS_MAX];
	unsigned int listeners_count;

	/* At work */
	struct agent *agent;
	struct ktls_config *config;
	bool listening;
	bool warned;			/* that accept() fails */
	struct timer backoff;
	struct watch server;		/* hand-off socket; fd -1 when lost */
	LIST_HEAD(, shake) shakes;
	TAILQ_HEAD(, shake) waiting;
	unsigned int live;		/* length of shakes */

	STAILQ_ENTRY(service) next;
};

STAILQ_HEAD(services, service);

struct agent {
	struct loop loop;
	struct services services;
	struct watch signals;
	bool ending;			/* no new connections; finish the old */
};

/* config.c: ends the program, with one line, when @file is not good. */
void config_load(struct services *out, const char *file);
void config_free(struct services *services);

/* listen.c */
void listen_open(struct service *sv);	/* ends the program on failure */
void listen_update(struct service *sv);	/* after any change of its reasons */
void listen_close(struct service *sv);

/* shaker.c: takes @fd over */
void shake_start(struct service *sv, int fd);
/* 0: @sh is gone, one way or the other. -EAGAIN: it waits for room. */
int shake_deliver(struct shake *sh);
void shake_end(struct shake *sh, const char *reason);

/* server.c: the hand-off socket */
void server_open(struct service *sv);	/* ends the program on failure */
int server_send(struct service *sv, const struct ktls_conn *c);
/* Calls shake_deliver() when there is room. */
void server_wait(struct service *sv);
void server_close(struct service *sv);

/* agent.c */
void agent_run(struct agent *a);
void agent_leave(struct agent *a);	/* ends when the last handshake has */

#endif
