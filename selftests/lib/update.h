/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixture of the tests of key updates, and the words they are told in. */
#ifndef UPDATE_H
#define UPDATE_H

#include <errno.h>
#include <string.h>

#include "internal.h"
#include "rawline.h"
#include "kselftest_harness.h"

#define WAIT_MS 3000

FIXTURE(update) {
	struct line l;
};
FIXTURE_VARIANT(update) {
	struct line_options o;
};
#define PLACE(name, ...) \
	FIXTURE_VARIANT_ADD(update, name) { .o = { .version = 3, __VA_ARGS__ } }
PLACE(aes_128_gcm,);
PLACE(aes_256_gcm, .cipher = "AES-256-GCM");
PLACE(aes_128_ccm, .cipher = "AES-128-CCM");
PLACE(chacha20, .cipher = "CHACHA20-POLY1305");
PLACE(client, .client = true);
PLACE(user, .offload = KTLS_OFFLOAD_NEVER);

FIXTURE_SETUP(update)
{
	if (variant->o.offload != KTLS_OFFLOAD_NEVER && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, line_open(&self->l, &variant->o));
}

FIXTURE_TEARDOWN(update)
{
	line_close(&self->l);
}

#define NEEDS_REKEY() do {						\
	if (!line_can_rekey(&self->l))					\
		SKIP(return, "this kernel replaces no keys (6.14 does)");	\
} while (0)

/* Where GnuTLS does the records, when is its own affair. */
#define NEEDS_KERNEL() do {						\
	NEEDS_REKEY();							\
	if (!line_in_kernel(&self->l))					\
		return;							\
} while (0)

#define READS(text) do {						\
	char buf_[256];							\
	size_t len_ = 0, more_;						\
	ssize_t ret_ = -EAGAIN;						\
									\
	/* A busy machine may take its time. */				\
	for (int i_ = 0; i_ < 30 && len_ < strlen(text) &&		\
	     ret_ == -EAGAIN; i_++, len_ += more_)			\
		ret_ = line_read(&self->l, buf_ + len_,			\
				 sizeof(buf_) - len_, &more_, 100);	\
	EXPECT_EQ(-EAGAIN, ret_)					\
		TH_LOG("%s", ktls_reason_text(				\
			ktls_conn_reason(self->l.pair.c)));		\
	ASSERT_EQ(strlen(text), len_);					\
	ASSERT_EQ(0, memcmp(text, buf_, len_));				\
} while (0)

/* The next record that we sent: a KeyUpdate, or data. */
#define PEER_SEES_UPDATE(request) do {					\
	unsigned char buf_[64], type_;					\
	static const unsigned char want_[] = { 24, 0, 0, 1, request };	\
									\
	ASSERT_EQ(5, craft_recv(&self->l.craft, &type_, buf_,		\
				sizeof(buf_), WAIT_MS));		\
	ASSERT_EQ(CRAFT_HANDSHAKE, type_);				\
	ASSERT_EQ(0, memcmp(want_, buf_, 5));				\
} while (0)

#define PEER_SEES(text) do {						\
	unsigned char buf_[64], type_;					\
									\
	ASSERT_EQ(strlen(text), craft_recv(&self->l.craft, &type_, buf_,	\
					   sizeof(buf_), WAIT_MS));	\
	ASSERT_EQ(CRAFT_DATA, type_);					\
	ASSERT_EQ(0, memcmp(text, buf_, strlen(text)));			\
} while (0)

#define SENDS(text) \
	ASSERT_EQ(strlen(text), ktls_send(self->l.pair.c, text, strlen(text), 0))
#define PEER_SENDS(text) \
	ASSERT_EQ(0, craft_data(&self->l.craft, text, strlen(text)))
#define PEER_UPDATES(request) \
	ASSERT_EQ(0, craft_key_update(&self->l.craft, request))

#endif
