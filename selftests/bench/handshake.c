// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a full handshake costs the server, in microseconds of its CPU:
 *
 *	GnuTLS		a handshake between two buffers, the server's part
 *	bare		the same with a TCP connection below: what has come is
 *			put into one buffer, what is in the other is sent
 *	libktls		accept(), a session, its handshake, a connection, close
 *
 * The last should be no more than bare: both serve the same clients, are woken
 * as often and find the caches as cold. Rounds of the three take turns, and of
 * each the cheapest counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/gnutls.h>

#include "ktls.h"
#include "peer.h"

#define SUITE "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519"

static int rounds = 15, batch = 300;
static char cert[64], key[64];
static struct sockaddr_in address;
static int listener;
static gnutls_certificate_credentials_t anybody;

static void die(const char *what)
{
	fprintf(stderr, "handshake: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* --- the clients: a thread of their own, not counted --- */

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The tickets, if any, and the end. */
static void read_to_the_end(int fd)
{
	char waste[4096];

	while (recv(fd, waste, sizeof(waste), 0) > 0)
		;
}

static void *tls_clients(void *arg)
{
	(void)arg;
	for (int i = 0; i < batch; i++) {
		gnutls_session_t s;
		int fd = dial();

		gnutls_init(&s, GNUTLS_CLIENT);
		gnutls_priority_set_direct(s, SUITE, NULL);
		gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, anybody);
		gnutls_transport_set_int(s, fd);
		if (gnutls_handshake(s))
			die("a client's handshake");
		read_to_the_end(fd);
		gnutls_deinit(s);
		close(fd);
	}
	return NULL;
}

/* --- between two buffers --- */

struct pipe {
	unsigned char data[16384];
	size_t len, off;
};

struct end {
	gnutls_session_t tls;
	struct pipe *in, *out;
};

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct end *e = ptr;
	size_t n = e->in->len - e->in->off;

	if (!n) {
		gnutls_transport_set_errno(e->tls, EAGAIN);
		return -1;
	}
	n = n < len ? n : len;
	memcpy(buf, e->in->data + e->in->off, n);
	e->in->off += n;
	return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct end *e = ptr;

	if (len > sizeof(e->out->data) - e->out->len)
		die("a flight is too long");
	memcpy(e->out->data + e->out->len, buf, len);
	e->out->len += len;
	return len;
}

static void open_end(struct end *e, unsigned int flags, struct pipe *in,
		     struct pipe *out)
{
	e->in = in;
	e->out = out;
	gnutls_init(&e->tls, flags | GNUTLS_NONBLOCK);
	gnutls_transport_set_ptr(e->tls, e);
	gnutls_transport_set_pull_function(e->tls, pull);
	gnutls_transport_set_push_function(e->tls, push);
}

struct bare {
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key;
};

static void open_server(struct bare *b, struct end *e, struct pipe *in,
			struct pipe *out)
{
	open_end(e, GNUTLS_SERVER, in, out);
	gnutls_priority_set(e->tls, b->priority);
	gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, b->credentials);
	gnutls_session_ticket_enable_server(e->tls, &b->ticket_key);
}

static double server_step(struct end *e, int *ret)
{
	double start = cpu_us();

	*ret = gnutls_handshake(e->tls);
	return cpu_us() - start;
}

/* The server's part, with nothing of the client's. */
static double bare_one(struct bare *b)
{
	struct pipe up = {}, down = {};
	struct end client, server;
	double spent, start;
	int ret;

	open_end(&client, GNUTLS_CLIENT, &down, &up);
	gnutls_priority_set_direct(client.tls, SUITE, NULL);
	gnutls_credentials_set(client.tls, GNUTLS_CRD_CERTIFICATE, anybody);
	gnutls_handshake(client.tls);

	start = cpu_us();
	open_server(b, &server, &up, &down);
	spent = cpu_us() - start;
	spent += server_step(&server, &ret);
	if (gnutls_handshake(client.tls))
		die("the client's half");
	spent += server_step(&server, &ret);
	if (ret)
		die("the server's half");
	gnutls_deinit(client.tls);
	start = cpu_us();
	gnutls_deinit(server.tls);
	return spent + cpu_us() - start;
}

/* What it costs to look at the clock as often as bare_one() does. */
static double clock_us(void)
{
	double start = cpu_us();

	for (int i = 0; i < 1000; i++)
		cpu_us();
	return (cpu_us() - start) / 1000 * 4;
}

static double gnutls_round(struct bare *b)
{
	double spent = 0;

	for (int i = 0; i < batch; i++)
		spent += bare_one(b);
	return spent / batch - clock_us();
}

