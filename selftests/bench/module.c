// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ktls_stats.ko costs. To be run where a nanosecond is an instruction, on
 * one CPU: scripts/vm run -i.
 *
 * The instructions of a send() and of a recv() of 16 KB, over kernel TLS and
 * over plain TCP, without the module and with it, in turns; the slab memory of
 * a session; the time ktlsstat takes to list very many.
 */
#include <errno.h>
#include <linux/tls.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tlswire.h"

#define SIZE		16384		/* a full record */
#define SESSIONS	10000
#define WARM		50
#define SAMPLES		2000
#define TURNS		3

enum interval { IDLE, SEND, RECV, INTERVALS };

static const struct row {
	const char *name;
	bool tls;
	enum interval what;
	double most;			/* percent; of TCP, nothing but noise */
} rows[] = {
	{ "kTLS send", true, SEND, 0.1 },
	{ "kTLS recv", true, RECV, 0.1 },
	{ "TCP send", false, SEND, 0.01 },
	{ "TCP recv", false, RECV, 0.01 },
};

#define ROWS (sizeof(rows) / sizeof(*rows))

static int fds[SESSIONS];

static void die(const char *what)
{
	fprintf(stderr, "module: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void try(int ret, const char *what)
{
	if (ret < 0) {
		errno = ret == -1 ? errno : -ret;
		die(what);
	}
}

static void run(const char *command)
{
	if (system(command)) {
		errno = ECHILD;
		die(command);
	}
}

static void load(bool on)
{
	run(on ? "modprobe ktls_stats" : "modprobe -r ktls_stats");
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What is written to fd[0] can be read from fd[1]. */
static void open_pair(int fd[2], bool tls)
{
	const struct suite *suite = suite_find(TLS_1_3_VERSION,
					       TLS_CIPHER_AES_GCM_128);

	try(tcp_pair(AF_INET, fd), "tcp_pair");
	if (!tls)
		return;
	try(tls_attach(fd[0]), "TCP_ULP");
	try(tls_attach(fd[1]), "TCP_ULP");
	try(tls_key(fd[0], TLS_TX, suite, 1), "TLS_TX");
	try(tls_key(fd[1], TLS_RX, suite, 1), "TLS_RX");
}

/* --- instructions --- */

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Medians, which no timer tick moves. */
static void measure(bool tls, double median[INTERVALS])
{
	static uint64_t cost[INTERVALS][SAMPLES];
	static char buf[SIZE];
	uint64_t t[INTERVALS + 1];
	int fd[2];

	open_pair(fd, tls);
	for (int n = -WARM; n < SAMPLES; n++) {
		t[IDLE] = now(CLOCK_THREAD_CPUTIME_ID);
		t[SEND] = now(CLOCK_THREAD_CPUTIME_ID);
		if (send(fd[0], buf, SIZE, 0) != SIZE)
			die("send");
		t[RECV] = now(CLOCK_THREAD_CPUTIME_ID);
		if (recv(fd[1], buf, SIZE, MSG_WAITALL) != SIZE)
			die("recv");
		t[INTERVALS] = now(CLOCK_THREAD_CPUTIME_ID);
		for (int i = 0; i < INTERVALS && n >= 0; i++)
			cost[i][n] = t[i + 1] - t[i];
	}
	close(fd[0]);
	close(fd[1]);
	for (int i = 0; i < INTERVALS; i++) {
		qsort(cost[i], SAMPLES, sizeof(cost[i][0]), ascending);
		median[i] = cost[i][SAMPLES / 2];
	}
}

/*
 * Reading the clock has a cost of its own, which the first load changes for
 * good, with the module or without: measured each time, and taken off.
 */
static void turn(double least[ROWS])
{
	double median[2][INTERVALS];

	measure(false, median[false]);
	measure(true, median[true]);
	for (size_t i = 0; i < ROWS; i++) {
		const double *m = median[rows[i].tls];
		double cost = m[rows[i].what] - m[IDLE];

		if (!least[i] || cost < least[i])
			least[i] = cost;
	}
}

static int instructions(void)
{
	double least[2][ROWS] = { 0 };
	int ret = 0;

	for (int n = 0; n < 2 * TURNS; n++) {
		load(n % 2);
		turn(least[n % 2]);
	}
	load(false);
	printf("%-12s %10s %10s %10s %8s\n", "16 KB", "without", "with",
	       "more", "percent");
	for (size_t i = 0; i < ROWS; i++) {
		double more = least[1][i] - least[0][i];
		double percent = 100 * more / least[0][i];

		printf("%-12s %10.0f %10.0f %+10.0f %+8.3f %s\n", rows[i].name,
		       least[0][i], least[1][i], more, percent,
		       percent <= rows[i].most ? "ok" : "too much");
		if (percent > rows[i].most)
			ret = 1;
	}
	return ret;
}

/* --- very many sessions --- */

static long slab_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Slab: %ld", &kb) == 1)
			break;
	if (!f || kb < 0)
		die("/proc/meminfo");
	fclose(f);
	return kb;
}

/* Loading the module, it adopts them all: no other memory changes hands. */
static int memory(void)
{
	long before, bytes;

	before = slab_kb();
	load(true);
	bytes = (slab_kb() - before) * 1024 / SESSIONS;
	printf("memory of a session: %ld bytes, %s\n", bytes,
	       bytes <= 1024 ? "ok" : "too much");
	return bytes > 1024;
}

static int lists(void)
{
	static const char *const commands[] = {
		"ktlsstat list > /tmp/list",
		"ktlsstat --json list > /tmp/list",
	};
	int ret = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		uint64_t begin = now(CLOCK_MONOTONIC);
		double seconds;

		run(commands[i]);
		seconds = (now(CLOCK_MONOTONIC) - begin) / 1e9;
		printf("%s: %d sessions in %.3f s, %s\n", commands[i], SESSIONS,
		       seconds, seconds < 1 ? "ok" : "too much");
		ret |= seconds >= 1;
	}
	return ret;
}

static int many(void)
{
	int ret;

	for (int i = 0; i < SESSIONS; i += 2)
		open_pair(fds + i, true);
	ret = memory();
	ret |= lists();
	for (int i = 0; i < SESSIONS; i++)
		close(fds[i]);
	load(false);
	return ret;
}

int main(void)
{
	struct rlimit files = { SESSIONS + 100, SESSIONS + 100 };
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	run("modprobe tls");
	ret = instructions();
	return ret | many();
}
