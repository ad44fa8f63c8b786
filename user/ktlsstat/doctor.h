/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ktlsstat doctor: why is this host, or this connection, not offloaded?
 *
 *	doctor.c		the checks as a table, and how they report
 *	doctor_kernel.c		what the kernel was built with and has loaded
 *	doctor_loop.c		a pair of sockets to try things on
 *	doctor_ciphers.c	what really works
 *	doctor_aes.c		who does the arithmetic
 *	doctor_module.c		our module and what it needs
 *	doctor_counters.c	what went wrong so far
 *	doctor_programs.c	what runs above the kernel
 *	doctor_nic.c		what network devices can do
 *	doctor_connection.c	one connection
 *	doctor_diag.c		what the kernel tells of it
 */
#ifndef KTLSSTAT_DOCTOR_H
#define KTLSSTAT_DOCTOR_H

#include "ktlsstat.h"

enum verdict { WELL, WARN, FAIL };

struct report {
	unsigned int opts;
	json_t *list;			/* with --json, printed at the end */
	bool failed;
	bool no_ulp;			/* nothing can be tried on sockets */
};

/* @advice: what to do about it; NULL if WELL */
void report(struct report *r, enum verdict v, const char *name,
	    const char *advice, const char *fmt, ...) PRINTF(5, 6);

/* Checks: each reports at least once. doctor_kernel.c */
void check_kernel(struct report *r);
void check_config(struct report *r);
void check_tls(struct report *r);
void check_ulp(struct report *r);
/* The first line of @path, or "" and -errno. */
int read_line(const char *path, char *out, size_t size);
bool is_privileged(void);		/* has CAP_NET_ADMIN */

/* doctor_ciphers.c */
void check_ciphers(struct report *r);
void check_rekey(struct report *r);
void check_no_pad(struct report *r);
void check_payload(struct report *r);

/* doctor_aes.c */
void check_aes(struct report *r);

/* doctor_module.c */
void check_module(struct report *r);
void check_probes(struct report *r);
void check_realtime(struct report *r);
void check_privilege(struct report *r);

/* doctor_counters.c */
void check_counters(struct report *r);
void check_buffers(struct report *r);

/* doctor_programs.c */
void check_gnutls(struct report *r);
void check_openssl(struct report *r);
void check_agent(struct report *r);

/* doctor_nic.c */
void check_nic(struct report *r);

/* doctor_loop.c: 0 or -errno, and where there is @stage: at which step */
struct algorithm {
	const char *name;
	uint16_t number;		/* TLS_CIPHER_* */
	size_t iv, key, salt;
	enum verdict without;		/* what its absence means */
};

extern const struct algorithm algorithms[];
extern const size_t nalgorithms;

struct secret {				/* wipe it */
	unsigned char bytes[64];
	size_t size;
};

int pair_open(int fds[2]);
void pair_close(int fds[2]);
int pair_attach(int fds[2]);
/* The same new key for both ends of one direction. */
int pair_key(int from, int to, uint16_t version, const struct algorithm *a,
	     const char **stage);
/* Random bytes, and what came out: -EBADMSG if that is something else. */
int pair_pass(int from, int to);
int secret_make(struct secret *s, uint16_t version, const struct algorithm *a);

/* doctor_connection.c: reports on one, or returns 2 and has said why */
int check_connection(struct report *r, const struct args *a);

/* doctor_diag.c */
struct wanted {
	uint64_t cookie;		/* or 0, and: */
	struct address local, remote;
};

struct diagnosis {
	bool found;
	uint64_t cookie;
	uint32_t inode;
	struct address local, remote;
	char ulp[16];			/* or "" */
	bool tls;			/* the rest is told */
	uint16_t version, cipher, tx, rx, payload;
	bool zero_copy, no_pad;
};

int diag_find(struct diagnosis *d, const struct wanted *w);

#endif
