// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static int explain(unsigned int opts, const struct genl *g, int err)
{
	if (err == -EPERM)
		return fail(opts, 1, "sessions are told only to who has "
			    "CAP_NET_ADMIN: try as root (anyone may see the "
			    "totals: ktlsstat show)");
	return fail(opts, 1, "asking for the sessions: %s",
		    genl_reason(g, err));
}

int sessions_get(struct sessions *s, unsigned int opts)
{
	struct genl *g;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = genl_open(&g);
	if (ret == -ENOENT) {
		fail(opts, 1, "sessions are counted by the kernel module "
		     "ktls_stats, and it is not loaded: modprobe ktls_stats");
		return ret;
	}
	if (ret) {
		fail(opts, 1, "generic netlink: %s", strerror(-ret));
		return ret;
	}
	ret = genl_sessions(g, s);
	if (ret) {
		explain(opts, g, ret);
		free(s->v);
		s->v = NULL;
	} else if (s->inconsistent) {
		log_warnx("sessions came and went while they were read: the "
			  "list may lack some");
	}
	genl_close(g);
	return ret;
}
