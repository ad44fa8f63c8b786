// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pure parts of ktlsstat export: groups with a bound, text that is no
 * UTF-8, and the format that a client asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "kselftest_harness.h"

FIXTURE(clean) {};
FIXTURE_SETUP(clean) {}
FIXTURE_TEARDOWN(clean) {}

FIXTURE_VARIANT(clean)
{
	const char *in, *out;
};

#define CLEAN(name, from, to) \
	FIXTURE_VARIANT_ADD(clean, name) { .in = from, .out = to }

CLEAN(empty, "", "");
CLEAN(ascii, "web \t\n\\\"", "web \t\n\\\"");
CLEAN(two, "\xc2\x80\xdf\xbf", "\xc2\x80\xdf\xbf");
CLEAN(three, "\xe0\xa0\x80\xed\x9f\xbf", "\xe0\xa0\x80\xed\x9f\xbf");
CLEAN(three_last, "\xef\xbf\xbf", "\xef\xbf\xbf");
CLEAN(four, "\xf0\x90\x80\x80", "\xf0\x90\x80\x80");
CLEAN(four_last, "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
CLEAN(overlong_two, "\xc0\x80\xc1\xbf", "????");
CLEAN(overlong_three, "\xe0\x9f\xbf", "???");
CLEAN(overlong_four, "\xf0\x8f\xbf\xbf", "????");
CLEAN(surrogate, "\xed\xa0\x80", "???");
CLEAN(beyond, "\xf4\x90\x80\x80", "????");
CLEAN(no_lead, "a\x80z", "a?z");
CLEAN(never, "\xff\xfe\xf5", "???");
CLEAN(cut_off, "a\xe2\x82", "a??");
CLEAN(cut_off_lead, "\xf0", "?");
CLEAN(between, "\xc3\xa4\xc3(\xc3\xa4", "\xc3\xa4?(\xc3\xa4");

TEST_F(clean, what_is_no_utf8_is_written_over)
{
	char text[64];

	strcpy(text, variant->in);
	label_clean(text);
	EXPECT_STREQ(variant->out, text);
}

FIXTURE(groups)
{
	struct sessions s;
	struct groups g;
};

FIXTURE_SETUP(groups)
{
	memset(self, 0, sizeof(*self));
}

FIXTURE_TEARDOWN(groups)
{
	free(self->g.v);
	free(self->s.v);
}

/* @labels labels; that of number n has one session more in each 100. */
static void fill(struct sessions *s, unsigned int labels)
{
	s->v = calloc(labels * 12 + 1, sizeof(*s->v));
	for (unsigned int i = 0; i < labels; i++)
		for (unsigned int n = 0; n <= i / 100; n++) {
			struct session *one = &s->v[s->n++];

			snprintf(one->label, sizeof(one->label), "l%u", i);
			one->uid = i;
			one->errors = 1;
			one->tx.bytes = 10;
			one->rx.wire = 3;
		}
}

static struct group sum(const struct groups *g)
{
	struct group all = { 0 };

	for (size_t i = 0; i < g->n; i++) {
		all.sessions += g->v[i].sessions;
		all.errors += g->v[i].errors;
		all.tx.bytes += g->v[i].tx.bytes;
		all.rx.wire += g->v[i].rx.wire;
	}
	return all;
}

TEST_F(groups, nothing_is_no_group)
{
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_LABEL));
	EXPECT_EQ(0, self->g.n);
}

TEST_F(groups, as_many_as_may_be)
{
	fill(&self->s, GROUPS_MAX);
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_UID));
	EXPECT_EQ(GROUPS_MAX, self->g.n);
	EXPECT_EQ(0, self->g.folded);
}

static void check_folded(struct __test_metadata *_metadata,
			 const struct groups *g, const struct sessions *s)
{
	struct group all = sum(g);
	const struct group *last = &g->v[g->n - 1];

	EXPECT_EQ(GROUPS_MAX + 1, g->n);
	EXPECT_EQ(70, g->folded);
	EXPECT_EQ(NULL, last->like);
	EXPECT_EQ(70, last->sessions);		/* the smallest */
	EXPECT_EQ(700, last->tx.bytes);
	EXPECT_EQ(s->n, all.sessions);
	EXPECT_EQ(s->n, all.errors);
	EXPECT_EQ(10 * s->n, all.tx.bytes);
	EXPECT_EQ(3 * s->n, all.rx.wire);
}

