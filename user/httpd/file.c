// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "httpd.h"

/*
 * The kernel itself keeps us beneath the root: "..", absolute symbolic links
 * and /proc's magic ones give -EXDEV or -ELOOP. O_NONBLOCK: a FIFO without a
 * writer must not stop the server.
 */
static int open_beneath(int root, const char *path)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	/* -EAGAIN: something was renamed while ".." was walked. */
	for (int tries = 0; tries < 4; tries++) {
		int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

static bool wants_index(const char *path)
{
	return !strcmp(path, ".") || path[strlen(path) - 1] == '/';
}

static int open_stat(int root, const char *path, struct stat *st)
{
	int fd = open_beneath(root, path);
	int ret;

	if (fd < 0 || !fstat(fd, st))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int open_index(int root, const char *path, struct stat *st)
{
	char index[PATH_MAX];
	int n = snprintf(index, sizeof(index), "%s/index.html", path);

	if (n >= (int)sizeof(index))
		return -ENAMETOOLONG;
	return open_stat(root, index, st);
}

int file_open(struct file *f, int root, const char *path)
{
	bool index = wants_index(path);
	struct stat st;
	int fd = open_stat(root, path, &st);

	if (fd >= 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = index ? open_index(root, path, &st) : -EISDIR;
	}
	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return -EACCES;
	}
	f->fd = fd;
	f->size = st.st_size;
	f->mtime = st.st_mtim;
	f->type = path_type(index ? "index.html" : path);
	return 0;
}

int file_refresh(struct file *f)
{
	struct stat st;

	if (fstat(f->fd, &st))
		return -errno;
	if (!st.st_nlink)
		return -ESTALE;
	f->size = st.st_size;
	f->mtime = st.st_mtim;
	return 0;
}

static const struct {
	int err, status;
} statuses[] = {
	{ EINVAL,	400 },
	{ ENOENT,	404 },
	{ ENOTDIR,	404 },
	{ ENAMETOOLONG,	404 },
	{ EISDIR,	301 },
	{ EACCES,	403 },
	{ EPERM,	403 },
	{ EXDEV,	403 },
	{ ELOOP,	403 },
	{ ENXIO,	403 },		/* a UNIX socket */
	{ EAGAIN,	503 },
	{ EMFILE,	503 },
	{ ENFILE,	503 },
	{ ENOMEM,	503 },
};

int file_status(int err)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (statuses[i].err == -err)
			return statuses[i].status;
	return 500;
}
