// SPDX-License-Identifier: GPL-2.0-only
/* A client that comes back to OpenSSL, which says so itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

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
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(out, 1);
	execlp("openssl", "openssl", "s_server", "-www", version,
	       "-accept", "127.0.0.1:0",
	       "-cert", pki("localhost.pem"), "-key", pki("localhost.key"),
	       "-CAfile", pki("ca.pem"), "-verify_return_error",
	       mutual ? "-Verify" : NULL, "1", NULL);
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
	self->config = client_config(&o, false);
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
