// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ktlsstat.h"

struct name {
	uint32_t id;
	const char *text;
};

static const struct name versions[] = {
	{ TLS_1_2_VERSION, "TLS1.2" },
	{ TLS_1_3_VERSION, "TLS1.3" },
};

/* As RFC 8446 and its like name them, without the hash. */
static const struct name ciphers[] = {
	{ TLS_CIPHER_AES_GCM_128, "AES-128-GCM" },
	{ TLS_CIPHER_AES_GCM_256, "AES-256-GCM" },
	{ TLS_CIPHER_AES_CCM_128, "AES-128-CCM" },
	{ TLS_CIPHER_CHACHA20_POLY1305, "CHACHA20-POLY1305" },
	{ TLS_CIPHER_SM4_GCM, "SM4-GCM" },
	{ TLS_CIPHER_SM4_CCM, "SM4-CCM" },
	{ TLS_CIPHER_ARIA_GCM_128, "ARIA-128-GCM" },
	{ TLS_CIPHER_ARIA_GCM_256, "ARIA-256-GCM" },
};

static const struct name modes[] = {
	{ KTLS_STATS_MODE_NONE, "none" },
	{ KTLS_STATS_MODE_SW, "sw" },
	{ KTLS_STATS_MODE_DEVICE, "device" },
};

static const struct name flags[] = {
	{ 0, "adopted" },
	{ 1, "stale" },
	{ 2, "busy" },
};

static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB",
				     "EiB" };

const char *upper(char *buf, size_t size, const char *word)
{
	size_t i;

	for (i = 0; word[i] && i + 1 < size; i++)
		buf[i] = toupper((unsigned char)word[i]);
	buf[i] = '\0';
	return buf;
}

/* In tables of thousands of lines printf() would be most of the time. */
const char *decimal(char buf[NAME_SIZE], uint64_t n)
{
	char *at = buf + NAME_SIZE - 1;

	*at = '\0';
	do {
		at--;
		*at = '0' + n % 10;
		n /= 10;
	} while (n);
	return at;
}

/* A kernel newer than this table still gets its number shown. */
static const char *find(char *buf, const struct name *names, size_t n,
			uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].id == id)
			return names[i].text;
	snprintf(buf, NAME_SIZE, "0x%x", id);
	return buf;
}

const char *version_name(char buf[NAME_SIZE], uint32_t id)
{
	return find(buf, versions, ARRAY_SIZE(versions), id);
}

const char *cipher_name(char buf[NAME_SIZE], uint32_t id)
{
	return find(buf, ciphers, ARRAY_SIZE(ciphers), id);
}

const char *mode_name(char buf[NAME_SIZE], uint32_t id)
{
	return find(buf, modes, ARRAY_SIZE(modes), id);
}

const char *flag_name(char buf[NAME_SIZE], unsigned int bit)
{
	return find(buf, flags, ARRAY_SIZE(flags), bit);
}

/* A name, or what find() makes of a number that has none. */
static int parse(const char *word, const struct name *names, size_t n,
		 uint64_t *out)
{
	char *end;

	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(names[i].text, word)) {
			*out = names[i].id;
			return 0;
		}
	if (strncasecmp(word, "0x", 2))
		return -EINVAL;
	*out = strtoull(word, &end, 16);
	return *end || *out > UINT32_MAX ? -EINVAL : 0;
}

int parse_version(const char *word, uint64_t *out)
{
	return parse(word, versions, ARRAY_SIZE(versions), out);
}

int parse_cipher(const char *word, uint64_t *out)
{
	return parse(word, ciphers, ARRAY_SIZE(ciphers), out);
}

int parse_mode(const char *word, uint64_t *out)
{
	return parse(word, modes, ARRAY_SIZE(modes), out);
}

int parse_flag(const char *word, uint64_t *out)
{
	return parse(word, flags, ARRAY_SIZE(flags), out);
}

/* inet_ntop() takes as long as all the rest of a line. */
static const char *ipv4_name(char *buf, const unsigned char *bytes)
{
	char number[NAME_SIZE], *end = buf;

	for (int i = 0; i < 4; i++) {
		if (i)
			*end++ = '.';
		end = stpcpy(end, decimal(number, bytes[i]));
	}
	return buf;
}

const char *address_name(char *buf, size_t size, const struct address *a)
{
	int family = a->len == 16 ? AF_INET6 : AF_INET;

	if (a->len == 4 && size >= INET_ADDRSTRLEN)
		return ipv4_name(buf, a->bytes);
	if (!a->len || !inet_ntop(family, a->bytes, buf, size))
		return "?";
	return buf;
}

const char *bytes_name(char buf[NAME_SIZE], uint64_t n, unsigned int opts)
{
	double value = n;
	size_t unit = 0;

	/* 1023.95 would be printed as 1024.0. */
	for (; value >= 1023.95 && unit + 1 < ARRAY_SIZE(units); unit++)
		value /= 1024;
	if ((opts & OPT_BYTES) || n < 1024)
		snprintf(buf, NAME_SIZE, "%ju%s", n,
			 opts & OPT_BYTES ? "" : "B");
	else
		snprintf(buf, NAME_SIZE, "%.1f%s", value, units[unit]);
	return buf;
}

const char *duration_name(char buf[NAME_SIZE], uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 10)
		snprintf(buf, NAME_SIZE, "%ju.%us", s,
			 (unsigned int)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(buf, NAME_SIZE, "%us", (unsigned int)s);
	else if (s < 3600)
		snprintf(buf, NAME_SIZE, "%jum%02us", s / 60,
			 (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(buf, NAME_SIZE, "%juh%02um", s / 3600,
			 (unsigned int)(s / 60 % 60));
	else
		snprintf(buf, NAME_SIZE, "%jud%02uh", s / 86400,
			 (unsigned int)(s / 3600 % 24));
	return buf;
}
