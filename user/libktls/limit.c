// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How long a record may the peer be sent? GnuTLS knows what the peer said in
 * record_size_limit (RFC 8449) or max_fragment_length (RFC 6066 section 4),
 * but has no way to ask it, and the kernel sends 16 KB records unless it is
 * told. So what says so is read here too: a client's hello, and, since GnuTLS
 * always sends a record_size_limit of ours, a server's answer to that.
 */
#include <errno.h>
#include <sys/socket.h>

#include "hello.h"
#include "internal.h"

enum { EXT_MAX_FRAGMENT_LENGTH = 1, EXT_RECORD_SIZE_LIMIT = 28 };

/* GnuTLS checks the values; whatever it refuses never gets to install. */
static int on_extension(void *ctx, unsigned int id, const unsigned char *data,
			unsigned int size)
{
	struct ktls_session *s = ctx;

	if (id == EXT_RECORD_SIZE_LIMIT && size == 2)
		s->record_size_limit = data[0] << 8 | data[1];
	if (id == EXT_MAX_FRAGMENT_LENGTH && size == 1 &&
	    data[0] >= 1 && data[0] <= 4)
		s->max_fragment = 1u << (8 + data[0]);
	return 0;
}

/* In plaintext bytes. In TLS 1.3 the limit counts the hidden type byte. */
static unsigned int payload_limit(const struct ktls_session *s)
{
	unsigned int limit = RECORD_MAX;

	if (s->record_size_limit)
		limit = s->record_size_limit -
			(s->info.version == TLS_1_3_VERSION);
	else if (s->max_fragment)
		limit = s->max_fragment;
	return limit < RECORD_MAX ? limit : RECORD_MAX;
}

/* GnuTLS can, where it carries on. */
static bool kernel_can_limit(const struct ktls_session *s)
{
	uint16_t now;
	socklen_t len = sizeof(now);

	return !s->ulp || !getsockopt(s->fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN,
				      &now, &len);
}

/*
 * Refused here, in the handshake, the peer is told why by an alert; but a
 * preference is not worth a connection, and without keys the ULP passes on
 * what GnuTLS writes. While the version is not known 16384 may mean a byte
 * less, and is let pass.
 */
int limit_check(struct ktls_session *s)
{
	if (payload_limit(s) == RECORD_MAX || kernel_can_limit(s))
		return 0;
	if (s->config->o.offload == KTLS_OFFLOAD_PREFER) {
		s->ulp = false;
		return 0;
	}
	session_fail(s, -EOPNOTSUPP, KTLS_RECORD_LIMIT,
		     "the peer limits records to %u bytes, which this kernel cannot obey",
		     payload_limit(s));
	return GNUTLS_E_UNWANTED_ALGORITHM;	/* alert: handshake_failure */
}

/* Version and random, session ID, cipher suite and compression. */
static bool skip_to_extensions(gnutls_datum_t *server_hello)
{
	struct bytes in = { server_hello->data, server_hello->size }, waste;

	if (!bytes_take(&in, 2 + HELLO_RANDOM_SIZE, &waste) ||
	    !bytes_take_vector8(&in, &waste) || !bytes_take(&in, 3, &waste))
		return false;
	*server_hello = (gnutls_datum_t){ (unsigned char *)in.data, in.len };
	return in.len;
}

/* Where a server names its limit depends on the version. */
int limit_read(struct ktls_session *s, unsigned int type,
	       const gnutls_datum_t *msg)
{
	gnutls_datum_t extensions = *msg;
	unsigned int flags = 0;
	int ret;

	switch (type) {
	case GNUTLS_HANDSHAKE_CLIENT_HELLO:
		flags = GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO;
		break;
	case GNUTLS_HANDSHAKE_SERVER_HELLO:
		if (!skip_to_extensions(&extensions))
			return 0;
		break;
	case GNUTLS_HANDSHAKE_ENCRYPTED_EXTENSIONS:
		break;
	default:
		return 0;
	}
	s->record_size_limit = s->max_fragment = 0;	/* a second Hello */
	ret = gnutls_ext_raw_parse(s, on_extension, &extensions, flags);
	return ret < 0 ? ret : limit_check(s);
}

int limit_install(struct ktls_session *s)
{
	uint16_t limit = payload_limit(s);

	if (limit == RECORD_MAX)
		return 0;
	if (!setsockopt(s->fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &limit,
			sizeof(limit)))
		return 0;
	return session_fail(s, -errno, KTLS_RECORD_LIMIT,
			    "the kernel does not take the peer's limit of %u bytes a record",
			    limit);
}
