// SPDX-License-Identifier: LGPL-2.1-or-later
/* What lines of JSON and lines for people have in common. */
#include <string.h>

#include "line.h"

bool line_put(struct line *l, const char *s, size_t len)
{
	if (l->size - l->used < len)
		return false;
	memcpy(l->out + l->used, s, len);
	l->used += len;
	return true;
}

/* RFC 3629 section 3: what the first byte says, and the least that needs it. */
static const struct lead {
	unsigned char mask, bits;
	size_t len;
	uint32_t least;
} leads[] = {
	{ 0x80, 0x00, 1, 0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static size_t decode(const struct lead *lead, const char *s, uint32_t *c)
{
	*c = (unsigned char)s[0] & (unsigned char)~lead->mask;
	for (size_t i = 1; i < lead->len; i++) {
		unsigned char next = s[i];

		if ((next & 0xc0) != 0x80)	/* as the string's end is not */
			return 0;
		*c = *c << 6 | (next & 0x3f);
	}
	if (*c < lead->least || *c > 0x10ffff ||
	    (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return lead->len;
}

size_t line_decode(const char *s, uint32_t *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
		if (((unsigned char)*s & leads[i].mask) == leads[i].bits)
			return decode(&leads[i], s, c);
	return 0;
}

/* Unicode's controls, and what is invisible or turns the writing around. */
static const struct range {
	uint32_t first, last;
} controls[] = {
	{ 0x0000, 0x001f },
	{ 0x007f, 0x009f },
	{ 0x00ad, 0x00ad },
	{ 0x061c, 0x061c },
	{ 0x180e, 0x180e },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb },
};

/* And the planes that hold no writing: tags, private use, unassigned. */
#define WRITING_MAX 0x3ffff

bool line_is_control(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
		if (c >= controls[i].first && c <= controls[i].last)
			return true;
	return c > WRITING_MAX;
}

const char *line_side(enum ktls_side side)
{
	static const char *const names[] = { "client", "server", "here" };

	return side >= 0 && side < ARRAY_SIZE(names) ? names[side] : "here";
}
