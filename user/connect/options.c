// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: an option is a row. */
#include <errno.h>
#include <getopt.h>
#include <linux/tls.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"

struct choice;
typedef int set_fn(struct ask *a, const struct choice *c, const char *value);

static set_fn set_flag, set_text, set_list, set_word, set_number, set_version;
static set_fn set_only;

static const char *const verify_words[] = { "full", "none", NULL };
static const char *const offload_words[] = {
	[KTLS_OFFLOAD_REQUIRE] = "require",
	[KTLS_OFFLOAD_PREFER] = "prefer",
	[KTLS_OFFLOAD_NEVER] = "never",
	NULL
};

#define AT(member) offsetof(struct ask, member)
#define NO_LETTER 256

static const struct choice {
	const char *name, *metavar;	/* NULL: takes no value */
	int letter;
	set_fn *set;
	size_t at;
	unsigned int low, high;
	const char *const *words;
	const char *help;
} choices[] = {
#define FLAG(name, letter, member, help) \
	{ name, NULL, letter, set_flag, AT(member), 0, 0, NULL, help }
#define VALUE(name, metavar, set, member, help) \
	{ name, metavar, NO_LETTER, set, AT(member), 0, 0, NULL, help }
#define WORD(name, words, member, help) \
	{ name, "HOW", NO_LETTER, set_word, AT(member), 0, 0, words, help }
#define NUMBER(name, metavar, member, low, high, help) \
	{ name, metavar, NO_LETTER, set_number, AT(member), low, high, NULL, \
	  help }
#define ONLY(name, version, help) \
	{ name, NULL, NO_LETTER, set_only, 0, version, 0, NULL, help }
	FLAG("explain", 'e', explain, "draw the handshake, and say what it means"),
	FLAG("json", 'j', json, "tell each step as a line of JSON"),
	VALUE("trace", "FILE", set_text, trace, "write these lines to FILE"),
	VALUE("read", "FILE", set_text, read, "draw what a trace tells; connect nowhere"),
	VALUE("connection", "NAME", set_text, connection, "of a trace of many: draw this one"),
	NUMBER("resume", "N", resume, 1, 1000, "connect N times more, with the last ticket"),
	WORD("verify", verify_words, verify, "the certificate: full, none (with --pin: the key)"),
	VALUE("ca", "FILE", set_text, tls.ca, "trust these, not the system's authorities"),
	VALUE("pin", "SHA256", set_list, pins, "its key must be this one, too (repeatable)"),
	VALUE("name", "NAME", set_text, name, "ask for, and expect, this name"),
	VALUE("cert", "FILE", set_text, pair.certificate, "our own certificate"),
	VALUE("key", "FILE", set_text, pair.key, "and its key, if it is not in there"),
	VALUE("alpn", "LIST", set_list, alpn, "protocols inside, as h2,http/1.1"),
	VALUE("min", "VERSION", set_version, tls.min_version, "at least 1.2 or 1.3"),
	VALUE("max", "VERSION", set_version, tls.max_version, "at most 1.2 or 1.3"),
	ONLY("tls1.2", TLS_1_2_VERSION, "TLS 1.2 only"),
	ONLY("tls1.3", TLS_1_3_VERSION, "TLS 1.3 only"),
	VALUE("cipher", "LIST", set_list, ciphers, "as AES-256-GCM,CHACHA20-POLY1305"),
	VALUE("group", "LIST", set_list, groups, "as X25519,P-256"),
	FLAG("rsa", NO_LETTER, tls.rsa_key_transport, "TLS 1.2: also RSA key transport"),
	WORD("offload", offload_words, tls.offload, "kernel TLS: prefer, require, never"),
	FLAG("half-close", NO_LETTER, half_close, "tell the server when input has ended"),
	NUMBER("timeout", "SECONDS", timeout_s, 1, 3600, "for the handshake, and for the end (10)"),
	VALUE("trace-keys", "FILE", set_text, keylog, "append the SECRETS, for a debugger"),
	FLAG("quiet", 'q', quiet, "say nothing but failures"),
	FLAG("help", 'h', help, "print this text"),
	FLAG("version", 'V', version, "print the version"),
};

#define LETTERS ":ejqhV"

static void *member(struct ask *a, const struct choice *c)
{
	return (char *)a + c->at;
}

static int set_flag(struct ask *a, const struct choice *c, const char *value)
{
	(void)value;
	*(bool *)member(a, c) = true;
	return 0;
}

static int set_text(struct ask *a, const struct choice *c, const char *value)
{
	*(const char **)member(a, c) = value;
	return *value ? 0 : -EINVAL;
}

/* Commas or blanks, and more with each time. */
static int set_list(struct ask *a, const struct choice *c, const char *value)
{
	char **list = member(a, c), *longer;

	if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? " " : "",
		     value) < 0)
		return -ENOMEM;
	for (char *p = longer; *p; p++)
		if (*p == ',')
			*p = ' ';
	free(*list);
	*list = longer;
	return longer[strspn(longer, " \t")] ? 0 : -EINVAL;
}

static int set_word(struct ask *a, const struct choice *c, const char *value)
{
	for (unsigned int i = 0; c->words[i]; i++) {
		if (strcmp(c->words[i], value))
			continue;
		*(unsigned int *)member(a, c) = i;
		return 0;
	}
	return -EINVAL;
}

