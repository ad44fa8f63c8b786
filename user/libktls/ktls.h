/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libktls: from a TCP socket and a certificate to a kernel TLS connection, in
 * this process or in another.
 *
 * The order of calls of whoever makes the handshake:
 *
 *	ktls_config_load()		once
 *	ktls_session_new()		per connection, right after accept()
 *					or connect()
 *	ktls_session_handshake()	until it does not return -EAGAIN
 *	ktls_session_install()		keys into the kernel: a connection
 *	ktls_session_free()
 *
 * who sends the connection to another process goes on with
 *
 *	ktls_handoff_send()
 *	ktls_conn_close()
 *
 * and who uses it, here or after ktls_handoff_recv() there:
 *
 *	ktls_recv(), ktls_send(), ktls_sendfile()
 *	ktls_shutdown()			close_notify
 *	ktls_conn_close()
 *
 * Every function returns 0 (or a count) on success and -errno on failure,
 * none prints, none exits, none raises SIGPIPE but where it says so.
 */
#ifndef KTLS_H
#define KTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The library is built with all else hidden. */
#pragma GCC visibility push(default)

struct ktls_config;
struct ktls_session;
struct ktls_conn;

/* --- reason.c: why something failed, in a form that stays the same --- */

enum ktls_reason {
	KTLS_OK,
	/* the network */
	KTLS_HANGUP,		/* the peer ended the connection too early */
	KTLS_LOST,		/* reset, unreachable, ... */
	KTLS_TIMEOUT,
	/* the protocol */
	KTLS_NOT_TLS,
	KTLS_NO_VERSION,	/* none in common */
	KTLS_NO_CIPHER,
	KTLS_NO_GROUP,
	KTLS_NO_SIGNATURE,	/* algorithm that suits our certificate */
	KTLS_NO_ALPN,		/* application protocol in common */
	KTLS_UNKNOWN_NAME,	/* SNI asks for a name that we do not serve */
	KTLS_RECORD_LIMIT,	/* asked for, and not to be had here */
	KTLS_MALFORMED,		/* a message */
	KTLS_UNEXPECTED,	/* a message or record at this point */
	KTLS_TOO_LONG,		/* a message, record or flight */
	KTLS_BAD_RECORD,	/* failed authentication */
	KTLS_BAD_FINISHED,	/* or another signature of the handshake */
	KTLS_TOO_MANY,		/* warnings, key updates, empty records */
	KTLS_ALERT,		/* the peer gave up, and sent one */
	KTLS_TRUNCATED,		/* data ended without close_notify */
	/* verification of the peer's certificate */
	KTLS_NO_CERTIFICATE,	/* it sent none, and has to */
	KTLS_UNKNOWN_CA,
	KTLS_SELF_SIGNED,
	KTLS_EXPIRED,
	KTLS_NOT_YET_VALID,
	KTLS_WRONG_NAME,
	KTLS_WRONG_PURPOSE,
	KTLS_REVOKED,
	KTLS_BAD_STAPLE,	/* an OCSP response that proves nothing */
	KTLS_WEAK,		/* key or hash */
	KTLS_WRONG_PIN,
	KTLS_BAD_CERTIFICATE,	/* anything else about it */
	/* this host */
	KTLS_NO_KERNEL,		/* no "tls" module */
	KTLS_KERNEL_REFUSED,	/* the keys */
	KTLS_NO_REKEY,		/* KeyUpdate, on a kernel before 6.14 */
	KTLS_INTERNAL,		/* memory, GnuTLS, a broken configuration */
	KTLS_REASONS
};

enum ktls_class {
	KTLS_CLASS_NONE,
	KTLS_CLASS_NETWORK,
	KTLS_CLASS_PROTOCOL,
	KTLS_CLASS_VERIFICATION,
	KTLS_CLASS_HOST,
};

/* "unknown_ca": for logs and scripts. */
const char *ktls_reason_name(enum ktls_reason reason);
/* "the certificate's issuer is not trusted" */
const char *ktls_reason_text(enum ktls_reason reason);
enum ktls_class ktls_reason_class(enum ktls_reason reason);
/* "unknown_ca", as RFC 8446 section 6 has it, or "unknown" */
const char *ktls_alert_name(int alert);

/* @text: one sentence, no newline, that names the file or the peer's fault. */
struct ktls_error {
	enum ktls_reason reason;
	int alert_sent, alert_received;		/* -1: none */
	char text[512];
};

