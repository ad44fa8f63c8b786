/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of ktlsd share. The configuration becomes struct settings
 * (config, options, settings, trace), one for each service; a service works
 * by the newest settings, a connection by those that it began with.
 */
#ifndef KTLSD_H
#define KTLSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "address.h"
#include "ktls.h"
#include "log.h"
#include "loop.h"

/* Exit statuses: the system said no; the user asked for the impossible. */
enum { EXIT_SYSTEM = 1, EXIT_CONFIG = 2 };

#define LISTENERS_MAX 16
#define PAIRS_MAX 64
#define NAME_MAX_LEN 40

struct service;
struct settings;

/* Why a configuration cannot be had, and which of its lines is to blame. */
struct fault {
	int status;			/* with which a program would end */
	int line;			/* 0: none of them */
	char text[1024];
};

/* Where the text of the configuration is, and what it is called in messages. */
struct source {
	const char *file;
	char **names;			/* of its lines, or NULL: their number */
	int names_count;
};

struct listener {
	struct watch watch;		/* fd -1 when not open */
	struct service *service;
	int line;
	struct sockaddr_storage address;	/* as configured */
	struct sockaddr_storage bound;	/* the kernel may choose the port */
	struct listener *old;		/* at a reload: whose socket it takes */
	bool taken;			/* at a reload: by a new listener */
	STAILQ_ENTRY(listener) next;
};

STAILQ_HEAD(listeners, listener);

/* A value of the configuration; all others point into these. */
struct text {
	SLIST_ENTRY(text) next;
	int line;
	char value[];
};

struct trace {
	int fd;				/* -1: none */
	bool warned;			/* that lines are lost */
	bool torn;			/* the last line lacks its end */
};

/* One section. Read-only once it is in force; lives until its last user. */
struct settings {
	unsigned int users;
	char name[NAME_MAX_LEN + 1];
	int line;
	uint32_t seen;			/* options, by their place in the table */
	struct ktls_options tls;
	struct ktls_pair pairs[PAIRS_MAX];
	const char *handoff;
	const char *trace_file;		/* or NULL */
	unsigned int trace_max;		/* MB */
	unsigned int handshake_timeout;	/* s */
	unsigned int max_handshakes;
	unsigned int listeners_count;
	struct listeners listeners;	/* until a service has them */
	SLIST_HEAD(, text) texts;

	struct ktls_config *config;
	struct trace trace;

	/* Ready for service_adopt() */
	struct service *service;
	int server;			/* new hand-off socket, or -1 */

	STAILQ_ENTRY(settings) next;
};

STAILQ_HEAD(settings_list, settings);

/* A connection on its way: accept, handshake, install, hand-off. */
struct shake {
	struct watch watch;		/* the client's socket, ours */
	struct timer deadline;
	struct service *service;
	struct settings *settings;
	struct ktls_session *session;
	struct ktls_conn *conn;		/* then it owns the socket */
	uint64_t start_ns;
	uint64_t number;
	bool waiting;			/* for room in the hand-off socket */

	LIST_ENTRY(shake) all;
	TAILQ_ENTRY(shake) queue;
};

struct stats {
	uint64_t delivered, resumed, undelivered;
	uint64_t failed[KTLS_REASONS];
	uint64_t trace_lost;		/* lines */
};

struct service {
	struct agent *agent;
	struct settings *settings;	/* NULL until service_adopt() */
	struct listeners listeners;
	bool listening;
	bool warned;			/* that accept() fails */
	bool retired;			/* ends with its last handshake */
	struct timer backoff;
	struct timer end;
	struct watch server;		/* hand-off socket; fd -1 when lost */
	LIST_HEAD(, shake) shakes;
	TAILQ_HEAD(, shake) waiting;
	unsigned int live;		/* length of shakes */
	struct stats stats;

	STAILQ_ENTRY(service) next;
};

STAILQ_HEAD(services, service);

struct agent {
	struct source source;
	struct loop loop;
	struct services services;
	struct services retired;
	struct watch signals;
	uint64_t connections;		/* since the start: the next's number */
	bool running;			/* a configuration is in force */
	bool ending;			/* no new connections; finish the old */
};

