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
static json_t *direction(const struct direction *d, bool sent, json_t *more)
{
	json_t *j = json_pack("{s:o,s:o,s:o,s:o}",
			      "bytes", json_u64(d->bytes),
			      "records", json_u64(d->records),
			      "wire", json_u64(d->wire),
			      "rekeys", json_u64(d->rekeys));
	json_t *control = sent ? json_u64(d->control) : NULL;

	if (json_object_update(j, more) ||
	    (sent && json_object_set_new(j, "control", control))) {
		json_decref(j);
		j = NULL;
	}
	json_decref(more);
	return j;
}

static json_t *sum(const struct direction *d, bool sent)
{
	return direction(d, sent, json_pack("{s:o,s:o}",
					    "live", json_u64(d->live),
					    "closed", json_u64(d->closed)));
}

static json_t *with_mode(const struct direction *d, bool sent)
{
	char buf[NAME_SIZE];

	return direction(d, sent, json_pack("{s:s}", "mode",
					    mode_name(buf, d->mode)));
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
	return json_pack("{s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
			 "module", 1,
			 "live", json_u64(t->live),
			 "opened", json_u64(t->live + t->closed),
			 "closed", json_u64(t->closed),
			 "missed", json_u64(t->missed),
			 "errors", json_u64(t->errors),
			 "tx", sum(&t->tx, true), "rx", sum(&t->rx, false),
			 "breakdown", breakdowns(t));
}

static json_t *flags(const struct session *s)
{
	json_t *list = json_array();
	char buf[NAME_SIZE];
	size_t n = 0;

	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = flag_name(buf, bit);

		if (!(s->flags >> bit & 1))
			continue;
		json_array_append_new(list, json_string(name));
		n++;
	}
	return complete(list, n);
}

/* JSON is UTF-8, the name of a process may be any bytes. */
static json_t *processes(const struct row *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->holders; i++) {
		const struct holder *h = &r->holder[i];
		char safe[4 * sizeof(h->name) + 1];
		json_t *name = json_string(h->name), *j;

		log_escape(safe, sizeof(safe), h->name);
		if (!name)
			name = json_string(safe);
		j = json_pack("{s:i,s:o}", "pid", (int)h->pid, "name", name);
		json_array_append_new(list, j);
	}
	return complete(list, r->holders);
}

json_t *json_session(const struct row *r)
{
	static const char form[] =
		"{s:s,s:o,s:o,s:s,s:o,s:s,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o}";
	const struct session *s = &r->s;
	char local[64], peer[64], version[NAME_SIZE], cipher[NAME_SIZE];
	char cookie[NAME_SIZE];

	/* A name and not a quantity; it may need all of its 64 bits. */
	snprintf(cookie, sizeof(cookie), "%ju", s->cookie);
	return json_pack(form,
		"cookie", cookie,
		"inode", json_u64(s->inode),
		"uid", json_u64(s->uid),
		"local_address", address_name(local, sizeof(local), &s->local),
		"local_port", json_u64(s->local.port),
		"peer_address", address_name(peer, sizeof(peer), &s->remote),
		"peer_port", json_u64(s->remote.port),
		"version", version_name(version, s->version),
		"cipher", cipher_name(cipher, s->cipher),
		"tx", with_mode(&s->tx, true),
		"rx", with_mode(&s->rx, false),
		"errors", json_u64(s->errors),
		"age_ms", json_u64(s->age),
		"idle_ms", json_u64(s->idle),
		"flags", flags(s),
		"processes", processes(r));
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
