/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktlsstat: what the kernel encrypted, told to people and to programs.
 *
 *	main.c		the command line: a table of commands
 *	options.c	one of options
 *	netns.c		another network namespace
 *	show.c		totals
 *	list.c		live sessions
 *	dump.c		live sessions, tab-separated
 *	watch.c		live sessions and their rates: see watch.h
 *	sessions.c	all of them, or why not
 *	rows.c		those asked for, with their users and processes
 *	fields.c	all that can be told of a session, as a table
 *	types.c		what the fields of that table are
 *	columns.c	which of them, and by which to sort
 *	filter.c	which sessions
 *	quantity.c	numbers and units as words, read
 *	genl.c		the wall to the kernel: what can be asked
 *	exchange.c	behind it: one request and its answer
 *	parse.c		messages as the plain structs below
 *	tls_stat.c	what the kernel tells without our module
 *	process.c	which processes hold a socket
 *	json.c		totals as JSON
 *	emit.c		JSON as a stream
 *	output.c	text tables, failures
 *	cells.c		what can stand in a column of such a table
 *	names.c		numbers as words and units, and back
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
	OPT_NETNS	= 1 << 5,
	OPT_COLUMNS	= 1 << 6,
	OPT_SORT	= 1 << 7,
	OPT_TREE	= 1 << 8,
	OPT_DELAY	= 1 << 9,
	OPT_COUNT	= 1 << 10,
	OPT_TIME	= 1 << 11,
	OPT_OPEN	= 1 << 12,
	OPT_CLOSE	= 1 << 13,
	OPT_LISTEN	= 1 << 14,
	OPT_TEXTFILE	= 1 << 15,
	OPT_SESSIONS_BY	= 1 << 16,
	OPT_CONNECTION	= 1 << 17,
	OPT_HELP	= 1 << 18,
	OPT_VERSION	= 1 << 19,
};

/* The command line as a command sees it. */
struct args {
	unsigned int opts;		/* OPT_* */
	/* values of the options of these names, or NULL: */
	const char *netns;		/* main.c has entered it */
	const char *columns, *sort, *tree;
	const char *delay, *count, *time;
	const char *listen, *textfile, *sessions_by, *connection;
	int argc;			/* operands: behind the command */
	char **argv;
};

/* show.c, list.c, dump.c: a command returns the exit status. */
int show_main(const struct args *a);
int list_main(const struct args *a);
int dump_main(const struct args *a);
/* watch.c */
int watch_main(const struct args *a);
/* export.c, doctor.c: commands of many files, see export.h and doctor.h */
int export_main(const struct args *a);
int doctor_main(const struct args *a);

/* netns.c: 0 or -errno. @name: as of ip netns, a path, or a process's number */
int netns_enter(const char *name);

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
	uint64_t live, closed, missed, errors, busy;
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
	char label[256];		/* untrusted, or "" */
	bool inexact;			/* see FIELD_EXACT */
};

struct nlmsghdr;

int parse_session(const struct nlmsghdr *nlh, struct session *s);
/* Appends to @t->breakdown; the caller frees it, after a failure too. */
int parse_totals(const struct nlmsghdr *nlh, struct totals *t);

/* genl.c */
struct genl;
struct filters;

struct sessions {
	struct session *v;		/* free() */
	size_t n, room;
	bool inconsistent;		/* changed while being read, each time */
};

/* -ENOENT: the kernel has no family of that name, even after asking for it. */
int genl_open(struct genl **out);
void genl_close(struct genl *g);
int genl_totals(struct genl *g, struct totals *t);
/* At least those that @f (may be NULL) lets pass: see filter_for(). */
int genl_sessions(struct genl *g, struct sessions *s, const struct filters *f);
/* Why the last request failed: the kernel's own words, else those of @err. */
const char *genl_reason(const struct genl *g, int err);

/* sessions.c: all sessions, or the reason why not said and -errno */
int sessions_get(struct sessions *s, const struct filters *f,
		 unsigned int opts);

