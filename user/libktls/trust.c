// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whom we believe: CAs out of a file or the system's store, and pinned keys. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* The CAs of the whole web are some 220 KB. */
#define CA_FILE_MAX (4 << 20)

#define BLANKS " \t\r\n"

static int load_cas(struct trust *t, const char *path, struct ktls_error *err)
{
	gnutls_datum_t pem = {};
	int ret = file_need(&pem, "ca", path, CA_FILE_MAX, err);

	if (ret)
		goto free_pem;
	ret = gnutls_x509_crt_list_import2(&t->cas, &t->cas_count, &pem,
					   GNUTLS_X509_FMT_PEM, 0);
	if (ret < 0 || !t->cas_count)
		ret = error_set(err, -EINVAL, KTLS_INTERNAL,
				"ca %s: no usable PEM certificate in it (%s)",
				path, gnutls_strerror(ret));
	else
		ret = 0;
free_pem:
	file_drop(&pem);
	return ret;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_pin(unsigned char out[32], const char *hex, size_t len)
{
	if (len != 64)
		return false;
	for (size_t i = 0; i < 32; i++, hex += 2) {
		int high = nibble(hex[0]), low = nibble(hex[1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = high << 4 | low;
	}
	return true;
}

static int load_pins(struct trust *t, const char *list, struct ktls_error *err)
{
	size_t len;

	t->pins = calloc(strlen(list) / 64 + 1, sizeof(*t->pins));
	if (!t->pins)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	for (const char *p = list + strspn(list, BLANKS); *p;
	     p += len, p += strspn(p, BLANKS)) {
		len = strcspn(p, BLANKS);
		if (!parse_pin(t->pins[t->pins_count], p, len))
			return error_set(err, -EINVAL, KTLS_INTERNAL,
					 "pin \"%.*s\": not a SHA-256 in 64 hex digits",
					 len > 80 ? 80 : (int)len, p);
		t->pins_count++;
	}
	/* Who pins nothing would otherwise believe more, not less. */
	if (!t->pins_count)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "pins: there is none in the list");
	return 0;
}

/* What would be ignored is refused: somebody relies on it. */
static int check_sense(const struct ktls_options *o, struct ktls_error *err)
{
	const char *wrong = NULL;

	if (o->client)
		return 0;
	if (o->no_verify)
		wrong = "no_verify is for clients; a server asks nobody instead";
	else if (o->auth != KTLS_AUTH_NONE && !o->ca)
		wrong = "auth needs ca, a file: the system's CAs certify anybody";
	else if (o->auth == KTLS_AUTH_NONE && (o->ca || o->pins))
		wrong = "ca or pins without auth: clients are asked for no certificate";
	return wrong ? error_set(err, -EINVAL, KTLS_INTERNAL, "%s", wrong) : 0;
}

int trust_load(struct ktls_config *c, const struct ktls_options *o,
	       struct ktls_error *err)
{
	int ret = check_sense(o, err);

	if (!ret && o->pins)
		ret = load_pins(&c->trust, o->pins, err);
	if (!ret && o->ca && !o->no_verify)
		ret = load_cas(&c->trust, o->ca, err);
	return ret;
}

/* GnuTLS copies the certificates; a server also names them to clients. */
int trust_use(const struct ktls_config *c,
	      gnutls_certificate_credentials_t x509, struct ktls_error *err)
{
	const struct trust *t = &c->trust;
	int ret;

	if (!verify_wants(c))
		return 0;
	if (t->cas)
		ret = gnutls_certificate_set_x509_trust(x509, t->cas,
							t->cas_count);
	else
		ret = gnutls_certificate_set_x509_system_trust(x509);
	if (ret > 0)
		return 0;
	if (t->cas)
		return error_set(err, -EINVAL, KTLS_INTERNAL, "ca: %s",
				 gnutls_strerror(ret));
	return error_set(err, -ENOENT, KTLS_INTERNAL,
			 "this system's store of CAs is empty; install the package ca-certificates, or name a file with ca");
}

void trust_free(struct trust *t)
{
	for (unsigned int i = 0; i < t->cas_count; i++)
		gnutls_x509_crt_deinit(t->cas[i]);
	gnutls_free(t->cas);
	free(t->pins);
}
