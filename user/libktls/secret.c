// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The traffic secrets of TLS 1.3 (RFC 8446 section 7.1), kept because only
 * from them the keys after a KeyUpdate can be made (section 7.2).
 */
#include <string.h>

#include "internal.h"

/* Reading and writing may come in one call or two; each pointer is lent. */
static int on_secrets(gnutls_session_t tls, gnutls_record_encryption_level_t level,
		      const void *read, const void *write, size_t size)
{
	struct ktls_session *s = gnutls_session_get_ptr(tls);

	if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
		return 0;
	if (size > SECRET_MAX)
		return GNUTLS_E_INTERNAL_ERROR;
	if (read)
		memcpy(s->secrets.rx, read, size);
	if (write)
		memcpy(s->secrets.tx, write, size);
	s->secrets.size = size;
	return 0;
}

void secrets_watch(struct ktls_session *s)
{
	gnutls_handshake_set_secret_function(s->tls, on_secrets);
}
