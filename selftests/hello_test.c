// SPDX-License-Identifier: GPL-2.0-only
/* Hellos made by hand, whole ones and broken ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"
#include "message.h"
#include "kselftest_harness.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof(*(a)))

#define BINDER "'this binder is thirty-two long..'"
#define HEAD "0303 R 1[] 2[1301 c02b] 1[00] "
#define CLIENT(extensions) HEAD "2[" extensions "]"
#define SERVER(extensions) "0303 R 1['id'] 1301 00 2[" extensions "]"
#define RETRY(extensions) \
	"0303 cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"\
	"1[] 1302 00 2[" extensions "]"
#define PSK(identities, binders) \
	CLIENT("0029 2[2[" identities "] 2[" binders "]]")

/* Everything that is read, with something unknown and a GREASE in between. */
static const char full_client[] =
	"0303 R 1['session'] 2[1a1a 1301 1302 c02b] 1[00 01] 2["
	"1a1a 2[]"
	"0000 2[2[00 2['www.test']]]"
	"0001 2[02]"
	"0005 2[01 2[2['id']] 2[]]"
	"000a 2[2[2a2a 001d 0017]]"
	"000d 2[2[0403 0804]]"
	"0010 2[2[1['h2'] 1['http/1.1']]]"
	"0017 2[]"
	"001c 2[4001]"
	"0023 2['ticket']"
	"002a 2[]"
	"002b 2[1[3a3a 0304 0303]]"
	"0033 2[2[2a2a 2[00] 001d 2['public key']]]"
	"fff0 2['unknown']"
	"0029 2[2[2['identity'] 00000001 2['other'] 00000002]"
	" 2[1[" BINDER "] 1[" BINDER "]]]"
	"]";
static const char full_server[] =
	SERVER("002b 2[0304] 0033 2[001d 2['key']] 0029 2[0000] fff0 2['x']");
static const char full_retry[] =
	RETRY("002b 2[0304] 0033 2[0017] 002c 2[0006 'cookie']");

/* Of the exact size, so that a sanitizer sees a step beyond. */
static int parse(bool server, const unsigned char *bytes, size_t len)
{
	unsigned char *msg = malloc(len);
	struct client_hello ch;
	struct server_hello sh;
	int ret;

	memcpy(msg, bytes, len);
	ret = server ? server_hello_parse(&sh, msg, len) :
		       client_hello_parse(&ch, msg, len);
	free(msg);
	return ret;
}

static bool is_text(struct bytes b, const char *text)
{
	return b.len == strlen(text) && !memcmp(b.data, text, b.len);
}

static uint16_t next(struct bytes *list)
{
	uint16_t value = 0;

	return bytes_take_u16(list, &value) ? value : 0;
}

TEST(client_hello_is_read_whole)
{
	struct client_hello h;
	struct message m;
	struct bytes name;
	uint16_t group;

	message_make(&m, full_client);
	ASSERT_EQ(0, client_hello_parse(&h, m.bytes, m.len));
	EXPECT_EQ(0x0303, h.version);
	EXPECT_EQ(m.bytes + 2, h.random);
	EXPECT_TRUE(is_text(h.session_id, "session"));
	EXPECT_TRUE(is_text(h.sni, "www.test"));
	EXPECT_EQ(8, h.suites.len);
	EXPECT_TRUE(is_grease(next(&h.suites)));
	EXPECT_EQ(0x1301, next(&h.suites));
	EXPECT_TRUE(is_grease(next(&h.versions)));
	EXPECT_EQ(0x0304, next(&h.versions));
	EXPECT_TRUE(is_grease(next(&h.groups)));
	EXPECT_EQ(0x001d, next(&h.groups));
	EXPECT_EQ(0x0403, next(&h.signatures));
	ASSERT_TRUE(hello_take_share(&h.shares, &group));
	EXPECT_TRUE(is_grease(group));
	ASSERT_TRUE(hello_take_share(&h.shares, &group));
	EXPECT_EQ(0x001d, group);
	EXPECT_FALSE(hello_take_share(&h.shares, &group));
	ASSERT_TRUE(hello_take_protocol(&h.alpn, &name));
	EXPECT_TRUE(is_text(name, "h2"));
	ASSERT_TRUE(hello_take_protocol(&h.alpn, &name));
	EXPECT_TRUE(is_text(name, "http/1.1"));
	EXPECT_FALSE(hello_take_protocol(&h.alpn, &name));
	EXPECT_TRUE(h.has_psk && h.has_early_data && h.has_ticket &&
		    h.extended_master_secret && h.status_request);
	EXPECT_EQ(0x4001, h.record_size_limit);
	EXPECT_EQ(1024, h.max_fragment);
}

