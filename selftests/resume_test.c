// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that comes back: tickets of TLS 1.2 and 1.3, from GnuTLS and from
 * OpenSSL, with the records done by GnuTLS and by the kernel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"
#include "server.h"
#include "kselftest_harness.h"

static const char *const priorities[] = {
	"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

/* What a server wrote as NewSessionTicket, with the header it gets. */
static unsigned char sent[8][4096];
static size_t sent_len[8];
static unsigned int sent_count;

static int on_sent(gnutls_session_t tls, unsigned int type, unsigned int when,
		   unsigned int incoming, const gnutls_datum_t *msg)
{
	unsigned char *to = sent[sent_count % 8];

	if (incoming || msg->size + 4 > sizeof(sent[0]))
		return 0;
	to[0] = type;
	to[1] = 0;
	to[2] = msg->size >> 8;
	to[3] = msg->size;
	memcpy(to + 4, msg->data, msg->size);
	sent_len[sent_count++ % 8] = msg->size + 4;
	return 0;
}

struct visit {
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd;
	struct peer p;
	struct outcome o;
};

static void leave(struct visit *v)
{
	ktls_session_free(v->s);
	if (v->c)
		ktls_conn_close(v->c);
	else if (v->fd >= 0)
		close(v->fd);
	peer_close(&v->p);
	*v = (struct visit){ .fd = -1, .p.fd = -1 };
}

FIXTURE(resume) {
	gnutls_datum_t key;		/* the server's */
	struct server server;
	struct ktls_config *config;
	struct visit v;
	void *ticket;
	size_t len;
};
FIXTURE_VARIANT(resume) {
	int version;
	bool kernel;
};
FIXTURE_VARIANT_ADD(resume, 12) { .version = 0 };
FIXTURE_VARIANT_ADD(resume, 13) { .version = 1 };
FIXTURE_VARIANT_ADD(resume, 12_kernel) { .version = 0, .kernel = true };
FIXTURE_VARIANT_ADD(resume, 13_kernel) { .version = 1, .kernel = true };

static struct ktls_config *load(const struct ktls_options *change, bool kernel)
{
	struct ktls_options o = *change;
	struct ktls_config *c = NULL;
	struct ktls_error err;

	o.client = true;
	o.offload = kernel ? KTLS_OFFLOAD_REQUIRE : KTLS_OFFLOAD_NEVER;
	if (ktls_config_load(&c, &o, &err))
		fprintf(stderr, "# %s\n", err.text);
	return c;
}

FIXTURE_SETUP(resume)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };

	self->v.fd = self->v.p.fd = -1;
	if (variant->kernel && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&self->key));
	self->server = (struct server){ .certificate = "localhost",
					.ticket_key = &self->key };
	self->config = load(&o, variant->kernel);
	ASSERT_NE(NULL, self->config);
}

FIXTURE_TEARDOWN(resume)
{
	leave(&self->v);
	ktls_config_put(self->config);
	ktls_ticket_free(self->ticket, self->len);
	gnutls_free(self->key.data);
}

/* 0, or the first error; the outcome of the handshake is in v->o. */
static int visit(struct visit *v, const struct server *server, int version,
		 struct ktls_config *config, const char *name,
		 const void *ticket, size_t len)
{
	int fds[2], ret;

	ret = peer_tcp(fds);
	if (ret)
		return ret;
	v->fd = fds[0];
	ret = server_open(&v->p, fds[1], priorities[version], server);
	if (ret)
		return ret;
	sent_count = 0;
	gnutls_handshake_set_hook_function(v->p.tls,
					   GNUTLS_HANDSHAKE_NEW_SESSION_TICKET,
					   GNUTLS_HOOK_PRE, on_sent);
	ret = ktls_session_new(&v->s, config, v->fd, name);
	if (!ret && ticket)
		ret = ktls_session_resume(v->s, ticket, len);
	if (!ret)
		v->o = meet(&v->p, v->s, v->fd);
	return ret ? ret : v->o.ours;
}

