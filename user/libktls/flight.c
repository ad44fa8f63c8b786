// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What GnuTLS writes and the socket does not have yet. During the handshake
 * GnuTLS sends a flight in three or four pieces; here they leave in one
 * send(), when GnuTLS wants to read, or has done all that it can.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * What a peer may send in its whole handshake; 1 to 4 KB are usual. GnuTLS
 * has no such bound: it would gather a message of 16 MB, and copy it anew
 * with each record.
 */
#define RECEIVED_MAX 65536

/* A flight of ours: a chain of certificates and a staple are the most of it. */
#define FLIGHT_MAX (512 << 10)
#define FLIGHT_USUAL 4096

static int grow(struct flight *f, size_t want)
{
	size_t size = f->size ? f->size : FLIGHT_USUAL;
	unsigned char *bigger;

	while (size < want)
		size *= 2;
	bigger = size > FLIGHT_MAX ? NULL : realloc(f->data, size);
	if (!bigger)
		return -ENOMEM;
	f->data = bigger;
	f->size = size;
	return 0;
}

int flight_add(struct flight *f, const void *buf, size_t len)
{
	if (!len)
		return 0;
	if (f->len + len > f->size && grow(f, f->len + len))
		return -ENOBUFS;
	memcpy(f->data + f->len, buf, len);
	f->len += len;
	return 0;
}

int flight_flush(struct flight *f, int fd, int flags)
{
	while (f->off < f->len) {
		ssize_t n = send(fd, f->data + f->off, f->len - f->off,
				 flags | MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		f->off += n;
	}
	f->off = f->len = 0;
	return 0;
}

/* No secrets: it was on the wire, or on its way there. */
void flight_drop(struct flight *f)
{
	free(f->data);
	memset(f, 0, sizeof(*f));
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct ktls_session *s = ptr;
	int ret = flight_add(&s->flight, buf, len);

	if (!ret)
		return len;
	gnutls_transport_set_errno(s->tls, -ret);
	return -1;
}

int flight_send(struct ktls_session *s)
{
	return flight_flush(&s->flight, s->fd, MSG_DONTWAIT);
}

/*
 * OpenSSL's alerts are not encrypted until its client has sent Finished, and
 * GnuTLS can make nothing of them; an encrypted one is longer. GnuTLS reads a
 * record's header, and then the rest.
 */
static void look_for_alert(struct ktls_session *s, const unsigned char *buf,
			   ssize_t n)
{
	static const unsigned char head[] = { RECORD_ALERT, 3, 3, 0, 2 };

	s->clear_alert = s->clear_head && n == 2 ? buf[1] : -1;
	s->clear_head = n == sizeof(head) && !memcmp(buf, head, sizeof(head));
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct ktls_session *s = ptr;
	ssize_t n;
	int ret;

	if (s->received >= RECEIVED_MAX) {
		gnutls_transport_set_errno(s->tls, EMSGSIZE);
		return -1;
	}
	s->eof = false;
	ret = flight_send(s);
	if (ret) {
		gnutls_transport_set_errno(s->tls, -ret);
		return -1;
	}
	n = recv(s->fd, buf, len, MSG_DONTWAIT);
	if (n < 0)
		gnutls_transport_set_errno(s->tls, errno);
	else
		s->received += n;
	if (n > 0)
		look_for_alert(s, buf, n);
	s->eof = !n;
	return n;
}

bool flight_is_too_long(const struct ktls_session *s)
{
	return s->received >= RECEIVED_MAX;
}

void flight_use(struct ktls_session *s)
{
	gnutls_transport_set_ptr(s->tls, s);
	gnutls_transport_set_pull_function(s->tls, pull);
	gnutls_transport_set_push_function(s->tls, push);
}