static int set_number(struct ask *a, const struct choice *c, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n < c->low || n > c->high)
		return -EINVAL;
	*(unsigned int *)member(a, c) = n;
	return 0;
}

static int set_version(struct ask *a, const struct choice *c,
		       const char *value)
{
	uint16_t *version = member(a, c);

	*version = !strcmp(value, "1.2") ? TLS_1_2_VERSION :
		   !strcmp(value, "1.3") ? TLS_1_3_VERSION : 0;
	return *version ? 0 : -EINVAL;
}

static int set_only(struct ask *a, const struct choice *c, const char *value)
{
	(void)value;
	a->tls.min_version = a->tls.max_version = c->low;
	return 0;
}

void options_help(void)
{
	char left[32];

	puts("Usage: ktls-connect [OPTION]... HOST[:PORT]\n"
	     "       ktls-connect [--connection=NAME] --read=FILE\n\n"
	     "A TLS client that gives the keys to the kernel, copies standard input and\n"
	     "output, and shows what it does. The port is 443, or: [ADDRESS]:PORT.\n");
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		snprintf(left, sizeof(left), "--%s%s%s", c->name,
			 c->metavar ? "=" : "", c->metavar ? c->metavar : "");
		if (c->letter == NO_LETTER)
			printf("      %-20s %s\n", left, c->help);
		else
			printf("  -%c, %-20s %s\n", c->letter, left, c->help);
	}
	puts("\nExit status: 0 well, 1 network, 2 usage, 3 verification, 4 protocol, 5 this\n"
	     "host, 6 the end came without close_notify.");
}

static int complain(const char *what, const char *text)
{
	char safe[256];

	log_warnx("%s \"%s\"; try ktls-connect --help", what,
		  log_escape(safe, sizeof(safe), text));
	return -EINVAL;
}

static int set_one(struct ask *a, int key)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];
		char what[64];

		/* What has no letter goes by its place in the table. */
		if (key != (c->letter == NO_LETTER ? NO_LETTER + (int)i :
						     c->letter))
			continue;
		if (!c->set(a, c, optarg))
			return 0;
		snprintf(what, sizeof(what), "no use for --%s", c->name);
		return complain(what, optarg);
	}
	return -ENOENT;
}

static int check(const struct ask *a)
{
	static const char both[] = "these do not go together:";

	if (a->connection && !a->read)
		return complain(both, "--connection without --read");
	if (a->pair.key && !a->pair.certificate)
		return complain(both, "--key without --cert");
	if (a->tls.max_version && a->tls.min_version > a->tls.max_version)
		return complain(both, "--min above --max");
	return 0;
}

static void connect_up(struct ask *a)
{
	a->tls.client = true;
	a->tls.no_verify = a->verify;
	a->tls.alpn = a->alpn;
	a->tls.ciphers = a->ciphers;
	a->tls.groups = a->groups;
	a->tls.pins = a->pins;
	if (!a->pair.certificate)
		return;
	if (!a->pair.key)
		a->pair.key = a->pair.certificate;
	a->tls.pairs = &a->pair;
	a->tls.pairs_count = 1;
}

/* Whoever pastes a URL is told which part of it to keep. */
static int complain_of_url(const char *url)
{
	const char *host = strstr(url, "://");
	char keep[512];

	host = host ? host + 3 : url;
	snprintf(keep, sizeof(keep), "%.*s", (int)strcspn(host, "/?#"), host);
	return complain("not a URL, only its HOST[:PORT]; write",
			*keep ? keep : "HOST");
}

static int read_target(struct ask *a, int argc, char **argv)
{
	if (a->help || a->version)
		return 0;
	if (optind + !a->read < argc)
		return complain("one word too many:", argv[argc - 1]);
	if (a->read)
		return 0;
	if (optind == argc)
		return complain("it lacks", "HOST");
	if (strchr(argv[optind], '/'))
		return complain_of_url(argv[optind]);
	if (target_parse(&a->target, argv[optind]))
		return complain("neither HOST nor HOST:PORT nor [ADDRESS]:PORT:",
				argv[optind]);
	return 0;
}

static void fill_longs(struct option *longs)
{
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		const struct choice *c = &choices[i];

		longs[i].name = c->name;
		longs[i].has_arg = c->metavar ? required_argument : no_argument;
		longs[i].val = c->letter == NO_LETTER ? NO_LETTER + (int)i :
							c->letter;
	}
}

int options_read(struct ask *a, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(choices) + 1] = {};
	int key, ret = 0;

	*a = (struct ask){ .timeout_s = TIMEOUT_DEFAULT };
	a->tls.offload = KTLS_OFFLOAD_PREFER;
	fill_longs(longs);
	opterr = 0;
	while (!ret && (key = getopt_long(argc, argv, LETTERS, longs,
					  NULL)) != -1)
		ret = set_one(a, key);
	if (ret == -ENOENT)
		complain(key == ':' ? "it lacks a value:" : "unknown option",
			 argv[optind - 1]);
	if (!ret)
		ret = check(a);
	if (!ret)
		ret = read_target(a, argc, argv);
	connect_up(a);
	return ret;
}

void options_free(struct ask *a)
{
	free(a->alpn);
	free(a->ciphers);
	free(a->groups);
	free(a->pins);
}
