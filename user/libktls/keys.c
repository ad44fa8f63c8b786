// SPDX-License-Identifier: LGPL-2.1-or-later
/* From one TLS 1.3 traffic secret to the next, and to the kernel's keys. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <gnutls/crypto.h>

#include "internal.h"

#define LABEL_MAX 16

/* HKDF-Expand-Label(secret, label, "", len), RFC 8446 section 7.1. */
static int expand_label(gnutls_mac_algorithm_t hash, const void *secret,
			size_t size, const char *label, void *out, size_t len)
{
	unsigned char info[2 + 1 + 6 + LABEL_MAX + 1];
	const gnutls_datum_t key = { (void *)secret, size };
	gnutls_datum_t datum = { info, 0 };
	size_t label_len = strlen(label);

	info[0] = len >> 8;
	info[1] = len;
	info[2] = 6 + label_len;
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, label_len);
	info[9 + label_len] = 0;		/* no context */
	datum.size = 10 + label_len;
	return gnutls_hkdf_expand(hash, &key, &datum, out, len) ? -EIO : 0;
}

/* application_traffic_secret_N+1, section 7.2 */
static int next_secret(const struct cipher *c, const unsigned char *secret,
		       size_t size, unsigned char *out)
{
	return expand_label(c->hash, secret, size, "traffic upd", out, size);
}

/* Key and IV of @secret, for its record number 0. The caller wipes @out. */
static int fill_crypto(union crypto *out, const struct cipher *c,
		       const unsigned char *secret, size_t size)
{
	unsigned char iv[12];
	int ret;

	memset(out, 0, sizeof(*out));
	out->info.version = TLS_1_3_VERSION;
	out->info.cipher_type = c->kernel;
	ret = expand_label(c->hash, secret, size, "key",
			   out->bytes + c->key.offset, c->key.size);
	if (!ret)
		ret = expand_label(c->hash, secret, size, "iv", iv, sizeof(iv));
	if (!ret) {
		memcpy(out->bytes + c->salt.offset, iv, c->salt.size);
		memcpy(out->bytes + c->iv.offset, iv + c->salt.size,
		       sizeof(iv) - c->salt.size);
	}
	explicit_bzero(iv, sizeof(iv));
	return ret;
}

/*
 * Replaces the key of @direction (TLS_RX or TLS_TX) in the kernel by the next
 * one, and @secret by what that came from. On failure both stay. -EBUSY: the
 * kernel knows no rekeying (before 6.14).
 */
int keys_advance(struct ktls_conn *c, int direction, unsigned char *secret)
{
	const struct cipher *cipher = cipher_by_kernel(c->info.cipher);
	size_t size = c->secrets.size;
	unsigned char next[SECRET_MAX];
	union crypto crypto = {};
	int ret;

	if (!size || !cipher)
		return -EOPNOTSUPP;
	ret = next_secret(cipher, secret, size, next);
	if (!ret)
		ret = fill_crypto(&crypto, cipher, next, size);
	if (!ret && setsockopt(c->fd, SOL_TLS, direction, &crypto,
			       cipher->size))
		ret = -errno;
	if (!ret)
		memcpy(secret, next, size);
	explicit_bzero(&crypto, sizeof(crypto));
	explicit_bzero(next, sizeof(next));
	return ret;
}

/* Sets the key that is set, from the record on where it is now. */
int keys_again(const struct ktls_conn *c, int direction)
{
	const struct cipher *cipher = cipher_by_kernel(c->info.cipher);
	union crypto crypto = {};
	socklen_t len = cipher->size;
	int ret = 0;

	if (getsockopt(c->fd, SOL_TLS, direction, &crypto, &len) ||
	    setsockopt(c->fd, SOL_TLS, direction, &crypto, len))
		ret = errno == EBUSY ? 0 : -errno;	/* it does not wait */
	explicit_bzero(&crypto, sizeof(crypto));
	return ret;
}

/*
 * It refuses a key of another cipher, as we offer it here, with EINVAL if it
 * can replace keys, and any second key with EBUSY if not.
 */
static bool ask_kernel(const struct ktls_conn *c)
{
	const uint16_t id = c->info.cipher == TLS_CIPHER_AES_GCM_128 ?
			    TLS_CIPHER_AES_GCM_256 : TLS_CIPHER_AES_GCM_128;
	const struct cipher *other = cipher_by_kernel(id);
	union crypto crypto = { .info = {
		.version = c->info.version,
		.cipher_type = other->kernel,
	} };

	return setsockopt(c->fd, SOL_TLS, TLS_TX, &crypto, other->size) &&
	       errno != EBUSY;
}

/* Can the keys of @c be replaced? The kernel is asked once. */
bool keys_can_advance(const struct ktls_conn *c)
{
	static atomic_int known;	/* 0: not yet, 1: no, 2: yes */
	int answer;

	if (!c->secrets.size)		/* TLS 1.2 */
		return false;
	answer = atomic_load_explicit(&known, memory_order_relaxed);
	if (!answer) {
		answer = ask_kernel(c) ? 2 : 1;
		atomic_store_explicit(&known, answer, memory_order_relaxed);
	}
	return answer == 2;
}

/* Records sent under the present key, as the kernel counts them. */
int keys_records(const struct ktls_conn *c, uint64_t *out)
{
	const struct cipher *cipher = cipher_by_kernel(c->info.cipher);
	union crypto crypto = {};
	socklen_t len = cipher->size;
	int ret = 0;

	if (getsockopt(c->fd, SOL_TLS, TLS_TX, &crypto, &len))
		ret = -errno;
	*out = 0;
	for (size_t i = 0; i < cipher->seq.size; i++)
		*out = *out << 8 | crypto.bytes[cipher->seq.offset + i];
	explicit_bzero(&crypto, sizeof(crypto));
	return ret;
}
