// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "klog.h"

static const char * const bad[] = {
	"BUG", "WARNING", "Oops", "KASAN", "lockdep", "leak", "hung",
	"ktls_stats:",
};

int klog_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

const char *klog_bad(int log)
{
	static char line[8192];
	ssize_t n;

	/* EPIPE: lines were overwritten before they could be read. */
	while ((n = read(log, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[n > 0 ? n : 0] = 0;
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
			if (strstr(line, bad[i]))
				return line;
	}
	return NULL;
}