TEST_F(groups, too_many_labels_and_the_largest_stay)
{
	fill(&self->s, GROUPS_MAX + 70);
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_LABEL));
	check_folded(_metadata, &self->g, &self->s);
}

TEST_F(groups, too_many_users_and_the_largest_stay)
{
	fill(&self->s, GROUPS_MAX + 70);
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_UID));
	check_folded(_metadata, &self->g, &self->s);
}

TEST_F(groups, a_label_may_be_called_other)
{
	size_t others = 0;

	fill(&self->s, GROUPS_MAX + 70);
	for (size_t i = 0; i < self->s.n; i++)
		if (!strcmp(self->s.v[i].label, "l1060"))
			strcpy(self->s.v[i].label, "other");
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_LABEL));
	EXPECT_EQ(GROUPS_MAX, self->g.n);
	EXPECT_EQ(70, self->g.folded);
	EXPECT_EQ(self->s.n, sum(&self->g).sessions);
	for (size_t i = 0; i < self->g.n; i++)
		if (!strcmp(self->g.v[i].like->label, "other")) {
			others++;
			EXPECT_EQ(11 + 70, self->g.v[i].sessions);
		}
	EXPECT_EQ(1, others);
}

TEST_F(groups, labels_that_become_alike_are_one)
{
	self->s.v = calloc(2, sizeof(*self->s.v));
	self->s.n = 2;
	strcpy(self->s.v[0].label, "a\xff");
	strcpy(self->s.v[1].label, "a\xfe");
	ASSERT_EQ(0, groups_make(&self->g, &self->s, BY_LABEL));
	ASSERT_EQ(1, self->g.n);
	EXPECT_EQ(2, self->g.v[0].sessions);
	EXPECT_STREQ("a?", self->g.v[0].like->label);
}

#define OM "application/openmetrics-text"

static const struct {
	const char *header;
	enum format format;
} accepts[] = {
	{ NULL, FORMAT_TEXT },
	{ "", FORMAT_TEXT },
	{ OM, FORMAT_OPENMETRICS },
	{ " " OM " ", FORMAT_OPENMETRICS },
	{ OM "; q=0", FORMAT_TEXT },
	{ OM "; q=0.000", FORMAT_TEXT },
	{ OM "; q=0.001", FORMAT_OPENMETRICS },
	{ OM "; q=.5", FORMAT_TEXT },
	{ OM "; q=7", FORMAT_TEXT },
	{ OM "; q=1.000", FORMAT_OPENMETRICS },
	{ OM "; q=0.5, text/plain; q=0.5", FORMAT_OPENMETRICS },
	{ OM "; q=0.5, text/plain; q=0.501", FORMAT_TEXT },
	{ OM "; q=0.5, text/*; q=0.6", FORMAT_TEXT },
	{ OM "; q=0.5, */*", FORMAT_TEXT },
	{ OM ";version=0.0.1", FORMAT_TEXT },
	{ OM ";version=0.0.1, " OM ";version=1.0.0;q=0.1",
	  FORMAT_OPENMETRICS },
	{ OM "x", FORMAT_TEXT },
	{ ",,,;;;q=,", FORMAT_TEXT },
	{ ";q=1", FORMAT_TEXT },
};

TEST(a_client_gets_the_format_it_asked_for)
{
	for (size_t i = 0; i < ARRAY_SIZE(accepts); i++) {
		EXPECT_EQ(accepts[i].format, accept_format(accepts[i].header)) {
			TH_LOG("Accept: %s", accepts[i].header);
		}
	}
}

TEST(a_header_may_be_long)
{
	static char header[9000];

	memset(header, ' ', sizeof(header) - 1);
	memcpy(header + 8000, OM, strlen(OM));
	EXPECT_EQ(FORMAT_OPENMETRICS, accept_format(header));
	memset(header, 'a', sizeof(header) - 1);
	EXPECT_EQ(FORMAT_TEXT, accept_format(header));
	memset(header, ';', sizeof(header) - 1);
	EXPECT_EQ(FORMAT_TEXT, accept_format(header));
}

TEST_HARNESS_MAIN
