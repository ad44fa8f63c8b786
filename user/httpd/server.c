// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "httpd.h"
#include "log.h"

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The agent has said on standard error why it ends; we end with its status. */
static void reap(struct server *s)
{
	int status;

	if (!s->child || waitpid(s->child, &status, WNOHANG) != s->child)
		return;
	if (WIFSIGNALED(status))
		log_warnx("ktlsd: killed by signal %d", WTERMSIG(status));
	s->child = 0;
	s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	s->loop.stop = true;
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct server *s = container_of(w, struct server, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD)
		reap(s);
	else if (info.ssi_signo != SIGHUP)
		s->loop.stop = true;
	else if (s->child)
		kill(s->child, SIGHUP);
}

static int watch_signals(struct server *s)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);	/* sendfile() knows no MSG_NOSIGNAL */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals.ready = on_signal;
	s->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals.fd < 0)
		return -errno;
	return loop_add(&s->loop, &s->signals, EPOLLIN);
}

/* A connection may hold two descriptors: its socket and its file. */
static void fit_descriptors(struct server *s)
{
	const rlim_t others = CACHE_SLOTS + REFUSED_MAX + 64;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur >= others + 2 * (rlim_t)s->max)
		return;
	s->max = lim.rlim_cur > others + 2 ? (lim.rlim_cur - others) / 2 : 1;
	log_warnx("at most %u connections: only %llu descriptors are allowed",
		  s->max, (unsigned long long)lim.rlim_cur);
}

int server_open(struct server *s, int root)
{
	int ret;

	handoff_init(s);
	s->conns.prev = s->conns.next = &s->conns;
	fit_descriptors(s);
	ret = loop_open(&s->loop);
	if (ret)
		return ret;
	cache_init(&s->cache, &s->loop, root);
	ret = watch_signals(s);
	if (ret)
		loop_close(&s->loop);
	return ret;
}

int server_run(struct server *s)
{
	return loop_run(&s->loop);
}

/* Whoever is in the middle of a file sees it cut off; the others, an end. */
void server_close(struct server *s)
{
	handoff_close(s);
	while (s->conns.next != &s->conns) {
		struct conn *c = s->conns.next;

		if (c->state == CONN_IDLE)
			ktls_shutdown(c->tls);
		conn_free(c);
	}
	cache_drop_all(&s->cache);
	if (s->child)
		child_stop(s->child);
	close(s->signals.fd);
	loop_close(&s->loop);
}
