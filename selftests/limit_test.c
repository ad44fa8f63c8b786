// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer that takes only short records, in either role: GnuTLS in userspace,
 * which refuses a longer one. It is obeyed, or the handshake fails.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "internal.h"
#include "server.h"
#include "kselftest_harness.h"

FIXTURE(limit) {
	struct end e;
	struct ktls_conn *c;
	bool kernel_can;
	unsigned char out[50000], in[50000];
};
FIXTURE_VARIANT(limit) {
	bool client;		/* is our role */
	int version;		/* TLS 1.2 or 1.3, of priorities[] */
	unsigned int size;	/* bytes of plaintext that the peer takes */
	enum ktls_offload offload;
};

#define VARIANT(name, role, v, bytes, who)				\
	FIXTURE_VARIANT_ADD(limit, name) {				\
		.client = role,						\
		.version = v,						\
		.size = bytes,						\
		.offload = KTLS_OFFLOAD_##who,				\
	}

VARIANT(server_12, false, 0, 1024, REQUIRE);
VARIANT(server_13, false, 1, 1024, REQUIRE);
VARIANT(client_12, true, 0, 1024, REQUIRE);
VARIANT(client_13, true, 1, 1024, REQUIRE);
/* So TLS 1.3 says 16384, which is no limit in TLS 1.2. */
VARIANT(server_13_by_one, false, 1, 16383, REQUIRE);
VARIANT(client_13_by_one, true, 1, 16383, REQUIRE);
VARIANT(server_12_prefer, false, 0, 1024, PREFER);
VARIANT(server_13_prefer, false, 1, 1024, PREFER);
VARIANT(client_12_prefer, true, 0, 1024, PREFER);
VARIANT(client_13_prefer, true, 1, 1024, PREFER);
VARIANT(server_13_prefer_by_one, false, 1, 16383, PREFER);
VARIANT(server_12_user, false, 0, 1024, NEVER);
VARIANT(server_13_user, false, 1, 1024, NEVER);
VARIANT(client_12_user, true, 0, 1024, NEVER);
VARIANT(client_13_user, true, 1, 1024, NEVER);

static int open_peer(struct peer *p, int fd, const char *priority, bool server)
{
	static const struct server o = { .certificate = "localhost" };

	return server ? server_open(p, fd, priority, &o) :
			peer_open(p, fd, priority, 0);
}

static int open_end(struct end *e, int version, bool client,
		    enum ktls_offload offload)
{
	int fds[2], ret;

	*e = (struct end){ .fd = -1, .p.fd = -1 };
	ret = peer_config(&e->config, (struct ktls_options){
		.client = client,
		.no_verify = client,
		.no_tickets = true,
		.offload = offload,
	});
	if (!ret)
		ret = peer_tcp(fds);
	if (ret)
		return ret;
	e->fd = fds[0];
	ret = open_peer(&e->p, fds[1], priorities[version], client);
	if (ret)
		return ret;
	return ktls_session_new(&e->s, e->config, e->fd,
				client ? "localhost" : NULL);
}

static void close_end(struct end *e, struct ktls_conn *c)
{
	if (c) {
		e->fd = -1;
		ktls_conn_close(c);
	}
	end_close(e);
}

FIXTURE_SETUP(limit)
{
	struct end *e = &self->e;
	uint16_t value;
	socklen_t len = sizeof(value);

	if (variant->offload == KTLS_OFFLOAD_REQUIRE &&
	    !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, open_end(e, variant->version, variant->client,
			      variant->offload));
	ASSERT_EQ(0, gnutls_record_set_max_recv_size(e->p.tls, variant->size));
	self->kernel_can = !getsockopt(e->fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN,
				       &value, &len);
	memset(self->out, 'x', sizeof(self->out));
}

FIXTURE_TEARDOWN(limit)
{
	close_end(&self->e, self->c);
}

static ssize_t send_all(struct ktls_conn *c, const void *buf, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = ktls_send(c, (const char *)buf + sent, len - sent,
				      0);

		if (n < 0)
			return n;
		sent += n;
	}
	return sent;
}

/* The nonce of TLS 1.2, or the type of TLS 1.3, and the tag. */
static unsigned int longest_record(unsigned int size, int version)
{
	return size + (version ? 1 : 8) + 16;
}

static void send_records(struct __test_metadata *const _metadata,
			 FIXTURE_DATA(limit) *self,
			 const FIXTURE_VARIANT(limit) *variant)
{
	unsigned char head[5];

	ASSERT_EQ(sizeof(self->out), send_all(self->c, self->out,
					      sizeof(self->out)));
	ASSERT_EQ(5, recv(self->e.p.fd, head, 5, MSG_PEEK));
	EXPECT_GE(longest_record(variant->size, variant->version),
		  head[3] << 8 | head[4]);
	ASSERT_EQ(sizeof(self->in), peer_recv(&self->e.p, self->in,
					      sizeof(self->in)));
	EXPECT_EQ(0, memcmp(self->out, self->in, sizeof(self->in)));
}

