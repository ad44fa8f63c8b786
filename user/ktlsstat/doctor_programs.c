// SPDX-License-Identifier: GPL-2.0-or-later
/* What runs above the kernel. None of it is needed to count. */
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* Loaded and not linked: nothing else here needs it. */
void check_gnutls(struct report *r)
{
	static const char *const needs[] = {
		"gnutls_record_get_state", "gnutls_ext_raw_parse",
		"gnutls_hkdf_expand", "gnutls_handshake_set_secret_function",
	};
	static const char advice[] = "ktlsd needs GnuTLS 3.7 or newer";
	void *lib = dlopen("libgnutls.so.30", RTLD_LAZY | RTLD_LOCAL);
	const char *(*version)(const char *minimum) = NULL;

	if (!lib)
		return report(r, WARN, "gnutls", advice, "not installed");
	*(void **)&version = dlsym(lib, "gnutls_check_version");
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (!version || !dlsym(lib, needs[i])) {
			report(r, WARN, "gnutls", advice, "%s is missing",
			       needs[i]);
			goto close;
		}
	report(r, WELL, "gnutls", NULL, "%s: hands its keys to ktlsd",
	       version(NULL));
close:
	dlclose(lib);
}

/* @out: the first line with @word in what @command prints, or "". */
static void ask(const char *command, const char *word, char *out, size_t size)
{
	char line[256];
	FILE *f = popen(command, "re");

	out[0] = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!out[0] && strstr(line, word))
			log_escape(out, size, line);
	}
	if (f)
		pclose(f);
}

void check_openssl(struct report *r)
{
	static const char without[] =
		"programs on OpenSSL need one built with enable-ktls";
	char version[128], option[128];
	size_t len;

	ask("exec openssl version 2>&1", "OpenSSL", version, sizeof(version));
	if (!version[0])
		return report(r, WELL, "openssl", NULL, "not installed");
	version[strcspn(version, "(")] = '\0';
	for (len = strlen(version); len && version[len - 1] == ' '; )
		version[--len] = '\0';
	ask("exec openssl s_server -help 2>&1", " -ktls ", option,
	    sizeof(option));
	if (!option[0])
		return report(r, WARN, "openssl", without,
			      "%s without kernel TLS", version);
	report(r, WELL, "openssl", NULL,
	       "%s with kernel TLS, for programs that ask (nginx: "
	       "ssl_conf_command Options KTLS)",
	       version);
}

static long find_process(const char *name)
{
	char path[300], comm[64];
	struct dirent *e;
	DIR *proc = opendir("/proc");
	long pid = 0;

	while (!pid && proc && (e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (!read_line(path, comm, sizeof(comm)) &&
		    !strcmp(comm, name))
			pid = atol(e->d_name);
	}
	if (proc)
		closedir(proc);
	return pid;
}

void check_agent(struct report *r)
{
	long pid = find_process("ktlsd");

	if (pid)
		report(r, WELL, "ktlsd", NULL, "runs as process %ld", pid);
	else
		report(r, WELL, "ktlsd", NULL,
		       "does not run: only its own servers need it");
}
