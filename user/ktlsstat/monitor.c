// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions as they begin and end. Nothing is asked: the kernel tells. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ktlsstat.h"

#define COLUMNS \
	"local,peer,version,cipher,tx-bytes,rx-bytes,tx-recs,rx-recs,age," \
	"user,label,flags"

struct monitor {
	const struct args *args;
	struct view view;
	struct table table;
	bool unix_time;
	uint64_t left;			/* events to tell */
	uint64_t losses;
	int status;
};

static const char *const events[] = {
	[EVENT_OPEN] = "open",
	[EVENT_CLOSE] = "close",
};

static const char *now(const struct monitor *m, char *buf, size_t size)
{
	char day[32], zone[8];
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	if (m->unix_time) {
		snprintf(buf, size, "%jd.%06ld", (intmax_t)t.tv_sec,
			 t.tv_nsec / 1000);
		return buf;
	}
	localtime_r(&t.tv_sec, &tm);
	strftime(day, sizeof(day), "%FT%T", &tm);
	strftime(zone, sizeof(zone), "%z", &tm);
	/* ISO 8601 parts the hours of the zone, if those of the day */
	snprintf(buf, size, "%s.%06ld%.3s:%s", day, t.tv_nsec / 1000, zone,
		 zone + 3);
	return buf;
}

static void begin_json(const struct monitor *m, const char *event)
{
	char time[64];

	emit_begin(m->args->opts);
	emit_open(NULL, '{');
	now(m, time, sizeof(time));
	if (m->unix_time)
		emit_literal("time", time);
	else
		emit_text("time", time);
	emit_text("event", event);
}

static void end_json(void)
{
	emit_close('}');
	emit_end();
}

static void titles(struct monitor *m)
{
	table_add(&m->table, false, "TIME");
	table_add(&m->table, false, "EVENT");
	table_add_titles(&m->table, &m->view.columns);
	table_print(&m->table, m->args->opts);
}

static void print_text(struct monitor *m, const char *event,
		       const struct row *r)
{
	char text[CELL_SIZE];

	table_add(&m->table, false, now(m, text, sizeof(text)));
	table_add(&m->table, false, event);
	table_add_row(&m->table, &m->view.columns, r, m->args->opts);
	table_print(&m->table, m->args->opts);
}

static void tell(unsigned int event, const struct session *s, void *data)
{
	struct sessions one = { .v = (struct session *)s, .n = 1 };
	struct monitor *m = data;
	struct rows rows;

	if (!m->left || rows_make(&rows, &one, &m->view, m->args->opts))
		return;
	if (rows.n && (m->args->opts & OPT_JSON)) {
		begin_json(m, events[event]);
		fields_json(rows.v[0], &m->view, 0);
		end_json();
	} else if (rows.n) {
		print_text(m, events[event], rows.v[0]);
	}
	m->left -= rows.n;
	rows_free(&rows);
}

static void tell_loss(struct monitor *m)
{
	char time[64];

	m->losses++;
	if (m->args->opts & OPT_JSON) {
		begin_json(m, "lost");
		emit_number("losses", m->losses);
		end_json();
		return;
	}
	printf("%s  lost events (%ju times so far)\n",
	       now(m, time, sizeof(time)), m->losses);
}

/* Whoever read our words is gone: there is nobody to complain to. */
static bool flush(void)
{
	if (!fflush(stdout))
		return true;
	if (errno == EPIPE) {
		__fpurge(stdout);
		clearerr(stdout);
	}
	return false;
}

static bool hear(struct monitor *m, struct genl *g)
{
	int ret = genl_events(g, tell, m);

	if (ret == -ENOBUFS)
		tell_loss(m);
	else if (ret && ret != -EAGAIN && ret != -EINTR)
		m->status = fail(m->args->opts, 1, "events: %s",
				 strerror(-ret));
	return !m->status;
}

/* @signals: a descriptor to read those from that end it. */
static void follow(struct monitor *m, struct genl *g, int signals)
{
	struct pollfd fds[] = {
		{ .fd = genl_fd(g), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = STDOUT_FILENO },	/* only its end */
	};

	while (m->left && flush()) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;	/* stopped, and gone on */
		if (fds[1].revents || (fds[2].revents & (POLLERR | POLLHUP)))
			break;
		if (!hear(m, g))
			break;
	}
	flush();
}

static int catch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int read_args(struct monitor *m)
{
	const struct args *a = m->args;

	m->left = UINT64_MAX;
	if (a->count && (parse_count(a->count, &m->left) || !m->left))
		return fail(a->opts, 2, "--count: want a number of events");
	m->unix_time = a->time && !strcmp(a->time, "unix");
	if (a->time && !m->unix_time && strcmp(a->time, "iso"))
		return fail(a->opts, 2, "--time: want iso or unix");
	return view_read(&m->view, a, COLUMNS);
}

static int listen_to(struct monitor *m, struct genl *g)
{
	unsigned int which = 0;
	int ret, signals;

	if (m->args->opts & OPT_OPEN)
		which |= 1 << EVENT_OPEN;
	if (m->args->opts & OPT_CLOSE)
		which |= 1 << EVENT_CLOSE;
	signals = catch_signals();
	if (signals < 0)
		return fail(m->args->opts, 1, "signalfd: %s", strerror(errno));
	ret = genl_join(g, which ? which : 1 << EVENT_OPEN | 1 << EVENT_CLOSE);
	if (ret) {
		sessions_refused(g, ret, m->args->opts);
		return 1;
	}
	if (!(m->args->opts & (OPT_JSON | OPT_NO_HEADER)))
		titles(m);
	follow(m, g, signals);
	table_free(&m->table);
	close(signals);
	return m->status;
}

int monitor_main(const struct args *a)
{
	struct monitor m = { .args = a };
	struct genl *g;
	int status;

	if (a->columns && !strcmp(a->columns, "help"))
		return columns_help();
	status = read_args(&m);
	if (status)
		return status;
	m.table.columns = m.view.columns.n + 2;
	status = 1;
	if (!sessions_open(&g, a->opts)) {
		status = listen_to(&m, g);
		genl_close(g);
	}
	view_free(&m.view);
	return status;
}
