// SPDX-License-Identifier: GPL-2.0-only
/* Clients that cannot be served. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "kselftest_harness.h"

FIXTURE(refused) {
	struct pair pair;
};
FIXTURE_VARIANT(refused) {
	const char *priority;	/* a client's, or NULL: */
	const char *bytes;	/* what is sent instead */
	size_t len;
	int alert;
	const char *says;
};

FIXTURE_VARIANT_ADD(refused, http) {
	.bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", .len = 27,
	.says = "what the peer sent is not a TLS handshake",
};
FIXTURE_VARIANT_ADD(refused, zeros) {
	.bytes = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", .len = 15,
	.says = "not",
};
FIXTURE_VARIANT_ADD(refused, empty_handshake_record) {
	.bytes = "\x16\3\1\0\4\1\0\0\0", .len = 9,
	.says = "malformed",
};
FIXTURE_VARIANT_ADD(refused, old_version) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1",
	.alert = GNUTLS_A_PROTOCOL_VERSION,
	.says = "neither TLS 1.2 nor TLS 1.3",
};
FIXTURE_VARIANT_ADD(refused, no_common_cipher) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-CBC",
	.alert = GNUTLS_A_HANDSHAKE_FAILURE,
	.says = "no cipher suite in common",
};
FIXTURE_VARIANT_ADD(refused, no_common_group) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-SECP521R1",
	.alert = GNUTLS_A_HANDSHAKE_FAILURE,
	.says = "in common",
};

FIXTURE_SETUP(refused)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority ?: "NORMAL", 0));
}

FIXTURE_TEARDOWN(refused)
{
	pair_close(&self->pair);
}

TEST_F(refused, with_an_alert_and_a_reason)
{
	unsigned char answer[64] = {};
	struct pollfd pfd = { .fd = self->pair.p.fd, .events = POLLIN };

	if (variant->priority) {
		EXPECT_EQ(GNUTLS_E_AGAIN, peer_step(&self->pair.p));
	} else {
		ASSERT_EQ(variant->len, peer_write(self->pair.p.fd, variant->bytes,
						   variant->len));
	}
	EXPECT_GT(0, peer_drive(self->pair.s, self->pair.fd, PEER_MS));
	EXPECT_NE(NULL, strstr(ktls_session_error(self->pair.s)->text, variant->says))
		TH_LOG("said: %s", ktls_session_error(self->pair.s)->text);
	close(self->pair.fd);
	self->pair.fd = -1;
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	/* type 21, version, length 2, fatal, which */
	ASSERT_EQ(7, recv(self->pair.p.fd, answer, sizeof(answer), 0));
	EXPECT_EQ(21, answer[0]);
	EXPECT_EQ(2, answer[4]);
	EXPECT_EQ(2, answer[5]);
	if (variant->alert)
		EXPECT_EQ(variant->alert, answer[6]);
	EXPECT_EQ(0, recv(self->pair.p.fd, answer, sizeof(answer), 0));
}

FIXTURE(flood) {
	struct ktls_config *credentials;
	struct ktls_session *s;
	int fds[2];
};

FIXTURE_SETUP(flood)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, peer_credentials(&self->credentials));
	ASSERT_EQ(0, peer_tcp(self->fds));
	ASSERT_EQ(0, ktls_session_new(&self->s, self->credentials,
				      self->fds[0], NULL));
}

FIXTURE_TEARDOWN(flood)
{
	ktls_session_free(self->s);
	ktls_config_put(self->credentials);
	close(self->fds[0]);
	close(self->fds[1]);
}

/* A ClientHello of 16 MB, a record at a time: it must end well before. */
TEST_F(flood, of_one_message_has_a_bound)
{
	unsigned char record[5 + 16384] = { 22, 3, 1, 64, 0, 1, 255, 255, 255 };
	int records = 0, ret = -EAGAIN;

	for (; ret == -EAGAIN && records < 100; records++) {
		ASSERT_EQ(sizeof(record), peer_write(self->fds[1], record,
						     sizeof(record)));
		memset(record + 5, 0, 4);
		ret = peer_drive(self->s, self->fds[0], 20);
		if (ret == -ETIMEDOUT)
			ret = -EAGAIN;
	}
	EXPECT_EQ(-EPROTO, ret);
	EXPECT_GE(5, records);
	EXPECT_NE(NULL, strstr(ktls_session_error(self->s)->text, "too long"))
		TH_LOG("said: %s", ktls_session_error(self->s)->text);
}

TEST_HARNESS_MAIN
