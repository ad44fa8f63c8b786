// SPDX-License-Identifier: GPL-2.0-or-later
/* ktlsd.conf(5), read with inih. What is not understood ends the program. */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsd.h"
#include "log.h"

enum kind { TEXT, NUMBER, ADDRESSES };

static const struct option {
	const char *name;
	enum kind kind;
	size_t offset;		/* of TEXT and NUMBER in struct service */
	unsigned int min, max;	/* of NUMBER; it is required where min is 0 */
} options[] = {
	{ "listen", ADDRESSES, 0, 0, 0 },
	{ "certificate", TEXT, offsetof(struct service, certificate), 0, 0 },
	{ "key", TEXT, offsetof(struct service, key), 0, 0 },
	{ "handoff", TEXT, offsetof(struct service, handoff), 0, 0 },
	{ "handshake_timeout", NUMBER,
	  offsetof(struct service, handshake_timeout), 1, 3600 },
	{ "max_handshakes", NUMBER,
	  offsetof(struct service, max_handshakes), 1, 65536 },
};

#define OPTIONS_COUNT (sizeof(options) / sizeof(options[0]))

struct parser {
	const char *file;
	FILE *stream;
	int line;
	int section_line;
	struct service *section;	/* NULL until its first option */
	bool seen[OPTIONS_COUNT];
	struct services *out;
};

#define bad(p, fmt, ...) \
	log_fatalx(EXIT_CONFIG, "%s:%d: " fmt, (p)->file, (p)->line, \
		   ##__VA_ARGS__)

static const char *option_names(void)
{
	static char names[256];

	names[0] = '\0';
	for (size_t i = 0; i < OPTIONS_COUNT; i++) {
		if (i)
			strcat(names, ", ");
		strcat(names, options[i].name);
	}
	return names;
}

/* A section ends where the next begins: then it must be complete. */
static void end_section(struct parser *p)
{
	if (!p->section_line)
		return;
	p->line = p->section_line;
	if (!p->section)
		bad(p, "a section without options; valid: %s", option_names());
	for (size_t i = 0; i < OPTIONS_COUNT; i++)
		if (!p->seen[i] && !options[i].min)
			bad(p, "[service %s] lacks the option \"%s\"",
			    p->section->name, options[i].name);
	memset(p->seen, 0, sizeof(p->seen));
	p->section = NULL;
}

/* inih drops what follows the bracket, an option that looks given too. */
static void check_title_end(const struct parser *p, const char *line)
{
	const char *end = strchr(line, ']'), *rest;

	if (!end++)
		return;			/* inih says so */
	rest = end + strspn(end, " \t\r\n");
	if (*rest && (rest == end || !strchr(";#", *rest)))
		bad(p, "text behind the section's name");
}

/*
 * inih does not tell lines to its handler, nor sections without options, and
 * takes indented lines for the rest of the value above: hence our reader.
 */
static char *read_line(char *buf, int size, void *stream)
{
	struct parser *p = stream;
	size_t len, indent;

	if (!fgets(buf, size, p->stream))
		return NULL;
	p->line++;
	len = strlen(buf);
	if (len == (size_t)size - 1 && buf[len - 1] != '\n')
		bad(p, "the line is longer than %d bytes", size - 3);
	indent = strspn(buf, " \t");
	memmove(buf, buf + indent, len - indent + 1);
	if (buf[0] == '[') {
		int line = p->line;

		end_section(p);
		p->line = p->section_line = line;
		check_title_end(p, buf);
	}
	return buf;
}

static void start_section(struct parser *p, const char *title)
{
	struct service *sv;
	const char *name = title + strlen("service ");

	if (!p->section_line)
		bad(p, "an option before any section; begin with [service NAME]");
	if (strncmp(title, "service ", strlen("service ")) || !*name)
		bad(p, "unknown section [%s]; valid: [service NAME]", title);
	if (strlen(name) > NAME_MAX_LEN)
		bad(p, "a service name is at most %d bytes long", NAME_MAX_LEN);
	STAILQ_FOREACH(sv, p->out, next)
		if (!strcmp(sv->name, name))
			bad(p, "a second section [service %s]", name);
	sv = calloc(1, sizeof(*sv));
	if (!sv)
		log_fatal(EXIT_SYSTEM, "%s", p->file);
	strcpy(sv->name, name);
	sv->handshake_timeout = 10;
	sv->max_handshakes = 512;
	sv->server.fd = -1;
	LIST_INIT(&sv->shakes);
	TAILQ_INIT(&sv->waiting);
	STAILQ_INSERT_TAIL(p->out, sv, next);
	p->section = sv;
}

static void set_addresses(struct parser *p, const char *value)
{
	struct service *sv = p->section;
	char *list = strdup(value), *rest = NULL;

	if (!list)
		log_fatal(EXIT_SYSTEM, "%s", p->file);
	for (char *text = strtok_r(list, " \t", &rest); text;
	     text = strtok_r(NULL, " \t", &rest)) {
		struct listener *l = &sv->listeners[sv->listeners_count];

		if (sv->listeners_count == LISTENERS_MAX)
			bad(p, "more than %d addresses", LISTENERS_MAX);
		if (address_parse(&l->address, text))
			bad(p, "\"%s\" is no address; valid: ADDR:PORT, [ADDR]:PORT",
			    text);
		l->watch.fd = -1;
		l->service = sv;
		sv->listeners_count++;
	}
	free(list);
}

static void set_number(struct parser *p, const struct option *o,
		       const char *value)
{
	unsigned int *field = (void *)((char *)p->section + o->offset);
	unsigned long n;
	char *end;

	n = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || n < o->min || n > o->max)
		bad(p, "%s = %s; valid: a number from %u to %u", o->name,
		    value, o->min, o->max);
	*field = n;
}

