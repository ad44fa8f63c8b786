// SPDX-License-Identifier: GPL-2.0-or-later
/* What people write behind the operator of a filter, as a number. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ktlsstat.h"

struct unit {
	const char *name;
	uint64_t is;
};

static const struct unit count_units[] = {
	{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
	{ NULL, 0 },
};

static const struct unit bytes_units[] = {
	{ "", 1 }, { "B", 1 },
	{ "k", 1ULL << 10 }, { "K", 1ULL << 10 }, { "KiB", 1ULL << 10 },
	{ "M", 1ULL << 20 }, { "MiB", 1ULL << 20 },
	{ "G", 1ULL << 30 }, { "GiB", 1ULL << 30 },
	{ "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 },
	{ NULL, 0 },
};

static uint64_t find(const struct unit *u, const char *name, size_t len)
{
	for (; u->name; u++)
		if (strlen(u->name) == len && !strncmp(u->name, name, len))
			return u->is;
	return 0;
}

/* Exact without a fraction; only numbers and units in turn: "1h30m", "1.5G". */
static int quantity(const char *word, const struct unit *units, uint64_t *out)
{
	static const char digits[] = "0123456789";

	*out = 0;
	do {
		size_t len = strspn(word, digits);
		uint64_t whole, unit;
		double part = 0;

		errno = 0;
		whole = strtoull(word, NULL, 10);
		if (!len || errno)
			return -EINVAL;
		if (word[len] == '.') {
			part = strtod(word + len, NULL);
			len += 1 + strspn(word + len + 1, digits);
		}
		word += len;
		len = strcspn(word, digits);
		unit = find(units, word, len);
		if (!unit || __builtin_mul_overflow(whole, unit, &whole) ||
		    __builtin_add_overflow(*out, whole, out))
			return -EINVAL;
		*out += part * unit;
		word += len;
	} while (*word);
	return 0;
}

int parse_count(const char *word, uint64_t *out)
{
	return quantity(word, count_units, out);
}

int parse_bytes(const char *word, uint64_t *out)
{
	return quantity(word, bytes_units, out);
}

int parse_duration(const char *word, uint64_t *out)
{
	return quantity(word, duration_units, out);
}

int parse_user(const char *word, uint64_t *out)
{
	const struct passwd *pw = getpwnam(word);

	if (!pw)
		return parse_count(word, out);
	*out = pw->pw_uid;
	return 0;
}
