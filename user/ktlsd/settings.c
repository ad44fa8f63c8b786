// SPDX-License-Identifier: GPL-2.0-or-later
/* The settings of one service, and the files that they name. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktlsd.h"

int fault_set(struct fault *f, int status, int line, const char *fmt, ...)
{
	va_list ap;

	f->status = status;
	f->line = line;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return status;
}

const char *fault_text(char *out, size_t size, const struct source *from,
		       const struct fault *f)
{
	if (f->line && f->line <= from->names_count)
		snprintf(out, size, "%s: %s", from->names[f->line - 1],
			 f->text);
	else if (f->line)
		snprintf(out, size, "%s:%d: %s", from->file, f->line, f->text);
	else
		snprintf(out, size, "%s", f->text);
	return out;
}

struct settings *settings_new(const char *name, int line)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->users = 1;
	strcpy(s->name, name);
	s->line = line;
	s->tls.pairs = s->pairs;
	s->trace_max = 100;
	s->handshake_timeout = 10;
	s->max_handshakes = 512;
	s->trace.fd = -1;
	s->server = -1;
	STAILQ_INIT(&s->listeners);
	SLIST_INIT(&s->texts);
	return s;
}

struct settings *settings_get(struct settings *s)
{
	s->users++;
	return s;
}

void settings_put(struct settings *s)
{
	struct text *t;

	if (!s || --s->users)
		return;
	ktls_config_put(s->config);
	trace_close(&s->trace);
	if (s->server >= 0)
		close(s->server);
	listeners_free(&s->listeners);
	while ((t = SLIST_FIRST(&s->texts))) {
		SLIST_REMOVE_HEAD(&s->texts, next);
		/* The URL of a key may have its PIN in it. */
		explicit_bzero(t->value, strlen(t->value));
		free(t);
	}
	free(s);
}

const char *settings_keep(struct settings *s, int line, const char *value)
{
	size_t size = strlen(value) + 1;
	struct text *t = malloc(sizeof(*t) + size);

	if (!t)
		return NULL;
	t->line = line;
	memcpy(t->value, value, size);
	SLIST_INSERT_HEAD(&s->texts, t, next);
	return t->value;
}

int settings_line(const char *value)
{
	const char *text = value - offsetof(struct text, value);

	return ((const struct text *)text)->line;
}

/*
 * The library names the file: on which line do we? The longest name wins. It
 * leaves a URL's query out, where a PIN may be.
 */
static int blame(const struct settings *s, const char *error)
{
	const struct text *t;
	size_t longest = 0, len;
	int line = s->line;

	SLIST_FOREACH(t, &s->texts, next) {
		len = strcspn(t->value, "?");
		if (len > longest &&
		    memmem(error, strlen(error), t->value, len)) {
			longest = len;
			line = t->line;
		}
	}
	return line;
}

int settings_load(struct settings_list *out, const char *file,
		  struct fault *f)
{
	struct settings *s;
	struct ktls_error err;
	int ret = config_read(out, file, f);

	if (ret)
		return ret;
	STAILQ_FOREACH(s, out, next)
		if (ktls_config_load(&s->config, &s->tls, &err))
			return fault_set(f, EXIT_SYSTEM, blame(s, err.text),
					 "%s: %s", s->name, err.text);
	return 0;
}

void settings_drop(struct settings_list *list)
{
	struct settings *s;

	while ((s = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		settings_put(s);
	}
}
