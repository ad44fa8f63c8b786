// SPDX-License-Identifier: GPL-2.0-only
/* That crafted records are what they claim to be: the kernel is the judge. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <linux/tls.h>

#include "craft.h"
#include "tlswire.h"
#include "kselftest_harness.h"

FIXTURE(craft) {
	struct pair pair;
	struct craft c;
	unsigned char buf[65536], type;
};
FIXTURE_VARIANT(craft) {
	const char *priority;
	bool v13;
};

#define VARIANT(version, name, cipher)					\
FIXTURE_VARIANT_ADD(craft, version##_##name) {				\
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1." #version		\
		    ":-CIPHER-ALL:+" cipher,				\
	.v13 = version == 3,						\
}

VARIANT(2, aes_128_gcm, "AES-128-GCM");
VARIANT(2, aes_256_gcm, "AES-256-GCM");
VARIANT(2, aes_128_ccm, "AES-128-CCM");
VARIANT(2, chacha20, "CHACHA20-POLY1305");
VARIANT(3, aes_128_gcm, "AES-128-GCM");
VARIANT(3, aes_256_gcm, "AES-256-GCM");
VARIANT(3, aes_128_ccm, "AES-128-CCM");
VARIANT(3, chacha20, "CHACHA20-POLY1305");

FIXTURE_SETUP(craft)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority, 0));
	craft_watch(&self->c, &self->pair.p);
	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(0, pair_install(&self->pair));
	ASSERT_EQ(0, craft_open(&self->c, &self->pair.p));
}

FIXTURE_TEARDOWN(craft)
{
	craft_close(&self->c);
	pair_close(&self->pair);
}

/* What the kernel makes of the next record. */
#define KERNEL_READS(expected, of_type) do {				\
	struct pollfd pfd = { .fd = self->pair.fd, .events = POLLIN };	\
									\
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));				\
	EXPECT_EQ(expected, tls_recv(self->pair.fd, self->buf,		\
				     sizeof(self->buf), &self->type));	\
	EXPECT_EQ(of_type, self->type);					\
} while (0)

/* What the other end makes of the kernel's. */
#define PEER_READS(expected, of_type) do {				\
	EXPECT_EQ(expected, craft_recv(&self->c, &self->type,		\
				       self->buf, sizeof(self->buf),	\
				       PEER_MS));			\
	EXPECT_EQ(of_type, self->type);					\
} while (0)

TEST_F(craft, good_records_are_read)
{
	ASSERT_EQ(0, craft_data(&self->c, NULL, CRAFT_PLAIN_MAX));
	KERNEL_READS(CRAFT_PLAIN_MAX, CRAFT_DATA);
	ASSERT_EQ(0, craft_alert(&self->c, 1, 90));
	KERNEL_READS(2, CRAFT_ALERT);
	ASSERT_EQ(0, craft_send(&self->c, &(struct craft_record){
		.type = 99, .data = "hello", .len = 5,
		.padding = variant->v13 ? 100 : 0 }));
	KERNEL_READS(5, 99);
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
}

TEST_F(craft, messages_can_be_split)
{
	self->c.hold = true;
	ASSERT_EQ(0, craft_handshake(&self->c, "\4\0\0\3abc", 7, 3));
	ASSERT_EQ(0, craft_flush(&self->c));
	KERNEL_READS(3, CRAFT_HANDSHAKE);
	KERNEL_READS(3, CRAFT_HANDSHAKE);
	KERNEL_READS(1, CRAFT_HANDSHAKE);
	EXPECT_EQ('c', self->buf[0]);
}

