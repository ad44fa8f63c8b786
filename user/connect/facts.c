// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a step is shown: its title, and the fields that matter. */
#include <stddef.h>

#include "connect.h"

/* Where a step's own name does not say enough: the first row that fits. */
static const struct title {
	enum ktls_step step;
	const char *field, *value, *text;
} titles[] = {
#define TITLE(step, field, value, text) { KTLS_STEP_##step, field, value, text }
	TITLE(CHECK, NULL, NULL, "check of {check}: {result}"),
	TITLE(KEY_EXCHANGE, NULL, NULL, "both sides have the same secret now"),
	TITLE(INSTALL, "mode", "sw", "keys to the kernel ({direction})"),
	TITLE(INSTALL, "mode", "device", "keys to the network card ({direction})"),
	TITLE(INSTALL, NULL, NULL, "keys stay with GnuTLS ({direction})"),
	TITLE(ALERT, NULL, NULL, "alert: {alert}"),
	TITLE(FAILED, NULL, NULL, "FAILED: {reason}"),
#undef TITLE
};

#define FACTS 10

static const struct fact facts[KTLS_STEPS][FACTS] = {
	[KTLS_STEP_CLIENT_HELLO] = {
		{ "sni", "server name", false },
		{ "versions", "versions", false },
		{ "ciphers", "ciphers", false },
		{ "groups", "groups", false },
		{ "key_shares", "keys sent for", false },
		{ "alpn", "protocols inside", false },
		{ "random", "random", true },
	},
	[KTLS_STEP_HELLO_RETRY_REQUEST] = {
		{ "version", "version", false },
		{ "cipher", "cipher", false },
		{ "group", "wanted group", false },
	},
	[KTLS_STEP_SERVER_HELLO] = {
		{ "version", "version", false },
		{ "cipher", "cipher", false },
		{ "group", "group", false },
		{ "random", "random", true },
	},
	[KTLS_STEP_ENCRYPTED_EXTENSIONS] = {
		{ "alpn", "protocol inside", false },
	},
	[KTLS_STEP_CERTIFICATE] = {
		{ "count", "certificates", false },
		{ "subject", "subject", false },
		{ "names", "valid for", false },
		{ "issuer", "issuer", false },
		{ "not_before", "valid from", false },
		{ "not_after", "valid until", false },
		{ "key", "key", false },
		{ "signature", "signed with", false },
		{ "spki_sha256", "key's SHA-256", true },
	},
	[KTLS_STEP_CERTIFICATE_VERIFY] = {
		{ "algorithm", "signature", false },
	},
	[KTLS_STEP_SERVER_KEY_EXCHANGE] = {
		{ "kind", "kind", false },
		{ "group", "group", false },
	},
	[KTLS_STEP_CLIENT_KEY_EXCHANGE] = {
		{ "kind", "kind", false },
		{ "group", "group", false },
	},
	[KTLS_STEP_NEW_SESSION_TICKET] = {
		{ "lifetime", "seconds to live", false },
	},
	[KTLS_STEP_CHECK] = {
		{ "detail", "detail", false },
	},
	[KTLS_STEP_KEY_EXCHANGE] = {
		{ "kind", "kind", false },
		{ "group", "group", false },
		{ "forward_secrecy", "forward secrecy", false },
	},
	[KTLS_STEP_INSTALL] = {
		{ "cipher", "cipher", false },
		{ "struct", "structure", false },
		{ "sequence", "next record", false },
	},
	[KTLS_STEP_FAILED] = {
		{ "text", "why", false },
		{ "alert_sent", "alert sent", false },
		{ "alert_received", "alert received", false },
	},
};

const char *words_title(const struct step *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++) {
		const struct title *t = &titles[i];

		if (t->step == s->step &&
		    (!t->field || step_is(s, t->field, t->value)))
			return t->text;
	}
	return ktls_step_name(s->step);
}

const struct fact *words_facts(enum ktls_step step, size_t *count)
{
	for (*count = 0; *count < FACTS && facts[step][*count].field;)
		++*count;
	return facts[step];
}
