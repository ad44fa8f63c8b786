// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "doctor.h"

int read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	int ret = 0;

	out[0] = '\0';
	if (!f)
		return -errno;
	if (!fgets(out, size, f) && ferror(f))
		ret = -EIO;
	fclose(f);
	out[strcspn(out, "\n")] = '\0';
	return ret;
}

bool is_privileged(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps >> CAP_NET_ADMIN & 1;
}

static const char old[] = "take a kernel that is maintained, 6.1 at least";

/* The newest that is missing names what it costs. */
static const struct {
	unsigned int major, minor;
	enum verdict without;
	const char *what, *advice;
} since[] = {
	{ 4, 17, FAIL, "no kernel TLS in both directions", old },
	{ 5, 1, FAIL, "no TLS 1.3", old },
	{ 5, 11, WARN, "no CHACHA20-POLY1305", old },
	{ 6, 1, WARN, "older than what is tried with ktls_stats", old },
	{ 6, 14, WELL, "no key updates (they came with 6.14)", NULL },
};

void check_kernel(struct report *r)
{
	unsigned int major, minor;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return report(r, WARN, "kernel", "is this Linux?", "unknown");
	for (size_t i = 0; i < ARRAY_SIZE(since); i++)
		if (major < since[i].major ||
		    (major == since[i].major && minor < since[i].minor))
			return report(r, since[i].without, "kernel",
				      since[i].advice, "%s: %s", u.release,
				      since[i].what);
	report(r, WELL, "kernel", NULL, "%s", u.release);
}

/* The kernel's configuration, in one of the places where people keep it. */
static FILE *open_config(const char *release, char *name, size_t size,
			 bool *pipe)
{
	static const char *const places[] = {
		"/boot/config-%s", "/usr/lib/modules/%s/config",
		"/usr/lib/modules/%s/build/.config",
	};
	FILE *f = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(places) && !f; i++) {
		snprintf(name, size, places[i], release);
		f = fopen(name, "re");
	}
	*pipe = !f && !access("/proc/config.gz", R_OK);
	if (*pipe) {
		snprintf(name, size, "/proc/config.gz");
		f = popen("exec gzip -cd /proc/config.gz", "re");
	}
	return f;
}

struct option {
	const char *name;
	char value;			/* y, m, or n */
};

static void read_options(FILE *f, struct option *options, size_t n)
{
	char line[512], name[64], value;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63[A-Z0-9_]=%c", name, &value) != 2)
			continue;
		for (size_t i = 0; i < n; i++)
			if (!strcmp(name, options[i].name))
				options[i].value = value;
	}
}

void check_config(struct report *r)
{
	struct option o[] = { { "CONFIG_TLS", 'n' },
			      { "CONFIG_TLS_DEVICE", 'n' } };
	char name[256];
	struct utsname u;
	bool pipe, none;
	FILE *f;

	if (uname(&u))
		return;
	f = open_config(u.release, name, sizeof(name), &pipe);
	if (!f)
		return report(r, WELL, "config", NULL,
			      "unknown: no /boot/config-%s, no /proc/config.gz",
			      u.release);
	read_options(f, o, ARRAY_SIZE(o));
	if (pipe)
		pclose(f);
	else
		fclose(f);
	none = o[0].value == 'n';
	report(r, none ? FAIL : WELL, "config",
	       none ? "built without kernel TLS: take another kernel" : NULL,
	       "%s=%c, %s=%c in %s", o[0].name, o[0].value, o[1].name,
	       o[1].value, name);
}

void check_tls(struct report *r)
{
	static const char at_boot[] =
		"modprobe tls, and echo tls > /etc/modules-load.d/tls.conf";
	static const char too_late[] =
		"it has to be in /etc/modules-load.d, and a reboot";
	char line[16];

	/* tcp_available_ulp is there in the first network namespace only. */
	if (!access("/proc/net/tls_stat", F_OK))
		return report(r, WELL, "tls-module", NULL, "loaded");
	read_line("/proc/sys/kernel/modules_disabled", line, sizeof(line));
	if (!strcmp(line, "1"))
		return report(r, FAIL, "tls-module", too_late,
			      "not loaded, and kernel.modules_disabled is set");
	report(r, WARN, "tls-module", at_boot,
	       "was not loaded: programs without CAP_NET_ADMIN cannot load "
	       "it, and silently do without");
}

void check_ulp(struct report *r)
{
	static const char as_root[] = "modprobe tls as root";
	static const char look[] =
		"modprobe -v tls says why; /etc/modprobe.d may forbid it";
	static const char loopback[] = "ip link set lo up";
	int fds[2], ret = pair_open(fds);

	r->no_ulp = true;
	if (ret)
		return report(r, FAIL, "ulp", loopback,
			      "no loopback connection to try on: %s",
			      strerror(-ret));
	ret = pair_attach(fds);
	pair_close(fds);
	r->no_ulp = ret;
	if (!ret)
		return report(r, WELL, "ulp", NULL,
			      "tls can be attached to a TCP socket");
	report(r, FAIL, "ulp", is_privileged() ? look : as_root,
	       "tls cannot be attached to a TCP socket: %s",
	       ret == -ENOENT ? "the module tls is not there" :
	       strerror(-ret));
}
