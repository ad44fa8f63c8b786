// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "doctor.h"

/* The libraries that a program may have its TLS from, by their files. */
static const struct {
	const char *file, *advice;
} libraries[] = {
	{ "/libssl.so",
	  "OpenSSL uses it for programs that set SSL_OP_ENABLE_KTLS (nginx: "
	  "ssl_conf_command Options KTLS), and for ciphers the kernel knows" },
	{ "/libgnutls.so",
	  "GnuTLS, where it was built for it, uses it with ktls = true in its "
	  "system-wide configuration; or let ktlsd do the handshake" },
	{ "/libssl3.so", "NSS does not use it" },
	{ "/libmbedtls.so", "Mbed TLS does not use it" },
	{ "/libwolfssl.so", "wolfSSL does not use it by itself" },
};

static const char unknown_library[] =
	"the program's TLS, if it has one, is built in, and does not use it; "
	"or its handshake is not over";

static const char *library_advice(pid_t pid)
{
	const char *found = unknown_library;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	while (found == unknown_library && f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
			if (strstr(line, libraries[i].file))
				found = libraries[i].advice;
	if (f)
		fclose(f);
	return found;
}

/* By name, and why it might not use kernel TLS. */
static const char *report_holder(struct report *r, const struct diagnosis *d)
{
	struct session one = { .inode = d->inode };
	const struct sessions s = { .v = &one, .n = 1 };
	const char *advice = unknown_library;
	const struct holder *holder;
	struct holders h;
	char name[256];
	size_t n;

	holders_scan(&h, &s);
	holder = d->inode ? holders_find(&h, d->inode, &n) : NULL;
	if (holder) {
		report(r, WELL, "process", NULL, "%s, %d",
		       log_escape(name, sizeof(name), holder->name),
		       (int)holder->pid);
		advice = library_advice(holder->pid);
	}
	free(h.v);
	return advice;
}

static void report_direction(struct report *r, const char *name, uint16_t conf)
{
	static const char *const modes[] = {
		[TLS_CONF_SW] = "by the kernel, in software",
		[TLS_CONF_HW] = "by the network device",
		[TLS_CONF_HW_RECORD] = "by the network device, whole records",
	};

	if (conf < ARRAY_SIZE(modes) && modes[conf])
		report(r, WELL, name, NULL, "%s", modes[conf]);
	else
		report(r, WARN, name,
		       "only the other direction is offloaded: see the program "
		       "(OpenSSL before 3.2 does not receive TLS 1.3 so)",
		       "no key: the bytes pass as they are");
}

static void report_tls(struct report *r, const struct diagnosis *d)
{
	char version[NAME_SIZE], cipher[NAME_SIZE];

	report(r, WELL, "kernel-tls", NULL, "%s %s",
	       version_name(version, d->version),
	       cipher_name(cipher, d->cipher));
	report_direction(r, "tx", d->tx);
	report_direction(r, "rx", d->rx);
	report(r, WELL, "zero-copy", NULL, "%s", d->zero_copy ?
	       "sendfile() on the device does not copy" :
	       "no (only devices have it)");
	report(r, WELL, "expect-no-pad", NULL, "%s", d->no_pad ?
	       "received without a copy" :
	       "no: what is received is copied once, in TLS 1.3");
	if (d->payload)
		report(r, WELL, "max-payload", NULL,
		       "records of at most %u bytes", d->payload);
}

static void report_all(struct report *r, const struct diagnosis *d)
{
	char local[CELL_SIZE], remote[CELL_SIZE];
	const char *advice;

	cell_endpoint(local, sizeof(local), &d->local, 0);
	cell_endpoint(remote, sizeof(remote), &d->remote, 0);
	report(r, WELL, "connection", NULL, "%s - %s, cookie %ju", local,
	       remote, d->cookie);
	advice = report_holder(r, d);
	if (d->tls && d->version)
		report_tls(r, d);
	else if (!strcmp(d->ulp, "tls"))
		report(r, FAIL, "kernel-tls",
		       "its handshake is not over or has failed; what it "
		       "writes is not encrypted by the kernel",
		       "attached, but there are no keys");
	else if (!d->ulp[0] && !is_privileged())
		report(r, WARN, "kernel-tls", "ask as root",
		       "not to be seen without CAP_NET_ADMIN on some kernels");
	else
		report(r, FAIL, "kernel-tls", advice, "not used");
}

static void take_address(struct address *out, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *v4 = (const void *)at;
	const struct sockaddr_in6 *v6 = (const void *)at;

	if (at->ss_family == AF_INET6) {
		out->len = 16;
		out->port = ntohs(v6->sin6_port);
		memcpy(out->bytes, &v6->sin6_addr, 16);
	} else {
		out->len = 4;
		out->port = ntohs(v4->sin_port);
		memcpy(out->bytes, &v4->sin_addr, 4);
	}
}

/* LOCAL-PEER; no address has a minus sign in it. */
static int parse_connection(struct wanted *w, const char *text)
{
	const char *minus = strchr(text, '-');
	struct sockaddr_storage at;
	char local[64];

	if (!minus || minus - text >= (int)sizeof(local))
		return -EINVAL;
	memcpy(local, text, minus - text);
	local[minus - text] = '\0';
	if (address_parse(&at, local))
		return -EINVAL;
	take_address(&w->local, &at);
	if (address_parse(&at, minus + 1))
		return -EINVAL;
	take_address(&w->remote, &at);
	return 0;
}

static int parse_cookie(struct wanted *w, const char *text)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	w->cookie = strtoull(text, &end, 10);
	return errno || *end || !w->cookie ? -EINVAL : 0;
}

int check_connection(struct report *r, const struct args *a)
{
	struct wanted w = { 0 };
	struct diagnosis d;
	char safe[128];
	int ret;

	if (a->connection && parse_connection(&w, a->connection))
		return fail(a->opts, 2,
			    "--connection '%s': wants ADDR:PORT-ADDR:PORT",
			    log_escape(safe, sizeof(safe), a->connection));
	if (!a->connection && parse_cookie(&w, a->argv[0]))
		return fail(a->opts, 2, "'%s' is no cookie of a socket",
			    log_escape(safe, sizeof(safe), a->argv[0]));
	ret = diag_find(&d, &w);
	if (ret)
		report(r, FAIL, "connection", "modprobe tcp_diag",
		       "asking for it: %s", strerror(-ret));
	else if (!d.found)
		report(r, FAIL, "connection",
		       "ss -te shows those that there are, here; see --netns",
		       "no such connection");
	else
		report_all(r, &d);
	return 0;
}
