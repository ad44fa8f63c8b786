// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Whom a certificate names. Its owner chose the text, so what is not printable
 * is escaped, a blank within a name as well, and a name is never cut in two:
 * "DNS:bank.example" must not come of "DNS:bank.example.evil.example".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define CUT " ..."
#define NAME_MAX_BYTES 1024
#define NAMES_MAX 1024		/* that we look at */

static const struct kind {
	unsigned int type;		/* gnutls_x509_subject_alt_name_t */
	const char *prefix;
} kinds[] = {
	{ GNUTLS_SAN_DNSNAME, "DNS:" },
	{ GNUTLS_SAN_IPADDRESS, "IP:" },
	{ GNUTLS_SAN_RFC822NAME, "email:" },
	{ GNUTLS_SAN_URI, "URI:" },
};

/* @name: one of several, so neither a blank nor our own mark may be in it. */
static const char *escape(char *out, size_t size, const unsigned char *text,
			  size_t len, bool name)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 4 <= size; i++) {
		if (text[i] >= ' ' && text[i] < 0x7f &&
		    !(name && (text[i] == ' ' || text[i] == '\\')))
			out[used++] = text[i];
		else
			used += sprintf(out + used, "\\%02X", text[i]);
	}
	out[used] = '\0';
	return out;
}

const char *identity_escape(char *out, size_t size, const void *text,
			    size_t len)
{
	return escape(out, size, text, len, false);
}

static void take_subject(struct ktls_identity *id, gnutls_x509_crt_t leaf)
{
	char text[4096];
	gnutls_datum_t dn;

	if (gnutls_x509_crt_get_dn3(leaf, &dn, 0))
		return;			/* there is none */
	identity_escape(text, sizeof(text), dn.data, dn.size);
	gnutls_free(dn.data);
	if (strlen(text) < sizeof(id->subject))
		strcpy(id->subject, text);
	else
		snprintf(id->subject, sizeof(id->subject), "%.*s%s",
			 (int)(sizeof(id->subject) - sizeof(CUT)), text, CUT);
}

static const struct kind *find_kind(unsigned int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

/* False: it cannot be told. */
static bool name_text(char *out, size_t size, unsigned int type,
		      const unsigned char *name, size_t len)
{
	const struct kind *k = find_kind(type);
	char text[3 * NAME_MAX_BYTES + 1];

	if (!k)
		return false;
	if (type == GNUTLS_SAN_IPADDRESS) {
		if ((len != 4 && len != 16) ||
		    !inet_ntop(len == 4 ? AF_INET : AF_INET6, name, text,
			       sizeof(text)))
			return false;
	} else {
		escape(text, sizeof(text), name, len, true);
	}
	snprintf(out, size, "%s%s", k->prefix, text);
	return true;
}

/* Leaves room for the mark. */
static bool add_name(struct ktls_identity *id, const char *name)
{
	size_t used = strlen(id->names);
	size_t room = sizeof(id->names) - sizeof(CUT) + 1 - used;

	if (strlen(name) + 2 > room)
		return false;
	snprintf(id->names + used, room, "%s%s", used ? " " : "", name);
	return true;
}

/* False: it was the last. @whole: nothing was left out. */
static bool take_name(struct ktls_identity *id, gnutls_x509_crt_t leaf,
		      unsigned int i, bool *whole)
{
	unsigned char name[NAME_MAX_BYTES];
	char text[3 * NAME_MAX_BYTES + 16];
	size_t len = sizeof(name);
	unsigned int type;
	int ret = gnutls_x509_crt_get_subject_alt_name2(leaf, i, name, &len,
							&type, NULL);

	if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return false;
	if (ret >= 0 && name_text(text, sizeof(text), type, name, len)) {
		bool fits = add_name(id, text);

		*whole = *whole && fits;
		return fits;
	}
	/* Longer than any name is, or of another kind. */
	*whole = false;
	return true;
}

static void take_names(struct ktls_identity *id, gnutls_x509_crt_t leaf)
{
	unsigned int i = 0;
	bool whole = true;

	while (i < NAMES_MAX && take_name(id, leaf, i, &whole))
		i++;
	if (!whole)
		strcat(id->names, *id->names ? CUT : &CUT[1]);
}

int identity_take(struct ktls_session *s, gnutls_x509_crt_t leaf)
{
	struct ktls_identity *id = s->identity;
	size_t len = sizeof(id->spki_sha256);

	if (!id)
		id = s->identity = malloc(sizeof(*id));
	if (!id)
		return -ENOMEM;
	memset(id, 0, sizeof(*id));
	take_subject(id, leaf);
	take_names(id, leaf);
	return gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256,
					  id->spki_sha256, &len) ? -EINVAL : 0;
}
