// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export.h"

static int explain(int ret, const struct genl *g, const char *what, char *why,
		   size_t size)
{
	if (ret == -EPERM)
		snprintf(why, size, "%s need CAP_NET_ADMIN", what);
	else if (ret)
		snprintf(why, size, "asking for the %s: %s", what,
			 g ? genl_reason(g, ret) : strerror(-ret));
	return ret;
}

static int ask(struct snapshot *s, struct genl *g, char *why, size_t size)
{
	int ret = explain(genl_totals(g, &s->totals), g, "totals", why, size);

	if (ret || s->by == BY_NOTHING)
		return ret;
	ret = explain(genl_sessions(g, &s->sessions, NULL), g, "sessions", why,
		      size);
	if (!ret)
		ret = explain(groups_make(&s->groups, &s->sessions, s->by),
			      NULL, "sessions", why, size);
	return ret;
}

static void read_version(char *out, size_t size)
{
	int fd = open("/sys/module/ktls_stats/version", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

int snapshot_take(struct snapshot *s, enum grouping by, char *why,
		  size_t size)
{
	struct genl *g;
	int ret;

	memset(s, 0, sizeof(*s));
	s->by = by;
	ret = genl_open(&g);
	if (!ret) {
		s->up = true;
		ret = ask(s, g, why, size);
		genl_close(g);
		read_version(s->module, sizeof(s->module));
	} else if (ret == -ENOENT) {
		ret = 0;		/* told as ktls_up 0 */
	} else {
		explain(ret, NULL, "totals", why, size);
	}
	if (ret)
		return ret;
	/* Last: asking for our module may have loaded it, and tls with it. */
	s->kernels = tls_stat_read(&s->kernel);
	if (s->kernels == -ENOENT)
		s->kernels = -1;
	else if (s->kernels < 0)
		return explain(s->kernels, NULL, "tls_stat", why, size);
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	free(s->totals.breakdown);
	free(s->groups.v);
	free(s->sessions.v);
	free(s->kernel);
}
