// SPDX-License-Identifier: LGPL-2.1-or-later
/* Each handshake message, as it passes GnuTLS: one hook for all who look. */
#include "internal.h"

/* Lengths, of a context and a list; in TLS 1.2 of the list only. */
#define CERTIFICATE_EMPTY 4

static int on_message(gnutls_session_t tls, unsigned int type,
		      unsigned int when, unsigned int incoming,
		      const gnutls_datum_t *msg)
{
	struct ktls_session *s = gnutls_session_get_ptr(tls);
	int ret = 0;

	if (when != GNUTLS_HOOK_PRE)
		return 0;
	if (incoming)
		s->met = true;
	trace_message(s, type, incoming, msg);
	if (!incoming) {
		if (type == GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST)
			s->certificate_wanted = true;
		return 0;
	}
	if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
		ret = select_vhost(s, msg);
	if (type == GNUTLS_HANDSHAKE_CERTIFICATE_PKT) {
		s->certificate_came = true;
		s->certificate_shown = msg->size > CERTIFICATE_EMPTY;
	}
	return ret ? ret : limit_read(s, type, msg);
}

void hook_install(struct ktls_session *s)
{
	gnutls_session_set_ptr(s->tls, s);
	gnutls_handshake_set_hook_function(s->tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, on_message);
}
