// SPDX-License-Identifier: GPL-2.0-or-later
/* Every byte of header is encrypted, sent and parsed: few, and no printf(). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "httpd.h"

static const struct reason {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "200 OK" },
	{ 301, "301 Moved Permanently" },
	{ 400, "400 Bad Request" },
	{ 403, "403 Forbidden" },
	{ 404, "404 Not Found" },
	{ 405, "405 Method Not Allowed" },
	{ 413, "413 Content Too Large" },
	{ 414, "414 URI Too Long" },
	{ 431, "431 Request Header Fields Too Large" },
	{ 500, "500 Internal Server Error" },
	{ 501, "501 Not Implemented" },
	{ 503, "503 Service Unavailable" },
	{ 505, "505 HTTP Version Not Supported" },
};

static const char *reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "500 Internal Server Error";
}

const char *date_now(struct date *d)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now == d->at)
		return d->text;
	d->at = now;
	gmtime_r(&now, &tm);
	strftime(d->text, sizeof(d->text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return d->text;
}

static char *put_bytes(char *p, const char *bytes, size_t len)
{
	memcpy(p, bytes, len);
	return p + len;
}

static char *put(char *p, const char *text)
{
	return put_bytes(p, text, strlen(text));
}

static char *put_number(char *p, uint64_t n)
{
	char digits[20];
	char *d = digits + sizeof(digits);

	do {
		*--d = '0' + n % 10;
	} while (n /= 10);
	return put_bytes(p, d, digits + sizeof(digits) - d);
}

static char *put_location(char *p, const struct response *r)
{
	p = put(p, "\r\nLocation: ");
	p = put_bytes(p, r->location, r->path_len);
	*p++ = '/';
	return put_bytes(p, r->location + r->path_len,
			 r->location_len - r->path_len);
}

static char *put_connection(char *p, const struct response *r)
{
	if (r->close)
		return put(p, "\r\nConnection: close");
	return r->http10 ? put(p, "\r\nConnection: keep-alive") : p;
}

size_t response_write(char *out, const struct response *r, const char *date)
{
	const char *text = reason(r->status);
	uint64_t length = r->type ? r->length : strlen(text) + 1;
	const char *type = r->type ? r->type : "text/plain; charset=utf-8";
	char *p = out;

	p = put(put(p, "HTTP/1.1 "), text);
	p = put(put(p, "\r\nDate: "), date);
	p = put(put(p, "\r\nContent-Type: "), type);
	p = put_number(put(p, "\r\nContent-Length: "), length);
	if (r->location)
		p = put_location(p, r);
	if (r->status == 405)
		p = put(p, "\r\nAllow: GET, HEAD");
	p = put(put_connection(p, r), "\r\n\r\n");
	if (!r->type && !r->head)
		p = put(put(p, text), "\n");
	return p - out;
}
