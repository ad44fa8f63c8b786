/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libktls share; nothing here is seen from outside. */
#ifndef LIBKTLS_INTERNAL_H
#define LIBKTLS_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <linux/tls.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "ktls.h"

#ifndef TLS_TX_MAX_PAYLOAD_LEN		/* kernel headers before 6.19 */
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 8446 section 5.1: the most plaintext that one record may carry. */
#define RECORD_MAX 16384

/*
 * Records in a row without application data (warnings, tickets, key updates)
 * that we bear before we call it abuse.
 */
#define IDLE_MAX 64

/* Refused renegotiations that we bear before we call it abuse. */
#define RENEGOTIATIONS_MAX 4

/* SHA-384, the longest that our cipher suites use. */
#define SECRET_MAX 48

enum {					/* RFC 8446 section 4 */
	MESSAGE_HELLO_REQUEST = 0,
	MESSAGE_CLIENT_HELLO = 1,
	MESSAGE_NEW_SESSION_TICKET = 4,
	MESSAGE_KEY_UPDATE = 24,
};

enum { ALERT_WARNING = 1, ALERT_FATAL = 2 };
enum {					/* RFC 8446 section 6 */
	ALERT_NONE = -1,
	ALERT_CLOSE_NOTIFY = 0,
	ALERT_UNEXPECTED_MESSAGE = 10,
	ALERT_BAD_RECORD_MAC = 20,
	ALERT_RECORD_OVERFLOW = 22,
	ALERT_ILLEGAL_PARAMETER = 47,
	ALERT_DECODE_ERROR = 50,
	ALERT_PROTOCOL_VERSION = 70,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_USER_CANCELED = 90,
	ALERT_NO_RENEGOTIATION = 100,
};

enum {					/* RFC 8446 section 5.1 */
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
};

/* One of the kernel's tls12_crypto_info_*; all begin with @info. */
union crypto {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes_gcm_128;
	struct tls12_crypto_info_aes_gcm_256 aes_gcm_256;
	struct tls12_crypto_info_aes_ccm_128 aes_ccm_128;
	struct tls12_crypto_info_chacha20_poly1305 chacha20_poly1305;
	unsigned char bytes[64];
};

/* Where a field stands in the kernel's structure. */
struct span {
	size_t offset, size;
};

struct cipher {
	gnutls_cipher_algorithm_t gnutls;
	gnutls_mac_algorithm_t hash;	/* of its TLS 1.3 suite */
	uint16_t kernel;		/* TLS_CIPHER_* */
	const char *name;
	const char *structure;		/* the kernel's, for the trace */
	size_t size;			/* of it */
	uint64_t records;		/* under one key at most; 0: any */
	struct span key, iv, salt, seq;
};

/* --- configuration --- */

/* One certificate of ours with its key, and what it proves of itself. */
struct certificate {
	gnutls_x509_crt_t *chain;
	gnutls_pcert_st *pcerts;	/* the same, as GnuTLS wants to send it */
	unsigned int length;
	gnutls_privkey_t key;
	gnutls_pk_algorithm_t algorithm;
	char *names;			/* sorted, a newline behind each */
	struct staple *staple;		/* NULL: none */
};

/* What certificates of the same names have in common. */
struct vhost {
	gnutls_certificate_credentials_t x509;
	const char *names;		/* of its first certificate, see there */
	unsigned int kinds;		/* KIND_*, of keys */
};

/* A name of a certificate's, in lower case, and whom it asks for. */
struct served {
	char *name;
	const struct vhost *vhost;
};

#define TICKET_KEY_SIZE 64		/* GnuTLS wants no other */
#define POLICY_SIZE 32			/* SHA-256 */
#define ALPN_MAX 8			/* GnuTLS has no room for more, ... */
#define ALPN_NAME_MAX 31		/* ... or longer ones */


/* Whom we believe. */
struct trust {
	gnutls_x509_crt_t *cas;		/* NULL: the system's, or nobody */
	unsigned int cas_count;
	unsigned char (*pins)[32];	/* SHA-256 of keys; one must match */
	size_t pins_count;
};

struct ktls_config {
	atomic_uint users;
	struct ktls_options o;		/* without what points elsewhere */
	gnutls_priority_t priority;
	struct certificate *certificates;	/* creds.c */
	size_t certificates_count;
	struct vhost *vhosts;		/* vhost.c: [0] is the default, ... */
	size_t vhosts_count;		/* ... and a client's only one */
	struct served *served;		/* sorted by name */
	size_t served_count;
	char *alpn_text;		/* alpn.c: what the names point into */
	gnutls_datum_t alpn[ALPN_MAX];
	unsigned int alpn_count;
	unsigned char ticket_key[TICKET_KEY_SIZE];	/* ticket.c */
	unsigned char policy[POLICY_SIZE];
	struct trust trust;
};

