// SPDX-License-Identifier: GPL-2.0-only
/*
 * The moments that cannot be reconstructed afterwards: keys come, keys go,
 * TCP sends its FIN, TLS gives up. None of them is on the path of data.
 *
 *	tls_set_sw_offload, tls_set_device_offload	first keys, new keys
 *	tcp_shutdown					our FIN
 *	tls_process_cmsg				control records
 *	tls_err_abort, tls_strp_abort_strp		errors
 *	tls_sk_proto_close				closing, not locked yet
 *	tls_sw_release_resources_tx			before the last push
 *	tls_sw_release_resources_rx			final
 *	tls_sw_free_ctx_tx				final without RX, unlocked
 *	tls_device_free_resources_tx,
 *	tls_device_offload_cleanup_rx			final, for devices
 *
 * Handlers run with preemption off, and most find the socket locked by their
 * caller; those that do not say so.
 */
#include <linux/kprobes.h>
#include <net/tcp.h>
#include "compat.h"
#include "internal.h"

/* Between the entry of a probed function and its return. */
struct call {
	struct sock *sk;
	int dir;
};

static struct sock *sock_arg(struct pt_regs *regs)
{
	return (struct sock *)regs_get_kernel_argument(regs, 0);
}

static bool is_rekey(struct pt_regs *regs)
{
#ifdef SET_SW_OFFLOAD_REKEY
	return regs_get_kernel_argument(regs, SET_SW_OFFLOAD_REKEY);
#else
	return false;
#endif
}

static void fill_call(struct call *call, struct pt_regs *regs)
{
	call->sk = sock_arg(regs);
	call->dir = (int)regs_get_kernel_argument(regs, SET_SW_OFFLOAD_TX) ?
		    TX : RX;
}

/*
 * First keys and key updates have a kretprobe each: first keys may load crypto
 * modules and take long, and key updates must not go unseen meanwhile for want
 * of an instance. An entry that returns 1 gives its instance back.
 */
static int enter_set_sw(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (is_rekey(regs))
		return 1;
	fill_call((struct call *)ri->data, regs);
	return 0;
}

static int enter_rekey(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s;

	if (!is_rekey(regs))
		return 1;
	fill_call(call, regs);
	s = session_find(call->sk);
	if (!s || !s->dir[call->dir].keyed)
		return 1;
	key_leaving(s, call->dir);
	return 0;
}

static int enter_set_device(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;

	call->sk = sock_arg(regs);
	call->dir = TX;
	return 0;
}

/*
 * Keys in the @other direction of a socket without a session: it was missed,
 * once, whatever becomes of it now.
 */
static struct session *begin(struct sock *sk, int other)
{
	bool known = measure_mode(tls_get_ctx(sk), other) !=
		     KTLS_STATS_MODE_NONE;
	struct session *s = session_create(sk, 0);

	if (s) {
		event_queue(s, EVENT_OPEN);
		if (known)
			session_untracked(sk, false);
	} else if (!known) {
		session_missed(sk);
	}
	return s;
}

static int keys_set(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s;

	if ((int)regs_return_value(regs))
		return 0;
	s = session_find(call->sk) ?: begin(call->sk, !call->dir);
	if (s)
		key_first(s, call->dir,
			  measure_seq(tls_get_ctx(call->sk), call->dir), 0);
	return 0;
}

static int rekeyed(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s = session_find(call->sk);

	if (s && !(int)regs_return_value(regs))
		key_new(s, call->dir);
	return 0;
}

/* The condition is tcp_shutdown's own. */
static int shutting_down(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = session_find(sock_arg(regs));
	int how = regs_get_kernel_argument(regs, 1);

	if (s && how & SEND_SHUTDOWN && (1 << s->sk->sk_state) &
	    (TCPF_ESTABLISHED | TCPF_SYN_SENT | TCPF_CLOSE_WAIT))
		s->fin = true;
	return 0;
}

/* Called for control messages of any kind. They are in the kernel by now. */
static int sending_control(struct kprobe *p, struct pt_regs *regs)
{
	struct msghdr *msg = (void *)regs_get_kernel_argument(regs, 1);
	struct session *s = session_find(sock_arg(regs));
	struct cmsghdr *cmsg;

	if (!s)
		return 0;
	for_each_cmsghdr(cmsg, msg) {
		if (!CMSG_OK(msg, cmsg))
			break;
		if (cmsg->cmsg_level == SOL_TLS &&
		    cmsg->cmsg_type == TLS_SET_RECORD_TYPE &&
		    cmsg->cmsg_len >= CMSG_LEN(1) &&
		    *(u8 *)CMSG_DATA(cmsg) != TLS_RECORD_TYPE_DATA)
			s->dir[TX].control++;
	}
	return 0;
}

/* With the socket locked or not. */
static int aborting(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = session_find(sock_arg(regs));

	if (s)
		session_error(s);
	return 0;
}

/* What arrives is no TLS record. The condition is the function's own. */
static int aborting_parser(struct kprobe *p, struct pt_regs *regs)
{
	const struct tls_strparser *strp =
		(void *)regs_get_kernel_argument(regs, 0);
	struct session *s = session_find(strp->sk);

	if (s && !strp->stopped)
		session_error(s);
	return 0;
}

/*
 * Before the socket is locked. Nobody can send any more, so the record number
 * stands; it is taken here because 6.1 frees it before the next probe.
 */
