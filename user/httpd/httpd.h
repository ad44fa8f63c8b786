/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktls-httpd: files over connections whose TLS the kernel does.
 *
 *	handoff.c	a connection arrives from an agent, is admitted or not
 *	conn.c		bytes in, requests out of them, one state at a time
 *	request.c	a request head, by llhttp
 *	path.c		its target, as a path beneath the root
 *	cache.c, file.c	that path, as an open regular file
 *	response.c	status line and headers
 *	send.c		headers by send(), the file by sendfile()
 *	close.c		close_notify, then a wait for the peer's end
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "ktls.h"
#include "loop.h"

#define REQUEST_MAX	8192		/* bytes of a request head */
#define HEAD_MAX	(REQUEST_MAX + 512)	/* of ours: it may echo the target */
#define RECORD_MAX	16384		/* plaintext of one TLS record */
#define ONE_WRITE_MAX	4096		/* a body copied behind its head */
#define TURN_MAX	(1 << 20)	/* bytes sent before others have a turn */
#define REFUSED_MAX	64		/* 503s on their way out, beyond the bound */

#define REQUEST_MS	10000		/* first byte to last of a head */
#define STALL_MS	60000		/* a send without progress */
#define LINGER_MS	2000		/* from close_notify to the peer's end */

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

struct server;

/* request.c */
struct request {
	const char *method;		/* its name, or "-" */
	const char *target;		/* as sent, inside the caller's buffer */
	size_t target_len;
	int status;			/* the error to answer, or 0 */
	bool head;			/* HEAD: headers only */
	bool close;			/* no request may follow */
	bool http10;
};

/*
 * Returns the bytes eaten, 0 when more are needed, or -EBADMSG: answer
 * @req->status and close.
 */
int request_parse(struct request *req, const char *buf, size_t len);

/* path.c */

/*
 * The file a request target means, relative to the root: no leading slash,
 * no query, escapes decoded once; "." for the root. -EINVAL or -ENAMETOOLONG.
 */
int path_decode(char *out, size_t size, const char *target, size_t len);
const char *path_type(const char *path);

/* file.c */
struct file {
	int fd;
	off_t size;
	struct timespec mtime;
	const char *type;
};

/*
 * Opens the regular file that @path means beneath @root, index.html for a
 * directory. -EISDIR: a directory asked for without its slash.
 */
int file_open(struct file *f, int root, const char *path);
/* Looks again. -ESTALE: its name is gone, or stands for another file. */
int file_refresh(struct file *f);
/* What to answer where file_open() gave @err. */
int file_status(int err);

/* cache.c: files in use, and those used within the last second */
#define CACHE_SLOTS 64

struct cached {
	struct file file;
	unsigned int users;
	uint64_t until_ms;
	char *body;			/* of a small file, or NULL ... */
	struct file body_of;		/* ... as it was then */
	char path[];
};

struct cache {
	int root;
	struct loop *loop;
	struct timer sweep;
	struct cached *slots[CACHE_SLOTS];
};

void cache_init(struct cache *c, struct loop *loop, int root);
int cache_get(struct cache *c, const char *path, struct cached **out);
void cache_put(struct cached *f);
/* All of a small file, f->file.size bytes. -ENODATA: there are less. */
int cache_read(struct cached *f, char *out);
void cache_drop_all(struct cache *c);

/* response.c */
struct response {
	int status;
	bool head;			/* leave the body out */
	bool close;
	bool http10;
	const char *type;		/* NULL: a short text says the status */
	uint64_t length;		/* of @type's body */
	const char *location;		/* for 301, or NULL: ... */
	size_t location_len;
	size_t path_len;		/* ... a slash goes in after these */
};

/* The Date header's value, made anew when the second has changed. */
struct date {
	time_t at;
	char text[32];
};

const char *date_now(struct date *d);
/* Status line and headers, and the short text; never more than HEAD_MAX. */
size_t response_write(char *out, const struct response *r, const char *date);

