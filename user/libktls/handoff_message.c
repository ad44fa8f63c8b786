// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What travels beside a descriptor. Both ends are on one machine: its byte
 * order and its sockaddr will do. Whoever sends is believed only as far as a
 * field can be checked: what the kernel knows, handoff.c asks the kernel.
 */
#include <string.h>
#include <gnutls/crypto.h>

#include "handoff.h"

#define MAGIC	0x6b746c73u		/* "ktls" */
#define VERSION	3

static size_t length(const struct handoff_message *m)
{
	return m->has_identity ? sizeof(*m) :
	       offsetof(struct handoff_message, identity);
}

size_t handoff_message_fill(struct handoff_message *m,
			    const struct ktls_conn *c)
{
	memset(m, 0, sizeof(*m));
	m->magic = MAGIC;
	m->version = VERSION;
	m->info = c->info;
	m->secrets = c->secrets;
	m->limit = c->limit;
	m->answer_owed = c->answer_owed;
	m->has_identity = !!c->identity;
	if (c->identity)
		m->identity = *c->identity;
	m->size = length(m);
	return m->size;
}

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

/* In the kernel in both directions: else it could not have been sent. */
static bool is_mode(uint8_t mode)
{
	return mode == KTLS_MODE_SW || mode == KTLS_MODE_DEVICE;
}

static bool info_is_good(const struct ktls_info *i)
{
	return (i->version == TLS_1_2_VERSION ||
		i->version == TLS_1_3_VERSION) &&
	       cipher_by_kernel(i->cipher) &&
	       i->client <= 1 && i->resumed <= 1 &&
	       is_mode(i->tx_mode) && is_mode(i->rx_mode) &&
	       (i->peer.ss_family == AF_INET ||
		i->peer.ss_family == AF_INET6) &&
	       is_terminated(i->sni, sizeof(i->sni)) &&
	       is_terminated(i->alpn, sizeof(i->alpn));
}

/* Without its secrets a TLS 1.3 connection could not follow a KeyUpdate. */
static bool secrets_are_good(const struct handoff_message *m)
{
	const struct cipher *c = cipher_by_kernel(m->info.cipher);

	if (m->info.version == TLS_1_2_VERSION)
		return m->secrets.size == 0;
	return m->secrets.size == (size_t)gnutls_hmac_get_len(c->hash);
}

static bool identity_is_good(const struct ktls_identity *i)
{
	return i->verified <= 1 &&
	       is_terminated(i->subject, sizeof(i->subject)) &&
	       is_terminated(i->names, sizeof(i->names));
}

bool handoff_message_is_good(const struct handoff_message *m, size_t len)
{
	return len >= offsetof(struct handoff_message, identity) &&
	       m->magic == MAGIC && m->version == VERSION && m->size == len &&
	       m->has_identity <= 1 && m->answer_owed <= 1 &&
	       (!m->limit || m->limit >= RECORDS_MIN) &&
	       length(m) == len &&
	       info_is_good(&m->info) && secrets_are_good(m) &&
	       (!m->has_identity || identity_is_good(&m->identity));
}
