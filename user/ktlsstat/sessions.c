// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static const char no_module[] =
	"no sessions without the module ktls_stats: modprobe ktls_stats";
static const char no_privilege[] =
	"sessions need CAP_NET_ADMIN: try as root, or ktlsstat show (totals)";

static void explain(unsigned int opts, const struct genl *g, int err)
{
	if (err == -EPERM)
		fail(opts, 1, "%s", no_privilege);
	else
		fail(opts, 1, "asking for the sessions: %s",
		     genl_reason(g, err));
}

int sessions_get(struct sessions *s, const struct filters *f,
		 unsigned int opts)
{
	struct genl *g;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = genl_open(&g);
	if (ret) {
		fail(opts, 1, "%s%s", ret == -ENOENT ? "" : "generic netlink: ",
		     ret == -ENOENT ? no_module : strerror(-ret));
		return ret;
	}
	ret = genl_sessions(g, s, f);
	if (ret) {
		explain(opts, g, ret);
		free(s->v);
		s->v = NULL;
	} else if (s->inconsistent) {
		log_warnx("the sessions changed meanwhile: some may be missing");
	}
	genl_close(g);
	return ret;
}
