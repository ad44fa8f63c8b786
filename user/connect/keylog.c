// SPDX-License-Identifier: GPL-2.0-or-later
/* The NSS key log: who has it can read the connection. */
#include <errno.h>
#include <fcntl.h>
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

int keylog_open(struct keylog *k, const struct ask *a,
		struct ktls_error *err)
{
	*k = (struct keylog){ .a = a, .fd = -1 };
	if (!a->keylog)
		return 0;
	k->fd = open(a->keylog, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
				O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	if (k->fd < 0)
		return fail(err, -errno, KTLS_INTERNAL, "key log %s: %s",
			    a->keylog, errno == ELOOP ?
			    "it must not be a symbolic link" : strerror(errno));
	return check(k->fd, a->keylog, err);
}

static void give_up(struct keylog *k, int error)
{
	struct ktls_error err;

	fail(&err, -error, KTLS_INTERNAL, "key log %s: %s", k->a->keylog,
	     strerror(error));
	k->status = tell(k->a, &err);
	close(k->fd);
	k->fd = -1;
}

/* One write a line: several of us may share the file. */
void keylog_line(void *keylog, const char *line)
{
	struct iovec parts[] = {
		{ (void *)line, strcspn(line, "\n") }, { "\n", 1 },
	};
	ssize_t len = parts[0].iov_len + 1, n;
	struct keylog *k = keylog;

	if (k->fd < 0)
		return;
	n = writev(k->fd, parts, ARRAY_SIZE(parts));
	if (n != len)
		give_up(k, n < 0 ? errno : ENOSPC);
}

int keylog_close(struct keylog *k)
{
	if (k->fd >= 0)
		close(k->fd);
	return k->status;
}
