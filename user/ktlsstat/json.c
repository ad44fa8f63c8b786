// SPDX-License-Identifier: GPL-2.0-or-later
/* A NULL on the way makes all that it belongs to NULL: looked at once. */
#include <stdio.h>

#include "ktlsstat.h"

/* Counters do not get there: 8 EiB are 23 years of 100 Gbit/s. */
json_t *json_u64(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

/* The type of a received control record is not seen: no such number. */
static json_t *sum(const struct direction *d, bool sent)
{
	json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}",
			      "bytes", json_u64(d->bytes),
			      "records", json_u64(d->records),
			      "wire", json_u64(d->wire),
			      "rekeys", json_u64(d->rekeys),
			      "live", json_u64(d->live),
			      "closed", json_u64(d->closed));

	if (sent && json_object_set_new(j, "control", json_u64(d->control))) {
		json_decref(j);
		j = NULL;
	}
	return j;
}

static json_t *breakdown(const struct breakdown *b)
{
	char version[NAME_SIZE], cipher[NAME_SIZE], mode[NAME_SIZE];

	return json_pack("{s:s,s:s,s:s,s:o,s:o}",
			 "version", version_name(version, b->version),
			 "cipher", cipher_name(cipher, b->cipher),
			 "mode", mode_name(mode, b->mode),
			 "tx", sum(&b->tx, true), "rx", sum(&b->rx, false));
}

/* All of them, or NULL. */
static json_t *complete(json_t *list, size_t n)
{
	if (json_array_size(list) == n)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *breakdowns(const struct totals *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->breakdowns; i++)
		json_array_append_new(list, breakdown(&t->breakdown[i]));
	return complete(list, t->breakdowns);
}

json_t *json_totals(const struct totals *t)
{
	return json_pack("{s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
			 "module", 1,
			 "live", json_u64(t->live),
			 "opened", json_u64(t->live + t->closed),
			 "closed", json_u64(t->closed),
			 "missed", json_u64(t->missed),
			 "errors", json_u64(t->errors),
			 "busy", json_u64(t->busy),
			 "tx", sum(&t->tx, true), "rx", sum(&t->rx, false),
			 "breakdown", breakdowns(t));
}

int json_print(json_t *j, unsigned int opts)
{
	size_t form = opts & OPT_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;

	if (!j) {
		log_warnx("out of memory");
		return 1;
	}
	json_dumpf(j, stdout, form);
	putchar('\n');
	json_decref(j);
	return 0;
}
