// SPDX-License-Identifier: GPL-2.0-only
/* Every row of libktls's cipher table, against <linux/tls.h> and GnuTLS. */
#include <string.h>
#include <gnutls/crypto.h>

#include "internal.h"
#include "kselftest_harness.h"

#define ROW(gnutls_id, kernel_id, type)					\
	FIXTURE_VARIANT_ADD(row, type) {				\
		.gnutls = GNUTLS_CIPHER_##gnutls_id,			\
		.kernel = TLS_CIPHER_##kernel_id,			\
		.size = sizeof(struct tls12_crypto_info_##type),	\
		.key = offsetof(struct tls12_crypto_info_##type, key),	\
		.key_size = TLS_CIPHER_##kernel_id##_KEY_SIZE,		\
		.iv = offsetof(struct tls12_crypto_info_##type, iv),	\
		.iv_size = TLS_CIPHER_##kernel_id##_IV_SIZE,		\
		.salt = offsetof(struct tls12_crypto_info_##type, salt), \
		.salt_size = TLS_CIPHER_##kernel_id##_SALT_SIZE,	\
		.seq = offsetof(struct tls12_crypto_info_##type, rec_seq), \
		.seq_size = TLS_CIPHER_##kernel_id##_REC_SEQ_SIZE,	\
		.tag_size = TLS_CIPHER_##kernel_id##_TAG_SIZE,		\
	}

FIXTURE(row) {
	const struct cipher *c;
};
FIXTURE_VARIANT(row) {
	gnutls_cipher_algorithm_t gnutls;
	uint16_t kernel;
	size_t size, key, key_size, iv, iv_size, salt, salt_size;
	size_t seq, seq_size, tag_size;
};

ROW(AES_128_GCM, AES_GCM_128, aes_gcm_128);
ROW(AES_256_GCM, AES_GCM_256, aes_gcm_256);
ROW(AES_128_CCM, AES_CCM_128, aes_ccm_128);
ROW(CHACHA20_POLY1305, CHACHA20_POLY1305, chacha20_poly1305);

FIXTURE_SETUP(row)
{
	self->c = cipher_by_gnutls(variant->gnutls);
	ASSERT_NE(NULL, self->c);
}

FIXTURE_TEARDOWN(row)
{
}

TEST_F(row, is_found_by_both_numbers)
{
	EXPECT_EQ(variant->kernel, self->c->kernel);
	EXPECT_EQ(self->c, cipher_by_kernel(variant->kernel));
	EXPECT_STREQ(gnutls_cipher_get_name(variant->gnutls),
		     ktls_cipher_name(variant->kernel));
}

TEST_F(row, has_the_kernels_sizes_and_offsets)
{
	EXPECT_EQ(variant->size, self->c->size);
	EXPECT_EQ(variant->key, self->c->key.offset);
	EXPECT_EQ(variant->key_size, self->c->key.size);
	EXPECT_EQ(variant->iv, self->c->iv.offset);
	EXPECT_EQ(variant->iv_size, self->c->iv.size);
	EXPECT_EQ(variant->salt, self->c->salt.offset);
	EXPECT_EQ(variant->salt_size, self->c->salt.size);
	EXPECT_EQ(variant->seq, self->c->seq.offset);
	EXPECT_EQ(variant->seq_size, self->c->seq.size);
	EXPECT_GE(sizeof(union crypto), self->c->size);
}

TEST_F(row, has_the_sizes_of_gnutls)
{
	EXPECT_EQ(gnutls_cipher_get_key_size(variant->gnutls),
		  self->c->key.size);
	EXPECT_EQ(gnutls_cipher_get_tag_size(variant->gnutls),
		  variant->tag_size);
	EXPECT_EQ(gnutls_cipher_get_iv_size(variant->gnutls), 12);
	EXPECT_EQ(12, self->c->iv.size + self->c->salt.size);
}

TEST(table_has_no_row_that_is_not_tested)
{
	EXPECT_EQ(4, ciphers_count);
}

TEST(unknown_numbers_have_no_row)
{
	EXPECT_EQ(NULL, cipher_by_gnutls(GNUTLS_CIPHER_AES_128_CBC));
	EXPECT_EQ(NULL, cipher_by_kernel(TLS_CIPHER_SM4_GCM));
	EXPECT_STREQ("unknown cipher", ktls_cipher_name(0));
	EXPECT_STREQ("unknown version", ktls_version_name(0x0302));
}

TEST(versions_have_the_names_of_their_rfcs)
{
	EXPECT_STREQ("TLS 1.2", ktls_version_name(TLS_1_2_VERSION));
	EXPECT_STREQ("TLS 1.3", ktls_version_name(TLS_1_3_VERSION));
}

TEST_HARNESS_MAIN
