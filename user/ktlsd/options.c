// SPDX-License-Identifier: GPL-2.0-or-later
/* The options of ktlsd.conf(5): what each may be, and where it goes. */
#include <errno.h>
#include <linux/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsd.h"

enum kind {
	ADDRESSES,
	PAIR,		/* part of a certificate; @offset in struct ktls_pair */
	TEXT,
	WORDS,		/* of which libktls knows the valid ones */
	PINS,
	NUMBER,
	CHOICE,
};

struct word {
	const char *name;
	unsigned int value;
};

static const struct word yes[] = { { "no", 0 }, { "yes", 1 }, {} };
static const struct word yes_if_not[] = { { "no", 1 }, { "yes", 0 }, {} };
static const struct word auths[] = {
	{ "none", KTLS_AUTH_NONE },
	{ "request", KTLS_AUTH_REQUEST },
	{ "require", KTLS_AUTH_REQUIRE },
	{}
};
static const struct word versions[] = {
	{ "1.2", TLS_1_2_VERSION },
	{ "1.3", TLS_1_3_VERSION },
	{}
};

#define FIELD(f) .offset = offsetof(struct settings, f), \
	.size = sizeof(((struct settings *)0)->f)
#define OF_PAIR(f) .offset = offsetof(struct ktls_pair, f)

static const struct option {
	const char *name;
	enum kind kind;
	size_t offset, size;
	unsigned int min, max;		/* of NUMBER */
	const struct word *words;	/* of CHOICE */
	bool required;
} options[] = {
	{ "listen", ADDRESSES, .required = true },
	{ "certificate", PAIR, OF_PAIR(certificate), .required = true },
	{ "key", PAIR, OF_PAIR(key), .required = true },
	{ "staple", PAIR, OF_PAIR(staple) },
	{ "handoff", TEXT, FIELD(handoff), .required = true },
	{ "strict_sni", CHOICE, FIELD(tls.strict_sni), .words = yes },
	{ "alpn", WORDS, FIELD(tls.alpn) },
	{ "client_auth", CHOICE, FIELD(tls.auth), .words = auths },
	{ "ca", TEXT, FIELD(tls.ca) },
	{ "pins", PINS, FIELD(tls.pins) },
	{ "ciphers", WORDS, FIELD(tls.ciphers) },
	{ "groups", WORDS, FIELD(tls.groups) },
	{ "min_version", CHOICE, FIELD(tls.min_version), .words = versions },
	{ "max_version", CHOICE, FIELD(tls.max_version), .words = versions },
	{ "rsa_key_transport", CHOICE, FIELD(tls.rsa_key_transport),
	  .words = yes },
	{ "tickets", CHOICE, FIELD(tls.no_tickets), .words = yes_if_not },
	{ "ticket_key", TEXT, FIELD(tls.ticket_key) },
	{ "ticket_lifetime", NUMBER, FIELD(tls.ticket_lifetime),
	  .min = 1, .max = 604800 },
	{ "zerocopy", CHOICE, FIELD(tls.zerocopy), .words = yes },
	{ "trace", TEXT, FIELD(trace_file) },
	{ "trace_max", NUMBER, FIELD(trace_max),
	  .min = 1, .max = 1048576 },
	{ "handshake_timeout", NUMBER, FIELD(handshake_timeout),
	  .min = 1, .max = 3600 },
	{ "max_handshakes", NUMBER, FIELD(max_handshakes),
	  .min = 1, .max = 65536 },
};

#define OPTIONS_COUNT (sizeof(options) / sizeof(options[0]))

_Static_assert(OPTIONS_COUNT <= 32, "they are bits of settings->seen");

/* Lines have a bound; a list may go on in the next. */
static bool is_list(const struct option *o)
{
	return o->kind == ADDRESSES || o->kind == WORDS || o->kind == PINS;
}

static int no_memory(struct fault *f)
{
	return fault_set(f, EXIT_SYSTEM, 0, "%s", strerror(ENOMEM));
}

static bool may_follow(uint32_t seen, size_t i)
{
	return !(seen & 1u << i) || is_list(&options[i]) ||
	       options[i].kind == PAIR;
}

const char *option_names(uint32_t seen)
{
	static char names[512];
	size_t used = 0;

	for (size_t i = 0; i < OPTIONS_COUNT; i++)
		if (may_follow(seen, i))
			used += snprintf(names + used, sizeof(names) - used,
					 "%s%s", used ? ", " : "",
					 options[i].name);
	return names;
}

static int set_text(struct settings *s, const struct option *o, int line,
		    const char *value, struct fault *f)
{
	const char **field = (void *)((char *)s + o->offset);
	char *both = NULL;

	if (*field && asprintf(&both, "%s %s", *field, value) < 0)
		return no_memory(f);
	*field = settings_keep(s, line, both ? both : value);
	free(both);
	return *field ? 0 : no_memory(f);
}

/*
 * The library knows which words are valid, and says so; here it can be said
 * of which line. A client's configuration needs no files.
 */
static int check_words(const struct option *o, int line, const char *value,
		       struct fault *f)
{
	struct settings probe = { .tls = { .client = true, .no_verify = true } };
	struct ktls_config *config;
	struct ktls_error err;

	*(const char **)(void *)((char *)&probe + o->offset) = value;
	if (ktls_config_load(&config, &probe.tls, &err))
		return fault_set(f, EXIT_CONFIG, line, "%s: %s", o->name,
				 err.text);
	ktls_config_put(config);
	return 0;
}

