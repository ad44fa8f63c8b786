// SPDX-License-Identifier: GPL-2.0-or-later
/* Values that are several words with blanks between. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsd.h"

static int no_memory(struct fault *f)
{
	return fault_set(f, EXIT_SYSTEM, 0, "%s", strerror(ENOMEM));
}

static int add_address(struct settings *s, int line, const char *text,
		       struct fault *f)
{
	struct listener *l;

	if (s->listeners_count == LISTENERS_MAX)
		return fault_set(f, EXIT_CONFIG, line,
				 "more than %d addresses", LISTENERS_MAX);
	l = calloc(1, sizeof(*l));
	if (!l)
		return no_memory(f);
	l->watch.fd = -1;
	l->line = line;
	STAILQ_INSERT_TAIL(&s->listeners, l, next);
	s->listeners_count++;
	if (address_parse(&l->address, text))
		return fault_set(f, EXIT_CONFIG, line,
				 "\"%s\" is no address; valid: ADDR:PORT, [ADDR]:PORT",
				 text);
	return 0;
}

/* Without settings to put it into: the library takes the whole list. */
static int check_pin(struct settings *s, int line, const char *text,
		     struct fault *f)
{
	size_t digits = 0;

	(void)s;
	while (isxdigit((unsigned char)text[digits]))
		digits++;
	if (!text[digits] && digits == 64)
		return 0;
	return fault_set(f, EXIT_CONFIG, line,
			 "\"%s\" is no pin; valid: a SHA-256 of 64 hexadecimal digits",
			 text);
}

static int each(struct settings *s, int line, const char *value,
		struct fault *f,
		int (*one)(struct settings *s, int line, const char *text,
			   struct fault *f))
{
	char *list = strdup(value), *rest = NULL;
	int ret = 0;

	if (!list)
		return no_memory(f);
	for (char *text = strtok_r(list, " \t", &rest); text && !ret;
	     text = strtok_r(NULL, " \t", &rest))
		ret = one(s, line, text, f);
	free(list);
	return ret;
}

int list_addresses(struct settings *s, int line, const char *value,
		   struct fault *f)
{
	return each(s, line, value, f, add_address);
}

int list_pins(int line, const char *value, struct fault *f)
{
	return each(NULL, line, value, f, check_pin);
}
