// SPDX-License-Identifier: GPL-2.0-or-later
/* Without AES instructions, and a driver for them, kernel TLS costs tenfold. */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

struct driver {
	char name[128];
	long priority;
};

/* The one that the kernel takes: of all for gcm(aes), the highest priority. */
static bool find_driver(struct driver *best)
{
	char line[256], name[128] = "", driver[128] = "";
	FILE *f = fopen("/proc/crypto", "re");
	long priority;

	best->priority = -1;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "name : %127s", name) == 1 ||
		    sscanf(line, "driver : %127s", driver) == 1 ||
		    sscanf(line, "priority : %ld", &priority) != 1)
			continue;
		if (strcmp(name, "gcm(aes)") || priority <= best->priority)
			continue;
		snprintf(best->name, sizeof(best->name), "%s", driver);
		best->priority = priority;
	}
	if (f)
		fclose(f);
	return best->priority >= 0;
}

/* x86 says flags, arm64 Features. */
static bool cpu_has_aes(void)
{
	char line[8192];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool found = false;

	while (!found && f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = ' ';
		if (!strncmp(line, "flags", 5) || !strncmp(line, "Features", 8))
			found = strstr(line, " aes ");
	}
	if (f)
		fclose(f);
	return found;
}

void check_aes(struct report *r)
{
	static const char load[] =
		"modprobe aesni_intel (x86) or aes_ce_ccm, ghash_ce "
		"(arm64), and at boot, before tls is used";
	static const char none[] =
		"prefer CHACHA20-POLY1305; let a virtual CPU have AES";
	bool has = cpu_has_aes();
	struct driver d;

	if (!find_driver(&d))
		return report(r, WARN, "aes", "see the ciphers",
			      "no gcm(aes) in /proc/crypto");
	/* Not any "generic": generic-gcm-aesni is a fast one. */
	if (!strstr(d.name, "aes-generic") && !strstr(d.name, "aes-lib"))
		return report(r, WELL, "aes", NULL, "gcm(aes) by %s", d.name);
	report(r, WARN, "aes", has ? load : none, "gcm(aes) by %s: slow; %s",
	       d.name, has ? "the CPU has AES instructions" :
	       "the CPU has no AES instructions");
}
