/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sender (TLS_TX) --> tap      feeder --> receiver (TLS_RX)
 *
 * Four sockets. What the tap reads is counted by one oracle; the feeder may
 * send it on, and it is counted by another.
 */
#ifndef RELAY_H
#define RELAY_H

#include "tlswire.h"

struct relay {
	int sender, tap, feeder, receiver;
	struct oracle sent, fed;
	size_t sending;			/* plaintext, by what send() returned */
	size_t forwarded;		/* of relay_raw[] */
};

extern uint8_t relay_data[8 << 20];	/* what is sent */
extern uint8_t relay_raw[12 << 20];	/* what the tap has read */

int relay_open(struct relay *r, int family, const struct suite *suite);
/* What the tap can read now, at most @max; as recv(). */
ssize_t relay_tap(struct relay *r, size_t max);
/* Until all that was sent has come, and nothing half. */
int relay_tap_all(struct relay *r);
/* Sends on @len bytes, or all there are. */
int relay_feed(struct relay *r, size_t len);
int relay_feed_all(struct relay *r);
/* Reads @bytes of plaintext, and checks them; @type is of the last record. */
int relay_receive(struct relay *r, size_t bytes, uint8_t *type);
/* So that the buffers of sender and tap do not grow. */
void relay_fix_buffers(struct relay *r);
/* Sends without blocking until the buffer is full, in mid-record. */
void relay_fill_up(struct relay *r);

struct way {
	const char *name;
	ssize_t (*send)(int fd, size_t len);	/* what went out */
};

#define WAYS	5

extern const struct way relay_ways[WAYS];

#endif
