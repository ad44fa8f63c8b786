// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a server's certificates promise, and what they must allow. */
#include <errno.h>
#include <gnutls/x509.h>

#include "internal.h"

#define STATUS_REQUEST 5		/* RFC 7633: "must staple" */

static bool must_staple(gnutls_x509_crt_t crt)
{
	gnutls_x509_tlsfeatures_t features;
	unsigned int feature;
	bool must = false;

	if (gnutls_x509_tlsfeatures_init(&features))
		return false;
	if (!gnutls_x509_crt_get_tlsfeatures(crt, features, 0, NULL))
		for (unsigned int i = 0; !must &&
		     !gnutls_x509_tlsfeatures_get(features, i, &feature); i++)
			must = feature == STATUS_REQUEST;
	gnutls_x509_tlsfeatures_deinit(features);
	return must;
}

/* A certificate without the extension may be used for anything. */
static bool can_encipher(gnutls_x509_crt_t crt)
{
	unsigned int usage;

	return gnutls_x509_crt_get_key_usage(crt, &usage, NULL) ||
	       usage & GNUTLS_KEY_KEY_ENCIPHERMENT;
}

/*
 * Clients that know the extension would refuse each connection: the operator
 * shall hear of it now, and not from them. A response that has expired is no
 * error, since the file can be replaced at any time.
 */
static int check_staple(const struct certificate *one,
			const struct ktls_pair *pair, struct ktls_error *err)
{
	if (one->staple || !must_staple(one->chain[0]))
		return 0;
	return error_set(err, -EINVAL, KTLS_INTERNAL,
			 "certificate %s must be sent with an OCSP response (TLS feature status_request), and none is given",
			 pair->certificate);
}

static int check_transport(const struct ktls_config *c,
			   const struct ktls_options *o, struct ktls_error *err)
{
	bool any = false;

	for (size_t i = 0; i < c->certificates_count; i++) {
		const struct certificate *one = &c->certificates[i];

		if (one->algorithm != GNUTLS_PK_RSA)
			continue;
		any = true;
		if (!can_encipher(one->chain[0]))
			return error_set(err, -EINVAL, KTLS_INTERNAL,
					 "certificate %s does not allow RSA key transport: its key usage lacks keyEncipherment",
					 o->pairs[i].certificate);
	}
	return any ? 0 : error_set(err, -EINVAL, KTLS_INTERNAL,
				   "RSA key transport needs a certificate with an RSA key, and there is none");
}

int usage_check(const struct ktls_config *c, const struct ktls_options *o,
		struct ktls_error *err)
{
	int ret = 0;

	if (o->client)
		return 0;
	for (size_t i = 0; i < c->certificates_count && !ret; i++)
		ret = check_staple(&c->certificates[i], &o->pairs[i], err);
	if (!ret && o->rsa_key_transport)
		ret = check_transport(c, o, err);
	return ret;
}
