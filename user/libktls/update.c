// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Key updates (RFC 8446 section 4.6.3): the peer's, our answers, our own.
 *
 * The receiving key is replaced in the reader's thread, where the kernel
 * waits for it. The sending key must not change while anybody sends, since
 * what is sent between the KeyUpdate and the new key would be lost: so that
 * happens under the lock that ktls_send() holds, in whichever thread has it.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "internal.h"

enum { UPDATE_NOT_REQUESTED, UPDATE_REQUESTED };

/*
 * How many updates of the peer we follow: so many at once, and so many a
 * second. Peers that mean it update after millions of records; each costs us
 * some 50 us.
 */
#define UPDATE_BURST		32
#define UPDATES_PER_SECOND	100

/* A record that was begun before, and the KeyUpdate. */
#define SURPLUS			2

/* Plain write()rs ask us at least this often: see ktls_update_due(). */
#define UNSEEN_RECORDS		(1u << 20)

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A bucket of tokens, filled as time passes. */
static bool within_rate(struct ktls_conn *c)
{
	uint64_t now = now_ms();
	uint64_t more;

	if (!c->updates_ms) {
		c->updates_ms = now;
		c->updates_left = UPDATE_BURST;
	}
	more = (now - c->updates_ms) * UPDATES_PER_SECOND / 1000;
	if (more) {
		c->updates_ms = now;
		c->updates_left = more > UPDATE_BURST - c->updates_left ?
				  UPDATE_BURST : c->updates_left + more;
	}
	if (!c->updates_left)
		return false;
	c->updates_left--;
	return true;
}

/*
 * Under c->sending. A KeyUpdate that has left without the key behind it has
 * no way back: better no connection than records that nobody can read.
 */
static int send_update(struct ktls_conn *c, int request)
{
	const unsigned char message[] = { MESSAGE_KEY_UPDATE, 0, 0, 1, request };
	int ret;

	ret = control_send(c->fd, RECORD_HANDSHAKE, message, sizeof(message));
	if (ret)
		return ret;
	ret = keys_advance(c, TLS_TX, c->secrets.tx);
	c->records = 0;
	if (!ret)
		return 0;
	c->out_closed = true;
	shutdown(c->fd, SHUT_RDWR);
	return -EIO;
}

/* RFC 8446 section 5.5, of this cipher; 0: it has no limit */
static uint64_t limit_of(const struct ktls_conn *c)
{
	const struct cipher *cipher = cipher_by_kernel(c->info.cipher);

	if (c->limit)
		return c->limit;
	return cipher ? cipher->records : 0;
}

uint64_t update_room(const struct ktls_conn *c)
{
	uint64_t limit = limit_of(c);

	return limit ? limit : UINT64_MAX;
}

uint64_t update_records(const struct ktls_conn *c, size_t len)
{
	return len / c->payload + SURPLUS;
}

/* The limit is near, and the kernel cannot help: better to stop here. */
static int give_up(struct ktls_conn *c)
{
	const unsigned char alert[2] = { ALERT_FATAL, ALERT_INTERNAL_ERROR };

	control_send(c->fd, RECORD_ALERT, alert, sizeof(alert));
	c->out_closed = true;
	c->reason = KTLS_NO_REKEY;
	return -EKEYEXPIRED;
}

/* May @more records go out under this key? Asks the kernel only if unsure. */
static bool is_worn(struct ktls_conn *c, uint64_t more)
{
	uint64_t limit = limit_of(c), exact;

	if (!limit || c->info.version != TLS_1_3_VERSION || !c->secrets.size)
		return false;
	if (c->records + more <= limit)
		return false;
	if (!keys_records(c, &exact))
		c->records = exact;
	return c->records + more > limit;
}

int update_before(struct ktls_conn *c, uint64_t records)
{
	int ret = 0;

	if (atomic_load_explicit(&c->answer_owed, memory_order_relaxed) &&
	    atomic_exchange(&c->answer_owed, false)) {
		ret = send_update(c, UPDATE_NOT_REQUESTED);
		if (ret == -EAGAIN)
			atomic_store(&c->answer_owed, true);
	} else if (is_worn(c, records)) {
		ret = keys_can_advance(c) ?
		      send_update(c, UPDATE_NOT_REQUESTED) : give_up(c);
	}
	c->records += records;
	return ret;
}

int update_take(struct ktls_conn *c, const unsigned char *body, size_t len)
{
	int ret;

	if (len != 1)
		return recv_fail(c, -EPROTO, KTLS_MALFORMED, ALERT_DECODE_ERROR);
	if (body[0] > UPDATE_REQUESTED)
		return recv_fail(c, -EPROTO, KTLS_MALFORMED,
				 ALERT_ILLEGAL_PARAMETER);
	if (!within_rate(c))
		return recv_fail(c, -EPROTO, KTLS_TOO_MANY,
				 ALERT_UNEXPECTED_MESSAGE);
	ret = keys_advance(c, TLS_RX, c->secrets.rx);
	c->advanced = true;
	if (ret)
		return recv_fail(c, -EPROTO, ret == -EBUSY ? KTLS_NO_REKEY :
				 KTLS_KERNEL_REFUSED, ALERT_INTERNAL_ERROR);
	if (body[0] == UPDATE_REQUESTED) {
		atomic_store(&c->answer_owed, true);
		send_owed(c);
	}
	return 0;
}

/* Only an update that asks for none is an answer (RFC 8446 section 4.6.3). */
static int update_now(struct ktls_conn *c, bool request)
{
	bool owed = !request && atomic_exchange(&c->answer_owed, false);
	int ret;

	ret = send_update(c, request ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED);
	if (ret && owed)
		atomic_store(&c->answer_owed, true);
	return ret;
}

int ktls_update(struct ktls_conn *c, bool request)
{
	int ret;

	if (c->info.version != TLS_1_3_VERSION)
		return -EOPNOTSUPP;
	if (c->tls)
		return user_update(c, request);
	if (!keys_can_advance(c))
		return -EOPNOTSUPP;
	pthread_mutex_lock(&c->sending);
	ret = c->out_closed ? -EPIPE : update_now(c, request);
	pthread_mutex_unlock(&c->sending);
	send_owed(c);
	return ret;
}

/* A lower limit than RFC 8446's is for those who ask before each write(). */
static uint64_t unseen(const struct ktls_conn *c)
{
	return limit_of(c) / 2 < UNSEEN_RECORDS ? SURPLUS : UNSEEN_RECORDS;
}

int ktls_update_due(struct ktls_conn *c)
{
	uint64_t exact;
	int ret = -EPIPE;

	if (c->tls || !c->secrets.size)
		return 0;
	pthread_mutex_lock(&c->sending);
	if (!keys_records(c, &exact))
		c->records = exact;
	if (!c->out_closed)
		ret = update_before(c, unseen(c));
	pthread_mutex_unlock(&c->sending);
	send_owed(c);
	return ret;
}

void ktls_conn_limit(struct ktls_conn *c, uint64_t records)
{
	c->limit = records && records < RECORDS_MIN ? RECORDS_MIN : records;
}