/* --- cipher.c: names as in RFC 8446 and IANA's registry --- */

const char *ktls_version_name(uint16_t version);
const char *ktls_cipher_name(uint16_t cipher);

/* --- config.c, creds.c: what is the same for many connections --- */

/* Files: the chain is PEM, the key PEM or a "pkcs11:" URL. */
struct ktls_pair {
	const char *certificate;
	const char *key;
	const char *staple;	/* OCSP response in DER, or NULL */
};

enum ktls_auth {
	KTLS_AUTH_NONE,		/* ask for no certificate */
	KTLS_AUTH_REQUEST,	/* ask; verify what comes, if any does */
	KTLS_AUTH_REQUIRE,
};

enum ktls_offload {
	KTLS_OFFLOAD_REQUIRE,	/* kernel TLS or no connection */
	KTLS_OFFLOAD_PREFER,	/* else GnuTLS carries on in this process */
	KTLS_OFFLOAD_NEVER,	/* GnuTLS carries on: to compare with */
};

/* All zero is a server with kernel TLS that asks for no certificate. */
struct ktls_options {
	bool client;

	/* Our certificates: of servers the first one is the default. */
	const struct ktls_pair *pairs;
	size_t pairs_count;
	bool strict_sni;	/* refuse names that no certificate has */

	/* The peer's. A client always verifies, unless told not to. */
	enum ktls_auth auth;	/* servers */
	bool no_verify;		/* clients */
	const char *ca;		/* PEM file, or NULL: the system's store */
	const char *pins;	/* SHA-256 of SPKI in hex, blanks between */

	/* Negotiation. NULL or 0: all that we have. Lists have blanks. */
	const char *alpn;	/* by preference */
	const char *ciphers;	/* "AES-128-GCM CHACHA20-POLY1305" */
	const char *groups;	/* "X25519 P-256 P-384 X25519MLKEM768" */
	uint16_t min_version, max_version;	/* TLS_1_2_VERSION, ... */
	bool rsa_key_transport;	/* TLS 1.2, no forward secrecy */

	/* Resumption */
	bool no_tickets;
	const char *ticket_key;	/* file of 64 random bytes, or NULL: ours */
	unsigned int ticket_lifetime;	/* s; 0: six hours */

	enum ktls_offload offload;
	bool zerocopy;		/* TLS_TX_ZEROCOPY_RO: see ktls(3) */
};

/*
 * Reads all files that @o names. The result is read-only from then on, and
 * counted: one object serves all sessions and threads, and lives until the
 * last of them has let go. On failure @err names the file and what to do;
 * -ENOENT, -EACCES, -EINVAL (not PEM, or not the certificate's key),
 * -ENOMEM.
 */
int ktls_config_load(struct ktls_config **out, const struct ktls_options *o,
		     struct ktls_error *err);
struct ktls_config *ktls_config_get(struct ktls_config *c);
void ktls_config_put(struct ktls_config *c);

/* --- facts about a connection, no secrets --- */

enum ktls_mode {
	KTLS_MODE_USER,		/* GnuTLS, in this process */
	KTLS_MODE_SW,		/* the kernel, on its CPUs */
	KTLS_MODE_DEVICE,	/* the network card */
};

struct ktls_info {
	uint16_t version;	/* TLS_1_2_VERSION, TLS_1_3_VERSION */
	uint16_t cipher;	/* TLS_CIPHER_* of <linux/tls.h> */
	uint8_t client;		/* our role: 1 client, 0 server */
	uint8_t resumed;
	uint8_t tx_mode, rx_mode;	/* enum ktls_mode */
	uint16_t group;		/* IANA number; 0: RSA key transport */
	struct sockaddr_storage peer;
	char sni[256];		/* server name asked for, or "" */
	char alpn[256];		/* protocol agreed on, or "" */
};

/* Whom the peer's certificate names. Untrusted text: escape it. */
struct ktls_identity {
	uint8_t verified;
	unsigned char spki_sha256[32];
	char subject[256];	/* RFC 4514, cut if longer */
	char names[1024];	/* "DNS:a.example IP:192.0.2.1 ...", likewise */
};

/* --- trace.c: the handshake explains itself --- */

