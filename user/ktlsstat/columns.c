// SPDX-License-Identifier: GPL-2.0-or-later
/* What stands in a row of ktlsstat list. Each cell is one word, or "-". */
#include <inttypes.h>
#include <stdio.h>

#include "ktlsstat.h"

static void endpoint(char *out, size_t size, const struct address *a)
{
	const char *form = a->len == 16 ? "[%s]:%" PRIu32 : "%s:%" PRIu32;
	char buf[64];

	snprintf(out, size, form, address_name(buf, sizeof(buf), a), a->port);
}

#define CELL(name) \
	static void name(char *out, size_t size, const void *data, \
			 unsigned int opts)
#define ROW(r) const struct row *r = data; (void)opts

CELL(local)
{
	ROW(r);
	endpoint(out, size, &r->s->local);
}

CELL(peer)
{
	ROW(r);
	endpoint(out, size, &r->s->remote);
}

CELL(version)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", version_name(buf, r->s->version));
}

CELL(cipher)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", cipher_name(buf, r->s->cipher));
}

CELL(mode)
{
	char tx[NAME_SIZE], rx[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s/%s", mode_name(tx, r->s->tx.mode),
		 mode_name(rx, r->s->rx.mode));
}

CELL(tx_bytes)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", bytes_name(buf, r->s->tx.bytes, opts));
}

CELL(rx_bytes)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", bytes_name(buf, r->s->rx.bytes, opts));
}

CELL(tx_records)
{
	ROW(r);
	snprintf(out, size, "%" PRIu64, r->s->tx.records);
}

CELL(rx_records)
{
	ROW(r);
	snprintf(out, size, "%" PRIu64, r->s->rx.records);
}

CELL(age)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", duration_name(buf, r->s->age));
}

CELL(idle)
{
	char buf[NAME_SIZE];
	ROW(r);

	snprintf(out, size, "%s", duration_name(buf, r->s->idle));
}

CELL(user)
{
	ROW(r);
	snprintf(out, size, "%s", r->user);
}

/* name/pid of the first, and how many more there are. */
CELL(process)
{
	char name[4 * sizeof(((struct holder *)0)->name)], more[24] = "";
	ROW(r);

	if (!r->holder) {
		snprintf(out, size, "-");
		return;
	}
	if (r->holders > 1)
		snprintf(more, sizeof(more), "+%zu", r->holders - 1);
	log_escape(name, sizeof(name), r->holder->name);
	snprintf(out, size, "%.64s/%d%s", name, (int)r->holder->pid, more);
}

CELL(flags)
{
	size_t n = 0;
	ROW(r);

	if (!r->s->flags)
		n = snprintf(out, size, "-");
	for (unsigned int bit = 0; bit < 32 && n < size; bit++) {
		const char *name = flag_name(bit);

		if (!(r->s->flags >> bit & 1))
			continue;
		n += name ? snprintf(out + n, size - n, "%s%s",
				     n ? "," : "", name)
			  : snprintf(out + n, size - n, "%sbit%u",
				     n ? "," : "", bit);
	}
}

const struct column list_columns[] = {
	{ "LOCAL",	false,	local },
	{ "PEER",	false,	peer },
	{ "VERSION",	false,	version },
	{ "CIPHER",	false,	cipher },
	{ "TX/RX",	false,	mode },
	{ "TX-BYTES",	true,	tx_bytes },
	{ "RX-BYTES",	true,	rx_bytes },
	{ "TX-RECS",	true,	tx_records },
	{ "RX-RECS",	true,	rx_records },
	{ "AGE",	true,	age },
	{ "IDLE",	true,	idle },
	{ "USER",	false,	user },
	{ "PROCESS",	false,	process },
	{ "FLAGS",	false,	flags },
};

const size_t list_ncolumns = ARRAY_SIZE(list_columns);
