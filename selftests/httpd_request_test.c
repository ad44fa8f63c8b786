// SPDX-License-Identifier: GPL-2.0-only
/* ktls-httpd's pure functions: request heads, paths, types, response heads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd.h"
#include "kselftest_harness.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

/* What request_parse() says of it: eaten whole, or -EBADMSG. */
static const struct {
	const char *head;
	int ret;			/* 0: all of it */
	int status;
	bool close, only_head;
	const char *target;
} requests[] = {
	{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 0, 0, 0, "/" },
	{ "HEAD /x HTTP/1.1\r\nhost:a\r\n\r\n", 0, 0, 0, 1, "/x" },
	{ "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 0, 0, 0, "/" },
	{ "GET /?q HTTP/1.1\r\nHOST:\r\n\r\n", 0, 0, 0, 0, "/?q" },
	{ "GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0, 0, 0,
	  "http://h/x" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
	  0, 0, 1, 0, "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
	  "Upgrade: h2c\r\n\r\n", 0, 0, 0, 0, "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	  0, 0, 0, 0, "/" },
	{ "GET / HTTP/1.0\r\n\r\n", 0, 0, 1, 0, "/" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, 0, 0, 0, "/" },
	/* well formed, and refused */
	{ "GET / HTTP/1.1\r\n\r\n", 0, 400, 1, 0, "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 0, 400, 1, 0, "/" },
	{ "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 0, 400, 1, 0, "/" },
	{ "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 0, 405, 0, 0, "/" },
	{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0, 405, 0, 0, "*" },
	{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, 405, 1, 0, "a:1" },
	{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
	  0, 405, 1, 0, "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
	  0, 413, 1, 0, "/" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	  0, 413, 1, 0, "/" },
	/* not HTTP as we know it */
	{ "GET / HTTP/1.2\r\nHost: a\r\n\r\n", -EBADMSG, 505, 1, 0, NULL },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", -EBADMSG, 505, 1, 0, NULL },
	{ "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, 501, 1, 0, NULL },
	{ "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
	  -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\n\n", -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Content-Length: 2\r\n\r\n", -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
	  "Transfer-Encoding: chunked\r\n\r\n", -EBADMSG, 400, 1, 0, NULL },
	{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
	  -EBADMSG, 400, 1, 0, NULL },
};

TEST(requests_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		int len = strlen(requests[i].head);
		struct request req;
		int ret = request_parse(&req, requests[i].head, len);

		EXPECT_EQ(requests[i].ret ?: len, ret)
			TH_LOG("row %zu: %s", i, requests[i].head);
		EXPECT_EQ(requests[i].status, req.status)
			TH_LOG("row %zu: %s", i, requests[i].head);
		EXPECT_EQ(requests[i].close, req.close)
			TH_LOG("row %zu: %s", i, requests[i].head);
		if (!requests[i].target)
			continue;
		EXPECT_EQ(requests[i].only_head, req.head);
		EXPECT_EQ(strlen(requests[i].target), req.target_len);
		EXPECT_EQ(0, strncmp(requests[i].target, req.target,
				     req.target_len));
	}
}

TEST(a_part_of_a_request_is_not_judged)
{
	static const char head[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
	struct request req;

	for (size_t len = 0; len < strlen(head); len++)
		EXPECT_EQ(0, request_parse(&req, head, len));
}

TEST(the_next_request_is_left_alone)
{
	static const char two[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b";
	struct request req;

	EXPECT_EQ(strlen(two) - strlen("GET /b"),
		  request_parse(&req, two, strlen(two)));
	EXPECT_EQ(0, req.status);
}

static int parse_filled(struct request *req, const char *start)
{
	char buf[REQUEST_MAX];

	memset(buf, 'a', sizeof(buf));
	memcpy(buf, start, strlen(start));
	return request_parse(req, buf, sizeof(buf));
}

TEST(a_head_beyond_the_limit_is_refused)
{
	struct request req;

	EXPECT_EQ(-EBADMSG, parse_filled(&req, "GET /"));
	EXPECT_EQ(414, req.status);
	EXPECT_EQ(-EBADMSG, parse_filled(&req, "GET / HTTP/1.1\r\nHost: "));
	EXPECT_EQ(431, req.status);
}

/* Under the sanitizers; whatever it is, it has an answer. */
TEST(noise_is_survived)
{
	struct request req;
	char path[64], buf[512];

	srandom(1);
	for (int round = 0; round < 20000; round++) {
		size_t len = random() % sizeof(buf);
		int ret;

		for (size_t i = 0; i < len; i++)
			buf[i] = random();
		if (round % 2 && len > 16)
			memcpy(buf, "GET / HTTP/1.1\r\n", 16);
		ret = request_parse(&req, buf, len);
		ASSERT_TRUE(ret >= 0 ? ret <= (int)len : req.status >= 400);
		ret = path_decode(path, sizeof(path), buf, len);
		ASSERT_LT(ret, (int)sizeof(path));
	}
}

/* NULL: -EINVAL */
static const struct {
	const char *target, *path;
} paths[] = {
	{ "/", "." },
	{ "/?a=/b", "." },
	{ "/index.html", "index.html" },
	{ "/a/b?q", "a/b" },
	{ "/a/", "a/" },
	{ "///a//b", "a//b" },
	{ "/%2fa", "a" },
	{ "/a%2Fb", "a/b" },
	{ "/%41%62", "Ab" },
	{ "/a%20b", "a b" },
	{ "/a%3fb", "a?b" },
	{ "/%2541", "%41" },		/* once */
	{ "/%ff", "\xff" },
	{ "/..", ".." },		/* the kernel judges these */
	{ "/%2e%2e/x", "../x" },
	{ "http://h", "." },
	{ "http://h/x?q", "x" },
	{ "https://h?q=/x", "." },
	{ "http://h//etc/passwd", "etc/passwd" },
	{ "", NULL },
	{ "*", NULL },
	{ "a", NULL },
	{ "a:1", NULL },
	{ "?q", "." },
	{ "/%", NULL },
	{ "/%4", NULL },
	{ "/%4g", NULL },
	{ "/a%00b", NULL },
};

TEST(targets_become_paths)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *target = paths[i].target;
		char path[PATH_MAX];
		int ret = path_decode(path, sizeof(path), target,
				      strlen(target));

		if (!paths[i].path) {
			EXPECT_EQ(-EINVAL, ret) TH_LOG("%s", target);
			continue;
		}
		EXPECT_EQ(strlen(paths[i].path), ret) TH_LOG("%s", target);
		EXPECT_STREQ(paths[i].path, path);
	}
}

TEST(a_path_that_does_not_fit_is_refused)
{
	char path[8];

	EXPECT_EQ(7, path_decode(path, sizeof(path), "/1234567", 8));
	EXPECT_EQ(-ENAMETOOLONG,
		  path_decode(path, sizeof(path), "/12345678", 9));
}

static const struct {
	const char *path, *type;
} types[] = {
	{ "a.html", "text/html; charset=utf-8" },
	{ "a.b/c.PNG", "image/png" },
	{ "a.html/README", "application/octet-stream" },
	{ "a.", "application/octet-stream" },
	{ "html", "application/octet-stream" },
	{ "a.tar.gz", "application/gzip" },
};

TEST(names_have_types)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		EXPECT_STREQ(types[i].type, path_type(types[i].path));
}

static const struct {
	struct response r;
	const char *head;
} responses[] = {
	{ { .status = 200, .type = "image/png", .length = 18446744073709551615u },
	  "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: image/png\r\n"
	  "Content-Length: 18446744073709551615\r\n\r\n" },
	{ { .status = 200, .type = "a/b", .length = 0, .http10 = true },
	  "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: a/b\r\n"
	  "Content-Length: 0\r\nConnection: keep-alive\r\n\r\n" },
	{ { .status = 404, .close = true, .http10 = true },
	  "HTTP/1.1 404 Not Found\r\nDate: D\r\n"
	  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n"
	  "Connection: close\r\n\r\n404 Not Found\n" },
	{ { .status = 405, .head = true },
	  "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\n"
	  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 23\r\n"
	  "Allow: GET, HEAD\r\n\r\n" },
	{ { .status = 301, .head = true, .location = "/d?q",
	    .location_len = 4, .path_len = 2 },
	  "HTTP/1.1 301 Moved Permanently\r\nDate: D\r\n"
	  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n"
	  "Location: /d/?q\r\n\r\n" },
};

TEST(responses_are_written)
{
	for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
		char out[HEAD_MAX];
		size_t len = response_write(out, &responses[i].r, "D");

		ASSERT_LT(len, sizeof(out));
		out[len] = '\0';
		EXPECT_STREQ(responses[i].head, out);
	}
}

TEST(the_longest_location_fits)
{
	char target[REQUEST_MAX], out[HEAD_MAX];
	const struct response r = {
		.status = 301, .close = true, .location = target,
		.location_len = sizeof(target), .path_len = sizeof(target),
	};

	memset(target, 'a', sizeof(target));
	EXPECT_LE(response_write(out, &r, "Sun, 06 Nov 1994 08:49:37 GMT"),
		  sizeof(out));
}

FIXTURE(root) {
	char dir[32];
	int fd;
};

FIXTURE_SETUP(root)
{
	strcpy(self->dir, "/tmp/ktls-root.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, chdir(self->dir));
	ASSERT_EQ(0, mkdir("www", 0755));
	ASSERT_EQ(0, close(creat("outside", 0644)));
	self->fd = open("www", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, fchdir(self->fd));
	ASSERT_EQ(0, mkdir("dir", 0755));
	ASSERT_EQ(0, mkdir("none", 0755));
	ASSERT_EQ(0, close(creat("dir/index.html", 0644)));
	ASSERT_EQ(0, close(creat("file.txt", 0644)));
	ASSERT_EQ(0, symlink("dir/index.html", "inside.css"));
	ASSERT_EQ(0, symlink("../outside", "relative"));
	ASSERT_EQ(0, symlink("/etc/passwd", "absolute"));
	ASSERT_EQ(0, symlink("..", "up"));
	ASSERT_EQ(0, symlink("loop", "loop"));
	ASSERT_EQ(0, mkfifo("fifo", 0644));
}

FIXTURE_TEARDOWN(root)
{
	char command[64];

	close(self->fd);
	snprintf(command, sizeof(command), "rm -r %s", self->dir);
	EXPECT_EQ(0, system(command));
}

static const struct {
	const char *path;
	int status;
	const char *type;
} files[] = {
	{ "file.txt", 200, "text/plain; charset=utf-8" },
	{ "dir/", 200, "text/html; charset=utf-8" },
	{ "dir/../file.txt", 200, "text/plain; charset=utf-8" },
	{ "inside.css", 200, "text/css; charset=utf-8" },
	{ "dir", 301, NULL },
	{ "none/", 404, NULL },
	{ ".", 404, NULL },
	{ "missing", 404, NULL },
	{ "file.txt/", 404, NULL },
	{ "file.txt/x", 404, NULL },
	{ "..", 403, NULL },
	{ "../outside", 403, NULL },
	{ "../www/file.txt", 403, NULL },
	{ "dir/../../outside", 403, NULL },
	{ "relative", 403, NULL },
	{ "absolute", 403, NULL },
	{ "up/outside", 403, NULL },
	{ "loop", 403, NULL },
	{ "fifo", 403, NULL },
};

TEST_F(root, files_are_found_beneath_it_only)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct file f;
		int ret = file_open(&f, self->fd, files[i].path);

		EXPECT_EQ(files[i].status, ret ? file_status(ret) : 200)
			TH_LOG("%s", files[i].path);
		if (ret)
			continue;
		if (files[i].type)
			EXPECT_STREQ(files[i].type, f.type);
		close(f.fd);
	}
}

TEST_F(root, a_file_renamed_over_is_stale)
{
	struct file f;

	ASSERT_EQ(0, file_open(&f, self->fd, "file.txt"));
	EXPECT_EQ(0, file_refresh(&f));
	ASSERT_EQ(0, truncate("file.txt", 7));
	EXPECT_EQ(0, file_refresh(&f));
	EXPECT_EQ(7, f.size);
	ASSERT_EQ(0, rename("dir/index.html", "file.txt"));
	EXPECT_EQ(-ESTALE, file_refresh(&f));
	close(f.fd);
}

TEST_HARNESS_MAIN
