// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <llhttp.h>
#include <strings.h>

#include "httpd.h"

struct parse {
	llhttp_t llhttp;		/* first: the callbacks get it */
	struct request *req;
	unsigned int hosts;
	bool have_target, whole, keep_alive;
};

static int on_url(llhttp_t *l, const char *at, size_t len)
{
	struct parse *p = (struct parse *)l;

	p->req->target = at;
	p->req->target_len = len;
	return 0;
}

static int on_url_complete(llhttp_t *l)
{
	((struct parse *)l)->have_target = true;
	return 0;
}

static int on_header_field(llhttp_t *l, const char *at, size_t len)
{
	if (len == 4 && !strncasecmp(at, "Host", 4))
		((struct parse *)l)->hosts++;
	return 0;
}

/* 1: the body, if any, is not parsed; such a request is refused anyway. */
static int on_headers_complete(llhttp_t *l)
{
	((struct parse *)l)->keep_alive = llhttp_should_keep_alive(l);
	return 1;
}

static int on_message_complete(llhttp_t *l)
{
	((struct parse *)l)->whole = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_url_complete = on_url_complete,
	.on_header_field = on_header_field,
	.on_headers_complete = on_headers_complete,
	.on_message_complete = on_message_complete,
};

static const struct {
	llhttp_errno_t err;
	int status;
} refusals[] = {
	{ HPE_INVALID_METHOD, 501 },
	{ HPE_INVALID_VERSION, 505 },
	{ HPE_PAUSED_H2_UPGRADE, 505 },
};

static int refusal(llhttp_errno_t err)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (refusals[i].err == err)
			return refusals[i].status;
	return 400;
}

/* A request well formed, but not for us. The first that applies. */
static int verdict(const struct parse *p)
{
	const llhttp_t *l = &p->llhttp;

	if (l->http_major != 1)
		return 505;
	if (p->hosts > 1 || (p->hosts == 0 && l->http_minor))
		return 400;
	if (l->method != HTTP_GET && l->method != HTTP_HEAD)
		return 405;
	if (l->flags & F_TRANSFER_ENCODING || l->content_length)
		return 413;
	return 0;
}

/* A body nobody reads would be taken for the next request: close. */
static bool must_close(const struct parse *p)
{
	return !p->keep_alive || p->llhttp.flags & F_TRANSFER_ENCODING ||
	       p->llhttp.content_length || p->llhttp.method == HTTP_CONNECT ||
	       p->req->status == 400 || p->req->status == 505;
}

int request_parse(struct request *req, const char *buf, size_t len)
{
	struct parse p = { .req = req };
	llhttp_errno_t err;

	*req = (struct request){ .method = "-", .target = "" };
	llhttp_init(&p.llhttp, HTTP_REQUEST, &settings);
	err = llhttp_execute(&p.llhttp, buf, len);
	if (p.whole) {
		req->method = llhttp_method_name(p.llhttp.method);
		req->head = p.llhttp.method == HTTP_HEAD;
		req->http10 = !p.llhttp.http_minor;
		req->status = verdict(&p);
		req->close = must_close(&p);
		return llhttp_get_error_pos(&p.llhttp) - buf;
	}
	req->close = true;
	if (err != HPE_OK)
		req->status = refusal(err);
	else if (len >= REQUEST_MAX)
		req->status = p.have_target ? 431 : 414;
	else
		return 0;
	return -EBADMSG;
}
