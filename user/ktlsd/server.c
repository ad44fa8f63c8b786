// SPDX-License-Identifier: GPL-2.0-or-later
/* The hand-off socket: to a server that listens, or inherited from one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "ktlsd.h"

/* "fd:N": the server is our parent, and we live as long as it holds on. */
static bool is_inherited(const struct settings *s)
{
	return !strncmp(s->handoff, "fd:", 3);
}

static void lose(struct service *sv)
{
	const struct settings *s = sv->settings;

	server_close(sv);
	if (is_inherited(s) && !sv->retired)
		sv->agent->loop.stop = true;
	else
		log_warnx("%s: the server has left %s", s->name, s->handoff);
}

static void on_server(struct watch *w, uint32_t events)
{
	struct service *sv = (void *)((char *)w -
				      offsetof(struct service, server));
	struct shake *sh;

	if (events & (EPOLLHUP | EPOLLERR)) {
		lose(sv);
		while ((sh = TAILQ_FIRST(&sv->waiting)))
			shake_end(sh, KTLS_OK,
				  "closed, the server has gone");
		return;
	}
	while ((sh = TAILQ_FIRST(&sv->waiting)))
		if (shake_deliver(sh))
			return;		/* full again */
	loop_change(&sv->agent->loop, w, 0);
}

static int reach(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		/* Its queue is full; EAGAIN has another meaning here. */
		ret = errno == EAGAIN ? -EBUSY : -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static int number_of(const char *handoff)
{
	const char *text = handoff + strlen("fd:");
	char *end;
	long fd = strtol(text, &end, 10);

	return end == text || *end || fd < 0 || fd > INT_MAX ? -EINVAL : fd;
}

/* A duplicate: another service may have the same, and each closes its own. */
static int inherit(const char *handoff)
{
	int type = 0, domain = 0, fd = number_of(handoff);
	struct sockaddr_un peer;
	socklen_t len = sizeof(int), size = sizeof(peer);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
		return -errno;
	if (type != SOCK_SEQPACKET || domain != AF_UNIX)
		return -EPROTOTYPE;
	if (getpeername(fd, (struct sockaddr *)&peer, &size))
		return -errno;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
}

/* The number of a standard descriptor stays taken: others write to it. */
static void drop(int fd)
{
	int null = fd > STDERR_FILENO ? -1 :
		   open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0) {
		close(fd);
	} else {
		dup2(null, fd);
		close(null);
	}
}

void server_drop_inherited(const struct settings_list *list)
{
	const struct settings *s;

	STAILQ_FOREACH(s, list, next)
		if (s->server >= 0 && is_inherited(s))
			drop(number_of(s->handoff));
}

/* Others may wait already, if the last server stopped reading and stayed. */
static int attach(struct service *sv, int fd)
{
	int ret;

	sv->server.fd = fd;
	sv->server.ready = on_server;
	ret = loop_add(&sv->agent->loop, &sv->server,
		       TAILQ_EMPTY(&sv->waiting) ? 0 : EPOLLOUT);
	if (!ret)
		return 0;
	close(fd);
	sv->server.fd = -1;
	return ret;
}

static int refuse(const struct settings *s, const char *why, struct fault *f)
{
	return fault_set(f, EXIT_SYSTEM, settings_line(s->handoff),
			 "%s: cannot reach the server at hand-off socket %s: %s",
			 s->name, s->handoff, why);
}

int server_prepare(struct settings *s, struct fault *f)
{
	const struct service *sv = s->service;

	if (sv->settings && !strcmp(sv->settings->handoff, s->handoff))
		return 0;
	/* A descriptor that was not ours at the start is another's by now. */
	if (is_inherited(s) && sv->agent->running)
		return refuse(s, "it can be inherited at the start only", f);
	s->server = is_inherited(s) ? inherit(s->handoff) : reach(s->handoff);
	return s->server < 0 ? refuse(s, strerror(-s->server), f) : 0;
}

void server_replace(struct service *sv, int fd)
{
	int ret;

	server_close(sv);
	ret = attach(sv, fd);
	if (!ret)
		return;
	errno = -ret;
	log_warn("%s: hand-off socket %s", sv->settings->name,
		 sv->settings->handoff);
}

int server_send(struct service *sv, const struct ktls_conn *c)
{
	int ret = 0;

	if (sv->server.fd < 0) {
		ret = reach(sv->settings->handoff);
		if (ret >= 0)
			ret = attach(sv, ret);
	}
	if (!ret)
		ret = ktls_handoff_send(sv->server.fd, c);
	if (sv->server.fd >= 0 && (ret == -EPIPE || ret == -ECONNRESET))
		lose(sv);
	return ret;
}

void server_wait(struct service *sv)
{
	loop_change(&sv->agent->loop, &sv->server, EPOLLOUT);
}

void server_close(struct service *sv)
{
	if (sv->server.fd < 0)
		return;
	loop_del(&sv->agent->loop, &sv->server);
	close(sv->server.fd);
	sv->server.fd = -1;
}
