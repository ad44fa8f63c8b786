// SPDX-License-Identifier: GPL-2.0-or-later
/* ktlsd.conf(5), read with inih: sections and lines. Options: options.c. */
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "ktlsd.h"

struct parser {
	const char *file;
	FILE *stream;
	int line;
	int section_line;
	struct settings *section;	/* NULL until its first option */
	struct settings_list *out;
	struct fault *fault;		/* its first: the rest is not read */
};

#define bad(p, fmt, ...) \
	fault_set((p)->fault, EXIT_CONFIG, (p)->line, fmt, ##__VA_ARGS__)
/* inih tells of a section with its first option only, lines below. */
#define bad_section(p, fmt, ...) \
	fault_set((p)->fault, EXIT_CONFIG, (p)->section_line, fmt, \
		  ##__VA_ARGS__)

/* A section ends where the next begins: then it must be complete. */
static int end_section(struct parser *p)
{
	struct settings *s = p->section;

	if (!p->section_line)
		return 0;
	p->section = NULL;
	if (s)
		return options_check(s, p->fault);
	return bad_section(p, "a section without options; valid: %s",
			   option_names(0));
}

/* inih drops what follows the bracket, an option that looks given too. */
static int check_title_end(struct parser *p, const char *line)
{
	const char *end = strchr(line, ']'), *rest;

	if (!end++)
		return 0;		/* inih says so */
	rest = end + strspn(end, " \t\r\n");
	if (*rest && (rest == end || !strchr(";#", *rest)))
		return bad(p, "text behind the section's name");
	return 0;
}

static int check_line(struct parser *p, char *buf, size_t size)
{
	size_t len = strlen(buf), indent = strspn(buf, " \t");
	int ret;

	if (len == size - 1 && buf[len - 1] != '\n')
		return bad(p, "the line is longer than %zu bytes", size - 3);
	memmove(buf, buf + indent, len - indent + 1);
	if (buf[0] != '[')
		return 0;
	ret = end_section(p);
	p->section_line = p->line;
	return ret ? ret : check_title_end(p, buf);
}

/*
 * inih does not tell lines to its handler, nor sections without options, and
 * takes indented lines for the rest of the value above: hence our reader.
 */
static char *read_line(char *buf, int size, void *stream)
{
	struct parser *p = stream;

	if (p->fault->status || !fgets(buf, size, p->stream))
		return NULL;
	p->line++;
	return check_line(p, buf, size) ? NULL : buf;
}

static int start_section(struct parser *p, const char *title)
{
	struct settings *s;
	const char *name = title + strlen("service ");

	if (!p->section_line)
		return bad(p, "an option before any section; begin with [service NAME]");
	if (strncmp(title, "service ", strlen("service ")) || !*name)
		return bad_section(p, "unknown section [%s]; valid: [service NAME]",
				   title);
	if (strlen(name) > NAME_MAX_LEN)
		return bad_section(p, "a service name is at most %d bytes long",
				   NAME_MAX_LEN);
	STAILQ_FOREACH(s, p->out, next)
		if (!strcmp(s->name, name))
			return bad_section(p, "a second section [service %s]",
					   name);
	s = settings_new(name, p->section_line);
	if (!s)
		return fault_set(p->fault, EXIT_SYSTEM, p->line, "%s",
				 strerror(ENOMEM));
	STAILQ_INSERT_TAIL(p->out, s, next);
	p->section = s;
	return 0;
}

static int on_option(void *user, const char *section, const char *name,
		     const char *value)
{
	struct parser *p = user;

	if (p->section || !start_section(p, section))
		option_set(p->section, p->line, name, value, p->fault);
	return 1;
}

/* The kernel refuses these too, but in other words, and not at a reload. */
static int check_listener(const struct settings_list *list,
			  const struct settings *s, const struct listener *l,
			  struct fault *f)
{
	const struct settings *before;
	const struct listener *other;
	char text[2][ADDRESS_TEXT];

	STAILQ_FOREACH(before, list, next) {
		STAILQ_FOREACH(other, &before->listeners, next) {
			if (other == l)
				return 0;
			if (!address_overlap(&other->address,
					     &l->address))
				continue;
			address_text(text[0], ADDRESS_TEXT, &l->address);
			address_text(text[1], ADDRESS_TEXT, &other->address);
			return fault_set(f, EXIT_CONFIG, l->line,
					 "%s: %s is in use by [service %s], as %s",
					 s->name, text[0], before->name,
					 text[1]);
		}
	}
	return 0;
}

static int check_listeners(const struct settings_list *list, struct fault *f)
{
	const struct settings *s;
	const struct listener *l;

	STAILQ_FOREACH(s, list, next)
		STAILQ_FOREACH(l, &s->listeners, next)
			if (check_listener(list, s, l, f))
				return f->status;
	return 0;
}

static int no_file(struct fault *f, const char *file)
{
	return fault_set(f, EXIT_SYSTEM, 0, "configuration %s: %s", file,
			 strerror(errno));
}

static int parse(struct parser *p)
{
	int line = ini_parse_stream(read_line, p, on_option, p);

	if (p->fault->status)
		return p->fault->status;
	if (ferror(p->stream))
		return no_file(p->fault, p->file);
	if (line) {
		p->line = line;
		return bad(p, "neither [service NAME] nor OPTION = VALUE");
	}
	if (end_section(p))
		return p->fault->status;
	if (STAILQ_EMPTY(p->out))
		return fault_set(p->fault, EXIT_CONFIG, 0,
				 "%s: no [service NAME] in it", p->file);
	return check_listeners(p->out, p->fault);
}

int config_read(struct settings_list *out, const char *file, struct fault *f)
{
	struct parser p = { .file = file, .out = out, .fault = f };
	int ret;

	f->status = 0;
	STAILQ_INIT(out);
	p.stream = fopen(file, "re");
	if (!p.stream)
		return no_file(f, file);
	ret = parse(&p);
	fclose(p.stream);
	return ret;
}
