// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keys in a PKCS#11 token, by RFC 7512 URL: signed with there, never read.
 *
 * No module is loaded before the first such URL. Then it is the one that the
 * URL names in its module-path, and nothing else; without a module-path it is
 * all that p11-kit is configured for, as everywhere on the system.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/pkcs11.h>

#include "internal.h"

#define SCHEME "pkcs11:"
#define MODULE_PATH "module-path="

static const struct failure {
	int gnutls;
	int ret;
	const char *text;
} failures[] = {
	{ GNUTLS_E_PARSING_ERROR, -EINVAL, "it is not a PKCS#11 URL (RFC 7512)" },
	{ GNUTLS_E_PKCS11_LOAD_ERROR, -ENOENT,
	  "the PKCS#11 module cannot be loaded" },
	{ GNUTLS_E_PKCS11_PIN_ERROR, -EACCES,
	  "no PIN, or a wrong one; give pin-source=FILE in the URL" },
	{ GNUTLS_E_PKCS11_PIN_LOCKED, -EACCES,
	  "the PIN is locked after too many wrong ones" },
	{ GNUTLS_E_PKCS11_PIN_EXPIRED, -EACCES, "the PIN has expired" },
	{ GNUTLS_E_PKCS11_REQUESTED_OBJECT_NOT_AVAILBLE, -ENOENT,
	  "no such token; p11tool --list-tokens shows those that are there" },
	{ GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE, -ENOENT,
	  "the token has no such private key; see p11tool --login --list-privkeys" },
	{ GNUTLS_E_PKCS11_TOKEN_ERROR, -EIO, "the token failed" },
	{ GNUTLS_E_PKCS11_DEVICE_ERROR, -EIO, "the token failed" },
};

bool token_is(const char *key)
{
	return !strncasecmp(key, SCHEME, strlen(SCHEME));
}

/* The URL may hold a PIN: what is left of it is safe to show. */
static int shown(const char *url)
{
	return strcspn(url, "?");
}

/* A path of a percent-encoded URL, or NULL: there is none. */
static char *module_path(const char *url)
{
	const char *at = strchr(url, '?');
	char *path, *out, hex[3] = "";

	while (at && strncmp(at + 1, MODULE_PATH, strlen(MODULE_PATH)))
		at = strchr(at + 1, '&');
	if (!at)
		return NULL;
	path = strdup(at + 1 + strlen(MODULE_PATH));
	if (!path)
		return NULL;
	path[strcspn(path, "&")] = '\0';
	out = path;
	for (const char *in = path; *in; in++) {
		if (*in == '%' && in[1] && in[2]) {
			memcpy(hex, in + 1, 2);
			*out++ = strtoul(hex, NULL, 16);
			in += 2;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return path;
}

/* GnuTLS would load all modules by itself, had it not been told otherwise. */
static int load_module(const char *url)
{
	char *path = module_path(url);
	int ret;

	if (!path)
		return strstr(url, MODULE_PATH) ? GNUTLS_E_MEMORY_ERROR : 0;
	ret = gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL);
	if (!ret)
		ret = gnutls_pkcs11_add_provider(path, NULL);
	free(path);
	return ret == GNUTLS_E_INT_RET_0 ? 0 : ret;	/* it is there already */
}

static int fail(const char *url, int error, struct ktls_error *err)
{
	struct failure f = { error, -EINVAL, gnutls_strerror(error) };

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (failures[i].gnutls == error)
			f = failures[i];
	return error_set(err, f.ret, KTLS_INTERNAL, "key %.*s: %s", shown(url),
			 url, f.text);
}

int token_load(gnutls_privkey_t *out, const char *url, struct ktls_error *err)
{
	int ret = load_module(url);

	if (!ret)
		ret = gnutls_privkey_init(out);
	if (!ret)
		ret = gnutls_privkey_import_url(*out, url, 0);
	return ret ? fail(url, ret, err) : 0;
}