static int closing(struct kprobe *p, struct pt_regs *regs)
{
	struct sock *sk = sock_arg(regs);
	struct tls_context *ctx = tls_get_ctx(sk);
	struct session *s = session_find(sk);

	if (measure_mode(ctx, TX) == KTLS_STATS_MODE_NONE &&
	    measure_mode(ctx, RX) == KTLS_STATS_MODE_NONE)
		return 0;
	if (!s) {
		/* A dead connection was not in the hash, to be adopted. */
		if (READ_ONCE(adoption_done))
			session_untracked(sk, sk->sk_state != TCP_CLOSE);
		return 0;
	}
	if (measure_mode(ctx, TX) != KTLS_STATS_MODE_NONE)
		s->closing_seq = measure_seq(ctx, TX);
	/* The record number goes first: measure_direction() in look.c. */
	smp_store_release(&s->closing, true);
	return 0;
}

static struct session *find_closing(struct sock *sk)
{
	struct session *s = session_find(sk);

	return s && s->closing ? s : NULL;
}

static void sum(struct session *s, int dir, u64 seq)
{
	struct counters c;

	if (key_catch_up(s, dir, seq) && measure(s, dir, seq, &c))
		session_sum(s, dir, &c);
}

/*
 * Records that TCP does not take now are lost, though encrypted: bytes and
 * records are those of before the call, and the position in TCP, which
 * sum_pushed() adds, is that of after it. The call may sleep, hence no
 * kretprobe: others could not close meanwhile without going unseen.
 */
static int releasing_tx(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = find_closing(sock_arg(regs));

	if (s)
		sum(s, TX, s->closing_seq);
	return 0;
}

/* With the spin lock of the socket at least. */
static void sum_pushed(struct session *s)
{
	struct counters c = s->dir[TX].counters;

	if (!s->dir[TX].keyed || s->dir[TX].mode != KTLS_STATS_MODE_SW)
		return;
	c.wire = measure_wire(s, TX) - s->dir[TX].wire;
	session_sum(s, TX, &c);
}

/* The socket is not locked any more. With RX the session is finished by now. */
static int freeing_tx(struct kprobe *p, struct pt_regs *regs)
{
	struct tls_context *ctx = (void *)regs_get_kernel_argument(regs, 0);
	struct session *s = find_closing(ctx->sk);
	unsigned long irq;

	if (!s)
		return 0;
	spin_lock_irqsave(&s->sk->sk_lock.slock, irq);
	sum_pushed(s);
	spin_unlock_irqrestore(&s->sk->sk_lock.slock, irq);
	session_finish(s, 0);
	return 0;
}

static int releasing_tx_device(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = find_closing(sock_arg(regs));

	if (!s)
		return 0;
	sum(s, TX, s->closing_seq);
	if (measure_mode(tls_get_ctx(s->sk), RX) == KTLS_STATS_MODE_NONE)
		session_finish(s, 0);
	return 0;
}

/* For software and devices alike; a device that refuses is not closing. */
static int releasing_rx(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = find_closing(sock_arg(regs));

	if (!s)
		return 0;
	sum(s, RX, measure_seq(tls_get_ctx(s->sk), RX));
	sum_pushed(s);
	session_finish(s, 0);
	return 0;
}

#define ON_ENTRY(name, fn) \
	{ .symbol_name = #name, .pre_handler = fn }
/* Each call that is under way has an instance. */
#define ON_RETURN(name, enter, leave) \
	{ .kp.symbol_name = #name, .entry_handler = enter, .handler = leave, \
	  .data_size = sizeof(struct call), .maxactive = 512 }

static struct kretprobe returns[] = {
	ON_RETURN(tls_set_sw_offload, enter_set_sw, keys_set),
	ON_RETURN(tls_set_sw_offload, enter_rekey, rekeyed),
	ON_RETURN(tls_set_device_offload, enter_set_device, keys_set),
};

static struct kprobe entries[] = {
	ON_ENTRY(tls_sw_free_ctx_tx, freeing_tx),
	ON_ENTRY(tls_sw_release_resources_tx, releasing_tx),
	ON_ENTRY(tls_sw_release_resources_rx, releasing_rx),
	ON_ENTRY(tls_device_offload_cleanup_rx, releasing_rx),
	ON_ENTRY(tls_device_free_resources_tx, releasing_tx_device),
	ON_ENTRY(tls_sk_proto_close, closing),
	ON_ENTRY(tls_err_abort, aborting),
	ON_ENTRY(tls_strp_abort_strp, aborting_parser),
	ON_ENTRY(tls_process_cmsg, sending_control),
	ON_ENTRY(tcp_shutdown, shutting_down),
};

static struct kretprobe *return_list[ARRAY_SIZE(returns)];
static struct kprobe *entry_list[ARRAY_SIZE(entries)];

/* Ends first, so that no session begins whose end would not be seen. */
int probe_init(void)
{
	int ret, i;

	for (i = 0; i < ARRAY_SIZE(returns); i++)
		return_list[i] = &returns[i];
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		entry_list[i] = &entries[i];

	ret = register_kprobes(entry_list, ARRAY_SIZE(entries));
	if (ret)
		return ret;
	ret = register_kretprobes(return_list, ARRAY_SIZE(returns));
	if (ret)
		unregister_kprobes(entry_list, ARRAY_SIZE(entries));
	return ret;
}

/* Returns when no handler runs any more. */
void probe_exit(void)
{
	unregister_kretprobes(return_list, ARRAY_SIZE(returns));
	unregister_kprobes(entry_list, ARRAY_SIZE(entries));
}
