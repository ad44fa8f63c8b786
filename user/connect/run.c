// SPDX-License-Identifier: GPL-2.0-or-later
/* Connections, one after the other; the last one carries the data. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "connect.h"

struct run {
	const struct ask *a;
	struct ktls_config *config;
	struct tape tape;
	struct keylog keylog;
	uint64_t start_ns;	/* of the connection */
	void *ticket;		/* of the connection before, or NULL */
	size_t ticket_len;
	struct ktls_error err;
};

static const struct {
	int ret;
	enum ktls_reason reason;
	const char *text;	/* NULL: the reason's */
} refusals[] = {
	{ -ENOENT, KTLS_NO_KERNEL, NULL },
	{ -EINVAL, KTLS_INTERNAL, "the name cannot be asked for" },
	{ -ENOMEM, KTLS_INTERNAL, "out of memory" },
};

static int refuse(struct run *r, int ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		enum ktls_reason reason = refusals[i].reason;

		if (refusals[i].ret == ret)
			return fail(&r->err, ret, reason, "%s",
				    refusals[i].text ? refusals[i].text :
				    ktls_reason_text(reason));
	}
	return fail(&r->err, ret, KTLS_LOST, "%s", strerror(-ret));
}

static int prepare(struct run *r, struct ktls_session *s)
{
	ktls_session_trace(s, tape_event, &r->tape);
	if (r->keylog.fd >= 0)
		ktls_session_keylog(s, keylog_line, &r->keylog);
	if (!r->ticket)
		return 0;
	/* One that is of no use now is no failure: a full handshake is made. */
	if (ktls_session_resume(s, r->ticket, r->ticket_len) && !r->a->json)
		log_warnx("the ticket cannot be used");
	return 0;
}

/* libktls tells the failures that it sees; ours is the deadline. */
static int drive(struct run *r, struct ktls_session *s, int fd,
		 uint64_t deadline, struct ktls_conn **out)
{
	int ret = shake(s, fd, deadline, &r->err);

	if (ret == -ETIMEDOUT)
		tape_failed(&r->tape, now_ns() - r->start_ns, &r->err);
	if (!ret) {
		ret = ktls_session_install(s, out);
		if (ret)
			r->err = *ktls_session_error(s);
	}
	tape_draw(&r->tape);
	if (!ret)
		ktls_conn_trace(*out, tape_event, &r->tape);
	return ret;
}

static int connect_one(struct run *r, unsigned int number,
		       struct ktls_conn **out)
{
	const struct target *t = &r->a->target;
	uint64_t deadline = now_ms() + 1000ULL * r->a->timeout_s;
	struct sockaddr_storage peer = {};
	socklen_t len = sizeof(peer);
	struct ktls_session *s;
	char text[ADDRESS_TEXT];
	int fd, ret;

	tape_begin(&r->tape, "", number);	/* for what fails before */
	ret = dial(&fd, t, deadline, &r->err);
	if (ret)
		return ret;
	getpeername(fd, (struct sockaddr *)&peer, &len);
	tape_begin(&r->tape, address_text(text, sizeof(text), &peer), number);
	r->start_ns = now_ns();
	ret = ktls_session_new(&s, r->config, fd,
			       r->a->name ? r->a->name : t->name);
	if (ret) {
		ret = refuse(r, ret);
		goto close_fd;
	}
	ret = prepare(r, s);
	if (!ret)
		ret = drive(r, s, fd, deadline, out);
	ktls_session_free(s);
	if (!ret)
		return 0;	/* the socket is the connection's */
close_fd:
	close(fd);
	return ret;
}

static const char *const modes[] = {
	[KTLS_MODE_USER] = "GnuTLS in this process",
	[KTLS_MODE_SW] = "the kernel",
	[KTLS_MODE_DEVICE] = "the network card",
};

static bool is_verified(const struct ktls_conn *c)
{
	const struct ktls_identity *id = ktls_conn_identity(c);

	return id && id->verified;
}

