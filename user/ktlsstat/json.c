// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>

#include "ktlsstat.h"

/* Counters do not get there: 8 EiB are 23 years of 100 Gbit/s. */
json_t *json_u64(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *sent_and_received(const struct direction *d)
{
	return json_pack("{s:o, s:o, s:o, s:o}",
			 "bytes", json_u64(d->bytes),
			 "records", json_u64(d->records),
			 "wire", json_u64(d->wire),
			 "rekeys", json_u64(d->rekeys));
}

/* The type of a received control record is not seen: no such number. */
static json_t *sum(const struct direction *d, bool sent)
{
	json_t *j = sent_and_received(d);

	if (json_object_set_new(j, "live", json_u64(d->live)) ||
	    json_object_set_new(j, "closed", json_u64(d->closed)) ||
	    (sent && json_object_set_new(j, "control", json_u64(d->control)))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *direction(const struct direction *d, bool sent)
{
	char buf[NAME_SIZE];
	json_t *j = sent_and_received(d);

	if (json_object_set_new(j, "mode",
				json_string(mode_name(buf, d->mode))) ||
	    (sent && json_object_set_new(j, "control", json_u64(d->control)))) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static json_t *breakdown(const struct totals *t)
{
	json_t *list = json_array();
	char version[NAME_SIZE], cipher[NAME_SIZE], mode[NAME_SIZE];

	for (size_t i = 0; i < t->breakdowns; i++) {
		const struct breakdown *b = &t->breakdown[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s, s:o, s:o}",
			"version", version_name(version, b->version),
			"cipher", cipher_name(cipher, b->cipher),
			"mode", mode_name(mode, b->mode),
			"tx", sum(&b->tx, true), "rx", sum(&b->rx, false)));
	}
	if (json_array_size(list) == t->breakdowns)
		return list;
	json_decref(list);
	return NULL;
}

json_t *json_totals(const struct totals *t)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "module", 1,
			 "live", json_u64(t->live),
			 "opened", json_u64(t->live + t->closed),
			 "closed", json_u64(t->closed),
			 "missed", json_u64(t->missed),
			 "errors", json_u64(t->errors),
			 "tx", sum(&t->tx, true), "rx", sum(&t->rx, false),
			 "breakdown", breakdown(t));
}

static json_t *flags(const struct session *s)
{
	json_t *list = json_array();
	char number[NAME_SIZE];

	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = flag_name(bit);

		snprintf(number, sizeof(number), "bit%u", bit);
		if (s->flags >> bit & 1)
			json_array_append_new(list, json_string(
				name ? name : number));
	}
	return list;
}

/* JSON is UTF-8, the name of a process may be any bytes. */
static json_t *processes(const struct row *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->holders; i++) {
		const struct holder *h = &r->holder[i];
		char safe[4 * sizeof(h->name) + 1];
		json_t *name = json_string(h->name);

		if (!name)
			name = json_string(log_escape(safe, sizeof(safe),
						      h->name));
		json_array_append_new(list, json_pack(
			"{s:i, s:o}", "pid", (int)h->pid, "name", name));
	}
	return list;
}

json_t *json_session(const struct row *r)
{
	const struct session *s = r->s;
	char local[64], peer[64], version[NAME_SIZE], cipher[NAME_SIZE];
	char cookie[NAME_SIZE];

	/* A name and not a quantity; it may need all of its 64 bits. */
	snprintf(cookie, sizeof(cookie), "%" PRIu64, s->cookie);
	return json_pack(
		"{s:s, s:o, s:o, s:s, s:I, s:s, s:I, s:s, s:s, s:o, s:o,"
		" s:o, s:o, s:o, s:o, s:o}",
		"cookie", cookie,
		"inode", json_u64(s->inode),
		"uid", json_u64(s->uid),
		"local_address", address_name(local, sizeof(local), &s->local),
		"local_port", (json_int_t)s->local.port,
		"peer_address", address_name(peer, sizeof(peer), &s->remote),
		"peer_port", (json_int_t)s->remote.port,
		"version", version_name(version, s->version),
		"cipher", cipher_name(cipher, s->cipher),
		"tx", direction(&s->tx, true),
		"rx", direction(&s->rx, false),
		"errors", json_u64(s->errors),
		"age_ms", json_u64(s->age),
		"idle_ms", json_u64(s->idle),
		"flags", flags(s),
		"processes", processes(r));
}

int json_print(json_t *j, unsigned int opts)
{
	if (!j) {
		log_warnx("out of memory");
		return 1;
	}
	json_dumpf(j, stdout, opts & OPT_PRETTY ? JSON_INDENT(2)
						: JSON_COMPACT);
	putchar('\n');
	json_decref(j);
	return 0;
}