TEST(client_hello_says_what_it_has_not)
{
	struct client_hello h;
	struct message m;

	message_make(&m, HEAD);
	memset(&h, 0xff, sizeof(h));
	ASSERT_EQ(0, client_hello_parse(&h, m.bytes, m.len));
	EXPECT_EQ(0, h.session_id.len);
	EXPECT_EQ(NULL, h.versions.data);
	EXPECT_EQ(NULL, h.groups.data);
	EXPECT_EQ(NULL, h.signatures.data);
	EXPECT_EQ(NULL, h.shares.data);
	EXPECT_EQ(NULL, h.alpn.data);
	EXPECT_EQ(NULL, h.sni.data);
	EXPECT_FALSE(h.has_psk || h.has_early_data || h.has_ticket ||
		     h.extended_master_secret || h.status_request);
	EXPECT_EQ(0, h.record_size_limit);
	EXPECT_EQ(0, h.max_fragment);
}

static const struct {
	const char *text;
	struct server_hello want;
} servers[] = {
	{ full_server,
	  { .version = 0x0304, .suite = 0x1301, .group = 29, .psk = true } },
	{ full_retry,
	  { .version = 0x0304, .suite = 0x1302, .group = 23, .retry = true } },
	{ RETRY("002b 2[0304] 002c 2[2['cookie']]"),
	  { .version = 0x0304, .suite = 0x1302, .retry = true } },
	{ SERVER("0017 2[] ff01 2[00] 0010 2[2[1['h2']]]"),
	  { .version = 0x0303, .suite = 0x1301 } },
	{ "0302 R 1[] c02f 00", { .version = 0x0302, .suite = 0xc02f } },
};

TEST(server_hello_is_read_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
		const struct server_hello *want = &servers[i].want;
		struct server_hello h;
		struct message m;

		message_make(&m, servers[i].text);
		ASSERT_EQ(0, server_hello_parse(&h, m.bytes, m.len))
			TH_LOG("row %zu", i);
		EXPECT_EQ(want->version, h.version);
		EXPECT_EQ(want->suite, h.suite);
		EXPECT_EQ(want->group, h.group);
		EXPECT_EQ(want->retry, h.retry);
		EXPECT_EQ(want->psk, h.psk);
		EXPECT_EQ(m.bytes + 2, h.random);
	}
}

