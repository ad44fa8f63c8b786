/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktlsstat: what the kernel encrypted, told to people and to programs.
 *
 *	main.c		the command line: a table of options, one of commands
 *	show.c		totals
 *	list.c		live sessions
 *	dump.c		live sessions, tab-separated
 *	sessions.c	all of them, or why not
 *	genl.c		the wall to the kernel: what can be asked
 *	exchange.c	behind it: one request and its answer
 *	parse.c		messages as the plain structs below
 *	tls_stat.c	what the kernel tells without our module
 *	process.c	which processes hold a socket
 *	json.c		the same structs as JSON
 *	output.c	text tables, failures
 *	cells.c		what can stand in a column of such a table
 *	names.c		numbers as words and units
 */
#ifndef KTLSSTAT_H
#define KTLSSTAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/ktls_stats.h>

#include "log.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

/* What the user asked for, and what a command knows how to do. */
enum {
	OPT_JSON	= 1 << 0,
	OPT_PRETTY	= 1 << 1,
	OPT_BYTES	= 1 << 2,
	OPT_NO_HEADER	= 1 << 3,
	OPT_NUMERIC	= 1 << 4,
};

/* show.c, list.c, dump.c: a command returns the exit status. */
int show_main(unsigned int opts);
int list_main(unsigned int opts);
int dump_main(unsigned int opts);

/* parse.c */
struct direction {			/* the attribute set of that name */
	uint32_t mode;
	uint64_t live;
	uint64_t closed;
	uint64_t bytes;
	uint64_t records;
	uint64_t wire;
	uint64_t control;
	uint64_t rekeys;
};

struct breakdown {
	uint32_t version;
	uint32_t cipher;
	uint32_t mode;
	struct direction tx, rx;
};

struct totals {
	uint64_t live, closed, missed, errors;
	struct direction tx, rx;
	struct breakdown *breakdown;	/* free() */
	size_t breakdowns;
};

struct address {
	unsigned char bytes[16];
	uint32_t len;			/* 4, 16, or 0: not told */
	uint32_t port;
};

struct session {
	uint64_t cookie;
	uint64_t inode;
	uint32_t uid;
	uint32_t version;
	uint32_t cipher;
	uint32_t flags;
	struct address local, remote;
	struct direction tx, rx;
	uint64_t errors;
	uint64_t age;
	uint64_t idle;
};

struct nlmsghdr;

int parse_session(const struct nlmsghdr *nlh, struct session *s);
/* Appends to @t->breakdown; the caller frees it, after a failure too. */
int parse_totals(const struct nlmsghdr *nlh, struct totals *t);

/* genl.c */
struct genl;

struct sessions {
	struct session *v;		/* free() */
	size_t n, room;
	bool inconsistent;		/* changed while being read, each time */
};

/* -ENOENT: the kernel has no family of that name, even after asking for it. */
int genl_open(struct genl **out);
void genl_close(struct genl *g);
int genl_totals(struct genl *g, struct totals *t);
int genl_sessions(struct genl *g, struct sessions *s);
/* Why the last request failed: the kernel's own words, else those of @err. */
const char *genl_reason(const struct genl *g, int err);

/* sessions.c: all sessions, or the reason why not said and -errno */
int sessions_get(struct sessions *s, unsigned int opts);

/* tls_stat.c: show without our module; returns the exit status */
int tls_stat_main(unsigned int opts);

/* process.c */
struct holder {
	uint64_t inode;
	pid_t pid;
	char name[64];			/* untrusted */
};

struct holders {
	struct holder *v;		/* by inode, then pid; free() */
	size_t n, room;
};

/* As far as /proc lets us look; what cannot be read is left out. */
void holders_scan(struct holders *h, const struct sessions *s);
/* The first holder of @inode, or NULL; *@n: how many follow each other. */
const struct holder *holders_find(const struct holders *h, uint64_t inode,
				  size_t *n);

/* cells.c: write one word about what is @at some place of a row */
void cell_text(char *out, size_t size, const void *at, unsigned int opts);
void cell_number(char *out, size_t size, const void *at, unsigned int opts);
void cell_bytes(char *out, size_t size, const void *at, unsigned int opts);
void cell_duration(char *out, size_t size, const void *at, unsigned int opts);
void cell_version(char *out, size_t size, const void *at, unsigned int opts);
void cell_cipher(char *out, size_t size, const void *at, unsigned int opts);
void cell_flags(char *out, size_t size, const void *at, unsigned int opts);
void cell_address(char *out, size_t size, const void *at, unsigned int opts);

/* output.c */
#define CELL_SIZE 256

struct column {
	const char *title;
	bool right;
	void (*cell)(char *out, size_t size, const void *at,
		     unsigned int opts);
	size_t at;			/* in a row */
};

struct table {
	const struct column *columns;
	size_t ncolumns;
	const void *rows;
	size_t nrows;
	size_t row_size;
};

void table_print(const struct table *t, unsigned int opts);
/* Says it once, as a line or as JSON; returns @status. */
int fail(unsigned int opts, int status, const char *fmt, ...) PRINTF(3, 4);

/* json.c */
struct row {				/* a session and what we add to it */
	struct session s;
	const struct holder *holder;
	size_t holders;
	char user[40];
};

/* New references, NULL for want of memory: */
json_t *json_u64(uint64_t n);
json_t *json_totals(const struct totals *t);
json_t *json_session(const struct row *r);
/* Prints and releases @j; returns the exit status. */
int json_print(json_t *j, unsigned int opts);

/* names.c: each writes @buf or returns a constant */
#define NAME_SIZE 32

const char *version_name(char buf[NAME_SIZE], uint32_t id);
const char *cipher_name(char buf[NAME_SIZE], uint32_t id);
const char *mode_name(char buf[NAME_SIZE], uint32_t id);
/* Of flag number @bit. */
const char *flag_name(char buf[NAME_SIZE], unsigned int bit);
const char *address_name(char *buf, size_t size, const struct address *a);
const char *bytes_name(char buf[NAME_SIZE], uint64_t n, unsigned int opts);
const char *duration_name(char buf[NAME_SIZE], uint64_t ms);

#endif
