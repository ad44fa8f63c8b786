// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificate and key: read once, checked here, then shared and read-only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "internal.h"

/* A long chain is some 20 KB: whatever is larger is another kind of file. */
#define CHAIN_FILE_MAX 262144

static int read_all(gnutls_datum_t *out, int fd, size_t max)
{
	ssize_t n = 1;
	int ret = 0;

	/* One block from the start: growing it would leave copies behind. */
	out->data = malloc(max);
	if (!out->data)
		ret = -ENOMEM;
	while (!ret && n) {
		n = read(fd, out->data + out->size, max - out->size);
		if (n < 0)
			ret = -errno;
		else
			out->size += n;
		if (out->size == max)
			ret = -EFBIG;
	}
	return ret;
}

/* Waits for a pipe: a key may come from another program. */
static int file_read(gnutls_datum_t *out, const char *path, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int ret;

	if (fd < 0)
		return -errno;
	ret = read_all(out, fd, max);
	close(fd);
	return ret;
}

int file_read_regular(gnutls_datum_t *out, const char *path, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int ret;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	else
		ret = read_all(out, fd, max);
	close(fd);
	return ret;
}

void file_drop(gnutls_datum_t *file)
{
	if (file->data)
		explicit_bzero(file->data, file->size);
	free(file->data);
}

/* Reads @path whole; @what names its kind in the error. */
int file_need(gnutls_datum_t *out, const char *what, const char *path,
	      size_t max, struct ktls_error *err)
{
	int ret = file_read(out, path, max);

	if (!ret)
		return 0;
	return error_set(err, ret, KTLS_INTERNAL, "%s %s: %s%s", what, path,
			 strerror(-ret), ret == -EACCES ?
			 "; this user must be able to read it" : "");
}

static int load_chain(struct certificate *c, const char *path,
		      struct ktls_error *err)
{
	gnutls_datum_t pem = {};
	int ret = file_need(&pem, "certificate", path, CHAIN_FILE_MAX, err);

	if (ret)
		goto drop_pem;
	ret = gnutls_x509_crt_list_import2(&c->chain, &c->length, &pem,
					   GNUTLS_X509_FMT_PEM,
					   GNUTLS_X509_CRT_LIST_SORT);
	if (ret < 0)
		ret = error_set(err, -EINVAL, KTLS_INTERNAL,
				"certificate %s: no usable PEM certificate chain in it (%s)",
				path, gnutls_strerror(ret));
	else
		ret = 0;
drop_pem:
	file_drop(&pem);
	return ret;
}

/* GnuTLS 3.8.9 frees its copy of PKCS #8 without wiping it: decode it here. */
static int import_pem(gnutls_x509_privkey_t key, const gnutls_datum_t *pem)
{
	gnutls_datum_t der;
	int ret;

	if (gnutls_pem_base64_decode2("PRIVATE KEY", pem, &der))
		return gnutls_x509_privkey_import2(key, pem,
						   GNUTLS_X509_FMT_PEM, NULL,
						   0);
	ret = gnutls_x509_privkey_import_pkcs8(key, &der, GNUTLS_X509_FMT_DER,
					       NULL, GNUTLS_PKCS_PLAIN);
	explicit_bzero(der.data, der.size);
	gnutls_free(der.data);
	return ret;
}

static int parse_key(struct certificate *c, const gnutls_datum_t *pem,
		     const char *path, struct ktls_error *err)
{
	gnutls_x509_privkey_t key;
	int ret = gnutls_x509_privkey_init(&key);

	if (ret)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	ret = import_pem(key, pem);
	if (!ret)
		ret = gnutls_privkey_init(&c->key);
	if (!ret)
		ret = gnutls_privkey_import_x509(c->key, key,
						 GNUTLS_PRIVKEY_IMPORT_COPY);
	gnutls_x509_privkey_deinit(key);		/* wipes it */
	if (!ret)
		return 0;
	if (ret == GNUTLS_E_DECRYPTION_FAILED)
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "key %s: it is encrypted; decrypt it once with openssl pkey",
				 path);
	return error_set(err, -EINVAL, KTLS_INTERNAL,
			 "key %s: no usable PEM private key in it (%s)", path,
			 gnutls_strerror(ret));
}

static int load_key(struct certificate *c, const char *path,
		    struct ktls_error *err)
{
	gnutls_datum_t pem = {};
	int ret;

	if (token_is(path))
		return token_load(&c->key, path, err);
	ret = file_need(&pem, "key", path, CHAIN_FILE_MAX, err);

	if (!ret)
		ret = parse_key(c, &pem, path, err);
	file_drop(&pem);
	return ret;
}

static bool belongs(const struct certificate *c)
{
	unsigned char one[64], other[64];
	size_t one_len = sizeof(one), other_len = sizeof(other);
	gnutls_pubkey_t public;
	int ret;

	if (gnutls_pubkey_init(&public))
		return false;
	ret = gnutls_pubkey_import_privkey(public, c->key, 0, 0);
	if (!ret)
		ret = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256,
					       one, &one_len);
	gnutls_pubkey_deinit(public);
	if (!ret)
		ret = gnutls_x509_crt_get_key_id(c->chain[0],
						 GNUTLS_KEYID_USE_SHA256,
						 other, &other_len);
	return !ret && one_len == other_len && !memcmp(one, other, one_len);
}

static int make_pcerts(struct certificate *c)
{
	c->pcerts = calloc(c->length, sizeof(*c->pcerts));
	if (!c->pcerts)
		return -ENOMEM;
	for (unsigned int i = 0; i < c->length; i++)
		if (gnutls_pcert_import_x509(&c->pcerts[i], c->chain[i], 0))
			return -ENOMEM;
	return 0;
}

int certificate_load(struct certificate *c, const struct ktls_pair *pair,
		     struct ktls_error *err)
{
	int ret = load_chain(c, pair->certificate, err);

	if (!ret)
		ret = load_key(c, pair->key, err);
	if (ret)
		return ret;
	if (!belongs(c))
		return error_set(err, -EINVAL, KTLS_INTERNAL,
				 "key %.*s does not belong to certificate %s; name the key it was issued for",
				 (int)strcspn(pair->key, "?"), pair->key,
				 pair->certificate);
	c->algorithm = gnutls_privkey_get_pk_algorithm(c->key, NULL);
	if (make_pcerts(c) || names_of(&c->names, c->chain[0]))
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	return pair->staple ? staple_load(&c->staple, c, pair->staple, err) : 0;
}

void certificate_free(struct certificate *c)
{
	for (unsigned int i = 0; i < c->length; i++) {
		gnutls_x509_crt_deinit(c->chain[i]);
		if (c->pcerts)
			gnutls_pcert_deinit(&c->pcerts[i]);
	}
	gnutls_free(c->chain);
	free(c->pcerts);
	free(c->names);
	staple_free(c->staple);
	if (c->key)
		gnutls_privkey_deinit(c->key);
}
