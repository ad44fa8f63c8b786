// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reads both hellos: RFC 8446 section 4.1, and RFC 5246 section 7.4.1. The
 * lengths in a message are the peer's word: only bytes_take() moves on, and it
 * looks at what is left.
 */
#include <errno.h>
#include <string.h>

#include "hello.h"

enum {
	EXT_SERVER_NAME = 0,
	EXT_MAX_FRAGMENT_LENGTH = 1,
	EXT_STATUS_REQUEST = 5,
	EXT_SUPPORTED_GROUPS = 10,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_EXTENDED_MASTER_SECRET = 23,
	EXT_RECORD_SIZE_LIMIT = 28,
	EXT_SESSION_TICKET = 35,
	EXT_PRE_SHARED_KEY = 41,
	EXT_EARLY_DATA = 42,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_KEY_SHARE = 51,
};

#define SESSION_ID_MAX	32
#define BINDER_MIN	32
#define NAME_HOST	0	/* RFC 6066 section 3 */
#define STATUS_OCSP	1	/* RFC 6066 section 8 */

/* RFC 8446 section 4.1.3: the SHA-256 of "HelloRetryRequest". */
static const unsigned char retry_random[HELLO_RANDOM_SIZE] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
	0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
	0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* A vector with nothing behind it. */
static bool is_vector8(struct bytes in, struct bytes *out)
{
	return bytes_take_vector8(&in, out) && !in.len;
}

static bool is_vector16(struct bytes in, struct bytes *out)
{
	return bytes_take_vector16(&in, out) && !in.len;
}

static bool is_u16_list(const struct bytes *list)
{
	return list->len && list->len % 2 == 0;
}

bool hello_take_share(struct bytes *list, uint16_t *group)
{
	struct bytes key;

	return bytes_take_u16(list, group) &&
	       bytes_take_vector16(list, &key) && key.len;
}

bool hello_take_protocol(struct bytes *list, struct bytes *protocol)
{
	return bytes_take_vector8(list, protocol) && protocol->len;
}

/* One host name: other kinds of names were never defined. */
static bool read_server_name(struct client_hello *h, struct bytes in)
{
	struct bytes list;
	uint8_t type;

	return is_vector16(in, &list) && bytes_take_u8(&list, &type) &&
	       type == NAME_HOST && is_vector16(list, &h->sni) && h->sni.len;
}

static bool read_max_fragment_length(struct client_hello *h, struct bytes in)
{
	uint8_t code;

	if (!bytes_take_u8(&in, &code) || in.len)
		return false;
	if (code >= 1 && code <= 4)
		h->max_fragment = 1u << (8 + code);
	return true;
}

static bool read_status_request(struct client_hello *h, struct bytes in)
{
	struct bytes responders, responder, extensions;
	uint8_t type;

	if (!bytes_take_u8(&in, &type))
		return false;
	h->status_request = true;
	if (type != STATUS_OCSP)
		return true;
	if (!bytes_take_vector16(&in, &responders) ||
	    !is_vector16(in, &extensions))
		return false;
	while (responders.len)
		if (!bytes_take_vector16(&responders, &responder) ||
		    !responder.len)
			return false;
	return true;
}

static bool read_supported_groups(struct client_hello *h, struct bytes in)
{
	return is_vector16(in, &h->groups) && is_u16_list(&h->groups);
}

static bool read_signature_algorithms(struct client_hello *h, struct bytes in)
{
	return is_vector16(in, &h->signatures) && is_u16_list(&h->signatures);
}

static bool read_alpn(struct client_hello *h, struct bytes in)
{
	struct bytes list, protocol;

	if (!is_vector16(in, &h->alpn) || !h->alpn.len)
		return false;
	list = h->alpn;
	while (list.len)
		if (!hello_take_protocol(&list, &protocol))
			return false;
	return true;
}

static bool read_extended_master_secret(struct client_hello *h, struct bytes in)
{
	h->extended_master_secret = true;
	return !in.len;
}

static bool read_record_size_limit(struct client_hello *h, struct bytes in)
{
	uint16_t limit;

	if (!bytes_take_u16(&in, &limit) || in.len)
		return false;
	h->record_size_limit = limit;
	return true;
}

static bool read_session_ticket(struct client_hello *h, struct bytes in)
{
	h->has_ticket = in.len;
	return true;
}

/* A binder for each identity. */
static bool read_pre_shared_key(struct client_hello *h, struct bytes in)
{
	struct bytes identities, binders, identity, age, binder;

	h->has_psk = true;
	if (!bytes_take_vector16(&in, &identities) || !identities.len ||
	    !is_vector16(in, &binders))
		return false;
	while (identities.len)
		if (!bytes_take_vector16(&identities, &identity) ||
		    !identity.len || !bytes_take(&identities, 4, &age) ||
		    !bytes_take_vector8(&binders, &binder) ||
		    binder.len < BINDER_MIN)
			return false;
	return !binders.len;
}

static bool read_early_data(struct client_hello *h, struct bytes in)
{
	h->has_early_data = true;
	return !in.len;
}

