// SPDX-License-Identifier: LGPL-2.1-or-later
/* Application protocols (RFC 7301): ours, by our preference. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int alpn_load(struct ktls_config *c, const char *list, struct ktls_error *err)
{
	char *rest = NULL;

	if (!list)
		return 0;
	c->alpn_text = strdup(list);
	if (!c->alpn_text)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	for (char *name = strtok_r(c->alpn_text, " \t", &rest); name;
	     name = strtok_r(NULL, " \t", &rest)) {
		if (strlen(name) > ALPN_NAME_MAX)
			return error_set(err, -EINVAL, KTLS_INTERNAL,
					 "ALPN protocol \"%.40s...\" is longer than the %d bytes that GnuTLS can bear",
					 name, ALPN_NAME_MAX);
		if (c->alpn_count == ALPN_MAX)
			return error_set(err, -EINVAL, KTLS_INTERNAL,
					 "more than %d ALPN protocols: GnuTLS has no room for \"%s\"",
					 ALPN_MAX, name);
		c->alpn[c->alpn_count++] = (gnutls_datum_t){
			(unsigned char *)name, strlen(name) };
	}
	if (!c->alpn_count)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "the list of ALPN protocols is empty");
	return 0;
}

/*
 * A server that cannot agree with a client says so (RFC 7301 section 3.2); one
 * that gets no list carries on, as does a client that gets no answer.
 */
int alpn_use(const struct ktls_config *c, gnutls_session_t tls)
{
	unsigned int flags = c->o.client ? 0 : GNUTLS_ALPN_MANDATORY |
					       GNUTLS_ALPN_SERVER_PRECEDENCE;

	if (!c->alpn_count)
		return 0;
	return gnutls_alpn_set_protocols(tls, c->alpn, c->alpn_count, flags);
}
