// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An open file, and what is in a small one, is kept for a second: opening
 * costs a small response a quarter of its instructions. Size and time are
 * asked for each time, and a file that was removed or renamed over is opened
 * anew at once; only the rename of a directory above it may go unseen for that
 * second.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "httpd.h"

#define KEEP_MS 1000

static struct cached **slot(struct cache *c, const char *path)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	while (*path)
		hash = (hash ^ (unsigned char)*path++) * 16777619u;
	return &c->slots[hash % CACHE_SLOTS];
}

void cache_put(struct cached *f)
{
	if (--f->users)
		return;
	close(f->file.fd);
	free(f->body);
	free(f);
}

static void drop(struct cached **s)
{
	if (*s)
		cache_put(*s);
	*s = NULL;
}

void cache_drop_all(struct cache *c)
{
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		drop(&c->slots[i]);
	loop_timer_clear(&c->sweep);
}

/* A file nobody asks for must not be held open: it may be a deleted one. */
static void sweep(struct timer *t)
{
	struct cache *c = container_of(t, struct cache, sweep);
	uint64_t now = now_ms();
	bool left = false;

	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		if (c->slots[i] && c->slots[i]->until_ms <= now)
			drop(&c->slots[i]);
		if (c->slots[i])
			left = true;
	}
	if (left)
		loop_timer_set(c->loop, t, KEEP_MS);
}

void cache_init(struct cache *c, struct loop *loop, int root)
{
	memset(c, 0, sizeof(*c));
	c->loop = loop;
	c->root = root;
	c->sweep.fire = sweep;
}

static int load(struct cache *c, const char *path, struct cached **out)
{
	size_t size = strlen(path) + 1;
	struct cached *f = malloc(sizeof(*f) + size);
	int ret;

	if (!f)
		return -ENOMEM;
	ret = file_open(&f->file, c->root, path);
	if (ret) {
		free(f);
		return ret;
	}
	f->users = 1;
	f->body = NULL;
	f->until_ms = now_ms() + KEEP_MS;
	memcpy(f->path, path, size);
	if (!loop_timer_is_set(&c->sweep))
		loop_timer_set(c->loop, &c->sweep, KEEP_MS);
	*out = f;
	return 0;
}

static bool fresh(struct cached *f, const char *path)
{
	return f && !strcmp(f->path, path) && f->until_ms > now_ms() &&
	       !file_refresh(&f->file);
}

/* The caller gives @out back with cache_put(). */
int cache_get(struct cache *c, const char *path, struct cached **out)
{
	struct cached **s = slot(c, path);

	if (!fresh(*s, path)) {
		int ret;

		drop(s);
		ret = load(c, path, s);
		if (ret)
			return ret;
	}
	(*s)->users++;
	*out = *s;
	return 0;
}

static bool unchanged(const struct file *a, const struct file *b)
{
	return a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Two changes within a tick leave the same time: not while it is fresh. */
static void remember(struct cached *f, const char *body)
{
	if (time(NULL) - f->file.mtime.tv_sec < 2)
		return;
	free(f->body);
	f->body_of = f->file;
	f->body = malloc(f->file.size);
	if (f->body)
		memcpy(f->body, body, f->file.size);
}

int cache_read(struct cached *f, char *out)
{
	ssize_t n;

	if (f->body && unchanged(&f->file, &f->body_of)) {
		memcpy(out, f->body, f->file.size);
		return 0;
	}
	n = pread(f->file.fd, out, f->file.size, 0);
	if (n < 0)
		return -errno;
	if (n != f->file.size)
		return -ENODATA;
	remember(f, out);
	return 0;
}