/* Handshake records by hand: what a server sends behind the handshake. */
static int take_records(struct ktls_conn *c)
{
	struct pollfd pfd = { .fd = ktls_conn_fd(c), .events = POLLIN };
	char control[CMSG_SPACE(1)];
	unsigned char buf[16384];
	struct iovec iov = { buf, sizeof(buf) };
	int ret = 0;

	while (!ret && poll(&pfd, 1, 200) == 1) {
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(pfd.fd, &m, MSG_DONTWAIT);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&m);

		if (n <= 0 || !cmsg || *CMSG_DATA(cmsg) != RECORD_HANDSHAKE)
			return -EPROTO;
		ret = conn_take_ticket(c, buf, n);
	}
	return ret;
}

/* The keys move on, and the tickets are read: GnuTLS's or ours to take. */
static int settle(struct visit *v, bool kernel)
{
	int ret = ktls_session_install(v->s, &v->c);
	struct pollfd pfd = { .fd = v->fd, .events = POLLIN };
	char byte;

	if (ret)
		return ret;
	if (v->s->info.version == TLS_1_2_VERSION)
		return 0;
	if (kernel)
		return take_records(v->c);
	while (poll(&pfd, 1, 200) == 1 && !ret) {
		ret = ktls_recv(v->c, &byte, 1);
		ret = ret == -EAGAIN || ret == -EINTR ? 0 : -EPROTO;
	}
	return ret;
}

#define VISIT(name) do {						\
	ASSERT_EQ(0, visit(&self->v, &self->server, variant->version,	\
			   self->config, name, self->ticket, self->len))	\
		TH_LOG("%s", self->v.s ? self->v.s->error.text : "");	\
} while (0)

#define TAKE_TICKET(expected) do {					\
	ASSERT_EQ(0, settle(&self->v, variant->kernel));		\
	ktls_ticket_free(self->ticket, self->len);			\
	self->ticket = NULL;						\
	ASSERT_EQ(expected, ktls_conn_ticket(self->v.c, &self->ticket,	\
					     &self->len));		\
} while (0)

TEST_F(resume, again_and_again)
{
	struct ktls_identity first;

	for (int i = 0; i < 4; i++) {
		VISIT("localhost");
		EXPECT_EQ(0, self->v.o.theirs);
		EXPECT_EQ(i > 0, ktls_session_info(self->v.s)->resumed);
		EXPECT_EQ(i > 0, gnutls_session_is_resumed(self->v.p.tls));
		ASSERT_NE(NULL, ktls_session_identity(self->v.s));
		if (!i)
			first = *ktls_session_identity(self->v.s);
		EXPECT_TRUE(ktls_session_identity(self->v.s)->verified);
		EXPECT_EQ(0, memcmp(&first, ktls_session_identity(self->v.s),
				    sizeof(first)));
		EXPECT_STREQ("DNS:localhost IP:127.0.0.1 IP:::1", first.names);
		TAKE_TICKET(0);
		leave(&self->v);
	}
}

TEST_F(resume, the_same_ticket_twice)
{
	VISIT("localhost");
	TAKE_TICKET(0);
	leave(&self->v);
	for (int i = 0; i < 2; i++) {
		VISIT("localhost");
		EXPECT_TRUE(ktls_session_info(self->v.s)->resumed);
		leave(&self->v);
	}
}

TEST_F(resume, is_for_one_name)
{
	static const char *const names[] = { "localhost.", "127.0.0.1", "a" };
	const struct ktls_options o = { .no_verify = true };

	VISIT("localhost");
	TAKE_TICKET(0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		leave(&self->v);
		EXPECT_EQ(-EINVAL, visit(&self->v, &self->server,
					 variant->version, self->config,
					 names[i], self->ticket, self->len));
	}
	leave(&self->v);
	ktls_config_put(self->config);
	self->config = load(&o, variant->kernel);
	EXPECT_EQ(-EINVAL, visit(&self->v, &self->server, variant->version,
				 self->config, NULL, self->ticket, self->len));
}

