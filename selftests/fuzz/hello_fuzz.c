// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both parsers of hello.c read the same bytes. What they accept must lie in
 * these, and every list must be of whole elements; and where libktls has read
 * extensions through GnuTLS, the answers must be the same.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "hello.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define CHECK(condition) do { if (!(condition)) abort(); } while (0)

struct limits {
	unsigned int record_size_limit, max_fragment;
};

static void check_inside(struct bytes all, struct bytes part)
{
	if (!part.data)
		return;
	CHECK(part.data >= all.data);
	CHECK(part.data + part.len <= all.data + all.len);
}

static bool is_named(uint16_t id)
{
	return suite_name(id) || group_name(id) || signature_name(id) ||
	       tls_version_name(id);
}

static void check_numbers(struct bytes all, struct bytes list)
{
	size_t count = 0, len = list.len;
	uint16_t id;

	check_inside(all, list);
	for (; bytes_take_u16(&list, &id); count++)
		CHECK(!is_grease(id) || !is_named(id));
	CHECK(count * 2 == len && !list.len);
}

static void check_elements(struct bytes all, struct client_hello *h)
{
	struct bytes protocol;
	uint16_t group;

	check_inside(all, h->shares);
	while (hello_take_share(&h->shares, &group))
		;
	CHECK(!h->shares.len);
	check_inside(all, h->alpn);
	while (hello_take_protocol(&h->alpn, &protocol)) {
		CHECK(protocol.len);
		check_inside(all, protocol);
	}
	CHECK(!h->alpn.len);
}

/* limit.c's way. */
static int on_extension(void *ctx, unsigned int id, const unsigned char *data,
			unsigned int size)
{
	struct limits *l = ctx;

	if (id == 28 && size == 2)
		l->record_size_limit = data[0] << 8 | data[1];
	if (id == 1 && size == 1 && data[0] >= 1 && data[0] <= 4)
		l->max_fragment = 1u << (8 + data[0]);
	return 0;
}

/* What GnuTLS does not call a hello, or one to look for extensions in. */
static bool is_refused(struct bytes all, const struct client_hello *h)
{
	const unsigned char *compressions = h->suites.data + h->suites.len;

	return h->version >> 8 != 3 ||
	       compressions + 1 + *compressions == all.data + all.len;
}

static void check_limits(struct bytes all, const struct client_hello *h)
{
	const gnutls_datum_t raw = { (void *)all.data, all.len };
	struct limits l = { 0 };

	if (is_refused(all, h))
		return;
	CHECK(!gnutls_ext_raw_parse(&l, on_extension, &raw,
				    GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO));
	CHECK(l.record_size_limit == h->record_size_limit);
	CHECK(l.max_fragment == h->max_fragment);
}

static void check_client(struct bytes all)
{
	struct client_hello h;

	if (client_hello_parse(&h, all.data, all.len))
		return;
	CHECK(h.random == all.data + 2);
	CHECK(h.session_id.len <= 32);
	check_inside(all, h.session_id);
	check_inside(all, h.sni);
	CHECK(!h.sni.data == !h.sni.len);
	CHECK(h.suites.len);
	check_numbers(all, h.suites);
	check_numbers(all, h.versions);
	check_numbers(all, h.groups);
	check_numbers(all, h.signatures);
	check_limits(all, &h);
	check_elements(all, &h);
}

static void check_server(struct bytes all)
{
	struct server_hello h;

	if (server_hello_parse(&h, all.data, all.len))
		return;
	CHECK(h.random == all.data + 2);
	CHECK(h.session_id.len <= 32);
	check_inside(all, h.session_id);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const struct bytes all = { data, len };

	check_client(all);
	check_server(all);
	return 0;
}