/* Another certificate begins another pair. */
static int set_pair(struct settings *s, const struct option *o, int line,
		    const char *value, struct fault *f)
{
	size_t *count = &s->tls.pairs_count;
	const char **field;

	if (!*count || (!o->offset && s->pairs[*count - 1].certificate)) {
		if (*count == PAIRS_MAX)
			return fault_set(f, EXIT_CONFIG, line,
					 "more than %d certificates",
					 PAIRS_MAX);
		(*count)++;
	}
	field = (void *)((char *)&s->pairs[*count - 1] + o->offset);
	if (*field)
		return fault_set(f, EXIT_CONFIG, line,
				 "%s is given twice for one certificate",
				 o->name);
	*field = settings_keep(s, line, value);
	return *field ? 0 : no_memory(f);
}

/* Fields are of the width that the library gave them. */
static void store(struct settings *s, const struct option *o,
		  unsigned int value)
{
	void *field = (char *)s + o->offset;

	if (o->size == sizeof(uint8_t))
		*(uint8_t *)field = value;
	else if (o->size == sizeof(uint16_t))
		*(uint16_t *)field = value;
	else
		*(uint32_t *)field = value;
}

static int set_number(struct settings *s, const struct option *o, int line,
		      const char *value, struct fault *f)
{
	unsigned long n;
	char *end;

	n = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || n < o->min || n > o->max)
		return fault_set(f, EXIT_CONFIG, line,
				 "%s = %s; valid: a number from %u to %u",
				 o->name, value, o->min, o->max);
	store(s, o, n);
	return 0;
}

static int set_choice(struct settings *s, const struct option *o, int line,
		      const char *value, struct fault *f)
{
	char valid[64] = "";
	size_t used = 0;

	for (const struct word *w = o->words; w->name; w++) {
		if (!strcmp(w->name, value)) {
			store(s, o, w->value);
			return 0;
		}
		used += snprintf(valid + used, sizeof(valid) - used, "%s%s",
				 used ? ", " : "", w->name);
	}
	return fault_set(f, EXIT_CONFIG, line, "%s = %s; valid: %s", o->name,
			 value, valid);
}

static int set(struct settings *s, const struct option *o, int line,
	       const char *value, struct fault *f)
{
	switch (o->kind) {
	case ADDRESSES:
		return list_addresses(s, line, value, f);
	case PINS:
		return list_pins(line, value, f) ?:
		       set_text(s, o, line, value, f);
	case PAIR:
		return set_pair(s, o, line, value, f);
	case TEXT:
		return set_text(s, o, line, value, f);
	case WORDS:
		return check_words(o, line, value, f) ?:
		       set_text(s, o, line, value, f);
	case NUMBER:
		return set_number(s, o, line, value, f);
	case CHOICE:
		return set_choice(s, o, line, value, f);
	}
	return 0;
}

int option_set(struct settings *s, int line, const char *name,
	       const char *value, struct fault *f)
{
	size_t i = 0;
	const struct option *o;

	while (i < OPTIONS_COUNT && strcmp(options[i].name, name))
		i++;
	if (i == OPTIONS_COUNT)
		return fault_set(f, EXIT_CONFIG, line,
				 "unknown option \"%s\"; valid: %s", name,
				 option_names(s->seen));
	o = &options[i];
	if (!may_follow(s->seen, i))
		return fault_set(f, EXIT_CONFIG, line, "%s is given twice",
				 name);
	if (!value || !*value)
		return fault_set(f, EXIT_CONFIG, line, "%s has no value",
				 name);
	s->seen |= 1u << i;
	return set(s, o, line, value, f);
}

/* What each option may be is in the table; here is what they may not be. */
static int check_together(const struct settings *s, struct fault *f)
{
	const struct ktls_options *o = &s->tls;

	if (o->min_version && o->max_version &&
	    o->min_version > o->max_version)
		return fault_set(f, EXIT_CONFIG, s->line,
				 "min_version is above max_version");
	if (o->auth && !o->ca)
		return fault_set(f, EXIT_CONFIG, s->line,
				 "client_auth lacks its \"ca\": who may issue the clients' certificates?");
	if (o->no_tickets && (o->ticket_key || o->ticket_lifetime))
		return fault_set(f, EXIT_CONFIG, o->ticket_key ?
				 settings_line(o->ticket_key) : s->line,
				 "%s has no use with tickets = no",
				 o->ticket_key ? "ticket_key" :
						 "ticket_lifetime");
	if (!o->auth && (o->ca || o->pins))
		return fault_set(f, EXIT_CONFIG, settings_line(o->ca ?: o->pins),
				 "%s has no use without client_auth = request or require",
				 o->ca ? "ca" : "pins");
	return 0;
}

int options_check(const struct settings *s, struct fault *f)
{
	for (size_t i = 0; i < OPTIONS_COUNT; i++)
		if (!(s->seen & 1u << i) && options[i].required)
			return fault_set(f, EXIT_CONFIG, s->line,
					 "[service %s] lacks the option \"%s\"",
					 s->name, options[i].name);
	for (size_t i = 0; i < s->tls.pairs_count; i++)
		if (!s->pairs[i].key)
			return fault_set(f, EXIT_CONFIG,
					 settings_line(s->pairs[i].certificate),
					 "certificate %s lacks its \"key\"",
					 s->pairs[i].certificate);
	return check_together(s, f);
}