TEST_F(resume, garbage_is_refused)
{
	unsigned char *bytes;
	int fds[2];

	VISIT("localhost");
	TAKE_TICKET(0);
	leave(&self->v);
	bytes = self->ticket;
	ASSERT_EQ(0, peer_tcp(fds));
	self->v.fd = fds[0];
	self->v.p.fd = fds[1];
	ASSERT_EQ(0, ktls_session_new(&self->v.s, self->config, fds[0],
				      "localhost"));
	for (size_t len = 0; len < 300 && len < self->len; len++)
		EXPECT_EQ(-EINVAL, ktls_session_resume(self->v.s, bytes, len));
	bytes[6]++;
	EXPECT_EQ(-EINVAL, ktls_session_resume(self->v.s, bytes, self->len));
	bytes[6]--;
	memset(bytes + 16, 'a', 256);
	EXPECT_EQ(-EINVAL, ktls_session_resume(self->v.s, bytes, self->len));
	memset(bytes + 16, 0, 256);
	strcpy((char *)bytes + 16, "localhost");
	bytes[8 + 7] = bytes[8 + 4] = 0;
	memset(bytes + 8, 0, 8);
	EXPECT_EQ(-ESTALE, ktls_session_resume(self->v.s, bytes, self->len));
	/* Too late: the ClientHello has gone. */
	memset(bytes + 8, 0x7f, 8);
	EXPECT_EQ(-EAGAIN, ktls_session_handshake(self->v.s));
	EXPECT_EQ(-EINVAL, ktls_session_resume(self->v.s, bytes, self->len));
}

TEST_F(resume, a_server_may_decline)
{
	gnutls_datum_t other;

	VISIT("localhost");
	TAKE_TICKET(0);
	leave(&self->v);
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&other));
	self->server.ticket_key = &other;
	VISIT("localhost");
	EXPECT_FALSE(ktls_session_info(self->v.s)->resumed);
	EXPECT_TRUE(ktls_session_identity(self->v.s)->verified);
	gnutls_free(other.data);
}

TEST_F(resume, no_ticket_no_resumption)
{
	self->server.ticket_key = NULL;
	VISIT("localhost");
	if (variant->version) {
		TAKE_TICKET(-ENOENT);
		return;
	}
	/* In TLS 1.2 the session has a number, which may be good for it. */
	TAKE_TICKET(0);
	leave(&self->v);
	VISIT("localhost");
	EXPECT_FALSE(ktls_session_info(self->v.s)->resumed);
}

TEST_F(resume, no_tickets_wanted)
{
	const struct ktls_options o = { .ca = pki("ca.pem"),
					.no_tickets = true };

	ktls_config_put(self->config);
	self->config = load(&o, variant->kernel);
	VISIT("localhost");
	TAKE_TICKET(-ENOENT);
	EXPECT_EQ(NULL, self->v.c->resumption);
}

/* Where the certificate is out of favour since, a ticket does not help. */
static void comes_back_changed(struct __test_metadata *const _metadata,
			       FIXTURE_DATA(resume) *self,
			       const FIXTURE_VARIANT(resume) *variant,
			       const struct ktls_options *then,
			       enum ktls_reason reason, int alert)
{
	const struct ktls_options before = { .no_verify = true };

	ktls_config_put(self->config);
	self->config = load(&before, variant->kernel);
	VISIT("localhost");
	EXPECT_FALSE(ktls_session_identity(self->v.s)->verified);
	TAKE_TICKET(0);
	leave(&self->v);
	ktls_config_put(self->config);
	self->config = load(then, variant->kernel);
	EXPECT_EQ(-EKEYREJECTED,
		  visit(&self->v, &self->server, variant->version,
			self->config, "localhost", self->ticket, self->len));
	EXPECT_EQ(1, gnutls_session_is_resumed(self->v.p.tls));
	EXPECT_EQ(reason, self->v.s->error.reason)
		TH_LOG("%s", self->v.s->error.text);
	EXPECT_EQ(alert, self->v.s->error.alert_sent);
	EXPECT_EQ(alert, self->v.o.alert);
	EXPECT_EQ(0, self->v.o.after);
	EXPECT_FALSE(ktls_session_identity(self->v.s)->verified);
	EXPECT_GT(0, ktls_session_install(self->v.s, &self->v.c));
}