static void wait_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	if (poll(&pfd, 1, 10000) != 1)
		die("waiting for a client");
}

static int take(void)
{
	int fd;

	wait_for(listener, POLLIN);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		die("accept");
	return fd;
}

/* --- bare --- */

/* All that is there, or all that comes next. */
static void fill(struct pipe *p, int fd)
{
	ssize_t n;

	p->len = p->off = 0;
	while ((n = recv(fd, p->data, sizeof(p->data), 0)) <= 0) {
		if (!n || errno != EAGAIN)
			die("the other end of TCP");
		wait_for(fd, POLLIN);
	}
	p->len = n;
}

static void drain(struct pipe *p, int fd)
{
	if (p->len && send(fd, p->data, p->len, MSG_NOSIGNAL) < 0)
		die("send");
	p->len = 0;
}

static double bare_round(struct bare *b)
{
	static struct pipe in, out;
	pthread_t clients;
	double start;

	pthread_create(&clients, NULL, tls_clients, NULL);
	start = cpu_us();
	for (int i = 0; i < batch; i++) {
		struct end server;
		int fd = take(), ret;

		open_server(b, &server, &in, &out);
		do {
			fill(&in, fd);
			ret = gnutls_handshake(server.tls);
			drain(&out, fd);
		} while (ret == GNUTLS_E_AGAIN);
		if (ret)
			die("a server's handshake");
		gnutls_deinit(server.tls);
		close(fd);
	}
	start = cpu_us() - start;
	pthread_join(clients, NULL);
	return start / batch;
}

/* --- libktls --- */

static double ours_round(struct ktls_config *config)
{
	pthread_t clients;
	double start;

	pthread_create(&clients, NULL, tls_clients, NULL);
	start = cpu_us();
	for (int i = 0; i < batch; i++) {
		struct ktls_session *s;
		struct ktls_conn *c;
		int fd = take(), ret;

		if (ktls_session_new(&s, config, fd, NULL))
			die("ktls_session_new");
		while ((ret = ktls_session_handshake(s)) == -EAGAIN)
			wait_for(fd, ktls_session_events(s));
		if (ret || ktls_session_install(s, &c))
			die(ktls_session_error(s)->text);
		ktls_session_free(s);
		ktls_conn_close(c);
	}
	start = cpu_us() - start;
	pthread_join(clients, NULL);
	return start / batch;
}

/* --- all three --- */

static void listen_here(void)
{
	socklen_t len = sizeof(address);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&address, len) ||
	    listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		die("listen");
}

static void load(struct bare *b, struct ktls_config **config)
{
	const struct ktls_pair pair = { cert, key, NULL };
	const struct ktls_options o = {
		.pairs = &pair, .pairs_count = 1,
		.offload = KTLS_OFFLOAD_NEVER,
	};
	struct ktls_error err;

	if (ktls_config_load(config, &o, &err))
		die(err.text);
	gnutls_certificate_allocate_credentials(&anybody);
	gnutls_certificate_allocate_credentials(&b->credentials);
	if (gnutls_certificate_set_x509_key_file(b->credentials, cert, key,
						 GNUTLS_X509_FMT_PEM))
		die("certificate");
	gnutls_priority_init(&b->priority, SUITE, NULL);
	gnutls_session_ticket_key_generate(&b->ticket_key);
}

static double least(double a, double b)
{
	return !a || b < a ? b : a;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/ktls-bench.XXXXXX";
	double gnutls = 0, bare = 0, ours = 0;
	struct ktls_config *config;
	struct bare b;

	if (argc > 1)
		rounds = atoi(argv[1]);
	if (!mkdtemp(dir) || peer_certificate(dir))
		die("certificate");
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	listen_here();
	load(&b, &config);
	for (int i = 0; i < rounds; i++) {
		gnutls = least(gnutls, gnutls_round(&b));
		bare = least(bare, bare_round(&b));
		ours = least(ours, ours_round(config));
	}
	unlink(cert);
	unlink(key);
	rmdir(dir);
	puts("full handshake, TLS 1.3, P-256 certificate, X25519, two tickets:");
	puts("microseconds of the server's CPU");
	printf("%-40s %7.1f\n", "GnuTLS between two buffers", gnutls);
	printf("%-40s %7.1f\n", "the same on TCP connections", bare);
	printf("%-40s %7.1f\n", "libktls", ours);
	printf("%-40s %+6.1f %%\n", "libktls beyond that",
	       (ours / bare - 1) * 100);
	return 0;
}
