// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <gnutls/crypto.h>

#include "craft.h"

enum { HEAD = 5, TAG = 16, NONCE = 12, EXPLICIT = 8, SALT = 4 };
enum { KEY_UPDATE = 24 };		/* RFC 8446 section 4.6.3 */

/* The most that a header can announce. */
#define BODY_MAX 65535

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void put64(unsigned char *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		at[i] = value;
}

static uint64_t get64(const unsigned char *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

/* --- keys ---------------------------------------------------------------- */

static void keep(struct craft_side *side, const void *secret, size_t len)
{
	if (!secret || len > sizeof(side->secret))
		return;
	memcpy(side->secret, secret, len);
	side->secret_len = len;
}

static int on_secret(gnutls_session_t tls,
		     gnutls_record_encryption_level_t level,
		     const void *in, const void *out, size_t len)
{
	struct craft *c = gnutls_session_get_ptr(tls);

	if (level != GNUTLS_ENCRYPTION_LEVEL_APPLICATION)
		return 0;
	keep(&c->in, in, len);
	keep(&c->out, out, len);
	return 0;
}

void craft_watch(struct craft *c, struct peer *p)
{
	memset(c, 0, sizeof(*c));
	gnutls_session_set_ptr(p->tls, c);
	gnutls_handshake_set_secret_function(p->tls, on_secret);
}

static int take_side(struct craft_side *side, struct peer *p, bool read)
{
	gnutls_datum_t mac, iv, key;
	unsigned char seq[8];
	int ret = gnutls_record_get_state(p->tls, read, &mac, &iv, &key, seq);

	if (ret)
		return ret;
	if (key.size > sizeof(side->key) || iv.size > sizeof(side->iv))
		return GNUTLS_E_INTERNAL_ERROR;
	memcpy(side->key, key.data, key.size);
	memcpy(side->iv, iv.data, iv.size);
	side->key_len = key.size;
	side->iv_len = iv.size;
	side->seq = get64(seq);
	return 0;
}

int craft_open(struct craft *c, struct peer *p)
{
	int ret;

	peer_flush(p);
	c->p = p;
	c->v13 = gnutls_protocol_get_version(p->tls) == GNUTLS_TLS1_3;
	c->cipher = gnutls_cipher_get(p->tls);
	c->hash = (gnutls_mac_algorithm_t)gnutls_prf_hash_get(p->tls);
	ret = take_side(&c->out, p, false);
	return ret ? ret : take_side(&c->in, p, true);
}

void craft_close(struct craft *c)
{
	explicit_bzero(c, sizeof(*c));
}

/* HKDF-Expand-Label of RFC 8446 section 7.1, with an empty context. */
static int expand(struct craft *c, const struct craft_side *side,
		  const char *label, unsigned char *out, size_t len)
{
	const gnutls_datum_t key = { (void *)side->secret, side->secret_len };
	unsigned char info[64] = { 0, len, 6 + strlen(label) };
	gnutls_datum_t about = { info, 3 + 6 + strlen(label) + 1 };

	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 3 + 6, label, strlen(label));
	return gnutls_hkdf_expand(c->hash, &key, &about, out, len);
}

int craft_next_key(struct craft *c, struct craft_side *side)
{
	struct craft_side next = *side;
	int ret = -EINVAL;

	if (!c->v13 || !side->secret_len)
		goto wipe;
	if (expand(c, side, "traffic upd", next.secret, next.secret_len) ||
	    expand(c, &next, "key", next.key, next.key_len) ||
	    expand(c, &next, "iv", next.iv, next.iv_len))
		goto wipe;
	next.seq = 0;
	*side = next;
	ret = 0;
wipe:
	explicit_bzero(&next, sizeof(next));
	return ret;
}

/* --- what both directions share ------------------------------------------ */

/* Only TLS 1.2, and there only AES, sends part of the nonce along. */
static size_t explicit_nonce(const struct craft *c)
{
	return c->v13 || c->cipher == GNUTLS_CIPHER_CHACHA20_POLY1305 ?
	       0 : EXPLICIT;
}

static void make_nonce(const struct craft *c, const struct craft_side *side,
		       const unsigned char *sent, unsigned char nonce[NONCE])
{
	unsigned char seq[8];

	memcpy(nonce, side->iv, side->iv_len);
	if (explicit_nonce(c)) {
		memcpy(nonce + SALT, sent, EXPLICIT);
		return;
	}
	put64(seq, side->seq);
	for (int i = 0; i < 8; i++)
		nonce[NONCE - 8 + i] ^= seq[i];
}

