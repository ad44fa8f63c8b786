/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For libktls in the role of a client: a peer that is a GnuTLS server. And for
 * both roles: certificates of every kind, and a handshake whose outcome is
 * seen from both ends. Everything else of peer.h works on this peer too.
 */
#ifndef SERVER_H
#define SERVER_H

#include "peer.h"

/* A directory that lib/pki.sh has filled: gone when the program ends. */
const char *pki_dir(void);
/* "DIR/name" in one of a few static buffers; NULL for NULL. */
const char *pki(const char *name);

/*
 * A configuration with pki.sh's certificates of these @names, the last of
 * which is NULL, and with the other options of @o.
 */
int pki_config(struct ktls_config **out, const char *const names[],
	       struct ktls_options o, struct ktls_error *err);

/* Gives @p pki.sh's @certificate. Negative: GnuTLS's error. */
int pki_load(struct peer *p, const char *certificate);

struct server {
	const char *certificate;	/* of pki.sh: NAME.pem and NAME.key */
	const char *staple;		/* its file, or NULL */
	const char *ca;			/* of clients, or NULL: asks for none */
	gnutls_certificate_request_t request;
	const gnutls_datum_t *ticket_key;	/* NULL: no tickets */
};

/* Takes @fd over. */
int server_open(struct peer *p, int fd, const char *priority,
		const struct server *o);
/* A client that shows this one whatever the server's CAs are. */
int client_show(struct peer *p, const char *certificate);

struct outcome {
	int ours;		/* ktls_session_handshake()'s answer */
	int theirs;		/* GnuTLS's */
	int alert;		/* that the peer saw, or -1 */
	ssize_t after;		/* what it read behind that: 0 for an end */
};

/* Both ends until both know how it ended. */
struct outcome meet(struct peer *p, struct ktls_session *s, int fd);

/* A session of ours and its peer. */
struct end {
	struct ktls_config *config;
	struct ktls_session *s;
	int fd;
	struct peer p;
};

/* [0] for TLS 1.2 only, [1] for TLS 1.3 only */
extern const char *const priorities[2];

void end_close(struct end *e);
/* SHA-256 of the key of pki.sh's @name, in hex. */
void pin_of(const char *name, char hex[65]);

/* The last eight NewSessionTickets of a server, with the header they get. */
extern unsigned char sent[8][4096];
extern size_t sent_len[8];
extern unsigned int sent_count;

/* A client of ours at a server; close with leave(). */
struct visit {
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd;
	struct peer p;
	struct outcome o;
};

/* A client's, with kernel TLS or without; NULL: it was said why. */
struct ktls_config *client_config(const struct ktls_options *change,
				  bool kernel);
/* 0, or the first error; the outcome of the handshake is in v->o. */
int visit(struct visit *v, const struct server *server, int version,
	  struct ktls_config *config, const char *name, const void *ticket,
	  size_t len);
void leave(struct visit *v);

#endif
