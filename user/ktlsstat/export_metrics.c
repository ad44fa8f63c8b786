// SPDX-License-Identifier: GPL-2.0-or-later
/* A new metric is a row. Never a series per connection: see ktlsstat(1). */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"

static const struct family up = {
	"ktls_up", GAUGE, NULL, "Whether the module ktls_stats is loaded.",
};

static const struct family build = {
	"ktls_build", INFO, NULL, "Versions of ktlsstat and of the module.",
};

static const struct family kernel_up = {
	"ktls_kernel_up", GAUGE, NULL,
	"Whether the kernel has its own TLS counters here.",
};

static const struct family folded = {
	"ktls_live_groups_folded", GAUGE, NULL,
	"Groups of live sessions that are summed up as other.",
};

/* clang-format off */
static const struct {
	struct family family;
	size_t at;			/* in struct totals */
} scalars[] = {
	{ { "ktls_sessions", GAUGE, NULL,
	    "Sessions open now." },
	  offsetof(struct totals, live) },
	{ { "ktls_sessions_closed", COUNTER, NULL,
	    "Sessions closed since the module was loaded." },
	  offsetof(struct totals, closed) },
	{ { "ktls_sessions_missed", COUNTER, NULL,
	    "Sessions that could not be followed: in no other metric." },
	  offsetof(struct totals, missed) },
	{ { "ktls_sessions_busy", GAUGE, NULL,
	    "Live sessions that somebody held: counted up to the last look." },
	  offsetof(struct totals, busy) },
	{ { "ktls_errors", COUNTER, NULL,
	    "Times TLS gave a connection up." },
	  offsetof(struct totals, errors) },
};

enum { TX = 1, RX = 2, BOTH = TX | RX };

static const struct sum {
	struct family family;
	size_t at;			/* in struct direction */
	int of;
} sums[] = {
	{ { "ktls_bytes", COUNTER, "bytes",
	    "Plaintext bytes of finished records." },
	  offsetof(struct direction, bytes), BOTH },
	{ { "ktls_records", COUNTER, NULL,
	    "Finished records, control records included." },
	  offsetof(struct direction, records), BOTH },
	{ { "ktls_wire_bytes", COUNTER, "bytes",
	    "TCP payload since the keys were installed." },
	  offsetof(struct direction, wire), BOTH },
	{ { "ktls_control_records", COUNTER, NULL,
	    "Send calls that set a record type." },
	  offsetof(struct direction, control), TX },
	{ { "ktls_rekeys", COUNTER, NULL,
	    "Key updates after the first keys." },
	  offsetof(struct direction, rekeys), BOTH },
	{ { "ktls_directions", GAUGE, NULL,
	    "Open sessions with keys in this direction." },
	  offsetof(struct direction, live), BOTH },
	{ { "ktls_directions_closed", COUNTER, NULL,
	    "Closed sessions that had keys in this direction." },
	  offsetof(struct direction, closed), BOTH },
}, group_sums[] = {
	{ { "ktls_live_bytes", GAUGE, "bytes",
	    "Plaintext bytes of the sessions open now." },
	  offsetof(struct direction, bytes), BOTH },
	{ { "ktls_live_records", GAUGE, NULL,
	    "Records of the sessions open now." },
	  offsetof(struct direction, records), BOTH },
	{ { "ktls_live_wire_bytes", GAUGE, "bytes",
	    "TCP payload of the sessions open now." },
	  offsetof(struct direction, wire), BOTH },
};

static const struct {
	struct family family;
	size_t at;			/* in struct group */
} group_scalars[] = {
	{ { "ktls_live_sessions", GAUGE, NULL,
	    "Sessions open now." },
	  offsetof(struct group, sessions) },
	{ { "ktls_live_errors", GAUGE, NULL,
	    "Times TLS gave a session up that is still open." },
	  offsetof(struct group, errors) },
};

/* clang-format on */

static const struct {
	const char *name;
	int bit;
	size_t in_breakdown, in_group;
} directions[] = {
	{ "tx", TX,
	  offsetof(struct breakdown, tx), offsetof(struct group, tx) },
	{ "rx", RX,
	  offsetof(struct breakdown, rx), offsetof(struct group, rx) },
};

static uint64_t u64_at(const void *base, size_t at)
{
	return *(const uint64_t *)((const char *)base + at);
}

static const struct direction *direction_at(const void *base, size_t at)
{
	return (const void *)((const char *)base + at);
}

static void one(struct text *t, const struct family *family, uint64_t value)
{
	text_family(t, family);
	text_begin(t);
	text_end(t, value);
}

static void write_build(struct text *t, const struct snapshot *s)
{
	text_family(t, &build);
	text_begin(t);
	text_label(t, "version", KTLS_VERSION);
	text_label(t, "module_version", s->module);
	text_end(t, 1);
}