/* TLS 1.3 authenticates the header; TLS 1.2 number, header, plain length. */
static size_t make_aad(const struct craft *c, const struct craft_side *side,
		       const unsigned char head[HEAD], size_t plain_len,
		       unsigned char aad[8 + HEAD])
{
	if (c->v13) {
		memcpy(aad, head, HEAD);
		return HEAD;
	}
	put64(aad, side->seq);
	memcpy(aad + 8, head, HEAD);
	put16(aad + 8 + 3, plain_len);
	return 8 + HEAD;
}

/* --- writing ------------------------------------------------------------- */

int craft_flush(struct craft *c)
{
	ssize_t n = peer_write(c->p->fd, c->held, c->held_len);

	c->held_len = 0;
	return n < 0 ? n : 0;
}

int craft_raw(struct craft *c, const void *buf, size_t len)
{
	if (len > sizeof(c->held) - c->held_len)
		return -EMSGSIZE;
	memcpy(c->held + c->held_len, buf, len);
	c->held_len += len;
	return c->hold ? 0 : craft_flush(c);
}

/* What is to be encrypted: in TLS 1.3 type and padding belong to it. */
static size_t make_plain(const struct craft *c, const struct craft_record *r,
			 unsigned char *out)
{
	size_t len = r->len;

	if (r->data)
		memcpy(out, r->data, len);
	else
		memset(out, 0, len);
	if (!c->v13 || r->plain)
		return len;
	if (!r->no_type)
		out[len++] = r->type;
	memset(out + len, 0, r->padding);
	return len + r->padding;
}

static int seal(struct craft *c, const unsigned char *nonce,
		const unsigned char *aad, size_t aad_len,
		const unsigned char *plain, size_t len, unsigned char *out)
{
	const gnutls_datum_t key = { c->out.key, c->out.key_len };
	gnutls_aead_cipher_hd_t aead;
	size_t out_len = len + TAG;
	int ret;

	if (gnutls_aead_cipher_init(&aead, c->cipher, &key))
		return -EIO;
	ret = gnutls_aead_cipher_encrypt(aead, nonce, NONCE, aad, aad_len, TAG,
					 plain, len, out, &out_len);
	gnutls_aead_cipher_deinit(aead);
	return ret ? -EIO : 0;
}

/* @record has its header but for the length. Its body's length, or -errno. */
static ssize_t encrypt(struct craft *c, unsigned char *record,
		       const unsigned char *plain, size_t len)
{
	unsigned char nonce[NONCE], aad[8 + HEAD], *body = record + HEAD;
	size_t sent = explicit_nonce(c), aad_len;
	int ret;

	put64(body, c->out.seq);	/* or the ciphertext overwrites it */
	put16(record + 3, sent + len + TAG);
	make_nonce(c, &c->out, body, nonce);
	aad_len = make_aad(c, &c->out, record, len, aad);
	ret = seal(c, nonce, aad, aad_len, plain, len, body + sent);
	c->out.seq++;
	return ret ? ret : sent + len + TAG;
}

static ssize_t make_body(struct craft *c, const struct craft_record *r,
			 unsigned char *record, unsigned char *plain)
{
	size_t len = make_plain(c, r, plain);
	ssize_t body;

	if (r->plain) {
		memcpy(record + HEAD, plain, len);
		return len;
	}
	body = encrypt(c, record, plain, len);
	if (body > 0 && r->bad_tag)
		record[HEAD + body - 1] ^= 1;
	return body;
}

int craft_send(struct craft *c, const struct craft_record *r)
{
	unsigned char *record = calloc(2, HEAD + BODY_MAX);
	ssize_t body = -EMSGSIZE;
	int ret;

	record[0] = r->outer ? r->outer :
		    c->v13 && !r->plain ? CRAFT_DATA : r->type;
	put16(record + 1, r->version ? r->version : 0x0303);
	if (r->len + r->padding <= BODY_MAX - EXPLICIT - TAG - 1)
		body = make_body(c, r, record, record + HEAD + BODY_MAX);
	if (body >= 0 && r->cut > (size_t)body)
		body = -EINVAL;
	ret = body;
	if (body >= 0) {
		body -= r->cut;
		put16(record + 3, body);
		ret = craft_raw(c, record, HEAD + body);
	}
	free(record);
	return ret;
}

int craft_data(struct craft *c, const void *buf, size_t len)
{
	return craft_send(c, &(struct craft_record){
		.type = CRAFT_DATA, .data = buf, .len = len });
}