enum ktls_step {
	KTLS_STEP_CLIENT_HELLO,
	KTLS_STEP_HELLO_RETRY_REQUEST,
	KTLS_STEP_SERVER_HELLO,
	KTLS_STEP_ENCRYPTED_EXTENSIONS,
	KTLS_STEP_CERTIFICATE_REQUEST,
	KTLS_STEP_CERTIFICATE,
	KTLS_STEP_CERTIFICATE_STATUS,
	KTLS_STEP_CERTIFICATE_VERIFY,
	KTLS_STEP_SERVER_KEY_EXCHANGE,
	KTLS_STEP_SERVER_HELLO_DONE,
	KTLS_STEP_CLIENT_KEY_EXCHANGE,
	KTLS_STEP_CHANGE_CIPHER_SPEC,
	KTLS_STEP_FINISHED,
	KTLS_STEP_NEW_SESSION_TICKET,
	KTLS_STEP_CHECK,	/* one check of a certificate, and its result */
	KTLS_STEP_KEY_EXCHANGE,	/* what both ends now share */
	KTLS_STEP_INSTALL,	/* keys of one direction into the kernel */
	KTLS_STEP_ALERT,
	KTLS_STEP_DONE,
	KTLS_STEP_FAILED,
	KTLS_STEPS
};

enum ktls_side { KTLS_CLIENT, KTLS_SERVER, KTLS_HERE };

struct ktls_field {
	const char *name, *value;
};

/* What is pointed to is valid during the call only. Never holds a secret. */
struct ktls_event {
	enum ktls_step step;
	enum ktls_side from;	/* who sent it; HERE: nobody did */
	uint64_t at_ns;		/* since ktls_session_new() */
	const struct ktls_field *fields;
	size_t count;
};

typedef void ktls_trace_fn(void *ctx, const struct ktls_event *e);

#define KTLS_FIELDS_MAX	24	/* of one event */
#define KTLS_LINE_MAX	16384	/* of one event, as a line */

const char *ktls_step_name(enum ktls_step step);
/*
 * One line, with its newline, without a terminating zero's need: JSON, or
 * text for people. Returns its length; at most KTLS_LINE_MAX bytes. What is
 * longer loses fields, or the end of one, and stays a valid object; 0: @size
 * is too small for one without fields.
 */
size_t ktls_event_json(char *out, size_t size, const struct ktls_event *e);
size_t ktls_event_text(char *out, size_t size, const struct ktls_event *e);

/* --- handshake.c: RFC 8446 section 4, RFC 5246 section 7 --- */

/*
 * Attaches the "tls" ULP to @fd, a connected non-blocking TCP socket, and
 * prepares a handshake in the role of @c. It must be called right after
 * accept() or connect(): the kernel refuses the ULP once the peer has
 * half-closed. @fd stays the caller's. @name: a client's idea of whom it
 * talks to, a DNS name or an IP address; NULL for servers. -ENOENT: the
 * kernel has no tls module, and @c requires it.
 */
int ktls_session_new(struct ktls_session **out, struct ktls_config *c, int fd,
		     const char *name);

/* Before the first ktls_session_handshake(). */
void ktls_session_trace(struct ktls_session *s, ktls_trace_fn *fn, void *ctx);
/*
 * Lines of the NSS key log format, without their newline, secrets all: for
 * debuggers only. @fn must wipe its copies.
 */
void ktls_session_keylog(struct ktls_session *s,
			 void (*fn)(void *ctx, const char *line), void *ctx);
/* What ktls_conn_ticket() gave. A server may decline it. */
int ktls_session_resume(struct ktls_session *s, const void *ticket, size_t len);

/*
 * Drives the handshake as far as the socket allows. 0: done. -EAGAIN: call
 * again when poll() shows ktls_session_events() on the socket. Any other
 * error is final, an alert has been sent if one is due, and
 * ktls_session_error() has the reason.
 */
int ktls_session_handshake(struct ktls_session *s);
short ktls_session_events(const struct ktls_session *s);

/*
 * Installs the session's keys in the kernel, TLS_RX first, then TLS_TX, and
 * makes a connection of it, which owns the socket from then on. On failure
 * the socket stays the caller's and must be closed: with only one direction
 * installed write() would send cleartext.
 */
int ktls_session_install(struct ktls_session *s, struct ktls_conn **out);
const struct ktls_info *ktls_session_info(const struct ktls_session *s);
/* NULL: the peer has shown no certificate. */
const struct ktls_identity *ktls_session_identity(const struct ktls_session *s);
const struct ktls_error *ktls_session_error(const struct ktls_session *s);
void ktls_session_free(struct ktls_session *s);