/* tls_stat.c */
struct counter {
	char name[48];
	uint64_t value;
};

/* The number of counters in *@out (free() it), or -errno. */
int tls_stat_read(struct counter **out);
/* show without our module; returns the exit status */
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

/* rows.c */
struct row {				/* a session and what we add to it */
	struct session s;
	const struct holder *holder;
	size_t holders;
	char user[40];
};

struct rows {
	struct row **v;			/* those asked for, sorted */
	size_t n;
	struct row *all;
	struct holders holders;
};

struct view;

/* 0 or -ENOMEM */
int rows_make(struct rows *r, const struct sessions *s, const struct view *v,
	      unsigned int opts);
void rows_free(struct rows *r);

/* types.c, fields.c */
struct value {				/* one of them, by struct type */
	uint64_t number;
	char text[256];
};

struct type {
	bool right;			/* the column's side */
	bool text;			/* values: else numbers */
	/* cells.c */
	void (*cell)(char *out, size_t size, const void *at,
		     unsigned int opts);
	/* The @i-th value; false behind the last. */
	bool (*value)(const void *at, size_t i, struct value *v);
	/* The number that somebody wrote; 0 or -EINVAL. */
	int (*parse)(const char *word, uint64_t *out);
	void (*json)(const char *key, const void *at);
};

extern const struct type type_number, type_bytes, type_duration, type_cookie,
	type_id, type_user, type_pid, type_version, type_cipher, type_mode,
	type_flags, type_modes, type_text, type_label, type_address,
	type_endpoint, type_process;

enum {
	FIELD_SUM	= 1 << 0,	/* of many sessions means something */
	FIELD_EXACT	= 1 << 1,	/* only our module knows it */
	FIELD_HOLDER	= 1 << 2,	/* is read from /proc/PID */
};

struct field {
	const char *name;
	const struct type *type;
	size_t at;			/* in struct row */
	uint16_t attr;			/* that the kernel filters by, or 0 */
	unsigned int is;		/* FIELD_* */
	const char *in, *json;		/* object and key there, or NULL */
	const char *meaning;
};

extern const struct field fields[];
extern const size_t nfields;

const struct field *field_find(const char *name, size_t len);
const char *field_title(const struct field *f, char *buf, size_t size);
/* All of them, for those who looked for another one. */
const char *field_names(char *buf, size_t size);
bool field_known(const struct field *f, const struct row *r);
bool field_value(const struct field *f, const struct row *r, size_t i,
		 struct value *v);
void field_cell(const struct field *f, const struct row *r, char *out,
		size_t size, unsigned int opts);
/* Those of @r that are @is, all of them if 0, as members of an object. */
void fields_json(const struct row *r, unsigned int is);

/* columns.c: what reads the command line complains, and returns the status */
struct columns {
	const struct field *v[64];
	size_t n;
};

struct sort {
	const struct field *field;	/* or NULL: as the kernel tells them */
	bool down;
};

int columns_read(struct columns *c, const struct args *a);
bool columns_use(const struct columns *c, unsigned int is);
int columns_help(void);
int sort_read(struct sort *s, const struct args *a);
void rows_sort(struct rows *r, const struct sort *s);

/* filter.c */
struct operator;

struct filter {
	const struct field *field;
	const struct operator *operator;
	uint64_t number;
	const char *text;		/* in the word it was read from */
};

struct filters {
	struct filter *v;		/* free() */
	size_t n;
};

/* @why, if not 0, names @word and what there is. */
int filter_parse(struct filter *f, const char *word, char *why, size_t size);
int filters_read(struct filters *f, const struct args *a);
bool filters_match(const struct filters *f, const struct row *r);
bool filters_use(const struct filters *f, unsigned int is);
/* The one that wants this attribute to be one value, or NULL. */
const struct filter *filter_for(const struct filters *f, uint16_t attr);

