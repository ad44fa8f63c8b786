// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a server decides as soon as it knows which name its client asks for
 * (RFC 6066 section 3): whose certificates, and whose tickets. A client that
 * asks for none, or talks to an address, gets the default's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"
#include "internal.h"

static int compare(const void *key, const void *element)
{
	const struct served *s = element;

	return strcmp(key, s->name);
}

static const struct served *find(const struct ktls_config *c, const char *name)
{
	return bsearch(name, c->served, c->served_count, sizeof(*c->served),
		       compare);
}

/* Exactly, else by a wildcard in place of the first label; NULL: not ours. */
static const struct vhost *lookup(const struct ktls_config *c, const char *name)
{
	const struct served *s = find(c, name);
	const char *dot = strchr(name, '.');
	char wild[HOST_SIZE + 1] = "*";

	if (!s && dot && dot > name) {
		strcpy(wild + 1, dot);
		s = find(c, wild);
	}
	return s ? s->vhost : NULL;
}

/* What may be any bytes, for a log: cut, and without control characters. */
static const char *shown(char out[68], const struct bytes *name)
{
	size_t len = name->len < 64 ? name->len : 64;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = name->data[i];

		out[i] = c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?';
	}
	strcpy(out + len, len < name->len ? "..." : "");
	return out;
}

static int refuse(struct ktls_session *s, const struct bytes *name)
{
	char text[68];

	session_fail(s, -ENOENT, KTLS_UNKNOWN_NAME,
		     "the client asks for \"%s\", and no certificate of ours has that name",
		     shown(text, name));
	return GNUTLS_E_UNRECOGNIZED_NAME;
}

/*
 * A second hello, after a HelloRetryRequest, may ask for no other name: by then
 * tickets for the first one may have been looked at.
 */
static int again(struct ktls_session *s, const char *name)
{
	if (!strcmp(name, s->info.sni))
		return 0;
	session_fail(s, -EPROTO, KTLS_MALFORMED,
		     "the client's second hello asks for another name than its first");
	return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

int select_vhost(struct ktls_session *s, const gnutls_datum_t *client_hello)
{
	const struct ktls_config *c = s->config;
	const struct vhost *v = NULL;
	struct client_hello hello;
	char name[HOST_SIZE];
	bool named;
	int ret;

	if (client_hello_parse(&hello, client_hello->data, client_hello->size))
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	named = name_tidy(name, hello.sni.data, hello.sni.len);
	if (s->vhost) {
		s->lack = offer_lacks(s, &hello);
		return again(s, name);
	}
	strcpy(s->info.sni, name);
	if (named)
		v = lookup(c, name);
	if (!v && hello.sni.len && c->o.strict_sni)
		return refuse(s, &hello.sni);
	s->vhost = v ? v : &c->vhosts[0];
	s->lack = offer_lacks(s, &hello);
	ret = gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE,
				     s->vhost->x509);
	/* What is no name would share its tickets with those who ask for none. */
	if (!ret && (named || !hello.sni.len))
		ret = ticket_enable(s, name);
	return ret;
}
