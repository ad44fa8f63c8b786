// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why it failed: a sentence for us, an alert for the client. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "internal.h"

/* What we throw away so that close() sends no RST that overtakes the alert. */
#define DRAIN_MAX 65536

/* Failures that GnuTLS words for programmers; the rest it words well. */
static const struct reason {
	int gnutls;
	int ret;
	bool alert;		/* the client is there, and is due one */
	const char *text;
} reasons[] = {
	{ GNUTLS_E_PREMATURE_TERMINATION, -ECONNABORTED, false,
	  "the client hung up during the handshake" },
	{ GNUTLS_E_PULL_ERROR, -ECONNRESET, false,
	  "the connection was lost during the handshake" },
	{ GNUTLS_E_PUSH_ERROR, -ECONNRESET, false,
	  "the connection was lost during the handshake" },
	{ GNUTLS_E_UNSUPPORTED_VERSION_PACKET, -EPROTONOSUPPORT, true,
	  "the client offers neither TLS 1.2 nor TLS 1.3, or is no TLS client" },
	{ GNUTLS_E_UNEXPECTED_PACKET_LENGTH, -EPROTO, true,
	  "what the client sent is not TLS" },
	{ GNUTLS_E_UNEXPECTED_PACKET, -EPROTO, true,
	  "what the client sent is not a TLS handshake" },
	{ GNUTLS_E_RECORD_OVERFLOW, -EPROTO, true,
	  "the client sent a record that is too long, or is no TLS client" },
	{ GNUTLS_E_HANDSHAKE_TOO_LARGE, -EPROTO, true,
	  "the client's handshake is too long" },
	{ GNUTLS_E_NO_CIPHER_SUITES, -EPROTO, true,
	  "no cipher suite in common with the client" },
	{ GNUTLS_E_NO_COMMON_KEY_SHARE, -EPROTO, true,
	  "no key exchange group in common with the client" },
	{ GNUTLS_E_DECRYPTION_FAILED, -EBADMSG, true,
	  "a record from the client failed authentication" },
};

int session_fail(struct ktls_session *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error.text, sizeof(s->error.text), fmt, ap);
	va_end(ap);
	return err;
}

/* The alert is best effort: one send, to a peer that may not listen. */
static void send_alert(struct ktls_session *s, int error)
{
	char waste[4096];

	gnutls_alert_send_appropriate(s->tls, error);
	shutdown(s->fd, SHUT_WR);
	for (size_t n = 0; n < DRAIN_MAX; n += sizeof(waste))
		if (recv(s->fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
			return;
}

static const char *alert_name(const struct ktls_session *s)
{
	const char *name = gnutls_alert_get_name(gnutls_alert_get(s->tls));

	return name ? name : "unknown";
}

int session_give_up(struct ktls_session *s, int error)
{
	struct reason r = { error, -EPROTO, true, gnutls_strerror(error) };

	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return session_fail(s, -ECONNRESET,
				    "the client refused: alert \"%s\"",
				    alert_name(s));
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].gnutls == error)
			r = reasons[i];
	if (r.alert)
		send_alert(s, error);
	if (s->error.text[0])		/* a hook knew better */
		return r.ret;
	return session_fail(s, r.ret, "%s", r.text);
}