static const struct {
	bool server;
	const char *text;
	int ret;
} forms[] = {
	{ 0, CLIENT(""), 0 },
	{ 0, CLIENT("0000 2[2[00 2[ff 00 20]]]"), 0 },	/* not ours to judge */
	{ 0, CLIENT("0001 2[00]"), 0 },
	{ 0, CLIENT("0001 2[05]"), 0 },
	{ 0, CLIENT("0005 2[02 abcdef]"), 0 },
	{ 0, CLIENT("0023 2[]"), 0 },
	{ 0, CLIENT("0033 2[2[]]"), 0 },
	{ 0, CLIENT("1a1a 2[] 2a2a 2[00]"), 0 },
	{ 0, PSK("2['a'] 00000000", "1[" BINDER "]"), 0 },
	{ 1, SERVER(""), 0 },
	/* the head */
	{ 0, "", -EBADMSG },
	{ 0, "0303 R 1[" BINDER "] 2[1301] 1[00]", 0 },
	{ 0, "0303 R 1['1'" BINDER "] 2[1301] 1[00]", -EBADMSG },
	{ 0, "0303 R 1[] 2[] 1[00]", -EBADMSG },
	{ 0, "0303 R 1[] 2[1301 13] 1[00]", -EBADMSG },
	{ 0, "0303 R 1[] 2[1301] 1[]", -EBADMSG },
	{ 0, CLIENT("") "00", -EBADMSG },
	{ 1, "0303 R 1['1'" BINDER "] 1301 00", -EBADMSG },
	{ 1, SERVER("") "00", -EBADMSG },
	/* twice the same, known or not */
	{ 0, CLIENT("0017 2[] 0017 2[]"), -EBADMSG },
	{ 0, CLIENT("fff0 2[] 0000 2[2[00 2['a']]] fff0 2[]"), -EBADMSG },
	{ 0, CLIENT("ffff 2[] ffff 2[00]"), -EBADMSG },
	{ 1, SERVER("002b 2[0304] 002b 2[0304]"), -EBADMSG },
	/* server_name */
	{ 0, CLIENT("0000 2[]"), -EBADMSG },
	{ 0, CLIENT("0000 2[2[]]"), -EBADMSG },
	{ 0, CLIENT("0000 2[2[00 2[]]]"), -EBADMSG },
	{ 0, CLIENT("0000 2[2[01 2['a']]]"), -EBADMSG },
	{ 0, CLIENT("0000 2[2[00 2['a'] 00 2['b']]]"), -EBADMSG },
	{ 0, CLIENT("0000 2[2[00 2['a'] 01 2['b']]]"), -EBADMSG },
	/* limits */
	{ 0, CLIENT("0001 2[]"), -EBADMSG },
	{ 0, CLIENT("0001 2[01 01]"), -EBADMSG },
	{ 0, CLIENT("001c 2[40]"), -EBADMSG },
	{ 0, CLIENT("001c 2[400100]"), -EBADMSG },
	/* flags that carry something, or too little */
	{ 0, CLIENT("0017 2[00]"), -EBADMSG },
	{ 0, CLIENT("002a 2[00000000]"), -EBADMSG },
	{ 0, CLIENT("0005 2[]"), -EBADMSG },
	{ 0, CLIENT("0005 2[01]"), -EBADMSG },
	{ 0, CLIENT("0005 2[01 2[] 2[] 00]"), -EBADMSG },
	{ 0, CLIENT("0005 2[01 2[2[]] 2[]]"), -EBADMSG },
	/* lists: empty, odd, and with something behind */
	{ 0, CLIENT("000a 2[2[]]"), -EBADMSG },
	{ 0, CLIENT("000a 2[2[001d00]]"), -EBADMSG },
	{ 0, CLIENT("000a 2[2[001d] 00]"), -EBADMSG },
	{ 0, CLIENT("000d 2[2[]]"), -EBADMSG },
	{ 0, CLIENT("000d 2[2[04]]"), -EBADMSG },
	{ 0, CLIENT("0010 2[2[]]"), -EBADMSG },
	{ 0, CLIENT("0010 2[2[1[]]]"), -EBADMSG },
	{ 0, CLIENT("0010 2[2[1['h2'] 1[]]]"), -EBADMSG },
	{ 0, CLIENT("002b 2[1[]]"), -EBADMSG },
	{ 0, CLIENT("002b 2[1[03]]"), -EBADMSG },
	{ 0, CLIENT("002b 2[0304]"), -EBADMSG },	/* a server's form */
	{ 0, CLIENT("0033 2[2[001d 2[]]]"), -EBADMSG },
	{ 0, CLIENT("0033 2[2[001d]]"), -EBADMSG },
	{ 0, CLIENT("0033 2[001d 2['a']]"), -EBADMSG },	/* a server's form */
	/* pre_shared_key: it is the last, each identity has its binder */
	{ 0, CLIENT("0029 2[2[2['a'] 00000000] 2[1[" BINDER "]]] 0017 2[]"),
	  -EBADMSG },
	{ 0, PSK("", "1[" BINDER "]"), -EBADMSG },
	{ 0, PSK("2['a'] 00000000", ""), -EBADMSG },
	{ 0, PSK("2[] 00000000", "1[" BINDER "]"), -EBADMSG },
	{ 0, PSK("2['a'] 000000", "1[" BINDER "]"), -EBADMSG },
	{ 0, PSK("2['a'] 00000000", "1['short']"), -EBADMSG },
	{ 0, PSK("2['a'] 00000000", "1[" BINDER "] 1[" BINDER "]"), -EBADMSG },
	/* a server's extensions */
	{ 1, SERVER("002b 2[1[0304]]"), -EBADMSG },
	{ 1, SERVER("0029 2[00]"), -EBADMSG },
	{ 1, SERVER("0033 2[001d]"), -EBADMSG },	/* only in a retry */
	{ 1, SERVER("0033 2[001d 2[]]"), -EBADMSG },
	{ 1, RETRY("0033 2[001d 2['key']]"), -EBADMSG },
};

