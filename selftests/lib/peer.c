// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "peer.h"

static int save(const char *dir, const char *name, const gnutls_datum_t *pem)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		return -errno;
	fwrite(pem->data, 1, pem->size, f);
	return fclose(f) ? -errno : 0;
}

int peer_certificate(const char *dir)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	int ret;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, 256, 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
	gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	ret = save(dir, "cert.pem", &pem);
	gnutls_free(pem.data);
	gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem);
	ret = ret ? ret : save(dir, "key.pem", &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return ret;
}

int peer_config(struct ktls_config **out, struct ktls_options o)
{
	char dir[] = "/tmp/peer.XXXXXX", cert[64], key[64];
	const struct ktls_pair pair = { cert, key, NULL };
	struct ktls_error err;
	int ret;

	if (!mkdtemp(dir))
		return -errno;
	o.pairs = &pair;
	o.pairs_count = 1;
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	ret = peer_certificate(dir);
	if (!ret)
		ret = ktls_config_load(out, &o, &err);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return ret;
}

int peer_credentials(struct ktls_config **out)
{
	return peer_config(out, (struct ktls_options){});
}

int peer_tcp(int fds[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = 0;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (struct sockaddr *)&a, len) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&a, &len) ||
	    connect(fds[1], (struct sockaddr *)&a, len))
		ret = -errno;
	fds[0] = -1;
	if (!ret)
		fds[0] = accept4(l, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	close(l);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	return ret;
}

bool peer_kernel_has_tls(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int ret = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls"));
	bool has = !ret || errno == ENOTCONN;

	close(fd);
	return has;
}

static void wait_for(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	poll(&pfd, 1, PEER_MS);
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct peer *p = ptr;

	if (len > sizeof(p->held) - p->held_len)
		peer_flush(p);
	if (len > sizeof(p->held))
		len = sizeof(p->held);
	memcpy(p->held + p->held_len, buf, len);
	p->held_len += len;
	if (!p->hold)
		peer_flush(p);
	return len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct peer *p = ptr;

	peer_flush(p);
	return recv(p->fd, buf, len, 0);
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	struct peer *p = ptr;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	return poll(&pfd, 1, ms);
}

void peer_flush(struct peer *p)
{
	ssize_t n = peer_write(p->fd, p->held, p->held_len);

	(void)n;			/* what is lost will be missed */
	p->held_len = 0;
}

void peer_transport(struct peer *p)
{
	gnutls_transport_set_ptr(p->tls, p);
	gnutls_transport_set_push_function(p->tls, push);
	gnutls_transport_set_pull_function(p->tls, pull);
	gnutls_transport_set_pull_timeout_function(p->tls, pull_timeout);
}

int peer_open(struct peer *p, int fd, const char *priority, unsigned int flags)
{
	int ret;

	memset(p, 0, sizeof(*p));
	p->fd = fd;
	gnutls_certificate_allocate_credentials(&p->credentials);
	gnutls_init(&p->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | flags);
	ret = gnutls_priority_set_direct(p->tls, priority, NULL);
	gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, p->credentials);
	gnutls_server_name_set(p->tls, GNUTLS_NAME_DNS, "localhost", 9);
	peer_transport(p);
	return ret;
}

void peer_close(struct peer *p)
{
	if (p->tls)
		gnutls_deinit(p->tls);
	if (p->credentials)
		gnutls_certificate_free_credentials(p->credentials);
	if (p->fd >= 0)
		close(p->fd);
	p->tls = NULL;
	p->credentials = NULL;
	p->fd = -1;
}

int peer_step(struct peer *p)
{
	return gnutls_handshake(p->tls);
}