/* rows.c */
struct view {				/* what of which sessions, in order */
	struct columns columns;
	struct filters filters;
	struct sort sort;
};

int view_read(struct view *v, const struct args *a);
bool view_uses(const struct view *v, unsigned int is);
void view_free(struct view *v);

/* quantity.c, names.c: @out, or -EINVAL */
int parse_count(const char *word, uint64_t *out);
int parse_bytes(const char *word, uint64_t *out);
int parse_duration(const char *word, uint64_t *out);	/* milliseconds */
int parse_user(const char *word, uint64_t *out);
int parse_version(const char *word, uint64_t *out);
int parse_cipher(const char *word, uint64_t *out);
int parse_mode(const char *word, uint64_t *out);
int parse_flag(const char *word, uint64_t *out);

/* cells.c: write one word about what is @at some place of a row */
void cell_text(char *out, size_t size, const void *at, unsigned int opts);
void cell_number(char *out, size_t size, const void *at, unsigned int opts);
void cell_bytes(char *out, size_t size, const void *at, unsigned int opts);
void cell_duration(char *out, size_t size, const void *at, unsigned int opts);
void cell_id(char *out, size_t size, const void *at, unsigned int opts);
void cell_version(char *out, size_t size, const void *at, unsigned int opts);
void cell_cipher(char *out, size_t size, const void *at, unsigned int opts);
void cell_mode(char *out, size_t size, const void *at, unsigned int opts);
void cell_flags(char *out, size_t size, const void *at, unsigned int opts);
void cell_address(char *out, size_t size, const void *at, unsigned int opts);
void cell_endpoint(char *out, size_t size, const void *at, unsigned int opts);
void cell_label(char *out, size_t size, const void *at, unsigned int opts);
/* @row: a struct row */
void cell_modes(char *out, size_t size, const void *row, unsigned int opts);
void cell_process(char *out, size_t size, const void *row, unsigned int opts);
void cell_pid(char *out, size_t size, const void *row, unsigned int opts);

/* output.c */
#define CELL_SIZE 256

struct table {				/* zeroed, but for the first */
	size_t columns;
	bool right[64];
	int widths[64];
	char *text;			/* of all cells, one behind the other */
	size_t len, room, cells;
	bool incomplete;		/* for want of memory */
};

/* Line by line. */
void table_add(struct table *t, bool right, const char *text);
/* Prints and frees it; returns the exit status. */
int table_print(struct table *t, unsigned int opts);
/* Says it once, as a line or as JSON; returns @status. */
int fail(unsigned int opts, int status, const char *fmt, ...) PRINTF(3, 4);

/* json.c */
/* New references, NULL for want of memory: */
json_t *json_u64(uint64_t n);
json_t *json_totals(const struct totals *t);
/* Prints and releases @j; returns the exit status. */
int json_print(json_t *j, unsigned int opts);

/*
 * emit.c: JSON on standard output as it comes, for what is long or never ends.
 * @key is NULL in arrays. @bracket: of those that open and close
 */
void emit_begin(unsigned int opts);
void emit_open(const char *key, char bracket);
void emit_close(char bracket);
void emit_number(const char *key, uint64_t n);
void emit_text(const char *key, const char *text);
void emit_null(const char *key);
void emit_end(void);

/* names.c: each writes @buf or returns a constant */
#define NAME_SIZE 32

const char *decimal(char buf[NAME_SIZE], uint64_t n);
const char *version_name(char buf[NAME_SIZE], uint32_t id);
const char *cipher_name(char buf[NAME_SIZE], uint32_t id);
const char *mode_name(char buf[NAME_SIZE], uint32_t id);
/* Of flag number @bit. */
const char *flag_name(char buf[NAME_SIZE], unsigned int bit);
const char *address_name(char *buf, size_t size, const struct address *a);
const char *bytes_name(char buf[NAME_SIZE], uint64_t n, unsigned int opts);
const char *duration_name(char buf[NAME_SIZE], uint64_t ms);

#endif
