// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of hosts: in certificates (RFC 9525), and as clients ask for them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "internal.h"

/* What a name on the wire may be made of; '_' is not for hosts, but in use. */
static bool is_plain(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || c == '-' || c == '_' || c == '.');
}

/*
 * The form in which names are compared: lower case, without the root's dot.
 * False: no name of a host, or longer than one can be; @out is then empty.
 */
bool name_tidy(char out[HOST_SIZE], const void *name, size_t len)
{
	const unsigned char *in = name;

	*out = '\0';
	if (len && in[len - 1] == '.')
		len--;
	if (!len || len >= HOST_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_plain(in[i]))
			return false;
	for (size_t i = 0; i < len; i++)
		out[i] = tolower(in[i]);
	out[len] = '\0';
	return true;
}

struct list {
	char **names;
	size_t count;
	size_t bytes;			/* with a newline behind each */
};

/* Quietly not those that no client can ask for. */
static int add(struct list *l, const char *name, size_t len)
{
	bool wild = len > 2 && name[0] == '*' && name[1] == '.';
	char tidy[HOST_SIZE], **more;

	if (!name_tidy(tidy, name + wild, len - wild))
		return 0;
	more = reallocarray(l->names, l->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->names = more;
	more[l->count] = malloc(HOST_SIZE + 1);
	if (!more[l->count])
		return -ENOMEM;
	stpcpy(stpcpy(more[l->count], wild ? "*" : ""), tidy);
	l->bytes += strlen(more[l->count]) + 1;
	l->count++;
	return 0;
}

static int add_common_name(struct list *l, gnutls_x509_crt_t crt)
{
	char name[HOST_SIZE];
	size_t size = sizeof(name);

	if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					  0, name, &size))
		return 0;
	return add(l, name, size);
}

/* The subject's CN only where there is no alternative name of any kind. */
static int collect(struct list *l, gnutls_x509_crt_t crt)
{
	int ret = 0, type;

	for (unsigned int i = 0; !ret; i++) {
		char name[HOST_SIZE];
		size_t size = sizeof(name);

		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &size,
							    NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return i ? 0 : add_common_name(l, crt);
		if (type == GNUTLS_SAN_DNSNAME)
			ret = add(l, name, size);
		/* A name may be too long for us, or of an unknown type. */
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER &&
		    type != GNUTLS_E_X509_UNKNOWN_SAN)
			return 0;
	}
	return ret;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted and each once, so that equal sets are equal strings. */
static char *join(struct list *l)
{
	char *out = malloc(l->bytes + 1), *end = out;

	if (!out)
		return NULL;
	*end = '\0';
	if (l->count)
		qsort(l->names, l->count, sizeof(*l->names), compare);
	for (size_t i = 0; i < l->count; i++)
		if (!i || strcmp(l->names[i], l->names[i - 1]))
			end = stpcpy(stpcpy(end, l->names[i]), "\n");
	return out;
}

int names_of(char **out, gnutls_x509_crt_t crt)
{
	struct list l = {};
	int ret = collect(&l, crt);

	if (!ret) {
		*out = join(&l);
		ret = *out ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < l.count; i++)
		free(l.names[i]);
	free(l.names);
	return ret;
}
