/* SPDX-License-Identifier: GPL-2.0-only */
/* The events of one session: kept, and held against what all must obey. */
#ifndef EVENTS_H
#define EVENTS_H

#include "ktls.h"

#define EVENTS_MAX 40
#define SECRETS_MAX 16

struct kept {
	enum ktls_step step;
	enum ktls_side from;
	uint64_t at_ns;
	size_t count;
	char *names[KTLS_FIELDS_MAX], *values[KTLS_FIELDS_MAX];
};

struct events {
	struct kept list[EVENTS_MAX];
	size_t count;
	char fault[256];		/* the first rule that was broken */
	char secrets[SECRETS_MAX][256];	/* lines of the key log */
	size_t secrets_count;
};

/* As ktls_session_trace() and ktls_session_keylog() want them. */
void events_add(void *ctx, const struct ktls_event *e);
void events_secret(void *ctx, const char *line);

/* "c ClientHello, s ServerHello, h done": who, and what; less installs. */
const char *events_steps(const struct events *e, char *out, size_t size);
/* The value in the @nth event of its kind, or "(none)". */
const char *events_value(const struct events *e, enum ktls_step step,
			 unsigned int nth, const char *name);
/* Is one of @other's secrets in any event, as it is, or in hex? */
bool events_leak(const struct events *e, const struct events *other);
void events_clear(struct events *e);

#endif
