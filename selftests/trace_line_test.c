// SPDX-License-Identifier: GPL-2.0-only
/* Events as lines: valid, bounded and harmless, whatever is in them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "ktls.h"
#include "note.h"
#include "kselftest_harness.h"

typedef size_t line_fn(char *out, size_t size, const struct ktls_event *e);

static struct ktls_event event(const struct ktls_field *fields, size_t count)
{
	return (struct ktls_event){
		.step = KTLS_STEP_CLIENT_HELLO,
		.from = KTLS_CLIENT,
		.at_ns = 1234567,
		.fields = fields,
		.count = count,
	};
}

/* The line in a buffer of its very size, so that sanitizers see its ends. */
static char *line_of(line_fn *fn, const struct ktls_event *e, size_t size,
		     size_t *len)
{
	char *out = malloc(size ? size : 1);

	*len = fn(out, size, e);
	return out;
}

static json_t *parse(const char *line, size_t len)
{
	return json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
}

/* What the only field became: its value as JSON. */
static bool becomes(const char *value, const char *wanted)
{
	const struct ktls_field f = { "f", value };
	const struct ktls_event e = event(&f, 1);
	char full[512];
	size_t len;
	char *line = line_of(ktls_event_json, &e, KTLS_LINE_MAX, &len);
	int n = snprintf(full, sizeof(full),
			 "{\"t_us\": 1234.5, \"step\": \"ClientHello\", \"from\": \"client\", \"fields\": {\"f\": \"%s\"}}\n",
			 wanted);
	json_t *json = parse(line, len);
	bool same = json && len == n && !memcmp(full, line, len);

	json_decref(json);
	free(line);
	return same;
}

static bool reads(const char *value, const char *wanted)
{
	const struct ktls_field f = { "f", value };
	const struct ktls_event e = event(&f, 1);
	char full[512];
	size_t len;
	char *line = line_of(ktls_event_text, &e, KTLS_LINE_MAX, &len);
	int n = snprintf(full, sizeof(full),
			 "     1.234 ms  client -> server  ClientHello  f=%s\n",
			 wanted);
	bool same = len == n && !memcmp(full, line, len);

	free(line);
	return same;
}

FIXTURE(value) { int unused; };
FIXTURE_VARIANT(value) {
	const char *value, *json, *text;
};
#define VALUE(name, v, j, t) \
	FIXTURE_VARIANT_ADD(value, name) { .value = v, .json = j, .text = t }

