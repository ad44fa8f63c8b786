// SPDX-License-Identifier: GPL-2.0-or-later
/* ktls-connect: from the command line to the exit status. */
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connect.h"
#include "guard.h"

/*
 * Else a socket would become standard output. To read only, so that what is
 * written to a closed one is not taken for written.
 */
static void open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int run(const struct ask *a)
{
	if (a->help) {
		options_help();
		return STATUS_OK;
	}
	if (a->version) {
		printf("ktls-connect %s\n", KTLS_VERSION);
		return STATUS_OK;
	}
	return a->read ? run_reader(a) : run_connections(a);
}

/* A pager that was left has shown enough. */
static bool reader_left(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP);
}

int main(int argc, char **argv)
{
	struct ask a;
	int status;

	log_init("ktls-connect");
	open_standard();
	setlocale(LC_CTYPE, "");
	/* Who cannot write is told so by write(), and goes on. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	guard_secrets(STATUS_HOST);
	status = options_read(&a, argc, argv) ? STATUS_USAGE : run(&a);
	options_free(&a);
	/* A connection's data is written without stdio, and must get there. */
	if ((fflush(stdout) || ferror(stdout)) && !reader_left()) {
		log_warn("standard output");
		return status ? status : STATUS_HOST;
	}
	return status;
}
