// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static const char no_module[] =
	"no sessions without the module ktls_stats: modprobe ktls_stats";
static const char less[] =
	"ktls_stats is not loaded (modprobe ktls_stats): no exact counters";
static const char no_diag[] =
	"no sessions without ktls_stats or tcp_diag: modprobe ktls_stats";
static const char no_privilege[] =
	"sessions need CAP_NET_ADMIN: try as root, or ktlsstat show (totals)";

static int say(int err, unsigned int opts)
{
	if (err == -ENOENT)
		fail(opts, 1, "%s", no_module);
	else
		fail(opts, 1, "generic netlink: %s", strerror(-err));
	return err;
}

int sessions_open(struct genl **g, unsigned int opts)
{
	int ret = genl_open(g);

	return ret ? say(ret, opts) : 0;
}

int sessions_refused(const struct genl *g, int err, unsigned int opts)
{
	if (err == -EPERM)
		fail(opts, 1, "%s", no_privilege);
	else
		fail(opts, 1, "asking for the sessions: %s",
		     genl_reason(g, err));
	return err;
}

static int ask(struct genl *g, struct sessions *s, const struct filters *f,
	       unsigned int opts)
{
	int ret = genl_sessions(g, s, f);

	if (ret) {
		sessions_refused(g, ret, opts);
		free(s->v);
		s->v = NULL;
	} else if (s->inconsistent) {
		log_warnx("the sessions changed meanwhile: some may be missing");
	}
	genl_close(g);
	return ret;
}

int sessions_exact(struct sessions *s, const struct filters *f,
		   unsigned int opts)
{
	struct genl *g;
	int ret = sessions_open(&g, opts);

	return ret ? ret : ask(g, s, f, opts);
}

static int ask_diag(struct sessions *s, unsigned int opts)
{
	int ret = diag_sessions(s);

	if (ret == -EPERM)
		fail(opts, 1, "%s", no_privilege);
	else if (ret == -ENOENT)
		fail(opts, 1, "%s", no_diag);
	else if (ret)
		fail(opts, 1, "sock_diag: %s", strerror(-ret));
	else
		log_warnx("%s", less);
	return ret;
}

int sessions_get(struct sessions *s, const struct filters *f,
		 unsigned int opts)
{
	struct genl *g;
	int ret = genl_open(&g);

	if (ret == -ENOENT)
		return ask_diag(s, opts);
	return ret ? say(ret, opts) : ask(g, s, f, opts);
}
