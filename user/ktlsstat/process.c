// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets are links named socket:[INODE] in /proc/PID/fd. One pass finds all. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktlsstat.h"

struct wanted {
	uint64_t *inodes;		/* sorted */
	size_t n;
};

static int by_inode(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int by_inode_and_pid(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	int order = by_inode(&x->inode, &y->inode);

	return order ? order : (x->pid > y->pid) - (x->pid < y->pid);
}

static void add(struct holders *h, uint64_t inode, pid_t pid,
		const char name[64])
{
	struct holder *v = h->v;

	if (h->n == h->room) {
		size_t room = h->room ? h->room * 2 : 64;

		v = reallocarray(v, room, sizeof(*v));
		if (!v)
			return;		/* one name less */
		h->v = v;
		h->room = room;
	}
	v = &h->v[h->n++];
	v->inode = inode;
	v->pid = pid;
	memcpy(v->name, name, sizeof(v->name));
}

/* By inode, then pid; a process with two descriptors of a socket once. */
static void sort(struct holders *h)
{
	size_t n = 0;

	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_inode_and_pid);
	for (size_t i = 0; i < h->n; i++)
		if (!n || by_inode_and_pid(&h->v[n - 1], &h->v[i]))
			h->v[n++] = h->v[i];
	h->n = n;
}

static void read_name(int proc, const char *pid, char *name, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%.20s/comm", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, size - 1);
		close(fd);
	}
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* What is no socket is 0, which none has. */
static uint64_t inode_of(int fds, const char *name)
{
	static const char prefix[] = "socket:[";
	char link[64];
	ssize_t n = readlinkat(fds, name, link, sizeof(link) - 1);

	if (n < (ssize_t)sizeof(prefix) ||
	    memcmp(link, prefix, sizeof(prefix) - 1))
		return 0;
	link[n] = '\0';
	return strtoull(link + sizeof(prefix) - 1, NULL, 10);
}

static void scan_fd(struct holders *h, const struct wanted *w, DIR *fds,
		    const char *pid, int proc)
{
	char name[sizeof(h->v->name)] = "";
	struct dirent *e;
	uint64_t inode;

	while ((e = readdir(fds))) {
		inode = inode_of(dirfd(fds), e->d_name);
		if (!inode ||
		    !bsearch(&inode, w->inodes, w->n, sizeof(inode), by_inode))
			continue;
		if (!name[0])
			read_name(proc, pid, name, sizeof(name));
		add(h, inode, atoi(pid), name);
	}
}

static void scan(struct holders *h, const struct wanted *w, DIR *proc)
{
	struct dirent *e;
	char path[64];
	DIR *fds;
	int fd;

	while ((e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%.20s/fd", e->d_name);
		fd = openat(dirfd(proc), path,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue;	/* gone, or none of our business */
		fds = fdopendir(fd);
		if (!fds) {
			close(fd);
			continue;
		}
		scan_fd(h, w, fds, e->d_name, dirfd(proc));
		closedir(fds);
	}
}

void holders_scan(struct holders *h, const struct sessions *s)
{
	struct wanted w = { calloc(s->n + 1, sizeof(uint64_t)), 0 };
	DIR *proc = opendir("/proc");

	memset(h, 0, sizeof(*h));
	if (!w.inodes || !proc)
		goto out;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].inode)
			w.inodes[w.n++] = s->v[i].inode;
	qsort(w.inodes, w.n, sizeof(*w.inodes), by_inode);
	if (w.n)
		scan(h, &w, proc);
	sort(h);
out:
	if (proc)
		closedir(proc);
	free(w.inodes);
}

const struct holder *holders_find(const struct holders *h, uint64_t inode,
				  size_t *n)
{
	size_t low = 0, high = h->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (h->v[mid].inode < inode)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < h->n && h->v[low + *n].inode == inode; )
		++*n;
	return *n ? &h->v[low] : NULL;
}
