// SPDX-License-Identifier: GPL-2.0-or-later
/* Listening sockets for new settings: those that run are taken over. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "ktlsd.h"

static int open_socket(const struct sockaddr_storage *address, int shared)
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
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared,
		       sizeof(shared)) ||
	    bind(fd, (const struct sockaddr *)address, address_size(address)) ||
	    listen(fd, SOMAXCONN)) {
		ret = -errno;
		goto close_fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &off, sizeof(off));
	return fd;

close_fd:
	close(fd);
	return ret;
}

/* Lets who comes share the port of who goes. False: it is another's. */
static bool share(const struct agent *a, const struct sockaddr_storage *with,
		  int on)
{
	const struct service *sv;
	const struct listener *l;
	bool any = false;

	STAILQ_FOREACH(sv, &a->services, next)
		STAILQ_FOREACH(l, &sv->listeners, next) {
			if (l->taken || !address_overlap(&l->bound, with))
				continue;
			any = true;
			setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEPORT, &on,
				   sizeof(on));
		}
	return any;
}

/* From *:443 to one address of it: the old one still has the port. */
static int open_beside(const struct agent *a,
		       const struct sockaddr_storage *address)
{
	int fd = open_socket(address, false);

	if (fd != -EADDRINUSE || !share(a, address, true))
		return fd;
	fd = open_socket(address, true);
	share(a, address, false);
	return fd;
}

static int open_new(const struct agent *a, struct settings *s,
		    struct listener *l, struct fault *f)
{
	socklen_t len = sizeof(l->bound);
	char text[ADDRESS_TEXT];

	l->watch.fd = open_beside(a, &l->address);
	if (l->watch.fd >= 0) {
		getsockname(l->watch.fd, (struct sockaddr *)&l->bound, &len);
		return 0;
	}
	return fault_set(f, EXIT_SYSTEM, l->line, "%s: cannot listen on %s: %s",
			 s->name, address_text(text, sizeof(text), &l->address),
			 strerror(-l->watch.fd));
}

static struct listener *find(struct service *sv, const struct listener *as)
{
	struct listener *l;

	STAILQ_FOREACH(l, &sv->listeners, next)
		if (!l->taken && address_equal(&l->address, &as->address))
			return l;
	return NULL;
}

/* Of another service too, but not what the kernel chose for that. */
static struct listener *find_old(struct agent *a, const struct settings *s,
				 const struct listener *as)
{
	struct listener *old = find(s->service, as);
	struct service *sv;

	if (old || !address_overlap(&as->address, &as->address))
		return old;
	STAILQ_FOREACH(sv, &a->services, next) {
		old = find(sv, as);
		if (old)
			return old;
	}
	return NULL;
}

int listen_prepare(struct agent *a, struct settings_list *list,
		   struct fault *f)
{
	struct settings *s;
	struct service *sv;
	struct listener *l;

	STAILQ_FOREACH(sv, &a->services, next)
		STAILQ_FOREACH(l, &sv->listeners, next)
			l->taken = false;
	STAILQ_FOREACH(s, list, next)
		STAILQ_FOREACH(l, &s->listeners, next) {
			l->old = find_old(a, s, l);
			if (l->old)
				l->old->taken = true;
		}
	STAILQ_FOREACH(s, list, next)
		STAILQ_FOREACH(l, &s->listeners, next)
			if (!l->old && open_new(a, s, l, f))
				return f->status;
	return 0;
}

void listen_take(struct settings *s)
{
	struct listener *l;

	STAILQ_FOREACH(l, &s->listeners, next) {
		struct listener *old = l->old;

		if (!old)
			continue;
		loop_del(&old->service->agent->loop, &old->watch);
		l->watch.fd = old->watch.fd;
		l->bound = old->bound;
		old->watch.fd = -1;
		if (old->service != s->service)
			l->old = NULL;		/* worth a line in the log */
	}
}