TEST(forms_are_judged)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct message m;

		message_make(&m, forms[i].text);
		EXPECT_EQ(forms[i].ret, parse(forms[i].server, m.bytes, m.len))
			TH_LOG("row %zu: %s", i, forms[i].text);
	}
}

FIXTURE(whole) {
	struct message m;
	size_t head;			/* it may end here: no extensions */
};
FIXTURE_VARIANT(whole) {
	bool server;
	const char *text;
	const char *head;
};

FIXTURE_VARIANT_ADD(whole, client) {
	false, full_client,
	"0303 R 1['session'] 2[1a1a 1301 1302 c02b] 1[00 01]" };
FIXTURE_VARIANT_ADD(whole, server) {
	true, full_server, "0303 R 1['id'] 1301 00" };
FIXTURE_VARIANT_ADD(whole, retry) {
	true, full_retry, "0303 R 1[] 1302 00" };

FIXTURE_SETUP(whole)
{
	message_make(&self->m, variant->head);
	self->head = self->m.len;
	message_make(&self->m, variant->text);
}

FIXTURE_TEARDOWN(whole)
{
}

TEST_F(whole, is_right)
{
	EXPECT_EQ(0, parse(variant->server, self->m.bytes, self->m.len));
}

TEST_F(whole, is_refused_when_it_ends_early)
{
	for (size_t len = 0; len < self->m.len; len++) {
		int want = len == self->head ? 0 : -EBADMSG;

		EXPECT_EQ(want, parse(variant->server, self->m.bytes, len))
			TH_LOG("the first %zu bytes", len);
	}
}

TEST_F(whole, is_refused_when_it_goes_on)
{
	EXPECT_EQ(-EBADMSG,
		  parse(variant->server, self->m.bytes, self->m.len + 1));
}

TEST_F(whole, is_refused_when_a_length_is_not_true)
{
	static const int by[] = { -1, 1, 0x80 };

	for (size_t i = 0; i < self->m.lengths; i++) {
		unsigned char *length = &self->m.bytes[self->m.last[i]];

		for (size_t k = 0; k < ARRAY_LEN(by); k++) {
			*length += by[k];
			EXPECT_EQ(-EBADMSG, parse(variant->server,
						  self->m.bytes, self->m.len))
				TH_LOG("length %zu at byte %zu: %d more", i,
				       self->m.last[i], by[k]);
			*length -= by[k];
		}
	}
}

TEST_HARNESS_MAIN