static void send_file(struct __test_metadata *const _metadata,
		      FIXTURE_DATA(limit) *self)
{
	int file = memfd_create("limit", MFD_CLOEXEC);
	off_t off = 0;

	ASSERT_EQ(sizeof(self->out), write(file, self->out,
					   sizeof(self->out)));
	while (off < sizeof(self->out))
		ASSERT_LT(0, ktls_sendfile(self->c, file, &off,
					   sizeof(self->out) - off));
	close(file);
	ASSERT_EQ(sizeof(self->in), peer_recv(&self->e.p, self->in,
					      sizeof(self->in)));
	EXPECT_EQ(0, memcmp(self->out, self->in, sizeof(self->in)));
}

static void receive(struct __test_metadata *const _metadata,
		    FIXTURE_DATA(limit) *self)
{
	size_t got = 0;

	ASSERT_EQ(sizeof(self->out), peer_send(&self->e.p, self->out,
					       sizeof(self->out)));
	while (got < sizeof(self->in)) {
		ssize_t n = peer_ktls_recv(self->c, self->in + got,
					   sizeof(self->in) - got);

		ASSERT_LT(0, n);
		got += n;
	}
	EXPECT_EQ(0, memcmp(self->out, self->in, sizeof(self->in)));
}

/* To a kernel that cannot limit the socket is one of TCP, with a ULP on it. */
TEST_F(limit, is_obeyed_for_the_whole_life_where_none_is_refused)
{
	struct end *e = &self->e;
	struct outcome o;
	char byte;

	if (variant->offload == KTLS_OFFLOAD_REQUIRE)
		return;
	o = meet(&e->p, e->s, e->fd);
	ASSERT_EQ(0, o.ours) TH_LOG("%s", ktls_session_error(e->s)->text);
	ASSERT_EQ(0, ktls_session_install(e->s, &self->c));
	EXPECT_EQ(self->kernel_can ? KTLS_MODE_SW : KTLS_MODE_USER,
		  ktls_conn_info(self->c)->tx_mode);
	for (int i = 0; i < 1 + variant->version; i++) {
		send_records(_metadata, self, variant);
		send_file(_metadata, self);
		receive(_metadata, self);
		if (i < variant->version)
			ASSERT_EQ(0, ktls_update(self->c, true));
	}
	EXPECT_EQ(0, ktls_shutdown(self->c));
	EXPECT_EQ(0, peer_recv(&e->p, &byte, 1));
	EXPECT_EQ(0, gnutls_bye(e->p.tls, GNUTLS_SHUT_WR));
	EXPECT_EQ(0, peer_ktls_recv(self->c, &byte, 1));
}

TEST_F(limit, is_obeyed_or_the_peer_refused)
{
	struct end *e = &self->e;
	struct outcome o = meet(&e->p, e->s, e->fd);
	const struct ktls_error *error = ktls_session_error(e->s);

	EXPECT_EQ(variant->size + variant->version, e->s->record_size_limit);
	if (self->kernel_can || variant->offload != KTLS_OFFLOAD_REQUIRE) {
		ASSERT_EQ(0, o.ours) TH_LOG("%s", error->text);
		ASSERT_EQ(0, o.theirs);
		ASSERT_EQ(0, ktls_session_install(e->s, &self->c))
			TH_LOG("%s", error->text);
		send_records(_metadata, self, variant);
		return;
	}
	EXPECT_EQ(-EPROTO, o.ours);
	EXPECT_EQ(KTLS_RECORD_LIMIT, error->reason);
	EXPECT_NE(NULL, strstr(error->text, "cannot obey"));
	EXPECT_EQ(GNUTLS_A_HANDSHAKE_FAILURE, error->alert_sent);
	EXPECT_EQ(GNUTLS_A_HANDSHAKE_FAILURE, o.alert);
}

/* --- a limit that the kernel does not take, after all --- */

FIXTURE(late) {
	struct end e;
	struct ktls_conn *c;
};
FIXTURE_VARIANT(late) {
	bool client;
	int version;
};
FIXTURE_VARIANT_ADD(late, server_12) { false, 0 };
FIXTURE_VARIANT_ADD(late, server_13) { false, 1 };
FIXTURE_VARIANT_ADD(late, client_12) { true, 0 };
FIXTURE_VARIANT_ADD(late, client_13) { true, 1 };

FIXTURE_SETUP(late)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, open_end(&self->e, variant->version, variant->client,
			      KTLS_OFFLOAD_REQUIRE));
}

FIXTURE_TEARDOWN(late)
{
	close_end(&self->e, self->c);
}

TEST_F(late, is_an_alert_that_the_peer_can_read)
{
	struct end *e = &self->e;
	struct outcome o = meet(&e->p, e->s, e->fd);
	char byte;

	ASSERT_EQ(0, o.ours);
	ASSERT_EQ(0, o.theirs);
	e->s->record_size_limit = 2;	/* less than any kernel takes */
	EXPECT_GT(0, ktls_session_install(e->s, &self->c));
	EXPECT_EQ(KTLS_RECORD_LIMIT, ktls_session_error(e->s)->reason);
	EXPECT_EQ(GNUTLS_A_INTERNAL_ERROR,
		  ktls_session_error(e->s)->alert_sent);
	EXPECT_EQ(GNUTLS_E_FATAL_ALERT_RECEIVED, peer_recv(&e->p, &byte, 1));
	EXPECT_EQ(GNUTLS_A_INTERNAL_ERROR, gnutls_alert_get(e->p.tls));
}

TEST_HARNESS_MAIN
