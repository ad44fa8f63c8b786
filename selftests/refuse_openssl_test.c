// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL as a client that refuses our certificate. In TLS 1.3 its alert is
 * not encrypted, though we wait for records that are.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

FIXTURE(openssl) {
	struct ktls_config *config;
	struct ktls_session *s;
	int listener, fd;
	pid_t pid;
	char where[32];
};
FIXTURE_VARIANT(openssl) {
	const char *version, *ca;
	int alert;
};
FIXTURE_VARIANT_ADD(openssl, 12) { "-tls1_2", "other-ca.pem", 48 };
FIXTURE_VARIANT_ADD(openssl, 13) { "-tls1_3", "other-ca.pem", 48 };
FIXTURE_VARIANT_ADD(openssl, 12_none) { "-tls1_2", NULL, 48 };
FIXTURE_VARIANT_ADD(openssl, 13_none) { "-tls1_3", NULL, 48 };

static int listen_here(char *where, size_t size)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -errno;
	snprintf(where, size, "127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

static pid_t start_openssl(const char *where, const char *version,
			   const char *ca)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	execlp("openssl", "openssl", "s_client", "-connect", where, version,
	       "-verify_return_error", ca ? "-CAfile" : NULL, pki(ca), NULL);
	_exit(127);
}

FIXTURE_SETUP(openssl)
{
	const struct ktls_pair pair = {
		pki("localhost.pem"), pki("localhost.key"), NULL,
	};
	const struct ktls_options o = {
		.pairs = &pair, .pairs_count = 1,
		.offload = KTLS_OFFLOAD_NEVER,
	};
	struct pollfd pfd = { .events = POLLIN };
	struct ktls_error err;

	ASSERT_EQ(0, ktls_config_load(&self->config, &o, &err));
	self->listener = listen_here(self->where, sizeof(self->where));
	ASSERT_LE(0, self->listener);
	self->pid = start_openssl(self->where, variant->version, variant->ca);
	pfd.fd = self->listener;
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	self->fd = accept4(self->listener, NULL, NULL,
			   SOCK_NONBLOCK | SOCK_CLOEXEC);
	ASSERT_EQ(0, ktls_session_new(&self->s, self->config, self->fd, NULL));
}

FIXTURE_TEARDOWN(openssl)
{
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	ktls_session_free(self->s);
	ktls_config_put(self->config);
	close(self->listener);
	close(self->fd);
}

TEST_F(openssl, says_why)
{
	const struct ktls_error *err = ktls_session_error(self->s);

	EXPECT_EQ(-ECONNRESET, peer_drive(self->s, self->fd, PEER_MS));
	EXPECT_EQ(KTLS_ALERT, err->reason) TH_LOG("%s", err->text);
	EXPECT_EQ(variant->alert, err->alert_received);
	EXPECT_EQ(-1, err->alert_sent);
	EXPECT_NE(NULL, strstr(err->text, "unknown_ca"))
		TH_LOG("%s", err->text);
}

TEST_HARNESS_MAIN
