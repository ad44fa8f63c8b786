// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop around all services, and how it ends. */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ktlsd.h"
#include "log.h"

void agent_leave(struct agent *a)
{
	struct service *sv;

	STAILQ_FOREACH(sv, &a->services, next)
		if (sv->live)
			return;
	a->loop.stop = true;
}

/* The first asks for an orderly end, the second does not wait for it. */
static void on_signal(struct watch *w, uint32_t events)
{
	struct agent *a = (void *)((char *)w - offsetof(struct agent, signals));
	struct signalfd_siginfo info;
	struct service *sv;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (a->ending) {
		a->loop.stop = true;
		return;
	}
	a->ending = true;
	STAILQ_FOREACH(sv, &a->services, next) {
		listen_update(sv);
		listen_close(sv);
	}
	agent_leave(a);
}

static void watch_signals(struct agent *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);	/* standard error may go away */
	a->signals.ready = on_signal;
	a->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signals.fd < 0 || loop_add(&a->loop, &a->signals, EPOLLIN))
		log_fatal(EXIT_SYSTEM, "signalfd");
}

static void announce(const struct service *sv)
{
	char text[ADDRESS_TEXT];

	for (unsigned int i = 0; i < sv->listeners_count; i++)
		log_info("%s: listening on %s", sv->name,
			 address_text(text, sizeof(text),
				      &sv->listeners[i].address));
}

static void stop(struct service *sv)
{
	struct shake *sh;

	sv->agent->ending = true;
	listen_update(sv);
	listen_close(sv);
	while ((sh = LIST_FIRST(&sv->shakes)))
		shake_end(sh, "closed, ktlsd ends");
	server_close(sv);
}

void agent_run(struct agent *a)
{
	struct service *sv;
	int ret = loop_open(&a->loop);

	if (ret) {
		errno = -ret;
		log_fatal(EXIT_SYSTEM, "epoll");
	}
	watch_signals(a);
	STAILQ_FOREACH(sv, &a->services, next) {
		sv->agent = a;
		listen_open(sv);
		server_open(sv);
	}
	STAILQ_FOREACH(sv, &a->services, next) {
		listen_update(sv);
		announce(sv);
	}
	ret = loop_run(&a->loop);
	if (ret) {
		errno = -ret;
		log_fatal(EXIT_SYSTEM, "epoll");
	}
	STAILQ_FOREACH(sv, &a->services, next)
		stop(sv);
	close(a->signals.fd);
	loop_close(&a->loop);
}
