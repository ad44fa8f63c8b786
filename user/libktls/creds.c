// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificate and key: read once, checked here, then shared and read-only. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "internal.h"

/* A long chain is some 20 KB: whatever is larger is another kind of file. */
#define FILE_MAX 262144

/*
 * Only suites that the kernel can carry on with: AEAD ciphers, and for the
 * handshake the groups and signatures of our day. X25519 first: it is the
 * cheapest.
 */
static const char priority[] =
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:"
	"-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
	"+AES-128-CCM:-MAC-ALL:+AEAD:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:%SERVER_PRECEDENCE:"
	"-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1";

static int __attribute__((format(printf, 3, 4)))
fail(struct ktls_error *err, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return ret;
}

/* The caller calls drop() on @out whatever the outcome. */
static int read_file(gnutls_datum_t *out, const char *path)
{
	int fd, ret = 0;
	ssize_t n = 1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* One block from the start: growing it would leave copies behind. */
	out->data = malloc(FILE_MAX);
	if (!out->data)
		ret = -ENOMEM;
	while (!ret && n) {
		n = read(fd, out->data + out->size, FILE_MAX - out->size);
		if (n < 0)
			ret = -errno;
		else
			out->size += n;
		if (out->size == FILE_MAX)
			ret = -EFBIG;
	}
	close(fd);
	return ret;
}

static void drop(gnutls_datum_t *file)
{
	if (file->data)
		explicit_bzero(file->data, file->size);
	free(file->data);
}

struct pair {
	gnutls_x509_crt_t *chain;
	unsigned int length;
	gnutls_x509_privkey_t key;
};

static int parse_chain(struct pair *p, const gnutls_datum_t *pem,
		       const char *path, struct ktls_error *err)
{
	int ret = gnutls_x509_crt_list_import2(&p->chain, &p->length, pem,
					       GNUTLS_X509_FMT_PEM,
					       GNUTLS_X509_CRT_LIST_SORT);

	if (ret >= 0)
		return 0;
	return fail(err, -EINVAL,
		    "certificate %s: no usable PEM certificate chain in it (%s)",
		    path, gnutls_strerror(ret));
}

static int parse_key(struct pair *p, const gnutls_datum_t *pem,
		     const char *path, struct ktls_error *err)
{
	int ret = gnutls_x509_privkey_init(&p->key);

	if (!ret)
		ret = gnutls_x509_privkey_import2(p->key, pem,
						  GNUTLS_X509_FMT_PEM, NULL, 0);
	if (!ret)
		return 0;
	if (ret == GNUTLS_E_DECRYPTION_FAILED)
		return fail(err, -EINVAL,
			    "key %s: it is encrypted; decrypt it once with openssl pkey",
			    path);
	return fail(err, -EINVAL, "key %s: no usable PEM private key in it (%s)",
		    path, gnutls_strerror(ret));
}

static int load_pair(struct pair *p, const char *cert, const char *key,
		     struct ktls_error *err)
{
	gnutls_datum_t file = {};
	int ret;

	ret = read_file(&file, cert);
	if (ret)
		fail(err, ret, "certificate %s: %s", cert, strerror(-ret));
	else
		ret = parse_chain(p, &file, cert, err);
	drop(&file);
	if (ret)
		return ret;

	file = (gnutls_datum_t){};
	ret = read_file(&file, key);
	if (ret)
		fail(err, ret, "key %s: %s%s", key, strerror(-ret),
		     ret == -EACCES ? "; this user must be able to read it" : "");
	else
		ret = parse_key(p, &file, key, err);
	drop(&file);
	return ret;
}

static void free_pair(struct pair *p)
{
	for (unsigned int i = 0; i < p->length; i++)
		gnutls_x509_crt_deinit(p->chain[i]);
	gnutls_free(p->chain);
	if (p->key)
		gnutls_x509_privkey_deinit(p->key);	/* wipes it */
}

static int fill(struct ktls_credentials *c, const struct pair *p,
		const char *cert, const char *key, struct ktls_error *err)
{
	int ret = gnutls_priority_init2(&c->priority, priority, NULL, 0);

	if (ret)
		return fail(err, -EINVAL, "this GnuTLS lacks our ciphers (%s)",
			    gnutls_strerror(ret));
	ret = gnutls_certificate_allocate_credentials(&c->x509);
	if (!ret)
		ret = gnutls_certificate_set_x509_key(c->x509, p->chain,
						      p->length, p->key);
	if (ret == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return fail(err, -EINVAL,
			    "key %s does not belong to certificate %s; name the key it was issued for",
			    key, cert);
	if (ret)
		return fail(err, -EINVAL, "certificate %s and key %s: %s",
			    cert, key, gnutls_strerror(ret));
	return 0;
}

int ktls_credentials_load(struct ktls_credentials **out, const char *cert,
			  const char *key, struct ktls_error *err)
{
	struct ktls_credentials *c;
	struct pair pair = {};
	int ret;

	c = calloc(1, sizeof(*c));
	if (!c)
		return fail(err, -ENOMEM, "certificate %s: out of memory", cert);
	ret = load_pair(&pair, cert, key, err);
	if (!ret)
		ret = fill(c, &pair, cert, key, err);
	free_pair(&pair);
	if (ret) {
		ktls_credentials_free(c);
		return ret;
	}
	*out = c;
	return 0;
}

int credentials_use(const struct ktls_credentials *c, gnutls_session_t tls)
{
	int ret = gnutls_priority_set(tls, c->priority);

	if (ret)
		return ret;
	return gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, c->x509);
}

void ktls_credentials_free(struct ktls_credentials *c)
{
	if (!c)
		return;
	if (c->x509)
		gnutls_certificate_free_credentials(c->x509);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	free(c);
}