TEST_F(resume, refused_for_another_ca)
{
	const struct ktls_options o = { .ca = pki("other-ca.pem") };

	comes_back_changed(_metadata, self, variant, &o, KTLS_UNKNOWN_CA, 48);
}

TEST_F(resume, refused_for_a_pin)
{
	static const char pin[] = "00000000000000000000000000000000"
				  "00000000000000000000000000000000";
	const struct ktls_options o = { .ca = pki("ca.pem"), .pins = pin };

	comes_back_changed(_metadata, self, variant, &o, KTLS_WRONG_PIN, 46);
}

TEST_F(resume, refused_for_its_name)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };

	self->server.certificate = "net";
	comes_back_changed(_metadata, self, variant, &o, KTLS_WRONG_NAME, 46);
}

TEST_F(resume, refused_when_expired)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };

	self->server.certificate = "expired";
	comes_back_changed(_metadata, self, variant, &o, KTLS_EXPIRED, 45);
}

TEST_F(resume, refused_when_revoked)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };

	self->server.certificate = "revoked";
	self->server.staple = pki("revoked.ocsp-revoked.der");
	comes_back_changed(_metadata, self, variant, &o, KTLS_REVOKED, 44);
}

/* The session that waits for tickets has nothing to say to the server. */
TEST_F(resume, nothing_is_sent_at_close)
{
	char byte;

	VISIT("localhost");
	TAKE_TICKET(0);
	EXPECT_EQ(variant->kernel && variant->version,
		  self->v.c->resumption != NULL);
	ktls_conn_close(self->v.c);
	self->v.c = NULL;
	self->v.fd = -1;
	EXPECT_EQ(0, recv(self->v.p.fd, &byte, 1, 0));
}

/* --- tickets that come when the keys have left; no kernel needed --- */

FIXTURE(late) {
	gnutls_datum_t key;
	struct ktls_config *config;
	struct visit v;
	struct ktls_conn c;
	void *ticket;
	size_t len;
};

FIXTURE_SETUP(late)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };
	struct server server = { .certificate = "localhost" };

	self->v.fd = self->v.p.fd = -1;
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&self->key));
	server.ticket_key = &self->key;
	self->config = load(&o, false);
	ASSERT_EQ(0, visit(&self->v, &server, 1, self->config, "localhost",
			   NULL, 0));
	ASSERT_EQ(2, sent_count);
	/* As connection_new() does it for the kernel. */
	self->c = (struct ktls_conn){ .fd = -1, .in = 1, .alert = -1 };
	self->c.info = self->v.s->info;
	resume_keep(&self->c, self->v.s);
	ASSERT_NE(NULL, self->c.resumption);
	ASSERT_EQ(NULL, self->v.s->tls);
	/* It must not need the session, nor its configuration. */
	ktls_session_free(self->v.s);
	self->v.s = NULL;
	ktls_config_put(self->config);
}

FIXTURE_TEARDOWN(late)
{
	resume_drop(&self->c);
	leave(&self->v);
	ktls_ticket_free(self->ticket, self->len);
	gnutls_free(self->key.data);
}

#define GIVE(i) conn_take_ticket(&self->c, sent[i], sent_len[i])
#define ASK() ktls_conn_ticket(&self->c, &self->ticket, &self->len)

TEST_F(late, none_until_one_came)
{
	EXPECT_EQ(-ENOENT, ASK());
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());
}