static void set(struct parser *p, const struct option *o, const char *value)
{
	char **text = (void *)((char *)p->section + o->offset);

	switch (o->kind) {
	case ADDRESSES:
		set_addresses(p, value);
		return;
	case NUMBER:
		set_number(p, o, value);
		return;
	case TEXT:
		*text = strdup(value);
		if (!*text)
			log_fatal(EXIT_SYSTEM, "%s", p->file);
	}
}

static int on_option(void *user, const char *section, const char *name,
		     const char *value)
{
	struct parser *p = user;
	size_t i = 0;

	if (!p->section)
		start_section(p, section);
	while (i < OPTIONS_COUNT && strcmp(options[i].name, name))
		i++;
	if (i == OPTIONS_COUNT)
		bad(p, "unknown option \"%s\"; valid: %s", name, option_names());
	/* Lines have a bound; a list of addresses may go on in the next. */
	if (p->seen[i] && options[i].kind != ADDRESSES)
		bad(p, "%s is given twice", name);
	if (!value || !*value)
		bad(p, "%s has no value", name);
	p->seen[i] = true;
	set(p, &options[i], value);
	return 1;
}

void config_load(struct services *out, const char *file)
{
	struct parser p = { .file = file, .out = out };
	int ret;

	STAILQ_INIT(out);
	p.stream = fopen(file, "re");
	if (!p.stream)
		log_fatal(EXIT_SYSTEM, "configuration %s", file);
	ret = ini_parse_stream(read_line, &p, on_option, &p);
	if (ferror(p.stream))
		log_fatal(EXIT_SYSTEM, "configuration %s", file);
	fclose(p.stream);
	if (ret) {
		p.line = ret;
		bad(&p, "neither [service NAME] nor OPTION = VALUE");
	}
	end_section(&p);
	if (STAILQ_EMPTY(out))
		log_fatalx(EXIT_CONFIG, "%s: no [service NAME] in it", file);
}

void config_free(struct services *services)
{
	struct service *sv;

	while ((sv = STAILQ_FIRST(services))) {
		STAILQ_REMOVE_HEAD(services, next);
		ktls_config_put(sv->config);
		free(sv->certificate);
		free(sv->key);
		free(sv->handoff);
		free(sv);
	}
}
