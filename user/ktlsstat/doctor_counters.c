// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static const struct {
	const char *counter, *found, *advice;
} anomalies[] = {
	{ "TlsDecryptError", "records did not decrypt",
	  "damaged or forged on the way, or a wrong key: does it grow?" },
	{ "TlsDecryptRetry", "records were decrypted twice",
	  "a program expects no padding (TLS_RX_EXPECT_NO_PAD): do its peers "
	  "pad, or send many control records?" },
	{ "TlsRxNoPadViolation", "padded records came where none were expected",
	  "take TLS_RX_EXPECT_NO_PAD from that program" },
	{ "TlsRxRekeyError", "peers' key updates failed",
	  "those connections ended: see rekey" },
	{ "TlsTxRekeyError", "own key updates failed",
	  "those connections ended: see rekey" },
	{ "TlsRxDeviceResync", "times a device lost its place in a stream",
	  "lost packets: it decrypts in software until it finds it again" },
};

static uint64_t find(const struct counter *v, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(v[i].name, name))
			return v[i].value;
	return 0;
}

void check_counters(struct report *r)
{
	struct counter *v = NULL;
	int n = tls_stat_read(&v);
	bool any = false;

	if (n < 0)
		return report(r, WARN, "counters", "see ulp",
			      "/proc/net/tls_stat: %s", strerror(-n));
	for (size_t i = 0; i < ARRAY_SIZE(anomalies); i++) {
		uint64_t value = find(v, n, anomalies[i].counter);

		if (!value)
			continue;
		any = true;
		report(r, WARN, anomalies[i].counter, anomalies[i].advice,
		       "%ju %s", value, anomalies[i].found);
	}
	if (!any)
		report(r, WELL, "counters", NULL,
		       "no errors in /proc/net/tls_stat");
	free(v);
}

/*
 * A record decrypts once all of it is there, and it takes more than its 16 KiB
 * in a buffer.
 */
#define BUFFER_MIN 65536

void check_buffers(struct report *r)
{
	static const struct {
		const char *path, *name, *advice;
	} buffers[] = {
		{ "/proc/sys/net/ipv4/tcp_rmem", "tcp_rmem",
		  "sysctl net.ipv4.tcp_rmem: a third number of 6291456" },
		{ "/proc/sys/net/ipv4/tcp_wmem", "tcp_wmem",
		  "sysctl net.ipv4.tcp_wmem: a third number of 4194304" },
	};
	char line[128];
	long most;

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		read_line(buffers[i].path, line, sizeof(line));
		if (sscanf(line, "%*d %*d %ld", &most) != 1)
			continue;
		if (most < BUFFER_MIN)
			report(r, WARN, buffers[i].name, buffers[i].advice,
			       "at most %ld bytes: whole records hardly fit",
			       most);
		else
			report(r, WELL, buffers[i].name, NULL,
			       "at most %ld bytes", most);
	}
}