TEST_F(late, the_newest_wins)
{
	void *first;
	size_t first_len;

	ASSERT_EQ(0, GIVE(0));
	ASSERT_EQ(0, ktls_conn_ticket(&self->c, &first, &first_len));
	ASSERT_EQ(0, GIVE(1));
	ASSERT_EQ(0, ASK());
	EXPECT_TRUE(self->len != first_len ||
		    memcmp(self->ticket, first, first_len));
	ktls_ticket_free(first, first_len);
}

TEST_F(late, lifetime_zero_is_not_kept)
{
	memset(sent[0] + 4, 0, 4);
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(-ENOENT, ASK());
	EXPECT_EQ(0, GIVE(1));
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());		/* for the one before */
}

TEST_F(late, a_lifetime_ends)
{
	memset(sent[0] + 4, 0, 4);
	sent[0][7] = 1;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_EQ(0, ASK());
	sleep(1);
	ktls_ticket_free(self->ticket, self->len);
	self->ticket = NULL;
	EXPECT_EQ(-ENOENT, ASK());
}

TEST_F(late, no_lifetime_is_over_a_week)
{
	memset(sent[0] + 4, 0xff, 4);
	/* Nor over the certificate's. */
	self->c.valid_until = 0;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_GE(time(NULL) + 7 * 24 * 3600, self->c.ticket_until);
	self->c.valid_until = time(NULL) + 5;
	EXPECT_EQ(0, GIVE(0));
	EXPECT_GE(time(NULL) + 5, self->c.ticket_until);
}

TEST_F(late, cut_off_is_malformed)
{
	unsigned char msg[sizeof(sent[0])];

	for (size_t len = 0; len < sent_len[0]; len++) {
		memcpy(msg, sent[0], len);
		EXPECT_EQ(-EPROTO, conn_take_ticket(&self->c, msg, len));
		EXPECT_EQ(KTLS_MALFORMED, self->c.reason);
	}
	EXPECT_EQ(-ENOENT, ASK());
}

/* The header is right, and the rest cut; GnuTLS wants no extensions. */
TEST_F(late, half_of_one_is_none)
{
	unsigned char msg[sizeof(sent[0])];

	for (size_t len = 4; len < sent_len[0] - 2; len++) {
		memcpy(msg, sent[0], len);
		msg[2] = (len - 4) >> 8;
		msg[3] = len - 4;
		ASSERT_EQ(0, GIVE(len & 1));
		EXPECT_EQ(-EPROTO, conn_take_ticket(&self->c, msg, len));
		EXPECT_EQ(KTLS_MALFORMED, self->c.reason);
		EXPECT_EQ(-ENOENT, ASK());
	}
}

TEST_F(late, another_message_is_none)
{
	sent[0][0] = GNUTLS_HANDSHAKE_KEY_UPDATE;
	EXPECT_EQ(-EPROTO, GIVE(0));
}

TEST_F(late, an_empty_ticket_does_no_harm)
{
	/* lifetime, age, nonce of one byte, ticket, extensions */
	unsigned char msg[] = { 4, 0, 0, 14, 0, 0, 1, 0, 1, 2, 3, 4, 1, 0,
				0, 0, 0, 0 };

	if (!conn_take_ticket(&self->c, msg, sizeof(msg)))
		ASK();
}

TEST_F(late, too_many_are_abuse)
{
	int i = 0;

	while (i < 1100 && !GIVE(i & 1))
		i++;
	EXPECT_EQ(1000, i);
	EXPECT_EQ(KTLS_TOO_MANY, self->c.reason);
}

TEST_F(late, a_client_has_no_place_to_send_one)
{
	self->c.info.client = 0;
	EXPECT_EQ(-EPROTO, GIVE(0));
	EXPECT_EQ(KTLS_UNEXPECTED, self->c.reason);
}

/* --- OpenSSL --- */