VALUE(plain, "a.example", "a.example", "a.example");
VALUE(empty, "", "", "\"\"");
VALUE(words, "a b", "a b", "\"a b\"");
VALUE(quote, "a\"b", "a\\\"b", "\"a\\\"b\"");
VALUE(backslash, "a\\b", "a\\\\b", "\"a\\\\b\"");
VALUE(newline, "a\nb", "a\\u000ab", "a\\x0ab");
VALUE(escape_sequence, "\033[2J", "\\u001b[2J", "\\x1b[2J");
VALUE(del, "\x7f", "\\u007f", "\\x7f");
VALUE(umlaut, "\xc3\xbc", "\xc3\xbc", "\xc3\xbc");
VALUE(euro, "\xe2\x82\xac", "\xe2\x82\xac", "\xe2\x82\xac");
VALUE(emoji, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
VALUE(c1_control, "\xc2\x9b", "\\u009b", "\\xc2\\x9b");
VALUE(bidi_override, "\xe2\x80\xae", "\\u202e", "\\xe2\\x80\\xae");
VALUE(tag_character, "\xf3\xa0\x81\x81", "\xf3\xa0\x81\x81",
      "\\xf3\\xa0\\x81\\x81");
VALUE(lone_continuation, "\x80", "\\u0080", "\\x80");
VALUE(lone_lead, "\xc3", "\\u00c3", "\\xc3");
VALUE(lead_and_letter, "\xc3" "a", "\\u00c3a", "\\xc3" "a");
VALUE(cut_euro, "\xe2\x82", "\\u00e2\\u0082", "\\xe2\\x82");
VALUE(overlong_2, "\xc0\xaf", "\\u00c0\\u00af", "\\xc0\\xaf");
VALUE(overlong_3, "\xe0\x80\xaf", "\\u00e0\\u0080\\u00af",
      "\\xe0\\x80\\xaf");
VALUE(overlong_4, "\xf0\x80\x80\xaf", "\\u00f0\\u0080\\u0080\\u00af",
      "\\xf0\\x80\\x80\\xaf");
VALUE(surrogate, "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080",
      "\\xed\\xa0\\x80");
VALUE(behind_unicode, "\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080",
      "\\xf4\\x90\\x80\\x80");
VALUE(never_utf8, "\xfe\xff", "\\u00fe\\u00ff", "\\xfe\\xff");

FIXTURE_SETUP(value) {}
FIXTURE_TEARDOWN(value) {}

TEST_F(value, json)
{
	EXPECT_TRUE(becomes(variant->value, variant->json));
}

TEST_F(value, text)
{
	EXPECT_TRUE(reads(variant->value, variant->text));
}

/* Of all pairs of bytes: JSON that a strict parser takes, and no control. */
TEST(all_pairs_of_bytes)
{
	for (int i = 0; i < 65536; i++) {
		const char value[] = { i >> 8 ? i >> 8 : 'x', i & 0xff, 'y', 0 };
		const struct ktls_field f = { "f", value };
		const struct ktls_event e = event(&f, 1);
		char line[256];
		size_t len = ktls_event_json(line, sizeof(line), &e);
		json_t *json = parse(line, len);

		ASSERT_NE(NULL, json) TH_LOG("%02x %02x", i >> 8, i & 0xff);
		json_decref(json);
		len = ktls_event_text(line, sizeof(line), &e);
		ASSERT_EQ('\n', line[len - 1]);
		for (size_t k = 0; k < len - 1; k++) {
			ASSERT_LE(' ', (unsigned char)line[k]);
			ASSERT_NE(0x7f, line[k]);
		}
	}
}

/* Bytes of all kinds, from a fixed sequence. */
static void fill(char *out, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		out[i] = seed >> 16 ? seed >> 16 : 1;
		if (!out[i])
			out[i] = 'z';
	}
	out[len] = '\0';
}

TEST(any_size_of_buffer)
{
	char a[300], b[300];
	const struct ktls_field f[] = {
		{ "first", a }, { "empty", "" }, { "second", b },
	};
	const struct ktls_event e = event(f, 3);
	size_t len, least = 0;

	fill(a, sizeof(a) - 1, 1);
	fill(b, sizeof(b) - 1, 2);
	for (size_t size = 0; size < 4000; size++) {
		char *line = line_of(ktls_event_json, &e, size, &len);
		json_t *json = parse(line, len);

		ASSERT_LE(len, size);
		ASSERT_EQ(len > 0, json != NULL) TH_LOG("size %zu", size);
		if (len) {
			ASSERT_EQ('\n', line[len - 1]);
		} else {
			least = size;
		}
		json_decref(json);
		free(line);
		line = line_of(ktls_event_text, &e, size, &len);
		ASSERT_LE(len, size);
		ASSERT_EQ(size > 0, len > 0);
		if (len) {
			ASSERT_EQ('\n', line[len - 1]);
		}
		free(line);
	}
	EXPECT_GT(100, least);
}

/* The longest that there can be, many times over. */
TEST(no_line_is_longer_than_the_limit)
{
	static char value[100000], line[2 * KTLS_LINE_MAX];
	struct ktls_field f[KTLS_FIELDS_MAX];
	struct ktls_event e = event(f, KTLS_FIELDS_MAX);
	char names[KTLS_FIELDS_MAX][8];
	json_t *json;
	size_t len;

	for (int kind = 0; kind < 2; kind++) {
		memset(value, kind ? 1 : 'a', sizeof(value) - 1);
		for (size_t i = 0; i < KTLS_FIELDS_MAX; i++) {
			snprintf(names[i], sizeof(names[i]), "f%zu", i);
			f[i] = (struct ktls_field){ names[i], value };
		}
		len = ktls_event_json(line, sizeof(line), &e);
		json = parse(line, len);
		EXPECT_NE(NULL, json);
		EXPECT_GE(KTLS_LINE_MAX, len);
		EXPECT_LE(KTLS_LINE_MAX - 10, len);
		json_decref(json);
		len = ktls_event_text(line, sizeof(line), &e);
		EXPECT_GE(KTLS_LINE_MAX, len);
		EXPECT_EQ('\n', line[len - 1]);
	}
}

