// SPDX-License-Identifier: LGPL-2.1-or-later
/* The keys leave GnuTLS for the kernel, and nothing of them stays here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "internal.h"

/* RX first: the peer may send its request before we have set TX. */
static const struct direction {
	int option;
	unsigned int read;
	const char *name, *trace;
} directions[] = {
	{ TLS_RX, 1, "receiving", "rx" },
	{ TLS_TX, 0, "sending", "tx" },
};

/*
 * How GnuTLS's IV becomes the kernel's salt and IV. TLS 1.2 with a salt
 * derives only the salt; the rest of the nonce goes with each record, and
 * starts from the sequence number: at zero it would repeat Finished's.
 */
static const struct nonce_rule {
	uint16_t version;
	bool salted;
	size_t size;		/* of GnuTLS's IV */
	bool explicit_nonce;
} nonce_rules[] = {
	{ TLS_1_2_VERSION, true, 4, true },
	{ TLS_1_2_VERSION, false, 12, false },
	{ TLS_1_3_VERSION, true, 12, false },
	{ TLS_1_3_VERSION, false, 12, false },
};

static const struct nonce_rule *find_rule(uint16_t version, bool salted)
{
	const struct nonce_rule *r = nonce_rules;

	for (size_t i = 0; i < sizeof(nonce_rules) / sizeof(*r); i++, r++)
		if (r->version == version && r->salted == salted)
			return r;
	return NULL;
}

/* What GnuTLS lends us; the pointers lead into the session. */
struct state {
	gnutls_datum_t mac, iv, key;
	unsigned char seq[8];
};

static void put(union crypto *out, struct span at, const unsigned char *from)
{
	memcpy(out->bytes + at.offset, from, at.size);
}

static int fill_crypto(union crypto *out, const struct ktls_info *info,
		       const struct cipher *c, const struct state *st)
{
	static const unsigned char zero[8];
	const struct nonce_rule *rule = find_rule(info->version, c->salt.size);

	if (!rule || st->iv.size != rule->size || st->key.size != c->key.size)
		return -EPROTO;
	if (rule->explicit_nonce && !memcmp(st->seq, zero, sizeof(zero)))
		return -EPROTO;
	out->info.version = info->version;
	out->info.cipher_type = c->kernel;
	put(out, c->key, st->key.data);
	put(out, c->salt, st->iv.data);
	put(out, c->iv, rule->explicit_nonce ? st->seq :
					       st->iv.data + c->salt.size);
	put(out, c->seq, st->seq);
	return 0;
}

static int install_one(struct ktls_session *s, const struct direction *d)
{
	const struct cipher *c = cipher_by_kernel(s->info.cipher);
	union crypto crypto = {};
	struct state st = {};
	int ret;

	ret = gnutls_record_get_state(s->tls, d->read, &st.mac, &st.iv,
				      &st.key, st.seq);
	ret = ret ? -EPROTO : fill_crypto(&crypto, &s->info, c, &st);
	if (ret) {
		session_fail(s, ret, KTLS_INTERNAL,
			     "GnuTLS gave no usable key for %s", d->name);
		goto wipe;
	}
	if (setsockopt(s->fd, SOL_TLS, d->option, &crypto, c->size))
		ret = session_fail(s, -errno, KTLS_KERNEL_REFUSED,
				   "the kernel refused the key for %s (%s, %s): %s",
				   d->name, ktls_version_name(s->info.version),
				   c->name, strerror(errno));
	else
		trace_install(s, d->trace, c, st.seq);
wipe:
	explicit_bzero(&crypto, sizeof(crypto));
	return ret;
}

/* Whatever GnuTLS still held would be lost, or encrypted twice. */
static int check_quiet(struct ktls_session *s)
{
	if (s->error.text[0])		/* it has failed, and said why */
		return -EINVAL;
	if (!s->tls || !s->done || s->flight.len)
		return session_fail(s, -EINVAL, KTLS_INTERNAL,
				    "the handshake is not complete");
	if (gnutls_record_check_pending(s->tls) ||
	    gnutls_record_check_corked(s->tls))
		return session_fail(s, -EPROTO, KTLS_INTERNAL,
				    "GnuTLS still holds data");
	if (gnutls_transport_is_ktls_enabled(s->tls))
		return session_fail(s, -EEXIST, KTLS_INTERNAL,
				    "GnuTLS installed keys by itself; set ktls = false in its configuration");
	return 0;
}

/*
 * Peers that pad their records are rare: the kernel may bet on that, and
 * decrypt into the reader's buffer instead of a page of its own; if it loses,
 * it decrypts again. On 6.1 it loses data instead; 6.12 is the first that was
 * seen to be right.
 */
static bool can_expect_no_pad(void)
{
	static atomic_int known;	/* 0: not yet, 1: no, 2: yes */
	unsigned int major = 0, minor = 0;
	struct utsname u;
	int answer = atomic_load(&known);

	if (answer)
		return answer == 2;
	if (!uname(&u))
		sscanf(u.release, "%u.%u", &major, &minor);
	answer = major > 6 || (major == 6 && minor >= 12) ? 2 : 1;
	atomic_store(&known, answer);
	return answer == 2;
}

/* Older kernels do not know these, which is no loss. */
static void tune(const struct ktls_session *s)
{
	const int on = 1;

	if (s->info.version == TLS_1_3_VERSION && can_expect_no_pad())
		setsockopt(s->fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on,
			   sizeof(on));
	if (s->config->o.zerocopy)
		setsockopt(s->fd, SOL_TLS, TLS_TX_ZEROCOPY_RO, &on,
			   sizeof(on));
}

/*
 * With RX in the kernel and TX not there is no way back: -EIO, say. TX is the
 * last that can fail: once it is set, no alert of GnuTLS's would pass.
 */
static int install_both(struct ktls_session *s)
{
	int ret;

	ret = install_one(s, &directions[0]);
	if (ret)
		return ret;
	s->info.rx_mode = KTLS_MODE_SW;
	ret = limit_install(s);
	if (!ret)
		ret = install_one(s, &directions[1]);
	if (ret)
		return ret;
	s->info.tx_mode = KTLS_MODE_SW;
	tune(s);
	return 0;
}

/* Into the kernel, or else, where that is the policy, stay with GnuTLS. */
static int place_keys(struct ktls_session *s)
{
	int ret;

	if (!s->ulp)
		return 0;
	ret = install_both(s);
	if (ret && s->info.rx_mode == KTLS_MODE_USER &&
	    s->config->o.offload == KTLS_OFFLOAD_PREFER)
		return 0;
	return ret;
}

int ktls_session_install(struct ktls_session *s, struct ktls_conn **out)
{
	struct ktls_conn *c;
	int ret = check_quiet(s);

	if (!ret)
		ret = place_keys(s);
	/* TX is not set, so what GnuTLS writes passes as it is. */
	if (ret && s->done && s->tls &&
	    gnutls_alert_send(s->tls, GNUTLS_AL_FATAL,
			      GNUTLS_A_INTERNAL_ERROR) >= 0 &&
	    !flight_send(s)) {
		s->error.alert_sent = GNUTLS_A_INTERNAL_ERROR;
		trace_alert(s, GNUTLS_A_INTERNAL_ERROR, true, false);
	}
	if (!ret) {
		c = connection_from(s);
		if (c)
			*out = c;
		else
			ret = session_fail(s, -ENOMEM, KTLS_INTERNAL,
					   "out of memory");
	}
	if (ret)
		trace_failed(s);
	else
		trace_done(s);
	session_forget(s);
	return ret;
}
