// SPDX-License-Identifier: GPL-2.0-only
/*
 * What arrives beside a descriptor. A message that is accepted must be one
 * that can be used without a look at it again: text that ends, numbers that
 * index tables, secrets of the length that the cipher's next keys need; and,
 * sent on, it must be accepted again.
 */
#include <stdlib.h>
#include <string.h>

#include "handoff.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

static void check_text(const char *text, size_t size)
{
	CHECK(strnlen(text, size) < size);
}

static void check_secrets(const struct handoff_message *m)
{
	CHECK(cipher_by_kernel(m->info.cipher));
	CHECK(m->secrets.size <= SECRET_MAX);
	CHECK(!m->secrets.size == (m->info.version == TLS_1_2_VERSION));
}

static void check_sent_on(const struct handoff_message *m)
{
	struct ktls_identity identity = m->identity;
	const struct ktls_conn c = {
		.info = m->info,
		.secrets = m->secrets,
		.limit = m->limit,
		.answer_owed = m->answer_owed,
		.identity = m->has_identity ? &identity : NULL,
	};
	struct handoff_message again;
	size_t len = handoff_message_fill(&again, &c);

	CHECK(len == m->size);
	CHECK(handoff_message_is_good(&again, len));
}

/* A message of exactly that length: what is behind it must not be read. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static struct handoff_message whole;
	unsigned char *exact = malloc(len ? len : 1);

	if (!exact)
		return 0;
	memcpy(exact, data, len);
	if (handoff_message_is_good((const void *)exact, len)) {
		CHECK(len <= sizeof(whole));
		memset(&whole, 0, sizeof(whole));
		memcpy(&whole, exact, len);
		check_text(whole.info.sni, sizeof(whole.info.sni));
		check_text(whole.info.alpn, sizeof(whole.info.alpn));
		check_text(whole.identity.subject,
			   sizeof(whole.identity.subject));
		check_text(whole.identity.names, sizeof(whole.identity.names));
		CHECK(whole.info.tx_mode != KTLS_MODE_USER);
		CHECK(whole.info.rx_mode != KTLS_MODE_USER);
		check_secrets(&whole);
		check_sent_on(&whole);
	}
	free(exact);
	return 0;
}