static bool read_supported_versions(struct client_hello *h, struct bytes in)
{
	return is_vector8(in, &h->versions) && is_u16_list(&h->versions);
}

/* None at all is a client that asks for a HelloRetryRequest. */
static bool read_key_share(struct client_hello *h, struct bytes in)
{
	struct bytes list;
	uint16_t group;

	if (!is_vector16(in, &h->shares))
		return false;
	list = h->shares;
	while (list.len)
		if (!hello_take_share(&list, &group))
			return false;
	return true;
}

static const struct client_extension {
	uint16_t id;
	bool (*read)(struct client_hello *h, struct bytes in);
} client_extensions[] = {
	{ EXT_SERVER_NAME, read_server_name },
	{ EXT_MAX_FRAGMENT_LENGTH, read_max_fragment_length },
	{ EXT_STATUS_REQUEST, read_status_request },
	{ EXT_SUPPORTED_GROUPS, read_supported_groups },
	{ EXT_SIGNATURE_ALGORITHMS, read_signature_algorithms },
	{ EXT_ALPN, read_alpn },
	{ EXT_EXTENDED_MASTER_SECRET, read_extended_master_secret },
	{ EXT_RECORD_SIZE_LIMIT, read_record_size_limit },
	{ EXT_SESSION_TICKET, read_session_ticket },
	{ EXT_PRE_SHARED_KEY, read_pre_shared_key },
	{ EXT_EARLY_DATA, read_early_data },
	{ EXT_SUPPORTED_VERSIONS, read_supported_versions },
	{ EXT_KEY_SHARE, read_key_share },
};

#define CLIENT_EXTENSIONS \
	(sizeof(client_extensions) / sizeof(client_extensions[0]))

/* RFC 8446 section 4.2.11: a pre_shared_key is the last of them. */
static bool read_client_extension(void *hello, uint16_t id, struct bytes in)
{
	struct client_hello *h = hello;

	if (h->has_psk)
		return false;
	for (size_t i = 0; i < CLIENT_EXTENSIONS; i++)
		if (client_extensions[i].id == id)
			return client_extensions[i].read(h, in);
	return true;
}

static bool read_server_extension(void *hello, uint16_t id, struct bytes in)
{
	struct server_hello *h = hello;
	uint16_t chosen;

	switch (id) {
	case EXT_SUPPORTED_VERSIONS:
		return bytes_take_u16(&in, &h->version) && !in.len;
	case EXT_PRE_SHARED_KEY:
		h->psk = true;
		return bytes_take_u16(&in, &chosen) && !in.len;
	case EXT_KEY_SHARE:
		if (h->retry)		/* which group it wants, and no key */
			return bytes_take_u16(&in, &h->group) && !in.len;
		return hello_take_share(&in, &h->group) && !in.len;
	}
	return true;
}

/* To the end of the message, where a hello of TLS 1.2 may have none. */
static bool read_extensions(struct bytes in, void *hello,
			    bool (*read)(void *, uint16_t, struct bytes))
{
	unsigned char seen[(UINT16_MAX + 1) / 8] = { 0 };
	struct bytes list, data;
	uint16_t id;

	if (!in.len)
		return true;
	if (!is_vector16(in, &list))
		return false;
	while (list.len) {
		if (!bytes_take_u16(&list, &id) ||
		    !bytes_take_vector16(&list, &data) ||
		    seen[id / 8] & 1 << id % 8)
			return false;
		seen[id / 8] |= 1 << id % 8;
		if (!read(hello, id, data))
			return false;
	}
	return true;
}

int client_hello_parse(struct client_hello *out, const unsigned char *msg,
		       size_t len)
{
	struct bytes in = { msg, len }, random, compressions;

	*out = (struct client_hello){ 0 };
	if (!bytes_take_u16(&in, &out->version) ||
	    !bytes_take(&in, HELLO_RANDOM_SIZE, &random) ||
	    !bytes_take_vector8(&in, &out->session_id) ||
	    out->session_id.len > SESSION_ID_MAX ||
	    !bytes_take_vector16(&in, &out->suites) ||
	    !is_u16_list(&out->suites) ||
	    !bytes_take_vector8(&in, &compressions) || !compressions.len)
		return -EBADMSG;
	out->random = random.data;
	if (!read_extensions(in, out, read_client_extension))
		return -EBADMSG;
	return 0;
}

int server_hello_parse(struct server_hello *out, const unsigned char *msg,
		       size_t len)
{
	struct bytes in = { msg, len }, random;
	uint8_t compression;

	*out = (struct server_hello){ 0 };
	if (!bytes_take_u16(&in, &out->version) ||
	    !bytes_take(&in, HELLO_RANDOM_SIZE, &random) ||
	    !bytes_take_vector8(&in, &out->session_id) ||
	    out->session_id.len > SESSION_ID_MAX ||
	    !bytes_take_u16(&in, &out->suite) ||
	    !bytes_take_u8(&in, &compression))
		return -EBADMSG;
	out->random = random.data;
	out->retry = !memcmp(random.data, retry_random, HELLO_RANDOM_SIZE);
	if (!read_extensions(in, out, read_server_extension))
		return -EBADMSG;
	return 0;
}
