// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps of each handshake, as lines of JSON, at the end of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktlsd.h"

#define MB 1048576

static int fail(const struct settings *s, int err, struct fault *f)
{
	return fault_set(f, EXIT_SYSTEM, settings_line(s->trace_file),
			 "%s: trace %s: %s", s->name, s->trace_file,
			 err == ELOOP ? "it must not be a symbolic link" :
			 strerror(err));
}

/* Nobody else's file, and nothing that could make us wait. */
static int open_file(const struct settings *s, int flags, struct fault *f)
{
	struct stat st;
	int fd = open(s->trace_file, flags | O_WRONLY | O_APPEND | O_NOFOLLOW |
		      O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);

	if (fd < 0) {
		fail(s, errno, f);
		return -1;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	fault_set(f, EXIT_SYSTEM, settings_line(s->trace_file),
		  "%s: trace %s: it is no regular file", s->name,
		  s->trace_file);
	return -1;
}

int trace_open(struct settings *s, struct fault *f)
{
	if (!s->trace_file)
		return 0;
	s->trace.fd = open_file(s, O_CREAT, f);
	return s->trace.fd < 0 ? f->status : 0;
}

/* Could it be opened? Without leaving one behind. */
int trace_test(const struct settings *s, struct fault *f)
{
	char dir[4096] = ".";
	const char *slash;
	struct stat st;
	int fd;

	if (!s->trace_file)
		return 0;
	if (!lstat(s->trace_file, &st)) {
		fd = open_file(s, 0, f);
		if (fd < 0)
			return f->status;
		close(fd);
		return 0;
	}
	slash = strrchr(s->trace_file, '/');
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s/",
			 (int)(slash - s->trace_file), s->trace_file);
	if (access(dir, W_OK | X_OK))
		return fail(s, errno, f);
	return 0;
}

void trace_close(struct trace *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void lose(struct shake *sh, const char *why)
{
	struct trace *t = &sh->settings->trace;

	sh->service->stats.trace_lost++;
	if (!t->warned)
		log_warnx("%s: trace %s: %s; lines are lost",
			  sh->settings->name, sh->settings->trace_file, why);
	t->warned = true;
}

/* Asked each time: others may write to it, or empty it. */
static bool is_full(const struct settings *s, size_t more)
{
	struct stat st;

	return fstat(s->trace.fd, &st) ||
	       st.st_size + more > (uint64_t)s->trace_max * MB;
}

static void append(struct shake *sh, const char *line, size_t len)
{
	struct trace *t = &sh->settings->trace;
	ssize_t n;

	if (is_full(sh->settings, len)) {
		lose(sh, "it has reached trace_max");
		return;
	}
	/* What a full disk has cut off must not take the next line along. */
	if (t->torn && write(t->fd, "\n", 1) == 1)
		t->torn = false;
	n = write(t->fd, line, len);
	if (n == (ssize_t)len)
		return;
	t->torn = t->torn || n > 0;
	lose(sh, n < 0 ? strerror(errno) : "No space left");
}

static void on_event(void *ctx, const struct ktls_event *e)
{
	char line[KTLS_LINE_MAX], peer[ADDRESS_TEXT];
	struct shake *sh = ctx;
	int begin;
	size_t n;

	address_text(peer, sizeof(peer), &ktls_session_info(sh->session)->peer);
	begin = snprintf(line, sizeof(line), "{\"connection\":\"%s#%llu\"",
			 peer, (unsigned long long)sh->number);
	/* Its opening brace becomes our comma. */
	n = ktls_event_json(line + begin, sizeof(line) - begin, e);
	if (!n)
		return;
	line[begin] = ',';
	append(sh, line, begin + n);
}

void trace_start(struct shake *sh)
{
	if (sh->settings->trace.fd >= 0)
		ktls_session_trace(sh->session, on_event, sh);
}

void trace_failure(struct shake *sh, const char *reason, const char *text)
{
	const struct ktls_field fields[] = {
		{ "reason", reason },
		{ "text", text },
	};
	const struct ktls_event e = {
		.step = KTLS_STEP_FAILED,
		.from = KTLS_HERE,
		.at_ns = now_ns() - sh->start_ns,
		.fields = fields,
		.count = sizeof(fields) / sizeof(fields[0]),
	};

	if (sh->settings->trace.fd >= 0)
		on_event(sh, &e);
}
