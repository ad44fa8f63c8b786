// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "talk.h"

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct end *to = ((struct end *)ptr)->other;

	if (len > sizeof(to->in) - to->in_len)
		return -1;
	memcpy(to->in + to->in_len, buf, len);
	to->in_len += len;
	return len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct end *e = ptr;

	if (len > e->in_len - e->in_at)
		len = e->in_len - e->in_at;
	if (!len) {
		gnutls_transport_set_errno(e->tls, EAGAIN);
		return -1;
	}
	memcpy(buf, e->in + e->in_at, len);
	e->in_at += len;
	return len;
}

static int no_wait(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	return 1;
}

void end_open(struct end *e, struct end *other, unsigned int flags,
	      const char *priority)
{
	e->other = other;
	gnutls_init(&e->tls, flags | GNUTLS_NONBLOCK);
	gnutls_priority_set_direct(e->tls, priority, NULL);
	gnutls_transport_set_ptr(e->tls, e);
	gnutls_transport_set_push_function(e->tls, push);
	gnutls_transport_set_pull_function(e->tls, pull);
	gnutls_transport_set_pull_timeout_function(e->tls, no_wait);
}

int talk_certificate(gnutls_certificate_credentials_t *out)
{
	char dir[] = "/tmp/talk.XXXXXX", cert[64], key[64];
	int ret;

	if (!mkdtemp(dir))
		return -errno;
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	gnutls_certificate_allocate_credentials(out);
	ret = peer_certificate(dir);
	if (!ret)
		ret = gnutls_certificate_set_x509_key_file(*out, cert, key,
							   GNUTLS_X509_FMT_PEM);
	unlink(cert);
	unlink(key);
	rmdir(dir);
	return ret;
}

struct bytes end_hello(const struct end *e)
{
	const unsigned char *head = e->in + 5;	/* behind the record's */
	size_t len = head[1] << 16 | head[2] << 8 | head[3];

	return (struct bytes){ head + 4, e->in_len < 9 ? 0 : len };
}

/* Called once more when it is done, GnuTLS would begin another handshake. */
int talk_shake(struct end *client, struct end *server)
{
	int c = GNUTLS_E_AGAIN, s = GNUTLS_E_AGAIN;

	for (int i = 0; i < 10 && (c || s); i++) {
		if (c)
			c = gnutls_handshake(client->tls);
		if (s)
			s = gnutls_handshake(server->tls);
	}
	return c ? c : s;
}
