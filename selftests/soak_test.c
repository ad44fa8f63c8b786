// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many connections of mixed kinds, a tenth of them broken on purpose: what
 * should work works, and nothing stays behind. The server is libktls in this
 * process, the clients are GnuTLS in another, one connection at a time.
 *
 * KTLS_SOAK=N in the environment is the number of connections.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "ktls.h"
#include "server.h"
#include "kselftest.h"

#define COUNT		1000
#define GROWTH_MAX	(1 << 20)	/* bytes, once warm */
/*
 * The first tenth is to warm up, but each kind has to come a few times: the
 * allocator knows its peak only then.
 */
#define WARM		500

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

enum ending {
	GOOD,			/* data both ways, close_notify both ways */
	UPDATE,			/* the same, with key updates between */
	CUT,			/* no close_notify */
	RESET,			/* RST instead of it */
	FORGED,			/* a record that fails authentication */
	SILENT,			/* nothing is sent at all, then FIN */
	GARBAGE,		/* no TLS */
	HALF_HELLO,		/* the connection ends within a message */
	AWAY,			/* RST after ClientHello */
	REFUSAL,		/* an alert instead of Finished */
	REFUSED,		/* the server's, which 1.3 tells behind Finished */
};

static const struct kind {
	const char *name;
	const char *priority;
	bool resume;		/* the session of the last one like it */
	enum ending ending;
	const char *certificate;	/* of pki.sh, that the client shows */
} kinds[] = {
	{ "1.3", V13, false, GOOD, NULL },
	{ "1.2", V12, false, GOOD, NULL },
	{ "1.3 resumed", V13, true, GOOD, NULL },
	{ "1.2 resumed", V12, true, GOOD, NULL },
	{ "1.3 CHACHA20", V13 ":-CIPHER-ALL:+CHACHA20-POLY1305", false,
	  GOOD, NULL },
	{ "1.3 AES-256", V13 ":-CIPHER-ALL:+AES-256-GCM", false, GOOD, NULL },
	{ "1.2 P-256", V12 ":-GROUP-ALL:+GROUP-SECP256R1", false, GOOD, NULL },
	{ "1.3 another group first",
	  V13 ":-GROUP-ALL:+GROUP-SECP521R1:+GROUP-SECP384R1", false, GOOD, NULL },
	{ "1.3 key updates", V13, false, UPDATE, NULL },
	{ "1.3 client certificate", V13, false, GOOD, "client" },
	{ "1.2 client certificate", V12, false, GOOD, "client-rsa" },
	{ "1.3 resumed, client certificate", V13, true, GOOD, "client" },
}, broken[] = {
	{ "cut", "NORMAL", false, CUT, NULL },
	{ "reset", "NORMAL", true, RESET, NULL },
	{ "forged", "NORMAL", false, FORGED, NULL },
	{ "silent", "NORMAL", false, SILENT, NULL },
	{ "garbage", "NORMAL", false, GARBAGE, NULL },
	{ "half a hello", "NORMAL", false, HALF_HELLO, NULL },
	{ "away", "NORMAL", false, AWAY, NULL },
	{ "refusal", V12, false, REFUSAL, NULL },
	{ "old version", "NORMAL:-VERS-ALL:+VERS-TLS1.1", false, GOOD, NULL },
	{ "no cipher", V12 ":-CIPHER-ALL:+AES-128-CBC", false, GOOD, NULL },
	{ "expired client certificate", "NORMAL", false, REFUSED,
	  "client-expired" },
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool is_broken(long i)
{
	return i % 10 == 9;
}

/* Kernels replace keys from 6.14 on; GnuTLS always does. */
static bool can_update;

static void look_at_kernel(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (!uname(&u))
		sscanf(u.release, "%u.%u", &major, &minor);
	can_update = !peer_kernel_has_tls() || major > 6 ||
		     (major == 6 && minor >= 14);
}

/* The kinds take turns, and so do the broken ones. */
static size_t row_of(long i)
{
	return is_broken(i) ? i / 10 % N(broken) : (i - i / 10) % N(kinds);
}

static const struct kind *kind_of(long i)
{
	const struct kind *k = &kinds[row_of(i)];

	if (is_broken(i))
		return &broken[row_of(i)];
	return k->ending == UPDATE && !can_update ? &kinds[0] : k;
}

/* --- the client --- */

static gnutls_datum_t tickets[N(kinds) + N(broken)];

static gnutls_datum_t *ticket_of(long i)
{
	return &tickets[row_of(i) + (is_broken(i) ? N(kinds) : 0)];
}

static void reset(struct peer *p)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* Until it is done or has failed; the socket does not block. */
static int shake(struct peer *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	int ret;

	while ((ret = peer_step(p)) && !gnutls_error_is_fatal(ret))
		if (ret == GNUTLS_E_AGAIN && poll(&pfd, 1, PEER_MS) <= 0)
			return GNUTLS_E_TIMEDOUT;
	return ret;
}

/* One that ends before the handshake does: true if @ending is of this kind. */
static bool spoil(struct peer *p, enum ending ending)
{
	switch (ending) {
	case SILENT:
		break;
	case GARBAGE:
		peer_write(p->fd, "GET / HTTP/1.1\r\n\r\n", 18);
		break;
	case HALF_HELLO:
		p->hold = true;
		peer_step(p);
		p->held_len /= 2;
		peer_flush(p);
		break;
	case AWAY:
		peer_step(p);
		reset(p);
		break;
	case REFUSAL:
		peer_step(p);
		gnutls_alert_send(p->tls, GNUTLS_AL_FATAL,
				  GNUTLS_A_ACCESS_DENIED);
		break;
	default:
		return false;
	}
	shutdown(p->fd, SHUT_WR);
	return true;
}

static void keep_ticket(struct peer *p, gnutls_datum_t *ticket)
{
	if (!(gnutls_session_get_flags(p->tls) & GNUTLS_SFLAGS_SESSION_TICKET))
		return;
	gnutls_free(ticket->data);
	ticket->data = NULL;
	gnutls_session_get_data2(p->tls, ticket);
}

/* 0 when all came as it should. */
static int talk(struct peer *p, const struct kind *k, gnutls_datum_t *ticket)
{
	static const unsigned char forged[5 + 40] = { 23, 3, 3, 0, 40 };
	char buf[8];

	if (k->ending == UPDATE &&
	    gnutls_session_key_update(p->tls, GNUTLS_KU_PEER))
		return -1;
	if (peer_send(p, "ping", 4) != 4 || peer_recv(p, buf, 4) != 4 ||
	    memcmp(buf, "pong", 4))
		return -1;
	if (k->resume)
		keep_ticket(p, ticket);
	switch (k->ending) {
	case CUT:
		return 0;
	case RESET:
		reset(p);
		return 0;
	case FORGED:
		peer_write(p->fd, forged, sizeof(forged));
		return peer_recv(p, buf, 1) == GNUTLS_E_FATAL_ALERT_RECEIVED ?
		       0 : -1;
	default:
		gnutls_bye(p->tls, GNUTLS_SHUT_WR);
		return peer_recv(p, buf, 1) == 0 ? 0 : -1;
	}
}

static int client_one(long i, const struct sockaddr_in *to, bool *resumed)
{
	const struct kind *k = kind_of(i);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	gnutls_datum_t *ticket = ticket_of(i);
	static struct peer p;		/* has large buffers */
	int ret = -1, on = 1;

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return -1;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (peer_open(&p, fd, k->priority, 0))
		return -1;
	if (k->certificate && pki_load(&p, k->certificate) < 0)
		return -1;
	if (k->resume && ticket->data)
		gnutls_session_set_data(p.tls, ticket->data, ticket->size);
	if (spoil(&p, k->ending)) {
		ret = 0;
	} else if (!shake(&p)) {
		*resumed = gnutls_session_is_resumed(p.tls);
		ret = talk(&p, k, ticket);
		if (k->ending == REFUSED)
			ret = ret ? 0 : -1;
	} else if (is_broken(i)) {
		ret = 0;
	}
	peer_close(&p);
	if (ret)
		ksft_print_msg("connection %ld (%s) failed at the client\n", i,
			       k->name);
	return ret;
}

static _Noreturn void client(long count, const struct sockaddr_in *to)
{
	long bad = 0, resumed = 0, resuming = 0;

	for (long i = 0; i < count; i++) {
		bool again = false;

		bad += client_one(i, to, &again) != 0;
		resumed += again;
		resuming += kind_of(i)->resume && !is_broken(i);
	}
	printf("# client: %ld of %ld connections that could be resumed were\n",
	       resumed, resuming);
	fflush(stdout);
	_exit(bad ? 1 : 0);
}

/* --- the server --- */

static bool wait_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, PEER_MS) == 1;
}

