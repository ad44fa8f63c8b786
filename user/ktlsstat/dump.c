// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For scripts: one line per session, fields parted by tabs, all numbers exact.
 * Fields are only ever appended.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ktlsstat.h"

static const char *const titles[] = {
	"cookie", "inode", "uid", "local_address", "local_port",
	"peer_address", "peer_port", "version", "cipher",
	"tx_mode", "tx_bytes", "tx_records", "tx_wire", "tx_rekeys",
	"tx_control",
	"rx_mode", "rx_bytes", "rx_records", "rx_wire", "rx_rekeys",
	"errors", "age_ms", "idle_ms", "flags", "label", "busy",
};

static void header(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		printf("%s%s", i ? "\t" : "", titles[i]);
	putchar('\n');
}

static void endpoint(const struct address *a)
{
	char buf[64];

	printf("%s\t%u\t", address_name(buf, sizeof(buf), a), a->port);
}

static void direction(const struct direction *d)
{
	char mode[NAME_SIZE];

	printf("%s\t%ju\t%ju\t%ju\t%ju\t", mode_name(mode, d->mode),
	       d->bytes, d->records, d->wire, d->rekeys);
}

static void line(const struct session *s)
{
	char version[NAME_SIZE], cipher[NAME_SIZE];
	char label[4 * sizeof(s->label)];

	printf("%ju\t%ju\t%u\t", s->cookie, s->inode, s->uid);
	endpoint(&s->local);
	endpoint(&s->remote);
	printf("%s\t%s\t", version_name(version, s->version),
	       cipher_name(cipher, s->cipher));
	direction(&s->tx);
	printf("%ju\t", s->tx.control);
	direction(&s->rx);
	printf("%ju\t%ju\t%ju\t%u\t", s->errors, s->age, s->idle, s->flags);
	printf("%s\t%d\n", log_escape(label, sizeof(label), s->label),
	       !!(s->flags & KTLS_STATS_SESSION_FLAGS_BUSY));
}

static int dump(const struct sessions *s, const struct view *v,
		unsigned int opts)
{
	struct rows rows;

	if (rows_make(&rows, s, v, opts))
		return fail(opts, 1, "out of memory");
	if (!(opts & OPT_NO_HEADER))
		header();
	for (size_t i = 0; i < rows.n; i++)
		line(&rows.v[i]->s);
	rows_free(&rows);
	return 0;
}

int dump_main(const struct args *a)
{
	struct view view = { 0 };
	struct sessions s;
	int status;

	status = filters_read(&view.filters, a);
	if (status)
		return status;
	status = 1;
	if (!sessions_exact(&s, &view.filters, a->opts)) {
		status = dump(&s, &view, a->opts);
		free(s.v);
	}
	view_free(&view);
	return status;
}
