// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that comes back: tickets of TLS 1.2 and 1.3 from a GnuTLS server,
 * with the records done by GnuTLS and by the kernel.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "server.h"
#include "kselftest_harness.h"

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

FIXTURE_SETUP(resume)
{
	const struct ktls_options o = { .ca = pki("ca.pem") };

	self->v.fd = self->v.p.fd = -1;
	if (variant->kernel && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, gnutls_session_ticket_key_generate(&self->key));
	self->server = (struct server){ .certificate = "localhost",
					.ticket_key = &self->key };
	self->config = client_config(&o, variant->kernel);
	ASSERT_NE(NULL, self->config);
}

FIXTURE_TEARDOWN(resume)
{
	leave(&self->v);
	ktls_config_put(self->config);
	ktls_ticket_free(self->ticket, self->len);
	gnutls_free(self->key.data);
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

#define VISIT(name)							\
	ASSERT_EQ(0, visit(&self->v, &self->server, variant->version,	\
			   self->config, name, self->ticket, self->len))	\
		TH_LOG("%s", self->v.s ? self->v.s->error.text : "")

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

/* Of the chain only what the verification needs has to be in its time. */
TEST_F(resume, with_an_expired_cross_certificate)
{
	self->server.certificate = "crossed";
	VISIT("localhost");
	TAKE_TICKET(0);
	leave(&self->v);
	VISIT("localhost");
	EXPECT_TRUE(ktls_session_info(self->v.s)->resumed);
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
	self->config = client_config(&o, variant->kernel);
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
	self->config = client_config(&o, variant->kernel);
	VISIT("localhost");
	TAKE_TICKET(-ENOENT);
	EXPECT_TRUE(!self->v.c->resumption);
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
	self->config = client_config(&before, variant->kernel);
	VISIT("localhost");
	EXPECT_FALSE(ktls_session_identity(self->v.s)->verified);
	TAKE_TICKET(0);
	leave(&self->v);
	ktls_config_put(self->config);
	self->config = client_config(then, variant->kernel);
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
	static const char pin[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
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
		  !!self->v.c->resumption);
	ktls_conn_close(self->v.c);
	self->v.c = NULL;
	self->v.fd = -1;
	EXPECT_EQ(0, recv(self->v.p.fd, &byte, 1, 0));
}

TEST_HARNESS_MAIN
