// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic. Finished records are told by the record sequence number,
 * bytes on the wire by the sequence numbers of TCP, and the plaintext is what
 * remains of the wire when the constant overhead of each record is taken off:
 *
 *	records = records under earlier keys + sequence number - that at the key
 *	sent:     bytes = wire + encrypted but not yet in TCP - records * overhead
 *	received: bytes = wire - records * overhead
 *
 * Send calls of every kind, sendfile, splice, io_uring and users inside the
 * kernel cannot but move these numbers. What does not say otherwise runs with
 * the socket locked: the record number is incremented byte by byte, and most
 * of what is read is freed without RCU.
 */
#include <linux/skmsg.h>
#include <net/tcp.h>
#include "compat.h"
#include "internal.h"

/*
 * Private to net/tls: a record that is encrypted and waits for TCP. The same
 * from 6.1 to 7.3. That @sk is where it should be is checked on every walk.
 */
struct tls_rec {
	struct list_head list;
	int tx_ready;
	int tx_flags;
	struct sk_msg msg_plaintext;
	struct sk_msg msg_encrypted;
	struct scatterlist sg_aead_in[2];
	struct scatterlist sg_aead_out[2];
	char content_type;
	struct scatterlist sg_content_type;
	struct sock *sk;
};

static_assert(sizeof(struct tls_prot_info) == 10 * sizeof(u16));
static_assert(sizeof(__be64) == TLS_MAX_REC_SEQ_SIZE);

/*
 * The TLS side of @sk, or NULL if it has none (any more). Under RCU, by which
 * TLS frees it, or with the socket locked.
 */
struct tls_context *measure_context(const struct sock *sk)
{
	const struct tcp_ulp_ops *ulp = READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
	struct tls_context *ctx = tls_get_ctx(sk);

	if (!ctx || !ulp || strcmp(ulp->name, "tls"))
		return NULL;
	/* Closed: with device offload the context outlives its contents. */
	if (READ_ONCE(sk->sk_prot) == ctx->sk_proto)
		return NULL;
	return ctx;
}

u32 measure_mode(const struct tls_context *ctx, int dir)
{
	switch (dir == TX ? ctx->tx_conf : ctx->rx_conf) {
	case TLS_SW:
		return KTLS_STATS_MODE_SW;
	case TLS_HW:
		return KTLS_STATS_MODE_DEVICE;
	}
	return KTLS_STATS_MODE_NONE;
}

u64 measure_seq(const struct tls_context *ctx, int dir)
{
	return get_unaligned_be64(dir == TX ? ctx->tx.rec_seq :
					      ctx->rx.rec_seq);
}

static u64 sent_wire(const struct session *s)
{
	const struct tcp_sock *tp = tcp_sk(s->sk);

	return tp->bytes_acked + (u32)(tp->write_seq - tp->snd_una) - s->fin;
}

/*
 * What the TLS parser has taken out of TCP and not decrypted yet. A bad header
 * stops it with bytes that TCP has kept, too: then it may have taken up to 12
 * of that header, which pass for received.
 */
static u32 copied_ahead(const struct tls_context *ctx)
{
	const struct tls_sw_context_rx *sw = tls_sw_ctx_rx(ctx);

	if (!sw || !sw->strp.copy_mode ||
	    (sw->strp.stopped && !sw->strp.stm.full_len))
		return 0;
	return sw->strp.anchor->len;
}

static u64 received_wire(const struct session *s)
{
	const struct tls_context *ctx = tls_get_ctx(s->sk);
	const struct tcp_sock *tp = tcp_sk(s->sk);
	u32 unread = tp->rcv_nxt - tp->copied_seq;
	/* A FIN takes a number too; it is the last, so it is read or unread. */
	bool fin = sock_flag(s->sk, SOCK_DONE) && !unread;

	return tp->bytes_received - unread - fin - copied_ahead(ctx);
}

/* Position in the TCP stream; only differences mean something. */
u64 measure_wire(const struct session *s, int dir)
{
	return dir == TX ? sent_wire(s) : received_wire(s);
}

/* What is left of a record that did not fit into the send buffer. */
static u32 partial_len(const struct tls_context *ctx)
{
	struct scatterlist *sg;
	u32 len = 0;

	for (sg = ctx->partially_sent_record; sg; sg = sg_next(sg))
		len += sg->length;
	return len ? len - ctx->partially_sent_offset : 0;
}

