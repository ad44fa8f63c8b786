// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One thread serves, this one waits for a signal. All that a client may hold
 * has a bound: this program may have more privileges than its clients.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "export.h"
#include "export_library.h"

#define CONNECTIONS_MAX	32
#define IDLE_SECONDS	15U
#define REQUEST_MAX	((size_t)16384)

struct server {
	struct http_library lib;
	struct MHD_Daemon *daemon;
	enum grouping by;
	int listener;
};

struct answer {
	unsigned int status;
	const char *type;
	const char *header, *value;	/* one more, or NULL */
	const char *text;
	size_t len;
	enum MHD_ResponseMemoryMode memory;
};

static const char html[] =
	"<!DOCTYPE html>\n<title>ktlsstat</title>\n<h1>ktlsstat</h1>\n"
	"<p>Kernel TLS, in exact <a href=\"/metrics\">metrics</a></p>\n";

static enum MHD_Result reply(struct server *s, struct MHD_Connection *c,
			     const struct answer *a)
{
	struct MHD_Response *r = s->lib.create_response(a->len,
							(void *)a->text,
							a->memory);
	enum MHD_Result ret;

	if (!r) {
		if (a->memory == MHD_RESPMEM_MUST_FREE)
			free((void *)a->text);
		return MHD_NO;
	}
	s->lib.add_header(r, "Content-Type", a->type);
	if (a->header)
		s->lib.add_header(r, a->header, a->value);
	ret = s->lib.queue_response(c, a->status, r);
	s->lib.destroy_response(r);
	return ret;
}

static enum MHD_Result say(struct server *s, struct MHD_Connection *c,
			   unsigned int status, const char *text)
{
	const struct answer a = {
		.status = status, .type = "text/plain; charset=utf-8",
		.text = text, .len = strlen(text),
		.memory = MHD_RESPMEM_MUST_COPY,
	};

	return reply(s, c, &a);
}

static enum MHD_Result page_root(struct server *s, struct MHD_Connection *c)
{
	const struct answer a = {
		.status = MHD_HTTP_OK, .type = "text/html; charset=utf-8",
		.text = html, .len = sizeof(html) - 1,
		.memory = MHD_RESPMEM_PERSISTENT,
	};

	return reply(s, c, &a);
}

static enum MHD_Result page_metrics(struct server *s, struct MHD_Connection *c)
{
	enum format format = accept_format(s->lib.lookup_value(c,
		MHD_HEADER_KIND, "Accept"));
	char why[512], *text;
	size_t len;

	/* No half of the truth: the scraper sees that there is none. */
	if (metrics_make(&text, &len, s->by, format, why, sizeof(why))) {
		log_warnx("%s", why);
		strncat(why, "\n", sizeof(why) - strlen(why) - 1);
		return say(s, c, MHD_HTTP_INTERNAL_SERVER_ERROR, why);
	}
	return reply(s, c, &(struct answer){
		.status = MHD_HTTP_OK, .type = format_type(format),
		.header = "Vary", .value = "Accept", .text = text, .len = len,
		.memory = MHD_RESPMEM_MUST_FREE,
	});
}

static const struct {
	const char *path;
	enum MHD_Result (*page)(struct server *s, struct MHD_Connection *c);
} pages[] = {
	{ "/", page_root },
	{ "/metrics", page_metrics },
};

static enum MHD_Result refuse_method(struct server *s,
				     struct MHD_Connection *c)
{
	static const char text[] = "only GET and HEAD\n";

	return reply(s, c, &(struct answer){
		.status = MHD_HTTP_METHOD_NOT_ALLOWED,
		.type = "text/plain; charset=utf-8",
		.header = "Allow", .value = "GET, HEAD",
		.text = text, .len = sizeof(text) - 1,
		.memory = MHD_RESPMEM_PERSISTENT,
	});
}

/* Called with the headers, then with each piece of a body, then without. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *body,
				  size_t *body_size, void **state)
{
	static char seen;
	struct server *s = data;

	(void)version;
	(void)body;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return refuse_method(s, c);
	if (!*state || *body_size) {
		*state = &seen;
		*body_size = 0;
		return MHD_YES;
	}
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (!strcmp(pages[i].path, url))
			return pages[i].page(s, c);
	return say(s, c, MHD_HTTP_NOT_FOUND, "see /metrics\n");
}

/* -errno: nothing is open. */
static int listen_at(const struct sockaddr_storage *at)
{
	int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC |
			SOCK_NONBLOCK, 0);
	int on = 1, ret;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)at, address_size(at)) &&
	    !listen(fd, CONNECTIONS_MAX))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* The library closes the listener. */
static bool start(struct server *s)
{
	s->daemon = s->lib.start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0,
		NULL, NULL, on_request, s,
		MHD_OPTION_LISTEN_SOCKET, s->listener,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_MAX,
		MHD_OPTION_END);
	return s->daemon;
}

/* Port 0 has become one: whoever waits for the line needs it. */
static void tell_address(const struct server *s)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char text[ADDRESS_TEXT];

	if (!getsockname(s->listener, (struct sockaddr *)&at, &len))
		log_info("listening on %s",
			 address_text(text, sizeof(text), &at));
}

static int serve(struct server *s, const struct args *a,
		 const struct sockaddr_storage *at)
{
	char safe[128];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->listener = listen_at(at);
	if (s->listener < 0)
		return fail(a->opts, 1, "--listen %s: %s",
			    log_escape(safe, sizeof(safe), a->listen),
			    strerror(-s->listener));
	if (!start(s))
		return fail(a->opts, 1, "HTTP: the server does not start");
	tell_address(s);
	while (sigwaitinfo(&set, NULL) < 0)	/* stopped, and continued */
		;
	s->lib.stop_daemon(s->daemon);
	return 0;
}

/* Who says only a port means this machine. */
static int parse_address(struct sockaddr_storage *out, const char *text)
{
	char local[64];

	if (!strchr(text, ':')) {
		snprintf(local, sizeof(local), "127.0.0.1:%s", text);
		text = local;
	}
	return address_parse(out, text);
}

int http_serve(const struct args *a, enum grouping by)
{
	struct server s = { .by = by };
	struct sockaddr_storage at;
	struct snapshot now;
	char why[512];
	const char *bad;
	int ret;

	if (parse_address(&at, a->listen))
		return fail(a->opts, 2, "--listen '%s' is no [ADDR:]PORT",
			    log_escape(why, sizeof(why), a->listen));
	/* What will never work is said now, and not to each client. */
	ret = snapshot_take(&now, by, why, sizeof(why));
	snapshot_free(&now);
	if (ret)
		return fail(a->opts, 1, "%s", why);
	bad = http_library_open(&s.lib);
	ret = bad ? fail(a->opts, 1, "serving HTTP: %s", bad) :
		    serve(&s, a, &at);
	http_library_close(&s.lib);
	return ret;
}
