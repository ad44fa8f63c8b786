// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "httpd.h"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "http://host/path", as a proxy asks, means "/path" (RFC 9112, 3.2.2). */
static const char *skip_authority(const char *p, const char *end)
{
	const char *colon = memchr(p, ':', end - p);

	if (*p == '/' || !colon || end - colon < 3 || memcmp(colon, "://", 3))
		return p;
	for (p = colon + 3; p < end && *p != '/' && *p != '?'; p++)
		;
	return p;
}

int path_decode(char *out, size_t size, const char *target, size_t len)
{
	const char *p = target, *end = target + len;
	size_t n = 0;

	if (!len)
		return -EINVAL;
	p = skip_authority(p, end);
	if (p < end && *p != '/' && *p != '?')
		return -EINVAL;
	for (; p < end && *p != '?' && *p != '#'; p++) {
		int c = (unsigned char)*p;

		if (c == '%') {
			if (end - p < 3 || hex(p[1]) < 0 || hex(p[2]) < 0)
				return -EINVAL;
			c = hex(p[1]) << 4 | hex(p[2]);
			p += 2;
		}
		if (!c)
			return -EINVAL;
		if (c == '/' && !n)
			continue;	/* relative, to be beneath the root */
		if (n + 2 > size)
			return -ENAMETOOLONG;
		out[n++] = c;
	}
	if (!n)
		out[n++] = '.';
	out[n] = '\0';
	return n;
}

static const struct {
	const char *suffix, *type;
} types[] = {
	{ "html",	"text/html; charset=utf-8" },
	{ "htm",	"text/html; charset=utf-8" },
	{ "txt",	"text/plain; charset=utf-8" },
	{ "md",		"text/plain; charset=utf-8" },
	{ "css",	"text/css; charset=utf-8" },
	{ "js",		"text/javascript; charset=utf-8" },
	{ "mjs",	"text/javascript; charset=utf-8" },
	{ "csv",	"text/csv; charset=utf-8" },
	{ "json",	"application/json" },
	{ "xml",	"application/xml" },
	{ "wasm",	"application/wasm" },
	{ "pdf",	"application/pdf" },
	{ "gz",		"application/gzip" },
	{ "zip",	"application/zip" },
	{ "svg",	"image/svg+xml" },
	{ "png",	"image/png" },
	{ "jpg",	"image/jpeg" },
	{ "jpeg",	"image/jpeg" },
	{ "gif",	"image/gif" },
	{ "webp",	"image/webp" },
	{ "avif",	"image/avif" },
	{ "ico",	"image/x-icon" },
	{ "woff2",	"font/woff2" },
	{ "mp3",	"audio/mpeg" },
	{ "mp4",	"video/mp4" },
	{ "webm",	"video/webm" },
};

const char *path_type(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
		if (!strcasecmp(dot + 1, types[i].suffix))
			return types[i].type;
	return "application/octet-stream";
}