/* conn.c */
enum state {
	CONN_IDLE,		/* nothing of a request is here */
	CONN_REQUEST,		/* part of one is */
	CONN_SEND,		/* a response waits for the socket */
	CONN_CLOSE,		/* close_notify waits for the socket */
	CONN_DRAIN,		/* it is on its way into the socket */
	CONN_LINGER,		/* it is sent; the peer has yet to end */
};

struct conn {
	struct watch watch;
	struct timer timer;
	struct conn *prev, *next;	/* server's ring */
	struct server *server;
	struct ktls_conn *tls;
	uint64_t deadline_ms, timer_ms;
	uint32_t events;
	enum state state;
	bool close, out_more;
	char *in, *out;			/* unparsed, unsent; NULL while idle */
	size_t in_len, out_off, out_len;
	struct cached *file;		/* being sent, from off to end */
	off_t off, end;
	size_t turn;			/* bytes left to send in this wakeup */
};

/* Takes @tls, whatever the outcome. @refuse: its only answer is 503. */
void conn_new(struct server *s, struct ktls_conn *tls, bool refuse);
void conn_free(struct conn *c);
void conn_enter(struct conn *c, enum state next, uint32_t events,
		unsigned int ms);
const char *conn_peer(const struct conn *c, char *out);

/* respond.c: starts the response; send_pending() does the rest. 0 or -errno */
int respond(struct conn *c, const struct request *req);

/* send.c */

/* Takes @len bytes, sent or kept; @more: the body joins their record. */
int send_head(struct conn *c, const char *buf, size_t len, bool more);
/* Returns 1 when all is sent, 0 when the socket is full, or -errno. */
int send_pending(struct conn *c);

/* close.c */
void close_begin(struct conn *c);
void close_notify(struct conn *c);
void close_drained(struct conn *c);
void close_linger(struct conn *c);

/* handoff.c */
struct agent {
	struct watch watch;
	struct agent *prev, *next;	/* server's ring */
	struct server *server;
};

void handoff_init(struct server *s);
/* Creates the socket @path; -errno, or -EADDRINUSE: somebody listens there. */
int handoff_listen(struct server *s, const char *path, unsigned int mode);
/* Takes @fd, one end of a SOCK_SEQPACKET pair. */
int handoff_add(struct server *s, int fd);
/* A connection has gone: there may be room again. */
void handoff_resume(struct server *s);
void handoff_close(struct server *s);

/* child.c: the private agent */
#define CHILD_LINES_MAX 32

struct child_options {
	const char *listen, *certificate, *key;
	const char *lines[CHILD_LINES_MAX];	/* of ktlsd.conf(5) */
	unsigned int lines_count;
};

/* Returns our end of the hand-off socket, or -errno. */
int child_start(pid_t *pid, const struct child_options *o);
/* Ends @pid, and waits for that. */
void child_stop(pid_t pid);

/* server.c */
struct server {
	struct loop loop;
	struct cache cache;
	struct watch signals;
	struct watch listener;
	const char *listen_path;	/* to be removed at exit, ... */
	dev_t listen_dev;		/* ... if it still is this one */
	ino_t listen_ino;
	struct agent agents;		/* rings */
	struct conn conns;
	struct timer retry;		/* after EMFILE */
	struct date date;
	unsigned int count, max;
	unsigned int idle_ms;
	bool paused;			/* no hand-offs, for want of room */
	bool verbose;
	pid_t child;			/* 0 without one */
	int status;			/* of our own exit */
	char scratch[REQUEST_MAX];	/* input of whoever is served */
	char head[HEAD_MAX + ONE_WRITE_MAX];
};

/* Returns 0 or -errno; @root is a directory's descriptor. */
int server_open(struct server *s, int root);
int server_run(struct server *s);
void server_close(struct server *s);
/* To the tick of the kernel's clock, which is enough, and cheap. */
uint64_t now_ms(void);

#endif
