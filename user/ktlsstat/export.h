/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktlsstat export: counters as metrics, for Prometheus and those who read its
 * formats.
 *
 *	export.c		where to: standard output, a file, HTTP
 *	export_collect.c	what is told, asked of the kernel at one time
 *	export_groups.c		sums over the live sessions of a label or user
 *	export_metrics.c	all metrics, as tables
 *	export_text.c		both formats
 *	export_file.c		a file that is never seen half written
 *	export_http.c		a page for each path
 *	export_library.c	the HTTP library, loaded by those who serve
 *	export_accept.c		which format a client asked for
 */
#ifndef KTLSSTAT_EXPORT_H
#define KTLSSTAT_EXPORT_H

#include <stdio.h>

#include "ktlsstat.h"

enum format { FORMAT_TEXT, FORMAT_OPENMETRICS };
enum grouping { BY_NOTHING, BY_LABEL, BY_UID };

/* export_groups.c */
#define GROUPS_MAX 1000			/* each is a series for ever */

struct group {
	const struct session *like;	/* has its label and uid; NULL: other */
	uint64_t sessions, errors;
	struct direction tx, rx;
};

struct groups {
	struct group *v;		/* free() */
	size_t n;
	uint64_t folded;		/* how many are in "other" */
};

/* Sorts @s, which @g then points into. 0 or -ENOMEM. */
int groups_make(struct groups *g, struct sessions *s, enum grouping by);
/* Writes what is no UTF-8 over with question marks. */
void label_clean(char *label);

/* export_collect.c */
struct snapshot {
	bool up;			/* our module is there */
	struct totals totals;		/* if so */
	char module[64];		/* its version, or "" */
	enum grouping by;
	struct sessions sessions;
	struct groups groups;
	struct counter *kernel;		/* of /proc/net/tls_stat */
	int kernels;			/* -1: no such file */
};

/* 0, or -errno and @why; snapshot_free() in both cases. */
int snapshot_take(struct snapshot *s, enum grouping by, char *why,
		  size_t size);
void snapshot_free(struct snapshot *s);

/* export_text.c */
enum kind { GAUGE, COUNTER, INFO };

struct family {
	const char *name;		/* without _total and _info */
	enum kind kind;
	const char *unit;		/* that the name ends with, or NULL */
	const char *help;
};

struct text {
	FILE *f;
	enum format format;
	const struct family *family;
	int labels;			/* of the sample being written */
};

/* family, then for each sample: begin, labels, end */
void text_family(struct text *t, const struct family *family);
void text_begin(struct text *t);
void text_label(struct text *t, const char *name, const char *value);
void text_end(struct text *t, uint64_t value);
void text_finish(struct text *t);
const char *format_type(enum format format);

/* export_metrics.c */
void metrics_write(FILE *f, const struct snapshot *s, enum format format);
/* A snapshot of now, written: free(). 0, or -errno and @why. */
int metrics_make(char **out, size_t *len, enum grouping by, enum format format,
		 char *why, size_t size);

/* export_file.c: 0 or -errno */
int file_replace(const char *path, const char *data, size_t len);

/* export_accept.c: @header may be NULL */
enum format accept_format(const char *header);

/* export_http.c: returns the exit status */
int http_serve(const struct args *a, enum grouping by);

#endif