static void report(const struct run *r, const struct ktls_conn *c)
{
	const struct ktls_info *i = ktls_conn_info(c);
	char peer[ADDRESS_TEXT], alpn[4 * sizeof(i->alpn)];

	if (r->a->quiet || r->a->json)
		return;
	log_escape(alpn, sizeof(alpn), i->alpn);
	log_info("%s: %s, %s%s%s%s; peer %sverified; encrypted by %s",
		 address_text(peer, sizeof(peer), &i->peer),
		 ktls_version_name(i->version), ktls_cipher_name(i->cipher),
		 i->resumed ? ", resumed" : "", alpn[0] ? ", " : "", alpn,
		 is_verified(c) ? "" : "NOT ", modes[i->tx_mode]);
}

static void forget_ticket(struct run *r)
{
	if (r->ticket)
		ktls_ticket_free(r->ticket, r->ticket_len);
	r->ticket = NULL;
}

/* A connection that is made for its ticket. */
static int fetch_ticket(struct run *r, struct ktls_conn *c)
{
	int ret;

	forget_ticket(r);
	ret = ticket_await(c, &r->ticket, &r->ticket_len);
	if (ret)
		fail(&r->err, ret, KTLS_INTERNAL, "ticket: %s",
		     strerror(-ret));
	else if (!r->ticket && !r->a->quiet && !r->a->json)
		log_info("the server gave no ticket");
	ktls_shutdown(c);
	return ret;
}

/* A trace that ended with "done" must not read as if all had been well. */
static void trace_end(struct run *r, const struct ktls_conn *c, int ret)
{
	enum ktls_reason reason = ktls_conn_reason(c);

	if (reason == KTLS_OK || (!ret && ktls_conn_alert(c) < 0))
		return;
	if (!ret)
		explain_end(&r->err, 0, c, reason);
	tape_failed(&r->tape, now_ns() - r->start_ns, &r->err);
}

static int run_all(struct run *r)
{
	unsigned int last = r->a->resume;
	int ret = 0;

	for (unsigned int i = 0; i <= last && !ret; i++) {
		struct ktls_conn *c;

		ret = connect_one(r, i + 1, &c);
		if (ret)
			break;
		report(r, c);
		ret = i < last ? fetch_ticket(r, c) :
				 pump(c, &r->tape, &r->err);
		trace_end(r, c, ret);
		ktls_conn_close(c);
	}
	return ret ? tape_tell(&r->tape, &r->err) : STATUS_OK;
}

/* Whatever cannot be opened was named by the user. */
static int open_all(struct run *r)
{
	int ret = ktls_config_load(&r->config, &r->a->tls, &r->err);

	if (!ret)
		ret = tape_open(&r->tape, r->a, &r->err);
	if (!ret)
		ret = keylog_open(&r->keylog, r->a, &r->err);
	return ret;
}

/* What failed first has the word. */
static int first(int status, int later)
{
	return status ? status : later;
}

int run_connections(const struct ask *a)
{
	struct run r = { .a = a, .keylog.fd = -1 };
	int ret = open_all(&r), status;

	if (ret) {
		status = tell(a, &r.err);
		status = ret == -ENOMEM ? status : STATUS_USAGE;
	} else {
		status = run_all(&r);
	}
	forget_ticket(&r);
	status = first(status, tape_close(&r.tape));
	status = first(status, keylog_close(&r.keylog));
	ktls_config_put(r.config);
	return status;
}

static void tell_others(const struct others *o, const char *path)
{
	char safe[4 * CONNECTION_MAX + 1];

	for (size_t i = 0; i < o->count; i++)
		log_info("%s: also --connection=\"%s\"%s", path,
			 log_escape(safe, sizeof(safe), o->name[i]),
			 o->more && i + 1 == o->count ? ", and more" : "");
}

int run_reader(const struct ask *a)
{
	struct story story = {};
	struct ktls_error err;
	struct others others;
	struct page page;
	int ret;

	ret = story_load(&story, a->read, a->connection, &others, &err);
	page_open(&page, stdout);
	/* What is good of a trace whose end is not is worth to be seen. */
	if (story.count || story.error.is_error)
		draw(&page, &story, 0);
	if (story.cut)
		log_warnx("%s: only the first %d steps are shown", a->read,
			  STORY_STEPS);
	if (ret)
		tell(a, &err);
	else if (!a->quiet && !a->connection)
		tell_others(&others, a->read);
	story_free(&story);
	return !ret ? STATUS_OK : ret == -ENOMEM ? STATUS_HOST : STATUS_USAGE;
}
