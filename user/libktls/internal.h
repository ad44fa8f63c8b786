/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of libktls share; nothing here is seen from outside. */
#ifndef LIBKTLS_INTERNAL_H
#define LIBKTLS_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <pthread.h>
#include <stddef.h>
#include <linux/tls.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

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
	size_t size;			/* of the structure */
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
	char *staple_path;		/* NULL: none */
};

struct ktls_config {
	atomic_uint users;
	struct ktls_options o;		/* without what points elsewhere */
	gnutls_certificate_credentials_t x509;
	gnutls_priority_t priority;
	struct certificate *certificates;	/* creds.c */
	size_t certificates_count;
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
	bool ulp;			/* the kernel will take keys */
	bool done;			/* the handshake is complete */
	struct flight flight;
	size_t received;		/* bytes, in the handshake */
	struct ktls_config *config;
	gnutls_session_t tls;		/* NULL once the keys have left */
	unsigned int record_size_limit;	/* the peer's, or 0 */
	unsigned int max_fragment;
	struct secrets secrets;
	char *name;			/* a client's: whom it talks to */
	struct ktls_identity *identity;
	ktls_trace_fn *trace;
	void *trace_ctx;
	uint64_t start_ns;
	void (*keylog)(void *ctx, const char *line);
	void *keylog_ctx;
	struct ktls_info info;
	struct ktls_error error;
};

/* More than any limit: the kernel will be asked. */
#define RECORDS_UNKNOWN (UINT64_MAX / 2)

struct ktls_conn {
	int fd;				/* ours */
	int in;				/* 1: open, else ktls_recv()'s answer */
	gnutls_session_t tls;		/* does the records, in KTLS_MODE_USER */
	struct secrets secrets;
	enum ktls_reason reason;
	int alert;			/* the peer's, or -1 */

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
	uint16_t payload;		/* what one record carries at most */
	uint64_t records;		/* under this key, or somewhat more */
	uint64_t limit;			/* or 0: the cipher's */

	struct ktls_identity *identity;
	struct ktls_info info;
};

/* cipher.c */
extern const struct cipher ciphers[];
extern const size_t ciphers_count;

const struct cipher *cipher_by_gnutls(gnutls_cipher_algorithm_t id);
const struct cipher *cipher_by_kernel(uint16_t id);

/* reason.c: all return an error number, so that callers can return it on */
int error_set(struct ktls_error *err, int ret, enum ktls_reason reason,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int session_fail(struct ktls_session *s, int ret, enum ktls_reason reason,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int session_give_up(struct ktls_session *s, int gnutls_error);

/* config.c */
int config_use(struct ktls_config *c, gnutls_session_t tls);

/* creds.c: 0 or -errno with @err */
int certificate_load(struct certificate *out, const struct ktls_pair *pair,
		     struct ktls_error *err);
void certificate_free(struct certificate *c);

/* handshake.c */
void session_forget(struct ktls_session *s);

/* conn.c */
struct ktls_conn *connection_new(int fd, const struct ktls_info *info);
/* Takes the socket, the secrets and the identity of @s. */
struct ktls_conn *connection_from(struct ktls_session *s);

/* handoff_message.c: what travels beside the descriptor */
struct handoff_message {
	uint32_t magic;
	uint16_t version;
	uint16_t size;			/* of all that is there */
	struct ktls_info info;
	struct secrets secrets;
	uint64_t limit;
	uint8_t answer_owed;
	uint8_t has_identity;		/* 0: the message ends here */
	struct ktls_identity identity;
};

/* Its length. The caller wipes it. */
size_t handoff_message_fill(struct handoff_message *m,
			    const struct ktls_conn *c);
/* Whole, of our version, and each field is one that we could have sent. */
bool handoff_message_is_good(const struct handoff_message *m, size_t len);

/* flight.c */
void flight_use(struct ktls_session *s);
int flight_send(struct ktls_session *s);
bool flight_is_too_long(const struct ktls_session *s);
void flight_free(struct ktls_session *s);

/* hook.c: looks at each handshake message as it passes */
void hook_install(struct ktls_session *s);

/* limit.c: how long a record may the peer be sent? */
int limit_check(struct ktls_session *s, const gnutls_datum_t *client_hello);
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

/* resume.c: 0, or -EBADMSG: not a NewSessionTicket */
int conn_take_ticket(struct ktls_conn *c, const unsigned char *msg, size_t len);

/* user.c: the records of KTLS_MODE_USER, by GnuTLS. Answers as ktls_recv() */
void user_adopt(struct ktls_conn *c, gnutls_session_t tls);
ssize_t user_recv(struct ktls_conn *c, void *buf, size_t len);
ssize_t user_send(struct ktls_conn *c, const void *buf, size_t len);
ssize_t user_sendfile(struct ktls_conn *c, int file, off_t *off, size_t len);
int user_update(struct ktls_conn *c, bool request);
int user_shutdown(struct ktls_conn *c);

#endif
