// SPDX-License-Identifier: GPL-2.0-or-later
/* One line of a trace. Who wrote it may have meant us harm. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "connect.h"

#define SECONDS_MAX 1e6			/* eleven days of handshake */

static const char *const sides[] = {
	[KTLS_CLIENT] = "client",
	[KTLS_SERVER] = "server",
	[KTLS_HERE] = "here",
};

static int parse_step(struct step *s, json_t *root, const char **why)
{
	const char *name = json_string_value(json_object_get(root, "step"));

	for (int i = 0; name && i < KTLS_STEPS; i++) {
		if (strcmp(name, ktls_step_name(i)))
			continue;
		s->step = i;
		return 0;
	}
	*why = "no known \"step\"";
	return -EINVAL;
}

static int parse_side(struct step *s, json_t *root, const char **why)
{
	const char *name = json_string_value(json_object_get(root, "from"));

	for (size_t i = 0; name && i < ARRAY_SIZE(sides); i++) {
		if (strcmp(name, sides[i]))
			continue;
		s->from = i;
		return 0;
	}
	*why = "\"from\" is none of client, server, here";
	return -EINVAL;
}

static int parse_time(struct step *s, json_t *root, const char **why)
{
	json_t *t = json_object_get(root, "t_us");
	double us = json_number_value(t);

	if (!json_is_number(t) || !isfinite(us) || us < 0 ||
	    us > SECONDS_MAX * 1e6) {
		*why = "\"t_us\" is no time";
		return -EINVAL;
	}
	s->at_ns = us * 1e3 + 0.5;
	return 0;
}

static int parse_connection(struct step *s, json_t *root, const char **why)
{
	json_t *j = json_object_get(root, "connection");
	size_t len = json_string_length(j);

	if (!j)
		return 0;
	if (!json_is_string(j) || len >= sizeof(s->connection)) {
		*why = "\"connection\" is no short text";
		return -EINVAL;
	}
	memcpy(s->connection, json_string_value(j), len);
	return 0;
}

static int parse_fields(struct step *s, json_t *root, const char **why)
{
	json_t *fields = json_object_get(root, "fields"), *value;
	const char *name;

	*why = "\"fields\" is no object of texts";
	if (!json_is_object(fields))
		return -EINVAL;
	json_object_foreach(fields, name, value) {
		if (!json_is_string(value))
			return -EINVAL;
		if (s->count == KTLS_FIELDS_MAX) {
			*why = "too many fields";
			return -EINVAL;
		}
		s->fields[s->count++] = (struct ktls_field){
			name, json_string_value(value)
		};
	}
	return 0;
}

static int parse_object(struct step *s, json_t *root, const char **why)
{
	int ret = parse_step(s, root, why);

	if (!ret)
		ret = parse_side(s, root, why);
	if (!ret)
		ret = parse_time(s, root, why);
	if (!ret)
		ret = parse_connection(s, root, why);
	if (!ret)
		ret = parse_fields(s, root, why);
	return ret ? ret : 1;
}

/* What --json says of a failure that is no step. */
static bool is_error(json_t *root)
{
	return json_is_string(json_object_get(root, "error")) &&
	       !json_object_get(root, "step");
}

static int parse_error(struct step *s, json_t *root)
{
	json_t *reason = json_object_get(root, "reason");

	s->is_error = true;
	s->fields[s->count++] = (struct ktls_field){
		"text", json_string_value(json_object_get(root, "error"))
	};
	if (json_is_string(reason))
		s->fields[s->count++] = (struct ktls_field){
			"reason", json_string_value(reason)
		};
	return 1;
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr(" \t\r\n", line[i]) || !line[i])
			return false;
	return true;
}

int step_parse(struct step *out, const char *line, size_t len,
	       const char **why)
{
	json_t *root;
	int ret;

	memset(out, 0, sizeof(*out));
	*why = "the line is too long";
	if (len > TRACE_LINE_MAX)
		return -EINVAL;
	if (is_blank(line, len))
		return 0;
	*why = "not a JSON object";
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		ret = -EINVAL;
	else if (is_error(root))
		ret = parse_error(out, root);
	else
		ret = parse_object(out, root, why);
	if (ret == 1)
		out->json = root;
	else
		json_decref(root);
	return ret;
}

void step_free(struct step *s)
{
	json_decref(s->json);
	s->json = NULL;
}

const char *step_field(const struct step *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->fields[i].name, name))
			return s->fields[i].value[0] ? s->fields[i].value :
						       NULL;
	return NULL;
}

bool step_is(const struct step *s, const char *name, const char *value)
{
	const char *has = step_field(s, name);

	return has && !strcmp(has, value);
}
