/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libktls: from an accepted TCP socket and a certificate to a kernel TLS
 * socket, and from that socket to another process.
 *
 * The order of calls in a handshaker:
 *
 *	ktls_credentials_load()		once
 *	ktls_session_new()		per connection, right after accept()
 *	ktls_session_handshake()	until it does not return -EAGAIN
 *	ktls_session_install()		both directions, or an error
 *	ktls_handoff_send()		the socket leaves
 *	ktls_session_free()
 *
 * and in the server that receives the socket:
 *
 *	ktls_handoff_recv()
 *	ktls_recv(), write(), sendfile()
 *	ktls_shutdown()			close_notify
 *	ktls_conn_close()
 *
 * Every function returns 0 (or a count) on success and -errno on failure,
 * none prints, none exits, none raises SIGPIPE but where it says so.
 */
#ifndef KTLS_H
#define KTLS_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The library is built with all else hidden. */
#pragma GCC visibility push(default)

struct ktls_credentials;
struct ktls_session;
struct ktls_conn;

/* One sentence, without a newline, that names the file or the peer's fault. */
struct ktls_error {
	char text[512];
};

/* What was negotiated: facts about a connection, no secrets. */
struct ktls_info {
	uint16_t version;	/* TLS_1_2_VERSION, TLS_1_3_VERSION */
	uint16_t cipher;	/* TLS_CIPHER_* of <linux/tls.h> */
	struct sockaddr_storage peer;
	char sni[256];		/* server name asked for, or "" */
	char alpn[256];		/* protocol agreed on, or "" */
};

/* cipher.c: names as in RFC 8446 and IANA's registry */
const char *ktls_version_name(uint16_t version);
const char *ktls_cipher_name(uint16_t cipher);

/* creds.c */

/*
 * Reads a PEM certificate chain and its key. The credentials are read-only
 * from then on: one object serves all sessions and threads. On failure
 * @err names the file and what to do; -ENOENT, -EACCES, -EINVAL (not PEM,
 * or the key is not the certificate's), -ENOMEM.
 */
int ktls_credentials_load(struct ktls_credentials **out, const char *cert,
			  const char *key, struct ktls_error *err);
void ktls_credentials_free(struct ktls_credentials *c);

/* handshake.c: the server's side of RFC 8446 section 4, RFC 5246 section 7 */

/*
 * Attaches the "tls" ULP to @fd, a connected non-blocking TCP socket, and
 * prepares a server handshake. It must be called right after accept(): the
 * kernel refuses the ULP once the peer has half-closed. @fd stays the
 * caller's; @c must outlive the session. -ENOENT: the kernel has no tls
 * module.
 */
int ktls_session_new(struct ktls_session **out,
		     const struct ktls_credentials *c, int fd);

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
 * wipes them here. On any failure the socket must be closed: with only one
 * direction installed write() would send cleartext.
 */
int ktls_session_install(struct ktls_session *s);
const struct ktls_info *ktls_session_info(const struct ktls_session *s);
const char *ktls_session_error(const struct ktls_session *s);
void ktls_session_free(struct ktls_session *s);

/* handoff.c: one SOCK_SEQPACKET message, one descriptor */

/*
 * Sends @fd and its facts to the peer of @sock, an AF_UNIX SOCK_SEQPACKET
 * socket. @fd stays the caller's, to be closed after success. -EAGAIN:
 * nothing was sent, poll @sock for POLLOUT.
 */
int ktls_handoff_send(int sock, int fd, const struct ktls_info *info);

/*
 * Receives one connection and owns its descriptor. Refuses, and closes
 * whatever came, unless the message is whole, of our version, carries
 * exactly one descriptor, and that is a TCP socket with both directions
 * installed as the message says (-EBADMSG). -EAGAIN: none waiting;
 * -EPIPE: the agent has gone; -EMFILE: this process has no descriptor
 * number left, and the connection is lost. It never waits.
 */
int ktls_handoff_recv(int sock, struct ktls_conn **out);

/* conn.c: plaintext in and out of a received socket */
int ktls_conn_fd(const struct ktls_conn *c);
const struct ktls_info *ktls_conn_info(const struct ktls_conn *c);

/*
 * Like recv(): bytes of plaintext, 0 only at the peer's close_notify.
 * -EAGAIN, -ECONNABORTED (the peer's FIN without close_notify: truncation),
 * -ECONNRESET (a fatal alert, or a TCP reset), -EBADMSG (a record failed
 * authentication), -EPROTO (a record that has no place here).
 */
ssize_t ktls_recv(struct ktls_conn *c, void *buf, size_t len);

/* Sends close_notify (RFC 8446 section 6.1). 0, -EAGAIN or -errno. */
int ktls_shutdown(struct ktls_conn *c);

/* Closes the descriptor and frees @c, wiping what is secret in it. */
void ktls_conn_close(struct ktls_conn *c);

#pragma GCC visibility pop

#endif
