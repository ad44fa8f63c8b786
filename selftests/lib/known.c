// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "known.h"

#define HANDSHAKE	22
#define DATA		23
#define HEAD		5

static uint8_t pattern[MOST + PERIOD];
const uint8_t *known_data = pattern;

static void set_buffers(struct known *k)
{
	int small = 4608, large = 2 << 20;
	int own = k->tight ? small : large;

	setsockopt(k->fd, SOL_SOCKET, SO_SNDBUFFORCE, &own, sizeof(own));
	setsockopt(k->fd, SOL_SOCKET, SO_RCVBUFFORCE, &own, sizeof(own));
	setsockopt(k->peer, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof(large));
	if (k->tight)
		fcntl(k->fd, F_SETFL, O_NONBLOCK);
	fcntl(k->peer, F_SETFL, O_NONBLOCK);
}

int known_open(struct known *k, const struct suite *suite, bool tight)
{
	int fd[2], ret;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % PERIOD;
	memset(k, 0, sizeof(*k));
	k->suite = suite;
	k->tight = tight;
	k->key = 1;
	k->rx_key = 101;
	ret = tcp_pair(random() % 2 ? AF_INET : AF_INET6, fd);
	if (ret)
		return ret;
	k->fd = fd[0];
	k->peer = fd[1];
	set_buffers(k);
	ret = tls_attach(k->fd);
	if (!ret)
		ret = tls_key(k->fd, TLS_TX, suite, k->key);
	if (!ret)
		ret = tls_key(k->fd, TLS_RX, suite, k->rx_key);
	if (!ret)
		ret = seal_key(&k->opens, suite, k->key);
	return ret ? ret : seal_key(&k->makes, suite, k->rx_key);
}

void known_end(struct known *k)
{
	seal_end(&k->opens);
	seal_end(&k->makes);
	close(k->fd);
	close(k->peer);
}

static int opened(struct known *k, size_t len)
{
	uint8_t plain[RECORD_MAX + 256], type;
	ssize_t n = seal_open(&k->opens, k->raw, len, plain, &type);
	const uint8_t *want = pattern;

	if (n < 0)
		return n;
	if (type == DATA) {
		want += k->sent_at % PERIOD;
		k->sent_at += n;
	} else {
		k->controls_at++;
	}
	if (memcmp(plain, want, n))
		return type == HANDSHAKE ? 0 : -EILSEQ;
	return 0;
}

int known_tap(struct known *k)
{
	size_t want = k->have < HEAD ? HEAD :
		      HEAD + (k->raw[3] << 8 | k->raw[4]);
	ssize_t n = recv(k->peer, k->raw + k->have, want - k->have, 0);

	if (n <= 0)
		return !n || errno == EAGAIN ? 0 : -errno;
	k->sent.wire += n;
	k->have += n;
	if (want == HEAD && k->have == HEAD &&
	    (k->raw[3] << 8 | k->raw[4]) > RECORD_MAX + 256)
		return -EBADMSG;
	if (k->have < want || want == HEAD)
		return 1;
	k->sent.records++;
	k->sent.bytes += want - suite_overhead(k->suite);
	k->have = 0;
	n = opened(k, want);
	return n ? n : 1;
}

static bool settled(const struct known *k)
{
	return !k->have && k->sent_at == k->given - k->held &&
	       k->controls_at == k->controls;
}

int known_settle(struct known *k)
{
	struct pollfd pfd = { k->peer, POLLIN, 0 };
	int ret;

	for (int idle = 0; idle < 50;) {
		ret = known_tap(k);
		if (ret < 0)
			return ret;
		if (ret)
			idle = 0;
		else if (settled(k))
			return 0;
		else if (poll(&pfd, 1, 100) == 0)
			idle++;
	}
	return -ETIMEDOUT;
}

int known_push(struct known *k, known_send *send, size_t len)
{
	struct pollfd pfd = { k->peer, POLLIN, 0 };
	ssize_t n;
	int ret;

	for (int idle = 0; len; ) {
		n = send(k, pattern + k->given % PERIOD, len);
		if (n > 0) {
			k->given += n;
			len -= n;
			idle = 0;
			continue;
		}
		if (n != -EAGAIN)
			return n ? n : -EIO;
		while ((ret = known_tap(k)) > 0)
			idle = 0;
		if (ret)
			return ret;
		if (poll(&pfd, 1, 100) == 0 && ++idle == 50)
			return -ETIMEDOUT;
	}
	return 0;
}

/* In pieces that have nothing to do with records. */
static int write_pieces(struct known *k, const uint8_t *at, size_t len)
{
	while (len) {
		size_t part = random() % 4 ? len : 1 + random() % len;
		ssize_t n = send(k->peer, at, part, 0);

		if (n < 0)
			return -errno;
		at += n;
		len -= n;
	}
	return 0;
}

int known_feed(struct known *k, uint8_t type, const uint8_t *data, size_t len,
	       size_t pad)
{
	uint8_t record[2 * RECORD_MAX];
	size_t i = k->records;
	ssize_t n;

	if (!data) {
		data = pattern + k->fed_at % PERIOD;
		k->fed_at += len;
	}
	if (i == RECORDS)
		return -E2BIG;
	n = seal_make(&k->makes, type, data, len, pad, record);
	if (n < 0)
		return n;
	k->fed[i].type = type;
	k->fed[i].data = data;
	k->fed[i].len = len;
	k->fed[i].wire = n + (i ? k->fed[i - 1].wire : 0);
	k->fed[i].bytes = n - suite_overhead(k->suite) +
			  (i ? k->fed[i - 1].bytes : 0);
	k->records++;
	return write_pieces(k, record, n);
}

