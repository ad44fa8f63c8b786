// SPDX-License-Identifier: LGPL-2.1-or-later
/* Each handshake message, as it passes GnuTLS: one hook for all who look. */
#include "internal.h"

static int on_message(gnutls_session_t tls, unsigned int type,
		      unsigned int when, unsigned int incoming,
		      const gnutls_datum_t *msg)
{
	struct ktls_session *s = gnutls_session_get_ptr(tls);

	if (when != GNUTLS_HOOK_PRE)
		return 0;
	trace_message(s, type, incoming, msg);
	if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO && incoming)
		return limit_check(s, msg);
	return 0;
}

void hook_install(struct ktls_session *s)
{
	gnutls_session_set_ptr(s->tls, s);
	gnutls_handshake_set_hook_function(s->tls, GNUTLS_HANDSHAKE_ANY,
					   GNUTLS_HOOK_BOTH, on_message);
}
