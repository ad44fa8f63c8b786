/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktls-connect: a TLS client that shows what it does.
 *
 *	main.c		from the command line to the exit status
 *	options.c	the command line: a table of options
 *	target.c	HOST[:PORT]
 *	run.c		connections one after the other, each with its ticket
 *	dial.c		from a name to a TCP connection, before a deadline
 *	shake.c		the handshake, before a deadline
 *	ticket.c	waits for the ticket of a connection
 *	pump.c		standard input and output <-> the connection
 *	verdict.c	did that end well?
 *	status.c	why something failed, as an exit status
 *	keylog.c	secrets for a debugger, when asked
 *	tape.c		what happens, as lines: for a file, for the diagram
 *	read.c		one such line as a struct
 *	story.c		the lines of one connection, in order
 *	load.c		a file of lines as a story
 *	draw.c		a story as a sequence diagram
 *	context.c	what has to be known of a story to word its steps
 *	facts.c		what of a step is shown
 *	words.c		what each step means, in plain words
 *	fill.c		puts fields into sentences
 *	page.c		lines of a diagram, in ASCII or UTF-8
 */
#ifndef CONNECT_H
#define CONNECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "address.h"
#include "ktls.h"
#include "log.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))

enum {
	STATUS_OK,
	STATUS_NETWORK,
	STATUS_USAGE,		/* or a file that was named cannot be used */
	STATUS_VERIFICATION,
	STATUS_PROTOCOL,
	STATUS_HOST,		/* this one cannot do it */
	STATUS_TRUNCATED,	/* no close_notify: data may be missing */
};

/* target.c */
struct target {
	char host[256], port[6];
	char name[256];		/* to be expected in the certificate */
};

int target_parse(struct target *out, const char *text);

/* options.c */
struct ask {
	struct ktls_options tls;
	struct ktls_pair pair;
	struct target target;
	const char *name;	/* instead of the target's */
	const char *trace, *read, *connection, *keylog;
	char *alpn, *ciphers, *groups, *pins;	/* ours: options_free() */
	unsigned int resume, timeout_s, verify;
	bool explain, json, quiet, half_close, help, version;
};

#define TIMEOUT_DEFAULT 10

/* 0, or -EINVAL and a line on standard error. */
int options_read(struct ask *a, int argc, char **argv);
void options_free(struct ask *a);
void options_help(void);

/* status.c */
int status_of(enum ktls_reason reason);
/* Notes a failure that is not the library's own. Returns @ret. */
int fail(struct ktls_error *err, int ret, enum ktls_reason reason,
	 const char *fmt, ...) PRINTF(4, 5);
#define ERROR_LINE_MAX 8192
/* As --json has it; the length, or 0 without memory. */
size_t error_line(char *out, const struct ktls_error *err);
/* Tells people, or with --json programs. Returns the exit status. */
int tell(const struct ask *a, const struct ktls_error *err);

/* dial.c, shake.c: 0 or -errno with @err; @deadline as of now_ms() */
uint64_t now_ns(void);
uint64_t now_ms(void);
/* For poll(): what is left until @deadline. */
int left_ms(uint64_t deadline);
int dial(int *fd, const struct target *t, uint64_t deadline,
	 struct ktls_error *err);
int shake(struct ktls_session *s, int fd, uint64_t deadline,
	  struct ktls_error *err);

/* ticket.c: the newest; *out NULL: none came */
int ticket_await(struct ktls_conn *c, void **out, size_t *len);

/* verdict.c: 0, or -errno and @err */
struct outcome {
	int end;		/* ktls_recv()'s last answer */
	bool closed;		/* our close_notify has left */
	bool unsent;		/* some of standard input */
	uint64_t sent, received;
};

int verdict(const struct ktls_conn *c, const struct outcome *o,
	    struct ktls_error *err);
/* In words, for that reason. Returns @ret. */
int explain_end(struct ktls_error *err, int ret, const struct ktls_conn *c,
		enum ktls_reason reason);

/* keylog.c: made for nobody but us; appended to */
struct keylog {
	const struct ask *a;
	int fd;			/* -1: not asked for, or given up */
	int status;		/* what a lost line makes of the exit's */
};

int keylog_open(struct keylog *k, const struct ask *a,
		struct ktls_error *err);
void keylog_line(void *keylog, const char *line);
int keylog_close(struct keylog *k);

/* read.c: a step as a trace has it. Its strings are those of @json. */
#define CONNECTION_MAX 128	/* with its terminating zero */

struct step {
	enum ktls_step step;
	enum ktls_side from;
	uint64_t at_ns;
	char connection[CONNECTION_MAX];	/* "": not said */
	struct ktls_field fields[KTLS_FIELDS_MAX];
	size_t count;
	bool is_error;		/* no step, but a failure; has fields only */
	json_t *json;
};

/* With ktlsd's, or our, "connection": ... in front. */
#define TRACE_LINE_MAX (KTLS_LINE_MAX + 256)

/*
 * 1: *out is a step, for step_free(), or an error. 0: a blank line. -EINVAL,
 * and what is wrong in @why.
 */