/* --- one handshake --- */

/* Traffic secrets of TLS 1.3: what the next keys are made of. */
struct secrets {
	unsigned char rx[SECRET_MAX], tx[SECRET_MAX];
	size_t size;			/* 0: TLS 1.2, there are none */
};

/* Written by GnuTLS, and not yet sent. */
struct flight {
	unsigned char *data;
	size_t size, len, off;
};

struct ktls_session {
	int fd;				/* the caller's */
	bool ulp;			/* the kernel is to take the keys */
	bool eof;			/* the peer has sent its FIN */
	bool met;			/* it has sent a message of TLS */
	bool done;			/* the handshake is complete */
	struct flight flight;
	const struct vhost *vhost;	/* select.c; NULL before ClientHello */
	enum ktls_reason lack;		/* offer.c: of what in common */
	size_t received;		/* bytes, in the handshake */
	bool clear_head;		/* flight.c: of an alert in clear */
	int clear_alert;		/* its number, or -1 */
	struct ktls_config *config;
	gnutls_session_t tls;		/* NULL once the keys have left */
	unsigned int record_size_limit;	/* the peer's, or 0 */
	unsigned int max_fragment;
	struct secrets secrets;
	char *name;			/* a client's: whom it talks to */
	struct ktls_identity *identity;
	bool judged;			/* the peer's certificate was, and passed */
	const char *verified;		/* for the trace; NULL: it has shown none */
	bool certificate_wanted;	/* we have asked a client for one */
	bool certificate_came;		/* the message; it may be empty */
	bool certificate_shown;		/* it was not */
	int alert;			/* to send if it fails; -1: GnuTLS's */
	time_t valid_until;		/* what the peer showed; 0: for ever */
	ktls_trace_fn *trace;
	void *trace_ctx;
	uint64_t start_ns;
	bool told;			/* the trace has its last event */
	bool exchanged;			/* and that of the key exchange */
	uint16_t exchange_group;	/* TLS 1.2: of ServerKeyExchange */
	void (*keylog)(void *ctx, const char *line);
	void *keylog_ctx;
	struct ktls_info info;
	struct ktls_error error;
};

/* A lower limit would leave no room for a record and what goes with it. */
#define RECORDS_MIN 8
/* More than any limit: the kernel will be asked. */
#define RECORDS_UNKNOWN (UINT64_MAX / 2)

struct ktls_conn {
	int fd;				/* ours */
	int in;				/* 1: open, else ktls_recv()'s answer */
	gnutls_session_t tls;		/* does the records, in KTLS_MODE_USER */
	struct secrets secrets;
	enum ktls_reason reason;
	int alert;			/* the peer's, or -1 */
	ktls_trace_fn *trace;
	void *trace_ctx;
	uint64_t start_ns;		/* the session's */

	/* Reading */
	unsigned char *partial;		/* message whose end is yet to come */
	size_t partial_len;
	unsigned int idle;		/* records in a row without data */
	unsigned int renegotiations;
	bool advanced;			/* this record brought a new key */
	unsigned int updates_left;	/* of the peer, before it is too many */
	uint64_t updates_ms;		/* when that was counted last */

	/* Sending, under the lock */
	pthread_mutex_t sending;
	atomic_bool out_closed;		/* close_notify or an alert has left */
	atomic_uchar alert_owed;	/* to a peer that broke the rules; or 0 */
	atomic_bool answer_owed;	/* to the peer's KeyUpdate */
	atomic_bool refusal_owed;	/* of its renegotiation, TLS 1.2 */
	struct flight held;		/* in KTLS_MODE_USER */
	size_t accepted;		/* of the caller's data, not yet told */
	uint16_t payload;		/* what one record carries at most */
	uint64_t records;		/* under this key, or somewhat more */
	uint64_t limit;			/* or 0: the cipher's */

	struct ktls_identity *identity;
	struct ktls_config *config;	/* what @tls or @resumption point to */
	gnutls_session_t resumption;	/* takes tickets when @tls is not there */
	gnutls_datum_t ticket;		/* of TLS 1.2: came in the handshake */
	unsigned int tickets;		/* that came */
	uint32_t ticket_lifetime;	/* s, of the one that is being read */
	time_t ticket_until;		/* of the newest; 0: there is none */
	time_t valid_until;		/* as in the session */
	struct ktls_info info;
};

/* cipher.c */
extern const struct cipher ciphers[];
extern const size_t ciphers_count;

const struct cipher *cipher_by_gnutls(gnutls_cipher_algorithm_t id);
const struct cipher *cipher_by_kernel(uint16_t id);
/* The group of the key exchange, as IANA numbers them; 0: there was none. */
uint16_t group_of(gnutls_session_t tls);

