// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop around all services, its signals, and how it ends. */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ktlsd.h"

static unsigned int count_live(const struct services *list)
{
	const struct service *sv;
	unsigned int live = 0;

	STAILQ_FOREACH(sv, list, next)
		live += sv->live;
	return live;
}

void agent_left(struct agent *a)
{
	if (a->ending && !count_live(&a->services) && !count_live(&a->retired))
		a->loop.stop = true;
}

/* The first asks for an orderly end, the second does not wait for it. */
static void end(struct agent *a)
{
	struct service *sv;

	if (a->ending) {
		a->loop.stop = true;
		return;
	}
	a->ending = true;
	STAILQ_FOREACH(sv, &a->services, next)
		listen_close(sv);
	agent_left(a);
}

static void show_stats(const struct agent *a)
{
	const struct service *sv;

	STAILQ_FOREACH(sv, &a->services, next)
		report_stats(sv);
	STAILQ_FOREACH(sv, &a->retired, next)
		report_stats(sv);
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct agent *a = (void *)((char *)w - offsetof(struct agent, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		show_stats(a);
	else if (info.ssi_signo != SIGHUP)
		end(a);
	else if (!a->ending)
		reload(a);
}

static void watch_signals(struct agent *a)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);	/* standard error may go away */
	signal(SIGXFSZ, SIG_IGN);	/* and the room for a trace */
	a->signals.ready = on_signal;
	a->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signals.fd < 0 || loop_add(&a->loop, &a->signals, EPOLLIN))
		log_fatal(EXIT_SYSTEM, "signalfd");
}

static void free_all(struct services *list)
{
	struct service *sv;

	while ((sv = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		service_free(sv);
	}
}

static void check(int ret)
{
	if (!ret)
		return;
	errno = -ret;
	log_fatal(EXIT_SYSTEM, "epoll");
}

void agent_run(struct agent *a, struct settings_list *list)
{
	char text[sizeof(struct fault)];
	struct fault f;

	STAILQ_INIT(&a->services);
	STAILQ_INIT(&a->retired);
	check(loop_open(&a->loop));
	watch_signals(a);
	if (reload_apply(a, list, &f))
		log_fatalx(f.status, "%s",
			   fault_text(text, sizeof(text), &a->source, &f));
	check(loop_run(&a->loop));
	a->ending = true;
	free_all(&a->services);
	free_all(&a->retired);
	close(a->signals.fd);
	loop_close(&a->loop);
}
