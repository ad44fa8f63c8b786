// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connections arrive here: on a socketpair shared with a private agent, or on
 * a UNIX socket where any number of agents may connect.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "httpd.h"
#include "log.h"

#define RETRY_MS 1000

/* Connections taken in one go, before those we have get their turn. */
#define TAKE_BATCH 16

static void remove_agent(struct agent *a)
{
	struct server *s = a->server;

	loop_del(&s->loop, &a->watch);
	close(a->watch.fd);
	a->prev->next = a->next;
	a->next->prev = a->prev;
	free(a);
}

/* Until a connection ends the agents wait, and their clients with them. */
static void pause_all(struct server *s)
{
	struct agent *a;

	if (s->paused)
		return;
	s->paused = true;
	for (a = s->agents.next; a != &s->agents; a = a->next)
		loop_del(&s->loop, &a->watch);
	if (s->listener.fd >= 0)
		loop_del(&s->loop, &s->listener);
	loop_timer_set(&s->loop, &s->retry, RETRY_MS);
}

void handoff_resume(struct server *s)
{
	struct agent *a;
	int ret = 0;

	if (!s->paused || s->count >= s->max + REFUSED_MAX)
		return;
	s->paused = false;
	loop_timer_clear(&s->retry);
	for (a = s->agents.next; a != &s->agents && !ret; a = a->next)
		ret = loop_add(&s->loop, &a->watch, EPOLLIN);
	if (s->listener.fd >= 0 && !ret)
		ret = loop_add(&s->loop, &s->listener, EPOLLIN);
	if (!ret)
		return;
	log_warnx("hand-off: %s", strerror(-ret));
	pause_all(s);
}

static void retry(struct timer *t)
{
	struct server *s = container_of(t, struct server, retry);

	handoff_resume(s);
	if (s->paused)
		loop_timer_set(&s->loop, t, RETRY_MS);
}

void handoff_init(struct server *s)
{
	s->listener.fd = -1;
	s->agents.prev = s->agents.next = &s->agents;
	s->retry.fire = retry;
}

static bool exhausted(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM ||
	       err == -ENOBUFS;
}

static int take(struct server *s, int fd)
{
	struct ktls_conn *tls;
	int ret = ktls_handoff_recv(fd, &tls);

	if (ret)
		return ret;
	conn_new(s, tls, s->count >= s->max);
	if (s->count >= s->max + REFUSED_MAX)
		pause_all(s);
	return 0;
}

static void on_agent(struct watch *w, uint32_t events)
{
	struct agent *a = container_of(w, struct agent, watch);
	struct server *s = a->server;
	int ret = 0;

	(void)events;
	for (int i = 0; i < TAKE_BATCH && !ret && !s->paused; i++)
		ret = take(s, w->fd);
	if (exhausted(ret)) {
		log_warnx("hand-off: %s", strerror(-ret));
		pause_all(s);
	} else if (ret == -EBADMSG) {
		log_warnx("hand-off: refused a message that is not ours");
	} else if (ret && ret != -EAGAIN) {
		remove_agent(a);
	}
}

int handoff_add(struct server *s, int fd)
{
	struct agent *a = calloc(1, sizeof(*a));
	int ret;

	if (!a) {
		close(fd);
		return -ENOMEM;
	}
	a->server = s;
	a->watch.fd = fd;
	a->watch.ready = on_agent;
	a->prev = &s->agents;
	a->next = s->agents.next;
	a->prev->next = a->next->prev = a;
	ret = s->paused ? 0 : loop_add(&s->loop, &a->watch, EPOLLIN);
	if (ret)
		remove_agent(a);
	return ret;
}

static void on_connect(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, listener);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0) {
		handoff_add(s, fd);
	} else if (exhausted(-errno)) {
		log_warn("%s", s->listen_path);
		pause_all(s);
	}
}

/* A socket file that its server left behind; nobody answers there. */
static bool stale(const struct sockaddr_un *sun)
{
	struct stat st;
	bool dead;
	int fd;

	if (lstat(sun->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	dead = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead;
}

/* umask(), not chmod(): there must be no moment of wider rights. */
static int bind_path(int fd, const struct sockaddr_un *sun, unsigned int mode)
{
	const struct sockaddr *sa = (const struct sockaddr *)sun;
	mode_t old = umask(0777 & ~mode);
	int ret = bind(fd, sa, sizeof(*sun)) ? -errno : 0;

	if (ret == -EADDRINUSE && stale(sun) && !unlink(sun->sun_path))
		ret = bind(fd, sa, sizeof(*sun)) ? -errno : 0;
	umask(old);
	return ret;
}

static void remember(struct server *s, const char *path)
{
	struct stat st;

	s->listen_path = path;
	if (lstat(path, &st))
		return;
	s->listen_dev = st.st_dev;
	s->listen_ino = st.st_ino;
}

/* A successor may have put its own socket there. */
static void unlink_ours(const struct server *s)
{
	struct stat st;

	if (!lstat(s->listen_path, &st) && st.st_dev == s->listen_dev &&
	    st.st_ino == s->listen_ino)
		unlink(s->listen_path);
}

int handoff_listen(struct server *s, const char *path, unsigned int mode)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct watch *w = &s->listener;
	int ret, fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = bind_path(fd, &sun, mode);
	if (ret)
		goto close_fd;
	w->fd = fd;
	w->ready = on_connect;
	remember(s, path);
	ret = listen(fd, 16) ? -errno : loop_add(&s->loop, w, EPOLLIN);
	if (ret)
		goto unlink_path;
	return 0;

unlink_path:
	unlink_ours(s);
	s->listen_path = NULL;
	w->fd = -1;
close_fd:
	close(fd);
	return ret;
}

void handoff_close(struct server *s)
{
	while (s->agents.next != &s->agents)
		remove_agent(s->agents.next);
	loop_timer_clear(&s->retry);
	s->paused = false;
	if (s->listener.fd < 0)
		return;
	loop_del(&s->loop, &s->listener);
	unlink_ours(s);
	close(s->listener.fd);
	s->listener.fd = -1;
}