TEST(steps_have_names)
{
	for (int i = 0; i < KTLS_STEPS; i++) {
		EXPECT_NE(NULL, ktls_step_name(i));
		EXPECT_STRNE("unknown", ktls_step_name(i));
	}
	EXPECT_STREQ("unknown", ktls_step_name(KTLS_STEPS));
	EXPECT_STREQ("unknown", ktls_step_name(-1));
}

/* --- the builder --- */

TEST(words_and_bytes)
{
	struct note n;

	note_begin(&n, KTLS_STEP_CLIENT_HELLO, KTLS_CLIENT);
	note_list(&n, "list");
	note_word(&n, "one");
	note_word(&n, "two");
	note_list(&n, "none");
	note_list(&n, "bytes");
	note_bytes(&n, "", (const unsigned char *)"a\0b c\\d", 7);
	note_bytes(&n, "DNS:", (const unsigned char *)"x", 1);
	note_number(&n, "number", 0x1234, group_name);
	note_number(&n, "grease", 0x2a2a, group_name);
	note_hex(&n, "hex", (const unsigned char *)"\x00\xff", 2);
	note_version(&n, "version", 0x0304);
	note_flag(&n, "flag", true);
	ASSERT_EQ(8, n.count);
	EXPECT_STREQ("one two", n.fields[0].value);
	EXPECT_STREQ("", n.fields[1].value);
	EXPECT_STREQ("a\\x00b\\x20c\\x5cd DNS:x", n.fields[2].value);
	EXPECT_STREQ("0x1234", n.fields[3].value);
	EXPECT_STREQ("GREASE", n.fields[4].value);
	EXPECT_STREQ("00ff", n.fields[5].value);
	EXPECT_STREQ("TLS1.3", n.fields[6].value);
	EXPECT_STREQ("yes", n.fields[7].value);
}

/* Whatever a peer sends there: whole words, a mark, and room for the rest. */
TEST(a_builder_takes_no_more_than_it_has_room_for)
{
	static unsigned char big[100000];
	struct note *n = malloc(sizeof(*n));

	memset(big, '\\', sizeof(big));
	note_begin(n, KTLS_STEP_CLIENT_HELLO, KTLS_CLIENT);
	for (int i = 0; i < 8; i++) {
		const char *value;
		size_t len;

		note_list(n, "list");
		if (i % 2)
			note_bytes(n, "", big, sizeof(big));
		for (int k = 0; k < 70000; k++)
			note_word(n, "abcdefg");
		value = n->fields[i].value;
		len = strlen(value);
		EXPECT_GT(NOTE_VALUE_MAX, len);
		EXPECT_LT(NOTE_VALUE_MAX - 20, len);
		EXPECT_STREQ(" ...", value + len - 4);
		if (!(i % 2)) {
			EXPECT_EQ(3, len % 8);
		}
	}
	for (int i = 0; i < 100; i++)
		note_add(n, "more", "%s", "text");
	EXPECT_EQ(KTLS_FIELDS_MAX, n->count);
	for (size_t i = 8; i < n->count; i++)
		EXPECT_STREQ("text", n->fields[i].value);
	note_begin(n, KTLS_STEP_CLIENT_HELLO, KTLS_CLIENT);
	for (int i = 0; i < 100; i++)
		note_bytes(n, (note_list(n, "x"), ""), big, sizeof(big));
	EXPECT_GE(KTLS_FIELDS_MAX, n->count);
	EXPECT_GE(sizeof(n->text), n->used);
	free(n);
}

TEST_HARNESS_MAIN