static void write_breakdown(struct text *t, const struct sum *sum,
			    const struct breakdown *b)
{
	char buf[NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		const struct direction *d =
			direction_at(b, directions[i].in_breakdown);

		/* A combination may have occurred in one direction only. */
		if (!(sum->of & directions[i].bit) || (!d->live && !d->closed))
			continue;
		text_begin(t);
		text_label(t, "direction", directions[i].name);
		text_label(t, "version", version_name(buf, b->version));
		text_label(t, "cipher", cipher_name(buf, b->cipher));
		text_label(t, "mode", mode_name(buf, b->mode));
		text_end(t, u64_at(d, sum->at));
	}
}

static void write_totals(struct text *t, const struct totals *totals)
{
	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
		one(t, &scalars[i].family, u64_at(totals, scalars[i].at));
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
		text_family(t, &sums[i].family);
		for (size_t b = 0; b < totals->breakdowns; b++)
			write_breakdown(t, &sums[i], &totals->breakdown[b]);
	}
}

static void begin_group(struct text *t, const struct group *g,
			enum grouping by)
{
	char uid[NAME_SIZE];

	text_begin(t);
	if (g->like)
		snprintf(uid, sizeof(uid), "%u", g->like->uid);
	if (by == BY_LABEL)
		text_label(t, "label", g->like ? g->like->label : "other");
	else
		text_label(t, "uid", g->like ? uid : "other");
}

static void write_group(struct text *t, const struct sum *sum,
			const struct group *g, enum grouping by)
{
	for (size_t i = 0; i < ARRAY_SIZE(directions); i++) {
		begin_group(t, g, by);
		text_label(t, "direction", directions[i].name);
		text_end(t, u64_at(direction_at(g, directions[i].in_group),
				   sum->at));
	}
}

static void write_groups(struct text *t, const struct groups *g,
			 enum grouping by)
{
	for (size_t i = 0; i < ARRAY_SIZE(group_scalars); i++) {
		text_family(t, &group_scalars[i].family);
		for (size_t n = 0; n < g->n; n++) {
			begin_group(t, &g->v[n], by);
			text_end(t, u64_at(&g->v[n], group_scalars[i].at));
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(group_sums); i++) {
		text_family(t, &group_sums[i].family);
		for (size_t n = 0; n < g->n; n++)
			write_group(t, &group_sums[i], &g->v[n], by);
	}
	one(t, &folded, g->folded);
}

/* TlsTxRekeyOk becomes tx_rekey_ok; false if it is no name of that kind. */
static bool snake(char *out, size_t size, const char *name)
{
	size_t n = 0;

	if (strncmp(name, "Tls", 3) || !name[3])
		return false;
	for (name += 3; *name; name++) {
		if (!isalnum((unsigned char)*name) || n + 3 > size)
			return false;
		if (isupper((unsigned char)*name) && n)
			out[n++] = '_';
		out[n++] = tolower((unsigned char)*name);
	}
	out[n] = '\0';
	return true;
}

/* A counter that is new in the kernel is told, too, without a row here. */
static void write_kernel(struct text *t, const struct snapshot *s)
{
	char name[128], words[64], help[96];

	one(t, &kernel_up, s->kernels >= 0);
	for (int i = 0; i < s->kernels; i++) {
		const struct counter *c = &s->kernel[i];
		struct family f = { name, COUNTER, NULL, help };

		if (!snake(words, sizeof(words), c->name))
			continue;
		if (!strncmp(words, "curr_", 5))
			f.kind = GAUGE;
		snprintf(name, sizeof(name), "ktls_kernel_%s", words);
		snprintf(help, sizeof(help), "%s of /proc/net/tls_stat.",
			 c->name);
		one(t, &f, c->value);
	}
}

void metrics_write(FILE *f, const struct snapshot *s, enum format format)
{
	struct text t = { .f = f, .format = format };

	one(&t, &up, s->up);
	write_build(&t, s);
	if (s->up)
		write_totals(&t, &s->totals);
	if (s->up && s->by != BY_NOTHING)
		write_groups(&t, &s->groups, s->by);
	write_kernel(&t, s);
	text_finish(&t);
}

int metrics_make(char **out, size_t *len, enum grouping by, enum format format,
		 char *why, size_t size)
{
	struct snapshot s;
	FILE *f = NULL;
	int ret = snapshot_take(&s, by, why, size);

	if (!ret) {
		f = open_memstream(out, len);
		if (f)
			metrics_write(f, &s, format);
		if (!f || ferror(f) || fclose(f)) {
			snprintf(why, size, "out of memory");
			ret = -ENOMEM;
		}
	}
	snapshot_free(&s);
	return ret;
}