FIXTURE(openssl) {
	pid_t pid;
	int port;
	struct ktls_config *config;
	void *ticket;
	size_t len;
};
FIXTURE_VARIANT(openssl) {
	const char *version;
	bool mutual;
};
FIXTURE_VARIANT_ADD(openssl, 12) { .version = "-tls1_2" };
FIXTURE_VARIANT_ADD(openssl, 13) { .version = "-tls1_3" };
FIXTURE_VARIANT_ADD(openssl, 12_mutual) { "-tls1_2", true };
FIXTURE_VARIANT_ADD(openssl, 13_mutual) { "-tls1_3", true };

/* It says "ACCEPT 127.0.0.1:PORT" once it listens. */
static int read_port(int fd)
{
	char text[4096] = "", *at;
	size_t len = 0;
	int port;

	while (len < sizeof(text) - 1) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			return -1;
		len += n;
		at = strstr(text, "ACCEPT 127.0.0.1:");
		if (at && strchr(at, '\n') && sscanf(at + 17, "%d", &port) == 1)
			return port;
	}
	return -1;
}

static pid_t start_openssl(const char *version, bool mutual, int out)
{
	const char *args[] = {
		"openssl", "s_server", "-www", version,
		"-accept", "127.0.0.1:0",
		"-cert", pki("localhost.pem"), "-key", pki("localhost.key"),
		mutual ? "-Verify" : NULL, "1", "-CAfile", pki("ca.pem"),
		"-verify_return_error", NULL,
	};
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(out, 1);
	execvp(args[0], (char **)args);
	_exit(127);
}

FIXTURE_SETUP(openssl)
{
	const struct ktls_pair pair = {
		pki("client.pem"), pki("client.key"), NULL,
	};
	const struct ktls_options o = {
		.ca = pki("ca.pem"), .pairs = &pair,
		.pairs_count = variant->mutual ? 1 : 0,
	};
	int out[2];

	ASSERT_EQ(0, pipe(out));
	self->pid = start_openssl(variant->version, variant->mutual, out[1]);
	close(out[1]);
	self->port = read_port(out[0]);
	ASSERT_LT(0, self->port);
	self->config = load(&o, false);
	ASSERT_NE(NULL, self->config);
}

FIXTURE_TEARDOWN(openssl)
{
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	ktls_config_put(self->config);
	ktls_ticket_free(self->ticket, self->len);
}

static int dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* The page that s_server makes of a session: tickets come before it. */
static void get_page(struct ktls_conn *c, char *page, size_t size)
{
	static const char get[] = "GET / HTTP/1.0\r\n\r\n";
	size_t len = 0;
	ssize_t n;

	ktls_send(c, get, strlen(get), 0);
	while (len < size - 1 &&
	       (n = peer_ktls_recv(c, page + len, size - 1 - len)) > 0)
		len += n;
	page[len] = '\0';
}

TEST_F(openssl, resumes_again_and_again)
{
	static char page[65536];

	for (int i = 0; i < 4; i++) {
		struct ktls_session *s;
		struct ktls_conn *c;
		int fd = dial(self->port);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ktls_session_new(&s, self->config, fd,
					      "localhost"));
		if (self->ticket) {
			ASSERT_EQ(0, ktls_session_resume(s, self->ticket,
							 self->len));
		}
		ASSERT_EQ(0, peer_drive(s, fd, PEER_MS))
			TH_LOG("%s", ktls_session_error(s)->text);
		EXPECT_EQ(i > 0, ktls_session_info(s)->resumed);
		EXPECT_TRUE(ktls_session_identity(s)->verified);
		ASSERT_EQ(0, ktls_session_install(s, &c));
		ktls_session_free(s);
		get_page(c, page, sizeof(page));
		EXPECT_NE(NULL, strstr(page, i ? "Reused, TLSv1" : "New, TLSv1"))
			TH_LOG("%.300s", page);
		ktls_ticket_free(self->ticket, self->len);
		self->ticket = NULL;
		EXPECT_EQ(0, ktls_conn_ticket(c, &self->ticket, &self->len));
		ktls_conn_close(c);
	}
}

TEST_HARNESS_MAIN