/* RFC 8446 section 7.2, as GnuTLS understands it. */
TEST_F(craft, next_key_is_gnutls_next_key)
{
	gnutls_session_t tls = self->pair.p.tls;
	struct craft_side next = self->c.out;
	gnutls_datum_t mac, iv, key;
	unsigned char seq[8];

	if (!variant->v13) {
		EXPECT_GT(0, craft_next_key(&self->c, &next));
		return;
	}
	ASSERT_EQ(0, craft_next_key(&self->c, &next));
	ASSERT_EQ(0, gnutls_session_key_update(tls, 0));
	ASSERT_EQ(0, gnutls_record_get_state(tls, 0, &mac, &iv, &key, seq));
	ASSERT_EQ(key.size, next.key_len);
	EXPECT_EQ(0, memcmp(key.data, next.key, key.size));
	EXPECT_EQ(0, memcmp(iv.data, next.iv, iv.size));
	EXPECT_NE(0, memcmp(key.data, self->c.out.key, key.size));
}

/* The reading side sees type and content, and an end as an end. */
TEST_F(craft, kernel_records_are_seen)
{
	ASSERT_EQ(5, peer_write(self->pair.fd, "hello", 5));
	PEER_READS(5, CRAFT_DATA);
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
	ASSERT_EQ(2, tls_send_control(self->pair.fd, CRAFT_ALERT, "\1", 2));
	PEER_READS(2, CRAFT_ALERT);
	EXPECT_EQ(0, memcmp("\1", self->buf, 2));
	shutdown(self->pair.fd, SHUT_WR);
	EXPECT_EQ(-EPIPE, craft_recv(&self->c, &self->type, self->buf,
				     sizeof(self->buf), PEER_MS));
}

/* Each is refused, and not because everything is. */
FIXTURE(refused) {
	struct pair pair;
	struct craft c;
	unsigned char buf[256], type;
};
FIXTURE_VARIANT(refused) {
	struct craft_record r;
	int error;
};
FIXTURE_VARIANT_ADD(refused, bad_tag) {
	.r = { .bad_tag = true }, .error = EBADMSG,
};
FIXTURE_VARIANT_ADD(refused, long_plaintext) {
	.r = { .len = CRAFT_PLAIN_MAX + 1 }, .error = EMSGSIZE,
};
FIXTURE_VARIANT_ADD(refused, long_ciphertext) {
	.r = { .len = CRAFT_CIPHER_MAX - 16 }, .error = EMSGSIZE,
};
FIXTURE_VARIANT_ADD(refused, too_much_padding) {
	.r = { .len = CRAFT_PLAIN_MAX, .padding = 1 }, .error = EMSGSIZE,
};
FIXTURE_VARIANT_ADD(refused, version) {
	.r = { .version = 0x0301 }, .error = EINVAL,
};
FIXTURE_VARIANT_ADD(refused, shorter_than_its_tag) {
	.r = { .len = 3, .cut = 3 + 1 + 1 }, .error = EBADMSG,
};
FIXTURE_VARIANT_ADD(refused, not_encrypted) {
	.r = { .len = 64, .plain = true }, .error = EBADMSG,
};
FIXTURE_VARIANT_ADD(refused, no_content_type) {
	.r = { .no_type = true, .padding = 9 }, .error = EBADMSG,
};
FIXTURE_VARIANT_ADD(refused, outer_type) {
	.r = { .outer = CRAFT_HANDSHAKE }, .error = EBADMSG,
};

FIXTURE_SETUP(refused)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
			       0));
	craft_watch(&self->c, &self->pair.p);
	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(0, pair_install(&self->pair));
	ASSERT_EQ(0, craft_open(&self->c, &self->pair.p));
}

FIXTURE_TEARDOWN(refused)
{
	craft_close(&self->c);
	pair_close(&self->pair);
}

TEST_F(refused, by_the_kernel)
{
	struct craft_record r = variant->r;

	ASSERT_EQ(0, craft_data(&self->c, "ok", 2));
	KERNEL_READS(2, CRAFT_DATA);
	r.type = CRAFT_DATA;
	ASSERT_EQ(0, craft_send(&self->c, &r));
	KERNEL_READS(-1, 0);
	EXPECT_EQ(variant->error, errno);
}

TEST_HARNESS_MAIN