/* @n bytes of @type were read: they must be those that come next. */
static int check(struct known *k, const uint8_t *got, size_t n, uint8_t type)
{
	while (n) {
		size_t left;

		while (k->read < k->records && !k->fed[k->read].len)
			k->read++;	/* nobody sees an empty record */
		if (k->read == k->records || k->fed[k->read].type != type)
			return -EPROTO;
		left = k->fed[k->read].len - k->part;
		left = n < left ? n : left;
		if (memcmp(got, k->fed[k->read].data + k->part, left))
			return -EILSEQ;
		got += left;
		n -= left;
		k->part += left;
		if (k->part == k->fed[k->read].len) {
			k->part = 0;
			k->read++;
		}
	}
	return 0;
}

ssize_t known_recvmsg(struct known *k, uint8_t *to, size_t max, uint8_t *type)
{
	ssize_t n = tls_recv(k->fd, to, max, type);

	return n < 0 ? -errno : n;
}

int known_take(struct known *k, known_recv *recv, size_t max)
{
	static uint8_t to[MOST];
	uint8_t type = DATA;
	ssize_t n = recv(k, to, max < MOST ? max : MOST, &type);
	int ret;

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n ? n : -ENODATA;
	ret = check(k, to, n, type);
	return ret ? ret : 1;
}

int known_take_all(struct known *k, known_recv *recv, size_t max)
{
	for (int idle = 0; k->read < k->records;) {
		int ret = known_take(k, recv, max);

		if (ret < 0)
			return ret;
		if (ret) {
			idle = 0;
			continue;
		}
		/* Half a record may be called readable: poll() is no use. */
		if (++idle == 500)
			return -ETIMEDOUT;
		usleep(10000);
	}
	return 0;
}

int known_control(struct known *k, uint8_t type, const void *data, size_t len)
{
	ssize_t n;
	int ret;

	/* It is sent whole or not at all; what was held goes before it. */
	k->held = 0;
	for (;;) {
		k->sent.control++;	/* calls are counted, in vain or not */
		n = tls_send_control(k->fd, type, data, len);
		if (n >= 0 || errno != EAGAIN)
			break;
		ret = known_settle(k);
		if (ret)
			return ret;
		usleep(1000);		/* acknowledgements make room */
	}
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	k->controls++;
	return 0;
}

/* KeyUpdate of RFC 8446, which wants none in return. */
static const uint8_t update[] = { 24, 0, 0, 1, 0 };

int known_rekey_tx(struct known *k)
{
	int ret = known_settle(k);

	if (!ret)
		ret = known_control(k, HANDSHAKE, update, sizeof(update));
	if (!ret)
		ret = known_settle(k);
	if (!ret)
		ret = tls_key(k->fd, TLS_TX, k->suite, k->key + 1);
	if (ret)
		return ret == -EBUSY && !k->sent.rekeys ? -ENOKEY : ret;
	k->key++;
	k->sent.rekeys++;
	return seal_key(&k->opens, k->suite, k->key);
}

int known_rekey_rx(struct known *k)
{
	int ret = 0;

	/*
	 * Old kernels do not look at it; new ones wait for keys then, and in
	 * TLS 1.2, which has no such message, for ever.
	 */
	if (k->suite->version == TLS_1_3_VERSION && random() % 2)
		ret = known_feed(k, HANDSHAKE, update, sizeof(update), 0);
	if (!ret)
		ret = known_take_all(k, known_recvmsg, MOST);
	if (!ret)
		ret = tls_key(k->fd, TLS_RX, k->suite, k->rx_key + 1);
	if (ret)
		return ret == -EBUSY && !k->rx_rekeys ? -ENOKEY : ret;
	k->rx_key++;
	k->rx_rekeys++;
	return seal_key(&k->makes, k->suite, k->rx_key);
}

struct fact {
	const char *what;
	uint64_t want, told;
};

static bool all_true(const struct fact *facts, size_t n)
{
	bool good = true;

	for (size_t i = 0; i < n; i++) {
		if (facts[i].want == facts[i].told)
			continue;
		fprintf(stderr, "# %s: %llu, told %llu\n", facts[i].what,
			(unsigned long long)facts[i].want,
			(unsigned long long)facts[i].told);
		good = false;
	}
	return good;
}

#define ALL_TRUE(facts) all_true(facts, sizeof(facts) / sizeof(*(facts)))

bool known_may_be(const struct known *k, const struct stats_direction *rx)
{
	uint64_t n = rx->records;
	bool any = n && n <= k->records;
	const struct fact facts[] = {
		{ "received", any ? k->fed[n - 1].bytes : 0, rx->bytes },
		{ "receive wire", any ? k->fed[n - 1].wire : 0, rx->wire },
		{ "receive keys", k->rx_rekeys, rx->rekeys },
	};

	if (n <= k->records && n >= k->read + !!k->part)
		return ALL_TRUE(facts);
	fprintf(stderr, "# %llu records received, of %zu, %zu read\n",
		(unsigned long long)n, k->records, k->read);
	return false;
}

bool known_agrees(const struct known *k, const struct stats_session *s)
{
	const struct fact facts[] = {
		{ "sent", k->sent.bytes, s->tx.bytes },
		{ "records", k->sent.records, s->tx.records },
		{ "wire", k->sent.wire, s->tx.wire },
		{ "control", k->sent.control, s->tx.control },
		{ "rekeys", k->sent.rekeys, s->tx.rekeys },
		{ "records read", k->read, s->rx.records },
		{ "errors", 0, s->errors },
	};

	return ALL_TRUE(facts) && known_may_be(k, &s->rx);
}
