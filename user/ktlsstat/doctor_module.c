// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "doctor.h"

/* Whether modprobe would find it: depmod has it in its list. */
static bool is_installed(void)
{
	char line[4096], path[256];
	struct utsname u;
	bool found = false;
	FILE *f;

	if (uname(&u))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", u.release);
	f = fopen(path, "re");
	while (!found && f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "/ktls_stats.ko");
	}
	if (f)
		fclose(f);
	return found;
}

static void report_missing(struct report *r)
{
	static const char load[] =
		"modprobe ktls_stats; if it refuses, dmesg says why";
	static const char install[] =
		"build it for this kernel: make modules modules_install";
	bool there = is_installed();

	report(r, WARN, "ktls_stats", there ? load : install,
	       "not loaded%s: no exact counters",
	       there ? "" : ", and not installed for this kernel");
}

static void report_totals(struct report *r, const struct totals *t)
{
	static const char more[] =
		"raise its parameter max_sessions, or look for memory";
	char version[64];

	read_line("/sys/module/ktls_stats/version", version, sizeof(version));
	report(r, WELL, "ktls_stats", NULL, "%s, %ju sessions live",
	       version[0] ? version : "of unknown version", t->live);
	if (t->missed)
		report(r, WARN, "missed", more,
		       "%ju sessions are in no counter", t->missed);
	else
		report(r, WELL, "missed", NULL, "none: totals are complete");
}

void check_module(struct report *r)
{
	struct totals t = { 0 };
	struct genl *g;
	int ret = genl_open(&g);

	if (ret == -ENOENT)
		return report_missing(r);
	if (ret)
		return report(r, WARN, "ktls_stats", "strace ktlsstat show",
			      "generic netlink: %s", strerror(-ret));
	ret = genl_totals(g, &t);
	if (ret)
		report(r, WARN, "ktls_stats", "rmmod and modprobe ktls_stats",
		       "asking for the totals: %s", genl_reason(g, ret));
	else
		report_totals(r, &t);
	free(t.breakdown);
	genl_close(g);
}

void check_probes(struct report *r)
{
	static const char path[] = "/sys/kernel/debug/kprobes/enabled";
	static const char on[] =
		"echo 1 > /sys/kernel/debug/kprobes/enabled";
	char line[16];
	int ret = read_line(path, line, sizeof(line));

	if (!strcmp(line, "0"))
		return report(r, FAIL, "kprobes", on,
			      "switched off: new sessions and ends go unseen");
	if (!ret)
		return report(r, WELL, "kprobes", NULL, "switched on");
	report(r, WELL, "kprobes", NULL, "unknown: %s: %s", path,
	       strerror(-ret));
}

void check_realtime(struct report *r)
{
	char line[16];

	read_line("/sys/kernel/realtime", line, sizeof(line));
	if (strcmp(line, "1"))
		return report(r, WELL, "preemption", NULL,
			      "not a PREEMPT_RT kernel");
	report(r, WARN, "preemption", "try it before you rely on it",
	       "PREEMPT_RT: ktls_stats was not tried there");
}

void check_privilege(struct report *r)
{
	if (is_privileged())
		return report(r, WELL, "privilege", NULL,
			      "CAP_NET_ADMIN: sessions, events and labels");
	report(r, WARN, "privilege",
	       "as root, or with CAP_NET_ADMIN, there is more to see",
	       "no CAP_NET_ADMIN: the totals only");
}