int step_parse(struct step *out, const char *line, size_t len,
	       const char **why);
void step_free(struct step *s);
/* NULL: it has none of that name, or an empty one */
const char *step_field(const struct step *s, const char *name);
bool step_is(const struct step *s, const char *name, const char *value);

/* story.c */
#define STORY_STEPS 256
#define STORY_BYTES (1 << 20)

struct story {
	char connection[CONNECTION_MAX];
	struct step *steps;
	size_t count;
	size_t bytes;		/* of the lines that they came from */
	bool cut;		/* there was more than we hold */
	struct step error;	/* the first that was no step, if .is_error */
};

/* Both take @s over, whether it fits or not. 0 or -ENOMEM. */
int story_add(struct story *story, struct step *s, size_t line_len);
void story_error(struct story *story, struct step *s);
void story_free(struct story *story);

/* load.c */
#define OTHERS_MAX 8

struct others {			/* connections that were not asked for */
	char name[OTHERS_MAX][CONNECTION_MAX];
	size_t count;
	bool more;
};

/* "-" is standard input. @want NULL: the first connection in it. */
int story_load(struct story *out, const char *path, const char *want,
	       struct others *others, struct ktls_error *err);
int story_read(struct story *out, FILE *f, const char *path, const char *want,
	       struct others *others, struct ktls_error *err);

/* tape.c: what libktls tells, to a file and into a story */
struct tape {
	const struct ask *a;
	FILE *file, *json;	/* NULL: not asked for, or given up */
	int status;		/* what lost lines make of the exit's, or input */
	bool keep;		/* for a diagram */
	char connection[CONNECTION_MAX];
	char *lines;
	size_t used, drawn;
	bool over;		/* the handshake is */
	bool failed;		/* which a step has told */
};

int tape_open(struct tape *t, const struct ask *a, struct ktls_error *err);
void tape_begin(struct tape *t, const char *peer, unsigned int number);
void tape_event(void *tape, const struct ktls_event *e);
/* A failure that libktls could not see, such as our deadline. */
void tape_failed(struct tape *t, uint64_t at_ns,
		 const struct ktls_error *err);
/* What tell() does, and the file is told as well. */
int tape_tell(struct tape *t, const struct ktls_error *err);
void tape_draw(struct tape *t);
int tape_close(struct tape *t);

/* pump.c: until both ends have said all. 0, or -errno and @err */
int pump(struct ktls_conn *c, struct tape *t, struct ktls_error *err);

/* context.c */
enum {
	WHEN_13		= 1 << 0,
	WHEN_12		= 1 << 1,
	WHEN_FULL	= 1 << 2,
	WHEN_RESUMED	= 1 << 3,
	WHEN_RSA	= 1 << 4,
	WHEN_ECDHE	= 1 << 5,
	WHEN_DEVICE	= 1 << 6,
	WHEN_RETRIED	= 1 << 7,
	WHEN_DIRECT	= 1 << 8,	/* not so */
	WHEN_SOFTWARE	= 1 << 15,	/* nor DEVICE */
	/* of one step */
	WHEN_CLIENT	= 1 << 9,
	WHEN_SERVER	= 1 << 10,
	WHEN_FIRST	= 1 << 11,	/* of its kind and side */
	WHEN_AGAIN	= 1 << 12,
	WHEN_SECRET	= 1 << 13,	/* encrypted */
	WHEN_OPEN	= 1 << 14,
};

unsigned int context_of(const struct story *story);
unsigned int context_at(const struct story *story, size_t i,
			unsigned int context);

/* facts.c */
struct fact {
	const char *field, *label;
	bool brief;		/* the beginning of it will do */
};

/* With {field}s in it, for words_fill() */
const char *words_title(const struct step *s);
const struct fact *words_facts(enum ktls_step step, size_t *count);

/* words.c: the sentences for @s as one paragraph, of @size bytes at most. */
void words_say(char *out, size_t size, const struct step *s,
	       unsigned int context);

/* fill.c: @text with {field} replaced by what @s has for it, fit for a terminal */
void words_fill(char *out, size_t size, const char *text,
		const struct step *s);

/* page.c */
struct page {
	FILE *out;
	int width;
	bool utf8;
};

/* As wide as the terminal, and in what it can show. */
void page_open(struct page *p, FILE *out);
void page_legend(const struct page *p);
void page_head(const struct page *p);
void page_gap(const struct page *p);
void page_arrow(const struct page *p, const char *time, const char *label,
		enum ktls_side from, bool secret);
void page_note(const struct page *p, const char *time, const char *label);
/* Between the lifelines: @text behind @label, wrapped, both may be "". */
void page_text(const struct page *p, int indent, const char *label,
	       const char *text);
/* Below the diagram. */
void page_below(const struct page *p, const char *text);

/* draw.c: the steps from @from on; with it 0, all */
void draw(const struct page *p, const struct story *story, size_t from);

/* run.c: exit statuses */
int run_connections(const struct ask *a);
int run_reader(const struct ask *a);

#endif
