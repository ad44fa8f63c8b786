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
	"errors", "age_ms", "idle_ms", "flags",
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

	printf("%ju\t%ju\t%u\t", s->cookie, s->inode, s->uid);
	endpoint(&s->local);
	endpoint(&s->remote);
	printf("%s\t%s\t", version_name(version, s->version),
	       cipher_name(cipher, s->cipher));
	direction(&s->tx);
	printf("%ju\t", s->tx.control);
	direction(&s->rx);
	printf("%ju\t%ju\t%ju\t%u\n", s->errors, s->age, s->idle, s->flags);
}

int dump_main(unsigned int opts)
{
	struct sessions s;

	if (sessions_get(&s, opts))
		return 1;
	if (!(opts & OPT_NO_HEADER))
		header();
	for (size_t i = 0; i < s.n; i++)
		line(&s.v[i]);
	free(s.v);
	return 0;
}
