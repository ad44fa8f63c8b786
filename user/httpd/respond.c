// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "httpd.h"
#include "log.h"

/* One line for a request, with --verbose. */
static void log_request(const struct conn *c, const struct request *req,
			int status, uint64_t length)
{
	char peer[ADDRESS_TEXT], target[512], safe[1024];
	size_t len = req->target_len;

	if (!c->server->verbose)
		return;
	if (len >= sizeof(target))
		len = sizeof(target) - 1;
	memcpy(target, req->target, len);
	target[len] = '\0';
	log_info("%s %s \"%s\" %d %llu", conn_peer(c, peer),
		 req->method,
		 log_escape(safe, sizeof(safe), target), status,
		 (unsigned long long)length);
}

/*
 * "/dir?query" asked for a directory: what it should have been. Of several
 * leading slashes one stays, as "//dir/" would name another host.
 */
static void redirect(struct response *r, const struct request *req)
{
	const char *p = req->target, *end = p + req->target_len;
	const char *query;

	if (*p != '/')			/* "http://host/dir" */
		p = memchr(p + strcspn(p, ":") + 3, '/', end - p);
	while (p + 1 < end && p[1] == '/')
		p++;
	query = memchr(p, '?', end - p);
	r->location = p;
	r->location_len = end - p;
	r->path_len = (query ? query : end) - p;
}

static int find(struct conn *c, const struct request *req, struct cached **f)
{
	char path[PATH_MAX];
	int ret;

	ret = path_decode(path, sizeof(path), req->target, req->target_len);
	if (ret < 0)
		return ret;
	return cache_get(&c->server->cache, path, f);
}

/* A small body goes into one buffer, one send() and one record with its head. */
static int send_small(struct conn *c, size_t len, size_t size)
{
	char *out = c->server->head;
	int ret = cache_read(c->file, out + len);

	return ret ? ret : send_head(c, out, len + size, false);
}

static int send_file(struct conn *c, size_t len, off_t size, bool head)
{
	if (head || !size)
		return send_head(c, c->server->head, len, false);
	if (size <= ONE_WRITE_MAX)
		return send_small(c, len, size);
	c->off = 0;
	c->end = size;
	/*
	 * Head and body in one record while they fit: a record costs as much
	 * as 5 KB do. In bulk the file's pages should meet the records' edges.
	 */
	return send_head(c, c->server->head, len, len + size <= RECORD_MAX);
}

int respond(struct conn *c, const struct request *req)
{
	struct response r = {
		.status = req->status,
		.head = req->head,
		.close = req->close,
		.http10 = req->http10,
	};
	struct server *s = c->server;
	off_t size = 0;
	size_t len;

	c->close = req->close;
	if (!r.status) {
		int ret = find(c, req, &c->file);

		r.status = ret ? file_status(ret) : 200;
		if (ret == -EISDIR)
			redirect(&r, req);
	}
	if (c->file) {
		size = c->file->file.size;
		r.type = c->file->file.type;
		r.length = size;
	}
	len = response_write(s->head, &r, date_now(&s->date));
	log_request(c, req, r.status, size);
	return send_file(c, len, size, req->head);
}