/* The last skb with data that was handed to TCP and may still be in flight. */
static struct sk_buff *last_skb(struct sock *sk)
{
	struct sk_buff *skb;

	skb_queue_reverse_walk(&sk->sk_write_queue, skb)
		if (skb->len)		/* else the sleeper just allocated it */
			return skb;
	return skb_rb_last(&sk->tcp_rtx_queue);
}

/*
 * A sender sleeps for memory in the middle of the first record, and only its
 * stack knows how far it got. But TCP takes the pages of the record as they
 * are: the end of what it took last is the place. Returns the bytes it took,
 * or -EAGAIN when that cannot be told: the peer has acknowledged everything,
 * so that the sender is about to wake up, or the route has no scatter-gather.
 */
static int sent_of(struct sock *sk, struct tls_rec *rec)
{
	struct sk_msg *msg = &rec->msg_encrypted;
	struct sk_buff *skb = last_skb(sk);
	struct scatterlist *sg;
	phys_addr_t end;
	skb_frag_t *frag;
	int sent = 0;

	if (!skb || !(sk->sk_route_caps & NETIF_F_SG))
		return -EAGAIN;
	if (!skb_shinfo(skb)->nr_frags)
		return 0;
	frag = &skb_shinfo(skb)->frags[skb_shinfo(skb)->nr_frags - 1];
	end = page_to_phys(skb_frag_page(frag)) + skb_frag_off(frag) +
	      skb_frag_size(frag);
	for (sg = &msg->sg.data[msg->sg.curr]; sg; sg = sg_next(sg)) {
		if (end > sg_phys(sg) && end <= sg_phys(sg) + sg->length)
			return sent + end - sg_phys(sg);
		sent += sg->length;
	}
	return 0;
}

/*
 * True once tls_sk_proto_close() is on its way, whether its probe was seen or
 * not: 6.1 has freed the record number then, or is about to.
 */
bool measure_leaving(const struct tls_context *ctx)
{
	return ctx->tx_conf == TLS_SW &&
	       test_bit(BIT_TX_CLOSING, &tls_sw_ctx_tx(ctx)->tx_bitmask);
}

/* Encrypted but not yet in TCP, in bytes, or -EAGAIN. */
s64 measure_unsent(struct sock *sk)
{
	struct tls_context *ctx = tls_get_ctx(sk);
	struct tls_sw_context_tx *sw = tls_sw_ctx_tx(ctx);
	struct tls_rec *rec, *first;
	s64 len = 0;
	int sent;

	if (ctx->tx_conf == TLS_HW)
		return sender_in_tcp(ctx) ? -EAGAIN : partial_len(ctx);

	list_for_each_entry(rec, &sw->tx_list, list) {
		if (WARN_ON_ONCE(rec->sk != sk))
			return -EAGAIN;
		len += rec->msg_encrypted.sg.size;
	}
	first = list_first_entry_or_null(&sw->tx_list, struct tls_rec, list);
	if (!first)
		return 0;
	if (ctx->partially_sent_record)
		return len - first->msg_encrypted.sg.size + partial_len(ctx);
	if (!sender_in_tcp(ctx))
		return len;
	sent = sent_of(sk, first);
	return sent < 0 ? sent : len - sent;
}

/*
 * Fills in @c what went through one direction since its first key. @seq is
 * its record number. Returns false when the moment is a bad one to tell.
 */
bool measure(const struct session *s, int dir, u64 seq, struct counters *c)
{
	const struct direction *d = &s->dir[dir];
	struct tls_context *ctx = tls_get_ctx(s->sk);
	s64 more = dir == TX ? measure_unsent(s->sk) : 0;

	if (more < 0)
		return false;
	c->records = d->kept + seq - d->seq;
	c->wire = measure_wire(s, dir) - d->wire;
	c->bytes = c->wire + more - d->ahead -
		   c->records * ctx->prot_info.overhead_size;
	c->control = d->control;
	c->rekeys = d->rekeys;
	return true;
}

/* Milliseconds since TCP sent or received data. */
u64 measure_idle(const struct sock *sk)
{
	u32 sent = tcp_jiffies32 - tcp_sk(sk)->lsndtime;
	u32 received = tcp_jiffies32 - inet_csk(sk)->icsk_ack.lrcvtime;

	return jiffies_to_msecs(min(sent, received));
}