/*
 * Functions that take a struct fault return 0, or fault->status, a text
 * included.
 */

/* config.c: reads the text; settings.c then reads the files. */
int config_read(struct settings_list *out, const char *file, struct fault *f);

/* options.c */
/* Those that may be given where @seen are. */
const char *option_names(uint32_t seen);
int option_set(struct settings *s, int line, const char *name,
	       const char *value, struct fault *f);
int options_check(const struct settings *s, struct fault *f);

/* lists.c: values of several words */
int list_addresses(struct settings *s, int line, const char *value,
		   struct fault *f);
int list_pins(int line, const char *value, struct fault *f);

/* settings.c */
int fault_set(struct fault *f, int status, int line, const char *fmt, ...)
	PRINTF(4, 5);
/* The whole sentence, into @size bytes: returns @out. */
const char *fault_text(char *out, size_t size, const struct source *from,
		       const struct fault *f);
struct settings *settings_new(const char *name, int line);
struct settings *settings_get(struct settings *s);
void settings_put(struct settings *s);
/* A copy of @value that lives as long as @s, or NULL. */
const char *settings_keep(struct settings *s, int line, const char *value);
int settings_line(const char *value);	/* of such a copy */
/* All of @file and of the files that it names. */
int settings_load(struct settings_list *out, const char *file,
		  struct fault *f);
void settings_drop(struct settings_list *list);

/* trace.c */
int trace_open(struct settings *s, struct fault *f);
int trace_test(const struct settings *s, struct fault *f);
void trace_close(struct trace *t);
void trace_start(struct shake *sh);
/* What the library cannot know: the handshake met its deadline, ... */
void trace_failure(struct shake *sh, const char *reason, const char *text);

/* service.c */
struct service *service_find(const struct agent *a, const char *name);
struct service *service_new(struct agent *a);
void service_adopt(struct service *sv, struct settings *s);
void service_retire(struct service *sv);
void service_left(struct service *sv);	/* by one of its handshakes */
void service_free(struct service *sv);	/* ends its handshakes, too */

/* bind.c */
int listen_prepare(struct agent *a, struct settings_list *list,
		   struct fault *f);
/* The sockets that s->listeners are to keep leave their old listeners. */
void listen_take(struct settings *s);

/* listen.c */
/* Puts @news in the place of the old ones, and closes those. */
void listen_replace(struct service *sv, struct listeners *news);
void listen_update(struct service *sv);	/* after any change of its reasons */
void listen_close(struct service *sv);
void listeners_free(struct listeners *list);

/* shaker.c: takes @fd over, a connection from @peer */
void shake_start(struct service *sv, int fd,
		 const struct sockaddr_storage *peer);
/* 0: @sh is gone, one way or the other. -EAGAIN: it waits for room. */
int shake_deliver(struct shake *sh);
/* @text: NULL when it was handed over. */
void shake_end(struct shake *sh, enum ktls_reason reason, const char *text);
uint64_t now_ns(void);

/* report.c: the lines of the log */
void report_connection(const struct shake *sh, enum ktls_reason reason,
		       const char *text);
/* It has left, or there is no room for it, before a handshake began. */
void report_refused(const struct service *sv,
		    const struct sockaddr_storage *peer,
		    enum ktls_reason reason, const char *text);
void report_stats(const struct service *sv);

/* server.c: the hand-off socket */
int server_prepare(struct settings *s, struct fault *f);
/*
 * Each service of @list that inherited its socket has a duplicate: closes what
 * was inherited, or the server would not see when the last of them ends.
 */
void server_drop_inherited(const struct settings_list *list);
void server_replace(struct service *sv, int fd);
int server_send(struct service *sv, const struct ktls_conn *c);
/* Calls shake_deliver() when there is room. */
void server_wait(struct service *sv);
void server_close(struct service *sv);

/* reload.c: all of @list is in force, or nothing has changed */
int reload_apply(struct agent *a, struct settings_list *list,
		 struct fault *f);
void reload(struct agent *a);

/* agent.c */
void agent_run(struct agent *a, struct settings_list *list);
void agent_left(struct agent *a);	/* by a handshake: was it the last? */

#endif
