// SPDX-License-Identifier: GPL-2.0-or-later
/* What can stand in a column. Each cell is one word, or "-" for none. */
#include <stdio.h>
#include <string.h>

#include "ktlsstat.h"

/* printf() for a mere word would be most of the time of a long list. */
static void put(char *out, size_t size, const char *text)
{
	if (!memccpy(out, text, '\0', size))
		out[size - 1] = '\0';
}

/* @at: char[] */
void cell_text(char *out, size_t size, const void *at, unsigned int opts)
{
	const char *text = at;

	(void)opts;
	put(out, size, text[0] ? text : "-");
}

/* @at: uint64_t, as are those of bytes and durations */
void cell_number(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint64_t *n = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, decimal(buf, *n));
}

void cell_bytes(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint64_t *n = at;
	char buf[NAME_SIZE];

	put(out, size, bytes_name(buf, *n, opts));
}

void cell_duration(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint64_t *ms = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, duration_name(buf, *ms));
}

/* @at: uint32_t, as are those of versions, ciphers, modes and flags */
void cell_id(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint32_t *id = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, decimal(buf, *id));
}

void cell_version(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint32_t *id = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, version_name(buf, *id));
}

void cell_cipher(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint32_t *id = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, cipher_name(buf, *id));
}

void cell_mode(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint32_t *id = at;
	char buf[NAME_SIZE];

	(void)opts;
	put(out, size, mode_name(buf, *id));
}

void cell_flags(char *out, size_t size, const void *at, unsigned int opts)
{
	const uint32_t *flags = at;
	char buf[NAME_SIZE];
	size_t n = 0;

	(void)opts;
	if (!*flags)
		put(out, size, "-");
	for (unsigned int bit = 0; bit < 32 && n < size; bit++)
		if (*flags >> bit & 1)
			n += snprintf(out + n, size - n, "%s%s",
				      n ? "," : "", flag_name(buf, bit));
}

/* @at: struct address, as is that of an endpoint */
void cell_address(char *out, size_t size, const void *at, unsigned int opts)
{
	(void)opts;
	address_name(out, size, at);
}

void cell_endpoint(char *out, size_t size, const void *at, unsigned int opts)
{
	const struct address *a = at;
	char buf[64];

	(void)opts;
	snprintf(out, size, a->len == 16 ? "[%s]:%u" : "%s:%u",
		 address_name(buf, sizeof(buf), a), a->port);
}

/* @at: char[], from anybody */
void cell_label(char *out, size_t size, const void *at, unsigned int opts)
{
	const char *text = at;

	(void)opts;
	log_escape(out, size, text[0] ? text : "-");
}

void cell_modes(char *out, size_t size, const void *row, unsigned int opts)
{
	const struct row *r = row;
	char tx[NAME_SIZE], rx[NAME_SIZE];

	(void)opts;
	snprintf(out, size, "%s/%s", mode_name(tx, r->s.tx.mode),
		 mode_name(rx, r->s.rx.mode));
}

/* NAME/PID of the first, and how many more there are. */
void cell_process(char *out, size_t size, const void *row, unsigned int opts)
{
	const struct row *r = row;
	char name[CELL_SIZE / 2], more[24] = "";

	(void)opts;
	if (!r->holders) {
		put(out, size, "-");
		return;
	}
	if (r->holders > 1)
		snprintf(more, sizeof(more), "+%zu", r->holders - 1);
	log_escape(name, sizeof(name), r->holder->name);
	snprintf(out, size, "%s/%d%s", name, (int)r->holder->pid, more);
}

void cell_pid(char *out, size_t size, const void *row, unsigned int opts)
{
	const struct row *r = row;

	(void)opts;
	if (r->holders)
		snprintf(out, size, "%d", (int)r->holder->pid);
	else
		put(out, size, "-");
}