static ssize_t receive(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n;

	while ((n = ktls_recv(c, buf, len)) == -EAGAIN)
		if (!wait_for(ktls_conn_fd(c), POLLIN))
			return -ETIMEDOUT;
	return n;
}

/* ping, pong, and the client's end */
static int serve(struct ktls_conn *c)
{
	char buf[16];
	ssize_t n = receive(c, buf, 4);

	if (n != 4)
		return n < 0 ? n : -EPROTO;
	n = ktls_send(c, "pong", 4, 0);
	if (n != 4)
		return n < 0 ? n : -EPROTO;
	n = receive(c, buf, sizeof(buf));
	if (n)
		return n < 0 ? n : -EPROTO;
	n = ktls_shutdown(c);
	shutdown(ktls_conn_fd(c), SHUT_WR);
	return n;
}

static int handshake(struct ktls_session *s, int fd)
{
	int ret;

	while ((ret = ktls_session_handshake(s)) == -EAGAIN)
		if (!wait_for(fd, ktls_session_events(s)))
			return -ETIMEDOUT;
	return ret;
}

static int server_one(struct ktls_config *config, int listener)
{
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd, ret, on = 1;

	if (!wait_for(listener, POLLIN))
		return -ETIMEDOUT;
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ret = ktls_session_new(&s, config, fd, NULL);
	if (ret) {
		close(fd);
		return ret;
	}
	ret = handshake(s, fd);
	if (!ret)
		ret = ktls_session_install(s, &c);
	if (ret) {
		close(fd);
	} else {
		ret = serve(c);
		ktls_conn_close(c);
	}
	ktls_session_free(s);
	return ret;
}

