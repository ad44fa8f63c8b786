// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/gnutls.h>
#include <jansson.h>

#include "events.h"

/* Which fields an event may have, in the order in which it has them. */
static const char *const fields[KTLS_STEPS] = {
	[KTLS_STEP_CLIENT_HELLO] =
	"versions ciphers groups signatures key_shares sni alpn random session_ticket psk size",
	[KTLS_STEP_HELLO_RETRY_REQUEST] =
	"version cipher group random psk size",
	[KTLS_STEP_SERVER_HELLO] = "version cipher group random psk size",
	[KTLS_STEP_ENCRYPTED_EXTENSIONS] = "alpn size",
	[KTLS_STEP_CERTIFICATE_REQUEST] = "size",
	[KTLS_STEP_CERTIFICATE] =
	"count subject issuer names not_before not_after key signature spki_sha256 staple size",
	[KTLS_STEP_CERTIFICATE_STATUS] = "size",
	[KTLS_STEP_CERTIFICATE_VERIFY] = "algorithm size",
	[KTLS_STEP_SERVER_KEY_EXCHANGE] = "kind group algorithm size",
	[KTLS_STEP_SERVER_HELLO_DONE] = "size",
	[KTLS_STEP_CLIENT_KEY_EXCHANGE] = "kind group size",
	[KTLS_STEP_CHANGE_CIPHER_SPEC] = "",
	[KTLS_STEP_FINISHED] = "size",
	[KTLS_STEP_NEW_SESSION_TICKET] = "lifetime size",
	[KTLS_STEP_CHECK] = "check result detail",
	[KTLS_STEP_KEY_EXCHANGE] = "kind group forward_secrecy resumed",
	[KTLS_STEP_INSTALL] = "direction cipher struct sequence mode",
	[KTLS_STEP_ALERT] = "alert level",
	[KTLS_STEP_DONE] = "version cipher resumed verified sni alpn offload",
	[KTLS_STEP_FAILED] = "reason text alert_sent alert_received",
};

/* Public numbers that are long: all else that looks like one is suspect. */
static const char *const long_fields[] = { "random", "spki_sha256" };

#define LONG_HEX 24

static void __attribute__((format(printf, 2, 3)))
fault(struct events *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!e->fault[0])
		vsnprintf(e->fault, sizeof(e->fault), fmt, ap);
	va_end(ap);
}

static void check_names(struct events *events, const struct ktls_event *e)
{
	const char *at = fields[e->step];

	for (size_t i = 0; i < e->count; i++) {
		const char *name = e->fields[i].name;
		size_t len = strlen(name);
		const char *found = at;

		while (*found && (strncmp(found, name, len) ||
				  (found[len] && found[len] != ' ')))
			found += strcspn(found, " ") +
				 (found[strcspn(found, " ")] == ' ');
		if (!*found) {
			fault(events, "%s: field %s is unknown or out of order",
			      ktls_step_name(e->step), name);
			return;
		}
		at = found + len;
		at += *at == ' ';
	}
}

static bool may_be_long(const char *name)
{
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(long_fields[i], name))
			return true;
	return false;
}

static void check_hex(struct events *events, const struct ktls_event *e)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct ktls_field *f = &e->fields[i];
		size_t run = 0;

		for (const char *p = f->value; *p; p++) {
			run = isxdigit((unsigned char)*p) ? run + 1 : 0;
			if (run > LONG_HEX && !may_be_long(f->name))
				fault(events, "%s: a long number in %s: %s",
				      ktls_step_name(e->step), f->name,
				      f->value);
		}
	}
}

/* All ASCII here, so that the parser has to give back the very value. */
static void check_json(struct events *events, const struct ktls_event *e)
{
	char line[KTLS_LINE_MAX];
	size_t len = ktls_event_json(line, sizeof(line), e);
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *got = json_object_get(json, "fields");

	if (!json)
		fault(events, "not JSON: %.*s", (int)len, line);
	for (size_t i = 0; json && i < e->count; i++) {
		json_t *value = json_object_get(got, e->fields[i].name);
		const char *is = json_string_value(value);

		if (!is || strcmp(is, e->fields[i].value))
			fault(events, "JSON has %s as %s", e->fields[i].name,
			      is ? is : "nothing");
	}
	json_decref(json);
}

void events_add(void *ctx, const struct ktls_event *e)
{
	struct events *events = ctx;
	struct kept *k = &events->list[events->count];

	check_names(events, e);
	check_hex(events, e);
	check_json(events, e);
	if (events->count == EVENTS_MAX) {
		fault(events, "too many events");
		return;
	}
	if (events->count && k[-1].at_ns > e->at_ns)
		fault(events, "%s: time goes back", ktls_step_name(e->step));
	events->count++;
	k->step = e->step;
	k->from = e->from;
	k->at_ns = e->at_ns;
	k->count = e->count;
	for (size_t i = 0; i < e->count; i++) {
		k->names[i] = strdup(e->fields[i].name);
		k->values[i] = strdup(e->fields[i].value);
	}
}

void events_secret(void *ctx, const char *line)
{
	struct events *events = ctx;

	if (events->secrets_count < SECRETS_MAX)
		snprintf(events->secrets[events->secrets_count++],
			 sizeof(events->secrets[0]), "%s", line);
}

const char *events_steps(const struct events *e, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < e->count && used < size; i++)
		if (e->list[i].step != KTLS_STEP_INSTALL)
			used += snprintf(out + used, size - used, "%s%c %s",
					 used ? ", " : "",
					 "csh"[e->list[i].from],
					 ktls_step_name(e->list[i].step));
	return out;
}

const char *events_value(const struct events *e, enum ktls_step step,
			 unsigned int nth, const char *name)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct kept *k = &e->list[i];

		if (k->step != step || nth--)
			continue;
		for (size_t j = 0; j < k->count; j++)
			if (!strcmp(k->names[j], name))
				return k->values[j];
		break;
	}
	return "(none)";
}

static bool contains(const struct events *e, const void *what, size_t len)
{
	for (size_t i = 0; i < e->count; i++)
		for (size_t j = 0; j < e->list[i].count; j++)
			if (memmem(e->list[i].values[j],
				   strlen(e->list[i].values[j]), what, len))
				return true;
	return false;
}

bool events_leak(const struct events *e, const struct events *other)
{
	for (size_t i = 0; i < other->secrets_count; i++) {
		const char *hex = strrchr(other->secrets[i], ' ') + 1;
		unsigned char raw[8];
		size_t len = sizeof(raw);

		/* A part of it is a leak, too. */
		gnutls_hex_decode(&(gnutls_datum_t){ (void *)hex, 2 * len },
				  raw, &len);
		if (contains(e, hex, 2 * len) || contains(e, raw, len))
			return true;
	}
	return false;
}

void events_clear(struct events *e)
{
	for (size_t i = 0; i < e->count; i++) {
		for (size_t j = 0; j < e->list[i].count; j++) {
			free(e->list[i].names[j]);
			free(e->list[i].values[j]);
		}
	}
	memset(e, 0, sizeof(*e));
}