int peer_shake(struct peer *p, struct ktls_session *s, int fd)
{
	int client = GNUTLS_E_AGAIN, server = -EAGAIN;

	for (int i = 0; i < 1000 && (client || server); i++) {
		if (client)
			client = peer_step(p);
		if (client && gnutls_error_is_fatal(client))
			return client;
		/* What the client did may take a moment to arrive. */
		if (server) {
			struct pollfd pfd[2] = {
				{ .fd = fd, .events = ktls_session_events(s) },
				{ .fd = client ? p->fd : -1, .events = POLLIN },
			};

			poll(pfd, 2, PEER_MS);
			server = ktls_session_handshake(s);
		}
		if (server && server != -EAGAIN)
			return server;
		if (!server && client)
			wait_for(p->fd, POLLIN);
	}
	return client ? client : server;
}

int peer_drive(struct ktls_session *s, int fd, int ms)
{
	int ret;

	while ((ret = ktls_session_handshake(s)) == -EAGAIN) {
		struct pollfd pfd = { .fd = fd,
				      .events = ktls_session_events(s) };

		if (poll(&pfd, 1, ms) <= 0)
			return -ETIMEDOUT;
	}
	return ret;
}

int peer_hears(struct peer *p)
{
	int ret;
	char c;

	while ((ret = peer_step(p)) == GNUTLS_E_AGAIN)
		if (pull_timeout(p, PEER_MS) <= 0)
			return -1;
	/* A TLS 1.3 client may be done before it reads the alert. */
	if (!ret)
		ret = peer_recv(p, &c, 1);
	return ret == GNUTLS_E_FATAL_ALERT_RECEIVED ?
	       (int)gnutls_alert_get(p->tls) : -1;
}

ssize_t peer_send(struct peer *p, const void *buf, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = gnutls_record_send(p->tls, (char *)buf + sent,
					       len - sent);

		if (n < 0 && n != GNUTLS_E_AGAIN)
			return n;
		if (n < 0)
			wait_for(p->fd, POLLOUT);
		else
			sent += n;
	}
	return sent;
}

ssize_t peer_recv(struct peer *p, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = gnutls_record_recv(p->tls, (char *)buf + got,
					       len - got);

		if (n == GNUTLS_E_AGAIN && !pull_timeout(p, PEER_MS))
			return n;
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += n;
	}
	return got;
}

ssize_t peer_write(int fd, const void *buf, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(fd, (const char *)buf + sent, len - sent,
				 MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			wait_for(fd, POLLOUT);
		else
			sent += n;
	}
	return sent;
}

ssize_t peer_ktls_recv(struct ktls_conn *c, void *buf, size_t len)
{
	ssize_t n;

	wait_for(ktls_conn_fd(c), POLLIN);
	while ((n = ktls_recv(c, buf, len)) == -EAGAIN) {
		struct pollfd pfd = { .fd = ktls_conn_fd(c), .events = POLLIN };

		if (poll(&pfd, 1, PEER_MS) <= 0)
			break;
	}
	return n;
}

int pair_install(struct pair *pair)
{
	return ktls_session_install(pair->s, &pair->c);
}

int pair_handoff(struct pair *pair)
{
	struct ktls_conn *c = NULL;
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ret = ktls_handoff_send(fds[0], pair->c);
	if (!ret)
		ret = ktls_handoff_recv(fds[1], &c);
	close(fds[0]);
	close(fds[1]);
	if (ret)
		return ret;
	ktls_conn_close(pair->c);
	pair->c = c;
	pair->fd = ktls_conn_fd(c);
	return 0;
}

int pair_open(struct pair *pair, const char *priority, unsigned int flags)
{
	int ret, fds[2];

	/* Tickets would be the first records that the client sees. */
	ret = peer_config(&pair->credentials,
			  (struct ktls_options){ .no_tickets = true });
	if (!ret)
		ret = peer_tcp(fds);
	if (ret)
		return ret;
	pair->fd = fds[0];
	ret = ktls_session_new(&pair->s, pair->credentials, pair->fd, NULL);
	return ret ? ret : peer_open(&pair->p, fds[1], priority, flags);
}

void pair_close(struct pair *pair)
{
	ktls_session_free(pair->s);
	ktls_config_put(pair->credentials);
	peer_close(&pair->p);
	if (pair->c)
		ktls_conn_close(pair->c);
	else
		close(pair->fd);
}