int craft_alert(struct craft *c, unsigned char level, unsigned char desc)
{
	const unsigned char alert[2] = { level, desc };

	return craft_send(c, &(struct craft_record){
		.type = CRAFT_ALERT, .data = alert, .len = sizeof(alert) });
}

int craft_handshake(struct craft *c, const void *buf, size_t len, size_t size)
{
	const unsigned char *at = buf;
	int ret = 0;

	while (len && !ret) {
		size_t n = len < size ? len : size;

		ret = craft_send(c, &(struct craft_record){
			.type = CRAFT_HANDSHAKE, .data = at, .len = n });
		at += n;
		len -= n;
	}
	return ret;
}

int craft_key_update(struct craft *c, unsigned char request)
{
	const unsigned char update[5] = { KEY_UPDATE, 0, 0, 1, request };
	int ret = craft_handshake(c, update, sizeof(update), sizeof(update));

	return ret ? ret : craft_next_key(c, &c->out);
}

/* --- reading ------------------------------------------------------------- */

static bool comes(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) > 0;
}

/* A part of one stays where it is: who sends it may be waiting for us. */
static bool record_is_there(int fd)
{
	unsigned char head[HEAD];
	int there = 0;
	ssize_t n = recv(fd, head, HEAD, MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return n == 0;		/* the end will do, too */
	ioctl(fd, FIONREAD, &there);
	return n == HEAD && there >= HEAD + (head[3] << 8 | head[4]);
}

static bool record_comes(int fd, int ms)
{
	for (; !record_is_there(fd); ms--) {
		if (ms <= 0)
			return false;
		usleep(1000);
	}
	return true;
}

static int read_all(int fd, unsigned char *buf, size_t len)
{
	while (len) {
		ssize_t n;

		if (!comes(fd, PEER_MS))
			return -ETIMEDOUT;
		n = recv(fd, buf, len, MSG_DONTWAIT);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			buf += n;
			len -= n;
		}
	}
	return 0;
}

/* Decrypts @len bytes behind @head in place. The plaintext's length. */
static ssize_t decrypt(struct craft *c, const unsigned char *head,
		       unsigned char *body, size_t len)
{
	const gnutls_datum_t key = { c->in.key, c->in.key_len };
	unsigned char nonce[NONCE], aad[8 + HEAD];
	size_t sent = explicit_nonce(c), aad_len, got = len;
	gnutls_aead_cipher_hd_t aead;
	int ret;

	if (len < sent + TAG)
		return -EBADMSG;
	make_nonce(c, &c->in, body, nonce);
	aad_len = make_aad(c, &c->in, head, len - sent - TAG, aad);
	if (gnutls_aead_cipher_init(&aead, c->cipher, &key))
		return -EIO;
	ret = gnutls_aead_cipher_decrypt(aead, nonce, NONCE, aad, aad_len, TAG,
					 body + sent, len - sent, body + sent,
					 &got);
	gnutls_aead_cipher_deinit(aead);
	if (ret)
		return -EBADMSG;
	memmove(body, body + sent, got);
	c->in.seq++;
	return got;
}

/* Takes padding and type off. */
static ssize_t open_inner(const unsigned char *body, ssize_t len,
			  unsigned char *type)
{
	while (len > 0 && !body[len - 1])
		len--;
	if (len <= 0)
		return len ? len : -EBADMSG;
	*type = body[len - 1];
	return len - 1;
}

ssize_t craft_recv(struct craft *c, unsigned char *type, void *buf, size_t size,
		   int ms)
{
	unsigned char head[HEAD], body[1 << 16];
	ssize_t len;
	int ret;

	if (!record_comes(c->p->fd, ms))
		return -ETIMEDOUT;
	ret = read_all(c->p->fd, head, sizeof(head));
	len = head[3] << 8 | head[4];
	if (!ret)
		ret = read_all(c->p->fd, body, len);
	if (ret)
		return ret;
	*type = head[0];
	len = decrypt(c, head, body, len);
	if (len >= 0 && c->v13)
		len = open_inner(body, len, type);
	if (len > (ssize_t)size)
		return -EMSGSIZE;
	if (len < 0)
		return len;
	memcpy(buf, body, len);
	if (c->v13 && *type == CRAFT_HANDSHAKE && len == 5 &&
	    body[0] == KEY_UPDATE && c->in.secret_len)
		ret = craft_next_key(c, &c->in);
	return ret ? ret : len;
}
