// SPDX-License-Identifier: LGPL-2.1-or-later
/* What both ends say they can do, and what they agree on. */
#include <stdio.h>

#include "note.h"

/* "TLS 1.3", but it is one word of a list. */
static const char *version_word(uint16_t id)
{
	static const char *const words[] = {
		"SSL3.0", "TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3",
	};

	return id >> 8 == 3 && (id & 0xff) < ARRAY_SIZE(words) ?
	       words[id & 0xff] : NULL;
}

static void put_number(struct note *n, uint16_t id,
		       const char *(*name_of)(uint16_t))
{
	const char *name = is_grease(id) ? "GREASE" : name_of(id);
	char number[8];

	snprintf(number, sizeof(number), "0x%04x", id);
	note_word(n, name ? name : number);
}

void note_number(struct note *n, const char *name, uint16_t number,
		 const char *(*name_of)(uint16_t))
{
	note_list(n, name);
	put_number(n, number, name_of);
}

void note_version(struct note *n, const char *name, uint16_t version)
{
	note_number(n, name, version, version_word);
}

static void note_numbers(struct note *n, const char *name, struct bytes list,
			 const char *(*name_of)(uint16_t))
{
	uint16_t id;

	note_list(n, name);
	while (bytes_take_u16(&list, &id))
		put_number(n, id, name_of);
}

static void note_shares(struct note *n, struct bytes list)
{
	uint16_t group;

	note_list(n, "key_shares");
	while (hello_take_share(&list, &group))
		put_number(n, group, group_name);
}

static void note_protocols(struct note *n, struct bytes list)
{
	struct bytes protocol;

	note_list(n, "alpn");
	while (hello_take_protocol(&list, &protocol))
		note_bytes(n, "", protocol.data, protocol.len);
}

void note_client_hello(struct note *n, const struct client_hello *h)
{
	if (h->versions.len)
		note_numbers(n, "versions", h->versions, version_word);
	else
		note_version(n, "versions", h->version);
	note_numbers(n, "ciphers", h->suites, suite_name);
	note_numbers(n, "groups", h->groups, group_name);
	note_numbers(n, "signatures", h->signatures, signature_name);
	note_shares(n, h->shares);
	note_list(n, "sni");
	if (h->sni.len)
		note_bytes(n, "", h->sni.data, h->sni.len);
	note_protocols(n, h->alpn);
	note_hex(n, "random", h->random, HELLO_RANDOM_SIZE);
	note_flag(n, "session_ticket", h->has_ticket);
	note_flag(n, "psk", h->has_psk);
}

void note_server_hello(struct note *n, const struct server_hello *h)
{
	note_version(n, "version", h->version);
	note_number(n, "cipher", h->suite, suite_name);
	if (h->group)
		note_number(n, "group", h->group, group_name);
	note_hex(n, "random", h->random, HELLO_RANDOM_SIZE);
	note_flag(n, "psk", h->psk);
}
