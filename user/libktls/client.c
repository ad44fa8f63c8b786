// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The certificate that a client shows when a server asks for one: the one it
 * was given. GnuTLS by itself would show none to a server whose list of CAs
 * does not have the issuer, and the server could only say that there is none,
 * where "unknown CA" would be the truth.
 */
#include "internal.h"

/* Can we sign with @key what the server is able to verify? */
static bool suits(gnutls_session_t tls, gnutls_pk_algorithm_t key)
{
	gnutls_sign_algorithm_t sign;

	for (size_t i = 0; !gnutls_sign_algorithm_get_requested(tls, i, &sign);
	     i++)
		if (gnutls_sign_supports_pk_algorithm(sign, key))
			return true;
	return false;
}

static int on_request(gnutls_session_t tls,
		      const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certificates, unsigned int *length,
		      gnutls_ocsp_data_st **ocsp, unsigned int *ocsp_length,
		      gnutls_privkey_t *key, unsigned int *flags)
{
	struct ktls_session *s = gnutls_session_get_ptr(tls);
	const struct ktls_config *c = s->config;

	(void)info;
	*length = *ocsp_length = *flags = 0;
	*certificates = NULL;
	*ocsp = NULL;
	*key = NULL;
	for (size_t i = 0; i < c->certificates_count; i++) {
		const struct certificate *one = &c->certificates[i];

		if (!suits(tls, one->algorithm))
			continue;
		*certificates = one->pcerts;
		*length = one->length;
		*key = one->key;
		break;
	}
	return 0;
}

void client_offer(gnutls_certificate_credentials_t x509)
{
	gnutls_certificate_set_retrieve_function3(x509, on_request);
}
