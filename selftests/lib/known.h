/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kTLS socket and its peer, a plain one, whose records lib/seal.h opens and
 * makes: it counts what must have been sent and received, to the byte.
 */
#ifndef KNOWN_H
#define KNOWN_H

#include "seal.h"
#include "stats_genl.h"

#define MOST	60000			/* that one operation sends */
#define PERIOD	251
#define RECORDS	8192			/* that one connection receives */

/* Byte n of a stream of data is known_data[n % PERIOD]. */
extern const uint8_t *known_data;

struct known {
	int fd, peer;
	const struct suite *suite;
	bool tight;			/* small buffers, never blocking */

	/* Sent by @fd. */
	struct seal opens;
	struct stats_direction sent;
	uint64_t given, sent_at;	/* data: by send()'s word, and arrived */
	size_t held;			/* given, and waiting for more */
	uint64_t controls, controls_at;	/* control records: given, arrived */
	uint8_t raw[2 * RECORD_MAX];	/* the record that is coming */
	size_t have;
	uint8_t key;

	/* Sent to @fd. What it has come to after each record: */
	struct seal makes;
	struct {
		uint64_t bytes, wire;
		uint8_t type;
		const uint8_t *data;
		size_t len;
	} fed[RECORDS];
	size_t records, read;		/* made; of which wholly read */
	size_t part;			/* read of the next one */
	uint64_t fed_at;		/* data */
	uint64_t rx_rekeys;
	uint8_t rx_key;
};

int known_open(struct known *k, const struct suite *suite, bool tight);
void known_end(struct known *k);
/* Reads what has come to the peer. 1: something, 0: nothing, or -errno. */
int known_tap(struct known *k);
/* Reads until all has come that was given and not held. */
int known_settle(struct known *k);
/* Sends @len bytes of data through @send, however often it takes. */
typedef ssize_t known_send(struct known *k, const uint8_t *data, size_t len);
int known_push(struct known *k, known_send *send, size_t len);
/* Sends a control record, and what was held before it. */
int known_control(struct known *k, uint8_t type, const void *data, size_t len);
/* The peer sends a record; of data if @data is NULL. It is not copied. */
int known_feed(struct known *k, uint8_t type, const uint8_t *data, size_t len,
	       size_t pad);
/* Reads up to @max bytes and checks them. 1, 0: nothing more came, -errno. */
typedef ssize_t known_recv(struct known *k, uint8_t *to, size_t max,
			   uint8_t *type);
int known_take(struct known *k, known_recv *recv, size_t max);
/* All that was fed. */
int known_take_all(struct known *k, known_recv *recv, size_t max);
ssize_t known_recvmsg(struct known *k, uint8_t *to, size_t max, uint8_t *type);

/* -ENOKEY if this kernel or this version has no key updates. */
int known_rekey_tx(struct known *k);
int known_rekey_rx(struct known *k);

/* Whether @s is what must be told, once all is settled and read. */
bool known_agrees(const struct known *k, const struct stats_session *s);
/* And of the receiving side before all is read. */
bool known_may_be(const struct known *k, const struct stats_direction *rx);

#endif
