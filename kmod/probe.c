// SPDX-License-Identifier: GPL-2.0-only
/*
 * The moments that cannot be reconstructed afterwards: keys come, keys go,
 * TCP sends its FIN, TLS gives up. None of them is on the path of data.
 *
 *	tls_set_sw_offload, tls_set_device_offload	first keys, new keys
 *	tcp_shutdown					our FIN
 *	tls_process_cmsg				control records
 *	tls_err_abort					errors
 *	tls_sk_proto_close				closing, not locked yet
 *	tls_sw_release_resources_tx			last push, then final
 *	tls_sw_release_resources_rx			final
 *	tls_device_free_resources_tx,
 *	tls_device_offload_cleanup_rx			the same, for devices
 *
 * Handlers run with preemption off. All but those for tls_err_abort and
 * tls_sk_proto_close find the socket locked by their caller.
 */
#include <linux/kprobes.h>
#include <net/tcp.h>
#include "compat.h"
#include "internal.h"

/* Between the entry of a probed function and its return. */
struct call {
	struct sock *sk;
	int dir;
	bool rekey;
	u64 seq;		/* before the call */
	struct counters sent;	/* before the call */
};

static struct sock *sock_arg(struct pt_regs *regs)
{
	return (struct sock *)regs_get_kernel_argument(regs, 0);
}

/* Key updates: the old record number is overwritten by the call. */
static int enter_set_sw(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;

	call->sk = sock_arg(regs);
	call->dir = (int)regs_get_kernel_argument(regs, SET_SW_OFFLOAD_TX) ?
		    TX : RX;
	call->rekey = false;
#ifdef SET_SW_OFFLOAD_REKEY
	if (regs_get_kernel_argument(regs, SET_SW_OFFLOAD_REKEY)) {
		call->rekey = true;
		call->seq = measure_seq(tls_get_ctx(call->sk), call->dir);
	}
#endif
	return 0;
}

static int enter_set_device(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;

	call->sk = sock_arg(regs);
	call->dir = TX;
	call->rekey = false;
	return 0;
}

/*
 * The return of the other direction's keys may have been missed, for want of
 * a kretprobe instance: better from here on than not at all.
 */
static void adopt_other(struct session *s, int dir)
{
	if (s->dir[dir].keyed || measure_mode(tls_get_ctx(s->sk), dir) ==
	    KTLS_STATS_MODE_NONE)
		return;
	s->flags |= KTLS_STATS_SESSION_FLAGS_ADOPTED;
	session_key(s, dir);
}

static int keys_set(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s;

	if ((int)regs_return_value(regs))
		return 0;
	s = session_find(call->sk);
	if (s && call->rekey && s->dir[call->dir].keyed) {
		session_rekey(s, call->dir, call->seq);
		return 0;
	}
	if (!s) {
		s = session_create(call->sk, 0);
		if (!s)
			return 0;
		event_queue(s, EVENT_OPEN);
	}
	session_key(s, call->dir);
	adopt_other(s, !call->dir);
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

static int aborting(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = session_find(sock_arg(regs));

	if (s)
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
		/* A dead connection is not in the hash, to be adopted. */
		if (READ_ONCE(adoption_done) && sk->sk_state != TCP_CLOSE)
			session_untracked(sk);
		return 0;
	}
	if (measure_mode(ctx, TX) != KTLS_STATS_MODE_NONE)
		s->closing_seq = measure_seq(ctx, TX);
	s->closing = true;
	return 0;
}

static struct session *find_closing(struct sock *sk)
{
	struct session *s = session_find(sk);

	return s && s->closing ? s : NULL;
}

/* TX goes first. The last to go takes the session with it. */
static void finish_tx(struct session *s, const struct counters *c)
{
	if (s->dir[TX].keyed)
		session_sum(s, TX, c);
	if (measure_mode(tls_get_ctx(s->sk), RX) == KTLS_STATS_MODE_NONE)
		session_finish(s, 0);
}

/*
 * Records that TCP does not take now are lost, though encrypted: take bytes
 * and records before the call, and the position in TCP after it.
 */
static int enter_release_tx(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s = find_closing(sock_arg(regs));

	if (!s || !measure(s, TX, s->closing_seq, &call->sent))
		return 1;
	call->sk = s->sk;
	return 0;
}

static int released_tx(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct call *call = (struct call *)ri->data;
	struct session *s = session_find(call->sk);

	if (!s)
		return 0;
	call->sent.wire = measure_wire(s, TX) - s->dir[TX].wire;
	finish_tx(s, &call->sent);
	return 0;
}

static int releasing_tx_device(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = find_closing(sock_arg(regs));
	struct counters c;

	if (s && measure(s, TX, s->closing_seq, &c))
		finish_tx(s, &c);
	return 0;
}

/* For software and devices alike; a device that refuses is not closing. */
static int releasing_rx(struct kprobe *p, struct pt_regs *regs)
{
	struct session *s = find_closing(sock_arg(regs));
	struct counters c;

	if (!s)
		return 0;
	if (s->dir[RX].keyed &&
	    measure(s, RX, measure_seq(tls_get_ctx(s->sk), RX), &c))
		session_sum(s, RX, &c);
	session_finish(s, 0);
	return 0;
}

#define ON_ENTRY(name, fn) \
	{ .symbol_name = #name, .pre_handler = fn }
/* Those that may sleep do so with an instance taken: crypto may load modules */
#define ON_RETURN(name, enter, leave) \
	{ .kp.symbol_name = #name, .entry_handler = enter, .handler = leave, \
	  .data_size = sizeof(struct call), .maxactive = 512 }

static struct kretprobe returns[] = {
	ON_RETURN(tls_sw_release_resources_tx, enter_release_tx, released_tx),
	ON_RETURN(tls_set_sw_offload, enter_set_sw, keys_set),
	ON_RETURN(tls_set_device_offload, enter_set_device, keys_set),
};

static struct kprobe entries[] = {
	ON_ENTRY(tls_sw_release_resources_rx, releasing_rx),
	ON_ENTRY(tls_device_offload_cleanup_rx, releasing_rx),
	ON_ENTRY(tls_device_free_resources_tx, releasing_tx_device),
	ON_ENTRY(tls_sk_proto_close, closing),
	ON_ENTRY(tls_err_abort, aborting),
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