/* reason.c: all return an error number, so that callers can return it on */
int error_set(struct ktls_error *err, int ret, enum ktls_reason reason,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int session_fail(struct ktls_session *s, int ret, enum ktls_reason reason,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int session_give_up(struct ktls_session *s, int gnutls_error);

/*
 * trace.c: each does nothing unless ktls_session_trace() was called. @incoming:
 * it came from the peer. @detail may be NULL, or the peer's words, but no
 * secret.
 */
uint64_t clock_ns(void);
void trace_message(struct ktls_session *s, unsigned int type, bool incoming,
		   const gnutls_datum_t *msg);
void trace_check(struct ktls_session *s, const char *check, bool ok,
		 const char *detail);
void trace_skip(struct ktls_session *s, const char *check, const char *detail);
void trace_alert(struct ktls_session *s, int alert, bool fatal, bool incoming);
void trace_install(struct ktls_session *s, const char *direction,
		   const struct cipher *c, const unsigned char seq[8]);
/* Only the first of these two counts. */
void trace_done(struct ktls_session *s);
void trace_failed(struct ktls_session *s);

/* trace_late.c: the same, of a connection, in the thread that reads */
void trace_late_alert(const struct ktls_conn *c, int alert, bool fatal);
void trace_late_ticket(const struct ktls_conn *c, uint32_t lifetime,
		       size_t size);

/* config.c */
int config_use(struct ktls_config *c, gnutls_session_t tls);

/* alpn.c */
int alpn_load(struct ktls_config *c, const char *list, struct ktls_error *err);
int alpn_use(const struct ktls_config *c, gnutls_session_t tls);

/* creds.c: 0 or -errno with @err; file_drop() whatever the outcome */
int certificate_load(struct certificate *out, const struct ktls_pair *pair,
		     struct ktls_error *err);
void certificate_free(struct certificate *c);
/* For handshakes, which must not wait: -EINVAL for what is no regular file. */
int file_read_regular(gnutls_datum_t *out, const char *path, size_t max);
void file_drop(gnutls_datum_t *file);
int file_need(gnutls_datum_t *out, const char *what, const char *path,
	      size_t max, struct ktls_error *err);

/* token.c: a key that stays where it is */
bool token_is(const char *key);
int token_load(gnutls_privkey_t *out, const char *url, struct ktls_error *err);

/* staple.c: an OCSP response, read anew when its file changes */
int staple_load(struct staple **out, const struct certificate *c,
		const char *path, struct ktls_error *err);
void staple_free(struct staple *s);
int staple_give(gnutls_session_t tls, void *staple, gnutls_datum_t *response);

/* subject.c: the names that a certificate is for, and a name's usual form */
#define HOST_SIZE 256
int names_of(char **out, gnutls_x509_crt_t crt);
bool name_tidy(char out[HOST_SIZE], const void *name, size_t len);

/* usage.c */
int usage_check(const struct ktls_config *c, const struct ktls_options *o,
		struct ktls_error *err);

/* vhost.c */
int vhosts_make(struct ktls_config *c, struct ktls_error *err);
void vhosts_free(struct ktls_config *c);

/* select.c: what depends on the name that a client asks for */
int select_vhost(struct ktls_session *s, const gnutls_datum_t *client_hello);

/* offer.c: what is lacking, should GnuTLS find nothing in common */
struct client_hello;
unsigned int offer_kind(gnutls_pk_algorithm_t key);
enum ktls_reason offer_lacks(const struct ktls_session *s,
			     const struct client_hello *hello);

/* ticket.c */
int ticket_load(struct ktls_config *c, const struct ktls_options *o,
		struct ktls_error *err);
int ticket_enable(struct ktls_session *s, const char *name);
int ticket_check(struct ktls_session *s);

/* client.c: the certificate that a client shows when asked */
void client_offer(gnutls_certificate_credentials_t x509);

/* trust.c: options first, then each credentials object */
int trust_load(struct ktls_config *c, const struct ktls_options *o,
	       struct ktls_error *err);
int trust_use(const struct ktls_config *c,
	      gnutls_certificate_credentials_t x509, struct ktls_error *err);
void trust_free(struct trust *t);

/* verify.c */
bool verify_wants(const struct ktls_config *c);
void verify_install(struct ktls_session *s);
/*
 * GnuTLS asks nobody when it resumes a session: the same checks, at the end of
 * the handshake. 0, or -errno with the alert sent.
 */
int verify_again(struct ktls_session *s);

/* facts.c: what a certificate says, as text that is safe to print */
enum check {
	CHECK_CHAIN,
	CHECK_VALIDITY,
	CHECK_NAME,
	CHECK_PURPOSE,
	CHECK_STRENGTH,
	CHECK_REVOCATION,
	CHECK_PIN,
	CHECKS
};

#define CHAIN_MAX 16	/* GnuTLS's own limit */

struct facts {
	const struct ktls_session *s;
	gnutls_x509_crt_t chain[CHAIN_MAX];	/* as the peer sent it */
	unsigned int count;
	gnutls_ocsp_resp_t staple;	/* NULL: none, or it is no OCSP response */
	bool stapled;
	unsigned int ocsp_status;	/* gnutls_ocsp_cert_status_t */
	time_t ocsp_next;		/* -1: it does not say */
};

/* 0 also when there is none. The caller calls facts_drop() in any case. */
int facts_take(struct facts *f, const struct ktls_session *s);
void facts_drop(struct facts *f);
void facts_tell(const struct facts *f, enum check which, char *out,
		size_t size);
time_t facts_until(const struct facts *f);
/* GnuTLS's status bits, where it could not verify the OCSP response. */
unsigned int facts_reconsider(const struct facts *f, unsigned int status);
/* What the OCSP response says, in such bits, where GnuTLS found no fault. */
unsigned int facts_answer(const struct facts *f);

/* identity.c */
int identity_take(struct ktls_session *s, gnutls_x509_crt_t leaf);
/* Printable ASCII, the rest as \XX (RFC 4514): returns @out. */
const char *identity_escape(char *out, size_t size, const void *text,
			    size_t len);

/* resume.c: a client's tickets */
void resume_keep(struct ktls_conn *c, struct ktls_session *s);
void resume_drop(struct ktls_conn *c);
/*
 * Takes a whole NewSessionTicket message of TLS 1.3, with its header of four
 * bytes. -EPROTO: it is malformed, or one too many: c->reason.
 */
int conn_take_ticket(struct ktls_conn *c, const unsigned char *msg, size_t len);

/* handshake.c */
void session_forget(struct ktls_session *s);

/* conn.c */
struct ktls_conn *connection_new(int fd, const struct ktls_info *info);
/* Takes the socket, the secrets and the identity of @s. */
struct ktls_conn *connection_from(struct ktls_session *s);

/* flight.c: 0 or -errno; -EAGAIN, -EINTR: the rest is still there */
int flight_add(struct flight *f, const void *buf, size_t len);
int flight_flush(struct flight *f, int fd, int flags);
void flight_drop(struct flight *f);
void flight_use(struct ktls_session *s);
int flight_send(struct ktls_session *s);
bool flight_is_too_long(const struct ktls_session *s);

/* mode.c: @info's modes from the kernel's mouth, or as they were */
int mode_ask(int fd, struct ktls_info *info);

/* hook.c: looks at each handshake message as it passes */
void hook_install(struct ktls_session *s);

/* limit.c: how long a record may the peer be sent? GnuTLS's errors, or 0. */
int limit_read(struct ktls_session *s, unsigned int type,
	       const gnutls_datum_t *msg);
int limit_check(struct ktls_session *s);
/* 0 or -errno */
int limit_install(struct ktls_session *s);

/* secret.c */
void secrets_watch(struct ktls_session *s);

/* control.c: records that are no application data */
int control_send(int fd, unsigned char type, const void *buf, size_t len);
ssize_t control_recv(int fd, int *type, void *buf, size_t len);
ssize_t control_peek(int fd, int *type, void *buf, size_t len);

/* keys.c */
int keys_advance(struct ktls_conn *c, int direction, unsigned char *secret);
int keys_again(const struct ktls_conn *c, int direction);
bool keys_can_advance(const struct ktls_conn *c);
int keys_records(const struct ktls_conn *c, uint64_t *out);

/* send.c: what the reader owes, if nobody is sending: else whoever sends */
void send_owed(struct ktls_conn *c);

/* recv.c: the end, for that reason, told to the peer; returns @ret */
int recv_fail(struct ktls_conn *c, int ret, enum ktls_reason reason, int alert);

/* message.c: handshake messages; 0: go on reading, else it has ended */
int message_take(struct ktls_conn *c, const unsigned char *record, size_t len);
void message_drop(struct ktls_conn *c);

/* update.c */
int update_take(struct ktls_conn *c, const unsigned char *body, size_t len);
/* Under c->sending, before @records more are sent. */
int update_before(struct ktls_conn *c, uint64_t records);
/* How many records one call may send under one key. */
uint64_t update_room(const struct ktls_conn *c);
/* So many records at most come of @len bytes: one may have been begun. */
uint64_t update_records(const struct ktls_conn *c, size_t len);

/* user.c: the records of KTLS_MODE_USER, by GnuTLS. Answers as ktls_recv() */
void user_adopt(struct ktls_conn *c, gnutls_session_t tls);
ssize_t user_recv(struct ktls_conn *c, void *buf, size_t len);
ssize_t user_send(struct ktls_conn *c, const void *buf, size_t len, int flags);
ssize_t user_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len);
int user_update(struct ktls_conn *c, bool request);
int user_shutdown(struct ktls_conn *c);

#endif
