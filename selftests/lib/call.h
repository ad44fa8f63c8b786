/* SPDX-License-Identifier: GPL-2.0-only */
/* A client's visit to a service of ours, with a ticket from another visit. */
#ifndef CALL_H
#define CALL_H

#include "server.h"

/* What a service is like. NULL: "localhost" only. */
struct service {
	const char *pairs[3];	/* the last is NULL */
	struct ktls_options o;
	const char *master;	/* write_master()'s; NULL: none */
};

int service_load(struct ktls_config **out, const struct service *v,
		 struct ktls_error *err);
/* @len bytes, each @fill, as a file in the directory of the certificates. */
int write_master(const char *name, int fill, size_t len);

struct call {
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd;
	struct peer p;
	struct outcome o;
	struct ktls_error err;
	struct ktls_info info;
	bool data_flows;
};

/* The certificate that clients show, of pki.sh, or NULL. */
extern const char *call_shows;

void call_make(struct call *v, struct ktls_config *c, const char *priority,
	       const char *sni, const gnutls_datum_t *ticket);
void call_end(struct call *v);
/* The client's newest; false: it has none. */
bool call_ticket(struct call *v, gnutls_datum_t *out);

#endif
