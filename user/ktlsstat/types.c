// SPDX-License-Identifier: GPL-2.0-or-later
/* What the columns of sessions are made of: see struct type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

static bool get_u64(const void *at, size_t i, struct value *v)
{
	v->number = *(const uint64_t *)at;
	return !i;
}

static bool get_u32(const void *at, size_t i, struct value *v)
{
	v->number = *(const uint32_t *)at;
	return !i;
}

/* Each flag that is set is a value. */
static bool get_flag(const void *at, size_t i, struct value *v)
{
	const uint32_t *flags = at;

	for (v->number = 0; v->number < 32; v->number++)
		if ((*flags >> v->number & 1) && !i--)
			return true;
	return false;
}

static bool get_text(const void *at, size_t i, struct value *v)
{
	snprintf(v->text, sizeof(v->text), "%s", (const char *)at);
	return !i;
}

static bool get_modes(const void *row, size_t i, struct value *v)
{
	cell_modes(v->text, sizeof(v->text), row, 0);
	return !i;
}

static bool get_endpoint(const void *at, size_t i, struct value *v)
{
	cell_endpoint(v->text, sizeof(v->text), at, 0);
	return !i;
}

static bool get_address(const void *at, size_t i, struct value *v)
{
	cell_address(v->text, sizeof(v->text), at, 0);
	return !i;
}

/* Each process that holds the socket is a value of these two. */
static bool get_process(const void *row, size_t i, struct value *v)
{
	const struct row *r = row;

	if (i >= r->holders)
		return false;
	snprintf(v->text, sizeof(v->text), "%s", r->holder[i].name);
	return true;
}

static bool get_pid(const void *row, size_t i, struct value *v)
{
	const struct row *r = row;

	if (i >= r->holders)
		return false;
	v->number = r->holder[i].pid;
	return true;
}

static void json_number(const char *key, const void *at)
{
	emit_number(key, *(const uint64_t *)at);
}

static void json_id(const char *key, const void *at)
{
	emit_number(key, *(const uint32_t *)at);
}

/* A name and not a quantity: it may need all of its 64 bits. */
static void json_cookie(const char *key, const void *at)
{
	char buf[NAME_SIZE];

	snprintf(buf, sizeof(buf), "%ju", *(const uint64_t *)at);
	emit_text(key, buf);
}

static void json_text(const char *key, const void *at)
{
	const char *text = at;

	if (text[0])
		emit_text(key, text);
	else
		emit_null(key);
}

static void json_version(const char *key, const void *at)
{
	char buf[NAME_SIZE];

	emit_text(key, version_name(buf, *(const uint32_t *)at));
}

static void json_cipher(const char *key, const void *at)
{
	char buf[NAME_SIZE];

	emit_text(key, cipher_name(buf, *(const uint32_t *)at));
}

static void json_mode(const char *key, const void *at)
{
	char buf[NAME_SIZE];

	emit_text(key, mode_name(buf, *(const uint32_t *)at));
}

static void json_address(const char *key, const void *at)
{
	char buf[64];

	emit_text(key, address_name(buf, sizeof(buf), at));
}

static void json_endpoint(const char *key, const void *at)
{
	char buf[CELL_SIZE];

	cell_endpoint(buf, sizeof(buf), at, 0);
	emit_text(key, buf);
}

static void json_modes(const char *key, const void *row)
{
	char buf[CELL_SIZE];

	cell_modes(buf, sizeof(buf), row, 0);
	emit_text(key, buf);
}

static void json_pid(const char *key, const void *row)
{
	const struct row *r = row;

	if (r->holders)
		emit_number(key, r->holder->pid);
	else
		emit_null(key);
}

static void json_flags(const char *key, const void *at)
{
	const uint32_t *flags = at;
	char buf[NAME_SIZE];

	emit_open(key, '[');
	for (unsigned int bit = 0; bit < 32; bit++)
		if (*flags >> bit & 1)
			emit_text(NULL, flag_name(buf, bit));
	emit_close(']');
}

static void json_processes(const char *key, const void *row)
{
	const struct row *r = row;

	emit_open(key, '[');
	for (size_t i = 0; i < r->holders; i++) {
		emit_open(NULL, '{');
		emit_number("pid", r->holder[i].pid);
		emit_text("name", r->holder[i].name);
		emit_close('}');
	}
	emit_close(']');
}

/* right, text: */
/* clang-format off */
const struct type
type_number = { true, false, cell_number, get_u64, parse_count, json_number },
type_bytes = { true, false, cell_bytes, get_u64, parse_bytes, json_number },
type_duration = { true, false, cell_duration, get_u64, parse_duration,
	json_number },
type_cookie = { true, false, cell_number, get_u64, parse_count, json_cookie },
type_id = { true, false, cell_id, get_u32, parse_count, json_id },
type_user = { true, false, cell_id, get_u32, parse_user, json_id },
type_pid = { true, false, cell_pid, get_pid, parse_count, json_pid },
type_version = { false, false, cell_version, get_u32, parse_version,
	json_version },
type_cipher = { false, false, cell_cipher, get_u32, parse_cipher, json_cipher },
type_mode = { false, false, cell_mode, get_u32, parse_mode, json_mode },
type_flags = { false, false, cell_flags, get_flag, parse_flag, json_flags },
type_modes = { false, true, cell_modes, get_modes, NULL, json_modes },
type_text = { false, true, cell_text, get_text, NULL, json_text },
type_label = { false, true, cell_label, get_text, NULL, json_text },
type_address = { false, true, cell_address, get_address, NULL, json_address },
type_endpoint = { false, true, cell_endpoint, get_endpoint, NULL,
	json_endpoint },
type_process = { false, true, cell_process, get_process, NULL, json_processes };
/* clang-format on */
