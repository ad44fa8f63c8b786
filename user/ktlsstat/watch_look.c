// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "watch.h"

static const char no_module[] =
	"ktls_stats is not loaded (modprobe ktls_stats): no bytes, no sessions";
static const char no_tls[] =
	"no kernel TLS: neither tls nor ktls_stats is loaded (modprobe tls)";
static const char no_privilege[] =
	"no sessions, which need CAP_NET_ADMIN: try as root";

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/*
 * To ask for the family loads the module. That is meant at first; but one that
 * is removed meanwhile must not come back because somebody watches.
 */
static int open_family(struct eye *e)
{
	if (e->genl)
		return 0;
	if (e->tried && access("/sys/module/ktls_stats", F_OK))
		return -ENOENT;
	e->tried = true;
	return genl_open(&e->genl);
}

void eye_close(struct eye *e)
{
	if (e->genl)
		genl_close(e->genl);
	e->genl = NULL;
}

/* What a module that was just removed leaves behind is closed, too. */
static int take_totals(struct look *l, struct eye *e)
{
	int ret = open_family(e);

	if (!ret)
		ret = genl_totals(e->genl, &l->totals);
	l->module = !ret;
	if (ret && ret != -ENOENT)
		snprintf(l->why, sizeof(l->why), "asking for the totals: %s",
			 e->genl ? genl_reason(e->genl, ret) : strerror(-ret));
	if (ret)
		eye_close(e);
	return ret;
}

static int take_sessions(struct look *l, struct eye *e,
			 const struct filters *f, unsigned int opts)
{
	const struct view view = {
		.columns = { { field_find("process", 7) }, 1 },
	};
	struct sessions s;
	int ret = genl_sessions(e->genl, &s, f);

	l->ended = now();
	if (!ret)
		ret = rows_make(&l->rows, &s, &view, opts);
	free(s.v);
	l->sessions = !ret;
	l->inconsistent = s.inconsistent;
	if (!ret)
		return 0;
	snprintf(l->why, sizeof(l->why), "%s", ret == -EPERM ? no_privilege :
		 genl_reason(e->genl, ret));
	if (ret != -EPERM)
		eye_close(e);
	return ret == -EPERM ? 0 : ret;
}

static void take_counters(struct look *l)
{
	int n = tls_stat_read(&l->counters);

	l->ended = now();
	l->ncounters = n > 0 ? n : 0;
	snprintf(l->why, sizeof(l->why), "%s", n < 0 ? no_tls : no_module);
}

int look_take(struct look *l, struct eye *e, const struct filters *f,
	      unsigned int opts)
{
	int ret;

	memset(l, 0, sizeof(*l));
	l->began = now();
	ret = take_totals(l, e);
	if (!ret)
		ret = take_sessions(l, e, f, opts);
	else if (ret == -ENOENT)
		take_counters(l);
	if (ret && ret != -ENOENT) {
		free(l->totals.breakdown);
		l->totals.breakdown = NULL;
		return ret;
	}
	return 0;
}

void look_free(struct look *l)
{
	free(l->totals.breakdown);
	free(l->counters);
	rows_free(&l->rows);
	memset(l, 0, sizeof(*l));
}
