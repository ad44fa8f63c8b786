/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a ClientHello and a ServerHello say, in TLS 1.2 and in TLS 1.3. Nothing
 * is copied: what is found are places in the caller's message, good as long as
 * that is; what is missing has neither place nor length. Only the form is
 * judged: what a peer may ask for is GnuTLS's business, and what it sent, @sni
 * above all, may contain any byte.
 */
#ifndef LIBKTLS_HELLO_H
#define LIBKTLS_HELLO_H

#include "bytes.h"

#define HELLO_RANDOM_SIZE 32

struct client_hello {
	uint16_t version;		/* @versions, if there, decides */
	const unsigned char *random;
	struct bytes session_id;
	struct bytes suites;		/* to signatures: bytes_take_u16() */
	struct bytes versions;
	struct bytes groups;
	struct bytes signatures;
	struct bytes shares;		/* hello_take_share() */
	struct bytes alpn;		/* hello_take_protocol() */
	struct bytes sni;		/* the host name */
	bool has_psk;
	bool has_early_data;
	bool has_ticket;		/* one to resume with, of TLS 1.2 */
	bool extended_master_secret;
	bool status_request;
	unsigned int record_size_limit;	/* as sent; 0: none */
	unsigned int max_fragment;	/* in bytes; 0: none, or unknown */
};

struct server_hello {
	uint16_t version;		/* the one that was selected */
	const unsigned char *random;
	struct bytes session_id;
	uint16_t suite;
	uint16_t group;			/* 0: no key share, as in TLS 1.2 */
	bool retry;			/* it is a HelloRetryRequest */
	bool psk;			/* one was accepted */
};

/*
 * hello.c. @msg is the body, behind the four bytes of handshake header. Both
 * return 0 or -EBADMSG; then @out holds nothing of use.
 */
int client_hello_parse(struct client_hello *out, const unsigned char *msg,
		       size_t len);
int server_hello_parse(struct server_hello *out, const unsigned char *msg,
		       size_t len);

/* The first of @list's elements, which leaves it; false when none is left. */
bool hello_take_share(struct bytes *list, uint16_t *group);
bool hello_take_protocol(struct bytes *list, struct bytes *protocol);

/* names.c: as IANA has them; NULL for a number that is not in our tables */
const char *suite_name(uint16_t id);
const char *group_name(uint16_t id);
const char *signature_name(uint16_t id);
const char *tls_version_name(uint16_t id);

/* RFC 8701: a number that clients throw in, so that servers bear new ones. */
bool is_grease(uint16_t id);

#endif
