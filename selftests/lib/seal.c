// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <linux/tls.h>
#include <string.h>

#include "seal.h"

#define HEAD	5
#define DATA	23

static const struct {
	uint16_t cipher;
	gnutls_cipher_algorithm_t gnutls;
} ciphers[] = {
	{ TLS_CIPHER_AES_GCM_128, GNUTLS_CIPHER_AES_128_GCM },
	{ TLS_CIPHER_AES_GCM_256, GNUTLS_CIPHER_AES_256_GCM },
	{ TLS_CIPHER_AES_CCM_128, GNUTLS_CIPHER_AES_128_CCM },
	{ TLS_CIPHER_CHACHA20_POLY1305, GNUTLS_CIPHER_CHACHA20_POLY1305 },
};

static gnutls_cipher_algorithm_t algorithm(uint16_t cipher)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++)
		if (ciphers[i].cipher == cipher)
			return ciphers[i].gnutls;
	return GNUTLS_CIPHER_UNKNOWN;
}

int seal_key(struct seal *s, const struct suite *suite, uint8_t key)
{
	size_t salt = suite->seq - suite->salt;
	uint8_t info[SUITE_INFO];
	uint64_t seq;

	seal_end(s);
	tls_fill(info, suite, key);
	s->suite = suite;
	memcpy(s->iv, info + suite->salt, salt);
	memcpy(s->iv + salt, info + suite->iv, sizeof(s->iv) - salt);
	memcpy(&seq, info + suite->seq, sizeof(seq));
	s->seq = be64toh(seq);
	return gnutls_aead_cipher_init(&s->aead, algorithm(suite->cipher),
		&(gnutls_datum_t){ info + suite->key,
				   suite->salt - suite->key }) ? -EINVAL : 0;
}

void seal_end(struct seal *s)
{
	if (s->aead)
		gnutls_aead_cipher_deinit(s->aead);
	s->aead = NULL;
}

/* RFC 5288 and 6655: the record brings 8 bytes; RFC 7905 and 8446: XOR. */
static void make_nonce(const struct seal *s, const uint8_t *explicit,
		       uint8_t nonce[12])
{
	uint64_t seq = htobe64(s->seq);

	memcpy(nonce, s->iv, 12);
	if (s->suite->explicit_nonce)
		memcpy(nonce + 4, explicit, 8);
	else
		for (int i = 0; i < 8; i++)
			nonce[4 + i] ^= ((uint8_t *)&seq)[i];
}

/* Returns its length. @len is of the plaintext, inner type included. */
static size_t make_aad(const struct seal *s, const uint8_t *head, size_t len,
		       uint8_t aad[13])
{
	uint64_t seq = htobe64(s->seq);

	if (s->suite->inner_type) {
		memcpy(aad, head, HEAD);
		return HEAD;
	}
	memcpy(aad, &seq, 8);
	memcpy(aad + 8, head, 3);
	aad[11] = len >> 8;
	aad[12] = len;
	return 13;
}

ssize_t seal_make(struct seal *s, uint8_t type, const void *data, size_t len,
		  size_t pad, uint8_t *out)
{
	const struct suite *suite = s->suite;
	uint8_t plain[RECORD_MAX + 256], nonce[12], aad[13];
	uint8_t *body = out + HEAD + suite->explicit_nonce;
	size_t inner = len, rest, made;

	memcpy(plain, data, len);
	if (suite->inner_type) {
		plain[len] = type;
		memset(plain + len + 1, 0, pad);
		inner += 1 + pad;
	}
	rest = suite->explicit_nonce + inner + suite->tag;
	out[0] = suite->inner_type ? DATA : type;
	out[1] = 3;
	out[2] = 3;
	out[3] = rest >> 8;
	out[4] = rest;
	memcpy(out + HEAD, &s->seq, suite->explicit_nonce);
	make_nonce(s, out + HEAD, nonce);
	made = inner + suite->tag;
	if (gnutls_aead_cipher_encrypt(s->aead, nonce, sizeof(nonce), aad,
				       make_aad(s, out, inner, aad), suite->tag,
				       plain, inner, body, &made))
		return -EINVAL;
	s->seq++;
	return HEAD + rest;
}

ssize_t seal_open(struct seal *s, const uint8_t *record, size_t len,
		  uint8_t *out, uint8_t *type)
{
	const struct suite *suite = s->suite;
	const uint8_t *body = record + HEAD + suite->explicit_nonce;
	size_t over = HEAD + suite->explicit_nonce, got = RECORD_MAX + 256;
	uint8_t nonce[12], aad[13];

	if (len < over + suite->tag)
		return -EBADMSG;
	make_nonce(s, record + HEAD, nonce);
	if (gnutls_aead_cipher_decrypt(s->aead, nonce, sizeof(nonce), aad,
				       make_aad(s, record,
						len - over - suite->tag, aad),
				       suite->tag, body, len - over, out, &got))
		return -EBADMSG;
	s->seq++;
	*type = record[0];
	if (!suite->inner_type)
		return got;
	while (got && !out[got - 1])
		got--;
	if (!got)
		return -EBADMSG;
	*type = out[--got];
	return got;
}
