// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody called a session: text of people, so that it has to be UTF-8
 * (RFC 3629), and nothing else is asked of it.
 */
#include <linux/slab.h>
#include <net/netlink.h>
#include "internal.h"

/* A first byte says how many follow, and what the first of those may be. */
static const struct {
	u8 from, to;
	u8 more;
	u8 low, high;
} utf8[] = {
	{ 0x01, 0x7f, 0, 0, 0 },
	{ 0xc2, 0xdf, 1, 0x80, 0xbf },
	{ 0xe0, 0xe0, 2, 0xa0, 0xbf },		/* shorter would do */
	{ 0xe1, 0xec, 2, 0x80, 0xbf },
	{ 0xed, 0xed, 2, 0x80, 0x9f },		/* no surrogates */
	{ 0xee, 0xef, 2, 0x80, 0xbf },
	{ 0xf0, 0xf0, 3, 0x90, 0xbf },
	{ 0xf1, 0xf3, 3, 0x80, 0xbf },
	{ 0xf4, 0xf4, 3, 0x80, 0x8f },		/* up to U+10FFFF */
};

/* The bytes of the character at @text, of which there are @len; 0 if none. */
static int utf8_len(const u8 *text, int len)
{
	int i, n;

	for (i = 0; i < ARRAY_SIZE(utf8); i++)
		if (text[0] >= utf8[i].from && text[0] <= utf8[i].to)
			break;
	if (i == ARRAY_SIZE(utf8) || utf8[i].more >= len)
		return 0;
	for (n = 1; n <= utf8[i].more; n++)
		if (text[n] < (n == 1 ? utf8[i].low : 0x80) ||
		    text[n] > (n == 1 ? utf8[i].high : 0xbf))
			return 0;
	return n;
}

/* The length of the text, with or without the NUL that may end it. */
static int text_len(const struct nlattr *attr)
{
	const char *text = nla_data(attr);
	int len = nla_len(attr);

	return len && !text[len - 1] ? len - 1 : len;
}

/* The label in @attr, NULL if it is empty, or ERR_PTR. */
struct label *label_make(const struct nlattr *attr)
{
	const u8 *text = nla_data(attr);
	int len = text_len(attr), at, n;
	struct label *label;

	if (len > LABEL_MAX)
		return ERR_PTR(-EINVAL);
	for (at = 0; at < len; at += n) {
		n = utf8_len(text + at, len - at);
		if (!n)
			return ERR_PTR(-EINVAL);
	}
	if (!len)
		return NULL;
	label = kzalloc(struct_size(label, text, len + 1), GFP_KERNEL_ACCOUNT);
	if (!label)
		return ERR_PTR(-ENOMEM);
	memcpy(label->text, text, len);
	return label;
}

/* Takes @label, which is NULL for none, unless the session has ended. */
int label_set(struct session *s, struct label *label)
{
	if (READ_ONCE(s->finished))
		return -ENOENT;
	label = unrcu_pointer(xchg(&s->label, RCU_INITIALIZER(label)));
	if (label)
		kfree_rcu(label, rcu);
	return 0;
}

/* Whether the session is called what @attr says. */
bool label_is(const struct session *s, const struct nlattr *attr)
{
	const struct label *label;
	int len = text_len(attr);
	bool is;

	rcu_read_lock();
	label = rcu_dereference(s->label);
	is = label ? strlen(label->text) == len &&
		     !memcmp(label->text, nla_data(attr), len) : !len;
	rcu_read_unlock();
	return is;
}
