// SPDX-License-Identifier: GPL-2.0-or-later
/* ktlsd: options, what must be true before work begins, and in which order. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guard.h"
#include "ktlsd.h"

static const char usage[] =
	"Usage: ktlsd [-t] [-c FILE [-n NAME]...]\n"
	"Makes TLS handshakes, gives the keys to the kernel, and hands the\n"
	"sockets to servers that then read and write plaintext.\n"
	"\n"
	"  -c, --config FILE  configuration (default /etc/ktlsd.conf)\n"
	"  -n, --name NAME    what messages call its next line\n"
	"  -t, --test         test the configuration, then exit\n"
	"  -V, --version      print the version, then exit\n"
	"  -h, --help         print this text, then exit\n"
	"\n"
	"Exit status: 0 success, 1 the system said no, 2 usage or configuration\n"
	"See ktlsd(8), ktlsd.conf(5).\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "name", required_argument, NULL, 'n' },
	{ "test", no_argument, NULL, 't' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

/*
 * On a socket without a connection the kernel says ENOTCONN, but only after
 * it has found, or loaded, the module.
 */
static void check_module(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		log_fatal(EXIT_SYSTEM, "socket");
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) &&
	    errno != ENOTCONN)
		log_fatal(EXIT_SYSTEM,
			  "the kernel has no TLS; try \"modprobe tls\"");
	close(fd);
}

/* One descriptor per handshake: take what we may. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void load(struct settings_list *out, const struct source *from,
		 bool test)
{
	char text[sizeof(struct fault)];
	const struct settings *s;
	struct fault f;
	int ret = settings_load(out, from->file, &f);

	STAILQ_FOREACH(s, out, next)
		if (!ret && test)
			ret = trace_test(s, &f);
	if (ret)
		log_fatalx(ret, "%s",
			   fault_text(text, sizeof(text), from, &f));
}

struct choice {
	struct source source;
	bool test;
};

/* There are no more of them than arguments. */
static void add_name(struct source *out, char *name, int argc)
{
	if (!out->names)
		out->names = calloc(argc, sizeof(*out->names));
	if (!out->names)
		log_fatal(EXIT_SYSTEM, "--name");
	out->names[out->names_count++] = name;
}

static void parse_options(struct choice *out, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:n:tVh", long_options,
				NULL)) != -1)
		switch (c) {
		case 'c':
			out->source.file = optarg;
			break;
		case 'n':
			add_name(&out->source, optarg, argc);
			break;
		case 't':
			out->test = true;
			break;
		case 'V':
			puts("ktlsd " KTLS_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			exit(EXIT_CONFIG);	/* getopt has said what */
		}
	if (optind < argc)
		log_fatalx(EXIT_CONFIG, "what is \"%s\"? See ktlsd --help",
			   argv[optind]);
}

int main(int argc, char **argv)
{
	struct choice choice = { .source.file = "/etc/ktlsd.conf" };
	struct settings_list list;
	struct agent agent = {};

	log_init("ktlsd");
	parse_options(&choice, argc, argv);
	guard_secrets(EXIT_SYSTEM);
	load(&list, &choice.source, choice.test);
	if (choice.test) {
		printf("configuration %s is good\n", choice.source.file);
	} else {
		check_module();
		raise_descriptors();
		agent.source = choice.source;
		agent_run(&agent, &list);
	}
	settings_drop(&list);
	free(choice.source.names);
	return 0;
}