/* --- handoff.c: one SOCK_SEQPACKET message, one descriptor --- */

/*
 * Sends a connection to the peer of @sock, an AF_UNIX SOCK_SEQPACKET socket.
 * @c stays the caller's, to be closed after success. With it go its traffic
 * secrets, its limit and the peer's identity. -EAGAIN: nothing was sent, poll
 * @sock for POLLOUT. -EOPNOTSUPP: it is not in the kernel. -EINVAL: it has
 * ended, or has read a part of a message.
 */
int ktls_handoff_send(int sock, const struct ktls_conn *c);

/*
 * Receives one connection. Refuses, and closes whatever came, unless the
 * message is whole, of our version, carries exactly one descriptor, and that
 * is a TCP socket with both directions installed as the message says
 * (-EBADMSG). -EAGAIN: none waiting; -EPIPE: the agent has gone; -EMFILE:
 * this process has no descriptor number left, and the connection is lost. It
 * never waits.
 */
int ktls_handoff_recv(int sock, struct ktls_conn **out);

/* --- conn.c, recv.c, send.c, update.c: plaintext in and out --- */

int ktls_conn_fd(const struct ktls_conn *c);
const struct ktls_info *ktls_conn_info(const struct ktls_conn *c);
const struct ktls_identity *ktls_conn_identity(const struct ktls_conn *c);
/*
 * Asks the kernel whether the network card does the records, and puts the
 * answer in ktls_conn_info(): until then tx_mode and rx_mode are
 * KTLS_MODE_SW wherever the kernel has the keys. It costs a message each way
 * on a netlink socket. -EPERM: this kernel tells only CAP_NET_ADMIN; -ENOENT:
 * it has no tcp_diag module.
 */
int ktls_conn_mode(struct ktls_conn *c);
/*
 * What the peer sends behind the handshake: tickets and alerts, as steps of
 * the same kind, told in the thread that reads; @fn must not use @c.
 */
void ktls_conn_trace(struct ktls_conn *c, ktls_trace_fn *fn, void *ctx);
/* Why it has ended, once a call said so. */
enum ktls_reason ktls_conn_reason(const struct ktls_conn *c);
/* The fatal alert that the peer sent, or -1. */
int ktls_conn_alert(const struct ktls_conn *c);

/*
 * Like recv(): bytes of plaintext, 0 only at the peer's close_notify.
 * -EAGAIN, -ECONNABORTED (the peer's FIN without close_notify: truncation),
 * -ECONNRESET (a fatal alert, or a TCP reset), -EBADMSG (a record failed
 * authentication), -EPROTO (a record that has no place here). It takes key
 * updates, tickets and warnings on the way, and has sent an alert where one
 * is due.
 */
ssize_t ktls_recv(struct ktls_conn *c, void *buf, size_t len);
/* Will ktls_recv() return at once, though poll() may not show it? */
bool ktls_pending(const struct ktls_conn *c);

/*
 * Like send() and sendfile() on a socket that does not block, which it has to
 * stay: -EAGAIN when it is full. They send a key update first when one is
 * due. @flags: MSG_MORE. Where other threads read, all writing has to go
 * through these.
 */
ssize_t ktls_send(struct ktls_conn *c, const void *buf, size_t len, int flags);
ssize_t ktls_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len);

/*
 * Sends what is owed: the answer to a key update, or one of our own before
 * the key has been used too often. For those who write() by themselves:
 * call it at least every 2^20 records, in the writer's thread.
 */
int ktls_update_due(struct ktls_conn *c);
/* A key update now (TLS 1.3); @request: the peer shall do the same. */
int ktls_update(struct ktls_conn *c, bool request);
/* Records under one key, 8 or more; 0: what RFC 8446 section 5.5 allows. */
void ktls_conn_limit(struct ktls_conn *c, uint64_t records);

/*
 * A client's newest session ticket, for ktls_session_resume(). -ENOENT:
 * none has come. @out is a secret: ktls_ticket_free() wipes it.
 */
int ktls_conn_ticket(struct ktls_conn *c, void **out, size_t *len);
void ktls_ticket_free(void *ticket, size_t len);

/* Sends close_notify (RFC 8446 section 6.1). 0, -EAGAIN or -errno. */
int ktls_shutdown(struct ktls_conn *c);

/* Closes the descriptor and frees @c, wiping what is secret in it. */
void ktls_conn_close(struct ktls_conn *c);

#pragma GCC visibility pop

#endif
