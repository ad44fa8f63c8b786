/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A peer that no library would be: after its handshake the client's keys are
 * taken over, and with them any record can be written, right or wrong, and
 * every record of the other end be seen as it stands on the wire. TLS 1.2 and
 * 1.3 with every AEAD cipher of GnuTLS that the kernel has.
 *
 *	craft_watch()		before the handshake; only for key updates
 *	craft_open()		after it; what GnuTLS held back leaves first
 *	craft_send(), ...	GnuTLS must not write from now on,
 *	craft_recv()		and not read after the first of these
 *	craft_close()		wipes the keys; the peer stays the caller's
 */
#ifndef CRAFT_H
#define CRAFT_H

#include <stdint.h>

#include "peer.h"

enum { CRAFT_CCS = 20, CRAFT_ALERT, CRAFT_HANDSHAKE, CRAFT_DATA };

/* RFC 8446 section 5.2: the most that a record may carry, and be. */
#define CRAFT_PLAIN_MAX		16384
#define CRAFT_CIPHER_MAX	(CRAFT_PLAIN_MAX + 256)

/* One direction: the keys in use, and what the next ones are made of. */
struct craft_side {
	unsigned char secret[48], key[32], iv[12];
	size_t secret_len, key_len, iv_len;
	uint64_t seq;			/* of the next record */
};

struct craft {
	struct peer *p;
	bool v13;
	gnutls_cipher_algorithm_t cipher;
	gnutls_mac_algorithm_t hash;
	struct craft_side out, in;
	unsigned char held[1 << 18];	/* what has not been sent yet */
	size_t held_len;
	bool hold;			/* until craft_flush(): one segment */
};

/*
 * One record. A field that is zero asks for what is right; type and data
 * suffice for a good record.
 */
struct craft_record {
	unsigned char type;
	const void *data;		/* NULL: zeros */
	size_t len;			/* may be more than a record may carry */
	size_t padding;			/* zeros behind the type (TLS 1.3) */
	bool no_type;			/* no type before them (TLS 1.3) */
	unsigned char outer;		/* type in the header (TLS 1.3) */
	uint16_t version;		/* in the header, if not 0x0303 */
	bool bad_tag;			/* its last bit is wrong */
	size_t cut;			/* body bytes missing, header in step */
	bool plain;			/* not encrypted, takes no number */
};

/* Learns the traffic secrets, which GnuTLS tells during the handshake only. */
void craft_watch(struct craft *c, struct peer *p);
/* 0, or GnuTLS's error. */
int craft_open(struct craft *c, struct peer *p);
void craft_close(struct craft *c);

/* 0 or -errno. */
int craft_send(struct craft *c, const struct craft_record *r);
int craft_flush(struct craft *c);
/* Bytes as they are, no record of ours: half a record, or a forged one. */
int craft_raw(struct craft *c, const void *buf, size_t len);

/* The usual ones. */
int craft_data(struct craft *c, const void *buf, size_t len);
int craft_alert(struct craft *c, unsigned char level, unsigned char desc);
/* Whatever is in @buf as handshake records of at most @size bytes each. */
int craft_handshake(struct craft *c, const void *buf, size_t len, size_t size);
/* KeyUpdate; what follows is under the next key. */
int craft_key_update(struct craft *c, unsigned char request);

/* RFC 8446 section 7.2: the keys after the next KeyUpdate. 0 or -errno. */
int craft_next_key(struct craft *c, struct craft_side *side);

/*
 * The next record of the other end: its length, which may be 0, and its type.
 * After a KeyUpdate the next key is in use. -ETIMEDOUT: nothing came for @ms;
 * -EPIPE: FIN; -EBADMSG: not a record, or not under this key; -EMSGSIZE.
 */
ssize_t craft_recv(struct craft *c, unsigned char *type, void *buf, size_t size,
		   int ms);

#endif