/* --- what stays behind --- */

/* Of our own: code that is run for the first time is resident, too. */
static long resident(void)
{
	long pages = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (fscanf(f, "%*d %ld %ld", &pages, &shared) != 2)
		pages = shared = 0;
	fclose(f);
	return (pages - shared) * sysconf(_SC_PAGESIZE);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct state {
	long memory;
	int fds;
};

static struct state look(void)
{
	return (struct state){ resident(), descriptors() };
}

static int listen_here(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)a, len) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)a, &len))
		ksft_exit_fail_msg("no listener: %s\n", strerror(errno));
	return fd;
}

struct result {
	long good, failed, wrong;
	struct state first, last;
};

static long warm(long count)
{
	return count / 10 > WARM ? count / 10 : WARM;
}

static void run(struct result *o, struct ktls_config *config, int listener,
		long count)
{
	for (long i = 0; i < count; i++) {
		int ret = server_one(config, listener);

		if (i == warm(count))
			o->first = look();
		if (!ret)
			o->good++;
		else
			o->failed++;
		if (!!ret == is_broken(i))
			continue;
		o->wrong++;
		ksft_print_msg("connection %ld (%s): %s\n", i, kind_of(i)->name,
			       strerror(-ret));
	}
	o->last = look();
}

static void judge(const struct result *o, long count, int status)
{
	long grown = o->last.memory - o->first.memory;

	ksft_print_msg("server: %ld connections, %ld good, %ld broken as meant\n",
		       count, o->good, o->failed - o->wrong);
	ksft_test_result(!o->wrong, "each went as it was meant to\n");
	ksft_test_result(!status, "the clients say so, too\n");
	ksft_test_result(o->first.fds == o->last.fds,
			 "descriptors: %d before, %d after\n", o->first.fds,
			 o->last.fds);
#ifdef __SANITIZE_ADDRESS__
	ksft_test_result_pass("memory: the sanitizer keeps what was freed\n");
	(void)grown;
#else
	ksft_test_result(grown < GROWTH_MAX,
			 "memory: %ld KB after %ld connections, %+ld KB at the end\n",
			 o->first.memory / 1024, warm(count), grown / 1024);
#endif
	ksft_test_result(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
			 "no process is left\n");
}

static struct ktls_config *load(void)
{
	const struct ktls_options o = {
		.offload = KTLS_OFFLOAD_PREFER,
		.auth = KTLS_AUTH_REQUEST, .ca = pki("ca.pem"),
	};
	struct ktls_config *c;

	if (peer_config(&c, o))
		ksft_exit_fail_msg("no certificate\n");
	return c;
}

int main(void)
{
	const char *text = getenv("KTLS_SOAK");
	long count = text ? atol(text) : COUNT;
	struct ktls_config *config;
	struct result o = {};
	struct sockaddr_in at;
	int listener, status;
	pid_t pid;

	ksft_print_header();
	ksft_set_plan(5);
	ksft_print_msg("%ld connections, records by %s\n", count,
		       peer_kernel_has_tls() ? "the kernel" : "GnuTLS");
	if (count <= WARM)
		ksft_exit_fail_msg("KTLS_SOAK: more than %d\n", WARM);
	look_at_kernel();
	config = load();
	listener = listen_here(&at);
	fflush(stdout);
	pid = fork();
	if (!pid)
		client(count, &at);
	run(&o, config, listener, count);
	waitpid(pid, &status, 0);
	judge(&o, count, status);
	ktls_config_put(config);
	ksft_finished();
}
