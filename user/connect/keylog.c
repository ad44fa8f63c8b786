// SPDX-License-Identifier: GPL-2.0-or-later
/* The NSS key log: who has it can read the connection. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "connect.h"

/* An older file may be open to others, or theirs. */
static int check(int fd, const char *path, struct ktls_error *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(err, -errno, KTLS_INTERNAL, "key log %s: %s", path,
			    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(err, -EINVAL, KTLS_INTERNAL,
			    "key log %s: not a regular file", path);
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return fail(err, -EPERM, KTLS_INTERNAL,
			    "key log %s: others may read it; chown or chmod 600",
			    path);
	if (st.st_nlink != 1)
		return fail(err, -EMLINK, KTLS_INTERNAL,
			    "key log %s: it has other names, or none", path);
	return 0;
}

int keylog_open(const char *path, struct ktls_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
			    O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	int ret;

	if (fd < 0)
		return fail(err, -errno, KTLS_INTERNAL, "key log %s: %s", path,
			    errno == ELOOP ? "it must not be a symbolic link" :
			    strerror(errno));
	ret = check(fd, path, err);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* One write a line: several of us may share the file. */
void keylog_line(void *fd, const char *line)
{
	struct iovec parts[] = {
		{ (void *)line, strcspn(line, "\n") }, { "\n", 1 },
	};

	if (writev((intptr_t)fd, parts, ARRAY_SIZE(parts)) < 0)
		log_warn("key log");
}
