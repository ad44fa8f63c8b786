// SPDX-License-Identifier: LGPL-2.1-or-later
/* What GnuTLS and the kernel call the same thing, and where its parts go. */
#include <assert.h>
#include <string.h>

#include "internal.h"

#define SPAN(type, field) \
	{ offsetof(struct type, field), sizeof(((struct type *)0)->field) }

#define CIPHER(text, hash_id, limit, gnutls_id, kernel_id, type) {	\
	.gnutls = GNUTLS_CIPHER_##gnutls_id,				\
	.hash = GNUTLS_MAC_##hash_id,					\
	.kernel = TLS_CIPHER_##kernel_id,				\
	.name = text,							\
	.records = limit,						\
	.structure = #type,						\
	.size = sizeof(struct type),					\
	.key = SPAN(type, key),						\
	.iv = SPAN(type, iv),						\
	.salt = SPAN(type, salt),					\
	.seq = SPAN(type, rec_seq),					\
}

/*
 * Records of full size under one key. GCM: RFC 8446 section 5.5, 2^24.5. CCM:
 * RFC 9147 section 4.5.3, 2^23. CHACHA20-POLY1305 has no such limit.
 */
#define GCM_RECORDS 23726566
#define CCM_RECORDS 8388608

const struct cipher ciphers[] = {
	CIPHER("AES-128-GCM", SHA256, GCM_RECORDS, AES_128_GCM, AES_GCM_128,
	       tls12_crypto_info_aes_gcm_128),
	CIPHER("AES-256-GCM", SHA384, GCM_RECORDS, AES_256_GCM, AES_GCM_256,
	       tls12_crypto_info_aes_gcm_256),
	CIPHER("AES-128-CCM", SHA256, CCM_RECORDS, AES_128_CCM, AES_CCM_128,
	       tls12_crypto_info_aes_ccm_128),
	CIPHER("CHACHA20-POLY1305", SHA256, 0, CHACHA20_POLY1305,
	       CHACHA20_POLY1305,
	       tls12_crypto_info_chacha20_poly1305),
};

const size_t ciphers_count = ARRAY_SIZE(ciphers);

/* setsockopt() wants the exact size: fields must fill their structure. */
#define FILLED(kernel_id, type)						\
	static_assert(sizeof(struct type) ==				\
		      sizeof(struct tls_crypto_info) +			\
		      TLS_CIPHER_##kernel_id##_KEY_SIZE +		\
		      TLS_CIPHER_##kernel_id##_IV_SIZE +		\
		      TLS_CIPHER_##kernel_id##_SALT_SIZE +		\
		      TLS_CIPHER_##kernel_id##_REC_SEQ_SIZE,		\
		      #type " has padding");				\
	static_assert(sizeof(struct type) <= sizeof(union crypto),	\
		      #type " does not fit")

FILLED(AES_GCM_128, tls12_crypto_info_aes_gcm_128);
FILLED(AES_GCM_256, tls12_crypto_info_aes_gcm_256);
FILLED(AES_CCM_128, tls12_crypto_info_aes_ccm_128);
FILLED(CHACHA20_POLY1305, tls12_crypto_info_chacha20_poly1305);

static const struct version {
	uint16_t kernel;
	const char *name;
} versions[] = {
	{ TLS_1_2_VERSION, "TLS 1.2" },
	{ TLS_1_3_VERSION, "TLS 1.3" },
};

/* By name: what an older GnuTLS does not have it never names. */
static const struct group {
	const char *gnutls;
	uint16_t number;
} groups[] = {
	{ "SECP256R1", 0x0017 },
	{ "SECP384R1", 0x0018 },
	{ "SECP521R1", 0x0019 },
	{ "X25519", 0x001d },
	{ "X448", 0x001e },
	{ "SECP256R1-MLKEM768", 0x11eb },
	{ "X25519-MLKEM768", 0x11ec },
	{ "SECP384R1-MLKEM1024", 0x11ed },
};

uint16_t group_of(gnutls_session_t tls)
{
	const char *name = gnutls_group_get_name(gnutls_group_get(tls));

	for (size_t i = 0; name && i < ARRAY_SIZE(groups); i++)
		if (!strcmp(groups[i].gnutls, name))
			return groups[i].number;
	return 0;
}

const struct cipher *cipher_by_gnutls(gnutls_cipher_algorithm_t id)
{
	for (size_t i = 0; i < ciphers_count; i++)
		if (ciphers[i].gnutls == id)
			return &ciphers[i];
	return NULL;
}

const struct cipher *cipher_by_kernel(uint16_t id)
{
	for (size_t i = 0; i < ciphers_count; i++)
		if (ciphers[i].kernel == id)
			return &ciphers[i];
	return NULL;
}

const char *ktls_cipher_name(uint16_t id)
{
	const struct cipher *c = cipher_by_kernel(id);

	return c ? c->name : "unknown cipher";
}

const char *ktls_version_name(uint16_t version)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (versions[i].kernel == version)
			return versions[i].name;
	return "unknown version";
}
