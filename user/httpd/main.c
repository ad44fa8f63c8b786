// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "httpd.h"
#include "log.h"

struct options {
	const char *root, *handoff;
	struct child_options agent;
	unsigned int mode, max, idle;
	bool verbose;
};

enum { MAX = 256, IDLE, MODE };

static const struct option names[] = {
	{ "root",		required_argument, NULL, 'r' },
	{ "listen",		required_argument, NULL, 'l' },
	{ "certificate",	required_argument, NULL, 'c' },
	{ "key",		required_argument, NULL, 'k' },
	{ "tls",		required_argument, NULL, 't' },
	{ "handoff",		required_argument, NULL, 'H' },
	{ "handoff-mode",	required_argument, NULL, MODE },
	{ "max-connections",	required_argument, NULL, MAX },
	{ "idle-timeout",	required_argument, NULL, IDLE },
	{ "verbose",		no_argument, NULL, 'v' },
	{ "version",		no_argument, NULL, 'V' },
	{ "help",		no_argument, NULL, 'h' },
	{ 0 },
};

static const char usage[] =
"Usage: ktls-httpd --root DIR --listen ADDR:PORT --certificate FILE --key FILE\n"
"       ktls-httpd --root DIR --handoff SOCKET\n"
"Serves files over connections that the kernel encrypts.\n"
"\n"
"  --root DIR            the files, and nothing above them\n"
"  --listen ADDR:PORT    stand alone: a private ktlsd does the handshakes\n"
"  --certificate FILE    PEM chain, for it\n"
"  --key FILE            PEM private key, for it\n"
"  --tls OPTION=VALUE    another option for it: see ktlsd.conf(5)\n"
"  --handoff SOCKET      take connections that agents bring to this socket\n"
"  --handoff-mode MODE   the socket's mode (default 0600)\n"
"  --max-connections N   answer 503 to those beyond (default 1024)\n"
"  --idle-timeout SEC    close a connection without a request (default 60)\n"
"  --verbose             one line per request on standard error\n"
"  --help, --version\n";

/* False: it is no number from @min to @max. */
static bool parse(unsigned int *out, const char *text, int base,
		  unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, base);
	*out = n;
	return *text >= '0' && *text <= '9' && !*end && !errno && n >= min &&
	       n <= max;
}

static unsigned int number(const char *name, const char *text,
			   unsigned long max)
{
	unsigned int n;

	if (!parse(&n, text, 10, 1, max))
		log_fatalx(2, "--%s: %s is not a number from 1 to %lu", name,
			   text, max);
	return n;
}

static unsigned int mode(const char *text)
{
	unsigned int n;

	if (!parse(&n, text, 8, 0, 0777))
		log_fatalx(2, "--handoff-mode: %s is no mode; valid: octal, 0 to 0777",
			   text);
	return n;
}

/*
 * These go into the agent's configuration, a line each: there a comment begins
 * with ';' after a blank. URLs of PKCS #11 have others.
 */
static const char *one_line(const char *name, const char *text)
{
	if (!*text || *text == ';' || strpbrk(text, "\r\n") ||
	    strstr(text, " ;") || strstr(text, "\t;"))
		log_fatalx(2, "--%s: empty, or contains a newline or a comment",
			   name);
	return text;
}

static void add_line(struct child_options *o, const char *text)
{
	if (o->lines_count == CHILD_LINES_MAX)
		log_fatalx(2, "--tls: more than %d of them", CHILD_LINES_MAX);
	if (*text < 'a' || *text > 'z' || !strchr(text, '='))
		log_fatalx(2, "--tls: %s is not OPTION=VALUE", text);
	o->lines[o->lines_count++] = one_line("tls", text);
}

static void set(struct options *o, int opt)
{
	switch (opt) {
	case 'r':
		o->root = optarg;
		return;
	case 'l':
		o->agent.listen = one_line("listen", optarg);
		return;
	case 'c':
		o->agent.certificate = one_line("certificate", optarg);
		return;
	case 'k':
		o->agent.key = one_line("key", optarg);
		return;
	case 't':
		add_line(&o->agent, optarg);
		return;
	case 'H':
		o->handoff = optarg;
		return;
	case MODE:
		o->mode = mode(optarg);
		return;
	case MAX:
		o->max = number("max-connections", optarg, 1000000);
		return;
	case IDLE:
		o->idle = number("idle-timeout", optarg, 86400);
		return;
	case 'v':
		o->verbose = true;
		return;
	case 'V':
		puts("ktls-httpd " KTLS_VERSION);
		exit(0);
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		exit(2);		/* getopt_long() has said why */
	}
}

static void check(const struct options *o)
{
	if (!o->root)
		log_fatalx(2, "--root is missing (see --help)");
	if (!o->agent.listen == !o->handoff)
		log_fatalx(2, "either --listen or --handoff (see --help)");
	if (o->agent.listen && (!o->agent.certificate || !o->agent.key))
		log_fatalx(2, "--listen needs --certificate and --key");
	if (o->agent.lines_count && !o->agent.listen)
		log_fatalx(2, "--tls is for --listen: configure the agent");
}

static void connect_agent(struct server *s, const struct options *o)
{
	int ret;

	if (o->handoff) {
		ret = handoff_listen(s, o->handoff, o->mode);
		if (ret)
			log_fatalx(1, "%s: %s", o->handoff, strerror(-ret));
		return;
	}
	ret = child_start(&s->child, &o->agent);
	if (ret >= 0)
		ret = handoff_add(s, ret);
	if (ret < 0)
		log_fatalx(1, "starting ktlsd: %s", strerror(-ret));
}

int main(int argc, char **argv)
{
	struct options o = { .mode = 0600, .max = 1024, .idle = 60 };
	static struct server s;		/* with its buffers: not for a stack */
	int opt, root, ret;

	log_init("ktls-httpd");
	while ((opt = getopt_long(argc, argv, "", names, NULL)) != -1)
		set(&o, opt);
	if (optind < argc)
		log_fatalx(2, "%s: unexpected argument", argv[optind]);
	check(&o);
	guard_secrets(1);
	root = open(o.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		log_fatal(1, "%s", o.root);
	s.max = o.max;
	s.idle_ms = o.idle * 1000;
	s.verbose = o.verbose;
	ret = server_open(&s, root);
	if (ret)
		log_fatalx(1, "event loop: %s", strerror(-ret));
	connect_agent(&s, &o);
	ret = server_run(&s);
	server_close(&s);
	if (ret)
		log_fatalx(1, "event loop: %s", strerror(-ret));
	return s.status;
}
