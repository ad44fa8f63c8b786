// SPDX-License-Identifier: GPL-2.0-or-later
/* The same message means different things: what it depends on. */
#include <string.h>

#include "connect.h"

/* What one step tells of the whole: all rows that fit. */
static const struct sign {
	enum ktls_step step;
	const char *field, *value;	/* NULL: the step alone tells it */
	unsigned int when;
} signs[] = {
	{ KTLS_STEP_SERVER_HELLO, "version", "TLS1.3", WHEN_13 },
	{ KTLS_STEP_SERVER_HELLO, "version", "TLS1.2", WHEN_12 },
	{ KTLS_STEP_SERVER_HELLO, "psk", "yes", WHEN_RESUMED },
	{ KTLS_STEP_DONE, "resumed", "yes", WHEN_RESUMED },
	{ KTLS_STEP_DONE, "version", "TLS1.2", WHEN_12 },
	{ KTLS_STEP_DONE, "version", "TLS1.3", WHEN_13 },
	{ KTLS_STEP_KEY_EXCHANGE, "resumed", "yes", WHEN_RESUMED },
	{ KTLS_STEP_KEY_EXCHANGE, "kind", "RSA", WHEN_RSA },
	{ KTLS_STEP_CLIENT_KEY_EXCHANGE, "kind", "RSA", WHEN_RSA },
	{ KTLS_STEP_INSTALL, "mode", "device", WHEN_DEVICE },
	{ KTLS_STEP_HELLO_RETRY_REQUEST, NULL, NULL, WHEN_RETRIED | WHEN_13 },
	{ KTLS_STEP_ENCRYPTED_EXTENSIONS, NULL, NULL, WHEN_13 },
};

static bool shows(const struct sign *sign, const struct step *s)
{
	return s->step == sign->step &&
	       (!sign->field || step_is(s, sign->field, sign->value));
}

unsigned int context_of(const struct story *story)
{
	unsigned int when = 0;

	for (size_t i = 0; i < story->count; i++)
		for (size_t j = 0; j < ARRAY_SIZE(signs); j++)
			if (shows(&signs[j], &story->steps[i]))
				when |= signs[j].when;
	when |= when & WHEN_RESUMED ? 0 : WHEN_FULL;
	when |= when & WHEN_RSA ? 0 : WHEN_ECDHE;
	when |= when & WHEN_RETRIED ? 0 : WHEN_DIRECT;
	when |= when & WHEN_DEVICE ? 0 : WHEN_SOFTWARE;
	return when;
}

static bool was(const struct story *story, size_t before, enum ktls_step step,
		enum ktls_side from)
{
	for (size_t i = 0; i < before; i++)
		if (story->steps[i].step == step &&
		    story->steps[i].from == from)
			return true;
	return false;
}

/* RFC 8446 section 2, RFC 5246 section 7.3. */
static bool is_secret(const struct story *story, size_t i, unsigned int context)
{
	const struct step *s = &story->steps[i];

	if (s->step == KTLS_STEP_CHANGE_CIPHER_SPEC)
		return false;
	if (context & WHEN_13)
		return was(story, i, KTLS_STEP_SERVER_HELLO, KTLS_SERVER);
	return s->step == KTLS_STEP_FINISHED ||
	       was(story, i, KTLS_STEP_FINISHED, s->from) ||
	       was(story, i, KTLS_STEP_CHANGE_CIPHER_SPEC, s->from);
}

unsigned int context_at(const struct story *story, size_t i,
			unsigned int context)
{
	static const unsigned int sides[] = {
		[KTLS_CLIENT] = WHEN_CLIENT, [KTLS_SERVER] = WHEN_SERVER,
		[KTLS_HERE] = 0,
	};
	const struct step *s = &story->steps[i];

	context |= sides[s->from];
	context |= was(story, i, s->step, s->from) ? WHEN_AGAIN : WHEN_FIRST;
	context |= is_secret(story, i, context) ? WHEN_SECRET : WHEN_OPEN;
	return context;
}
