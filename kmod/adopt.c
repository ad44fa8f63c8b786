// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that are older than the module are counted from when they are
 * found. They are looked for once, after the probes are in place, in the hash
 * of established TCP sockets: one for all network namespaces, but a namespace
 * may have a hash of its own (net.ipv4.tcp_child_ehash_entries).
 */
#include <linux/wait.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>
#include "internal.h"

/* The sockets found, with references, before any of them is locked. */
struct found {
	struct xarray socks;
	u32 n;
	u32 lost;			/* for want of memory */
};

/* From now on a keyed socket without a session is one that was missed. */
bool adoption_done;

/* Under RCU; to be made sure of with the socket locked. */
static bool is_keyed(const struct sock *sk)
{
	const struct tls_context *ctx;

	if (!sk_fullsock(sk) || sk->sk_protocol != IPPROTO_TCP)
		return false;
	ctx = measure_context(sk);
	return ctx && (measure_mode(ctx, TX) != KTLS_STATS_MODE_NONE ||
		       measure_mode(ctx, RX) != KTLS_STATS_MODE_NONE);
}

/* With the socket locked. Returns false if the moment is a bad one. */
static bool adopt(struct sock *sk)
{
	const struct tls_context *ctx = measure_context(sk);
	struct session *s;
	s64 unsent = 0;

	if (!ctx || session_find(sk) || measure_leaving(ctx))
		return true;
	if (measure_mode(ctx, TX) != KTLS_STATS_MODE_NONE)
		unsent = measure_unsent(sk);
	if (unsent < 0)
		return false;
	s = session_create(sk, KTLS_STATS_SESSION_FLAGS_ADOPTED);
	if (!s)
		session_missed(sk);
	else if (measure_mode(ctx, TX) != KTLS_STATS_MODE_NONE)
		key_first(s, TX, measure_seq(ctx, TX), unsent);
	if (s && measure_mode(ctx, RX) != KTLS_STATS_MODE_NONE)
		key_first(s, RX, measure_seq(ctx, RX), 0);
	return true;
}

/* Does not sleep; as look_now(). */
static bool adopt_now(struct sock *sk)
{
	bool done;

	spin_lock_bh(&sk->sk_lock.slock);
	done = !sock_owned_by_user_nocheck(sk) && adopt(sk);
	spin_unlock_bh(&sk->sk_lock.slock);
	return done;
}

/* It stays busy: say so, unless its end or a new key has settled it. */
static void give_up(struct sock *sk)
{
	rcu_read_lock();
	if (!session_find(sk) && is_keyed(sk))
		session_missed(sk);
	rcu_read_unlock();
}

static void adopt_found(struct found *f, long wait)
{
	unsigned long i;
	struct sock *sk;
	long left;

	xa_for_each(&f->socks, i, sk) {
		left = wait_event_killable_timeout(sk->sk_lock.wq,
						   adopt_now(sk), wait);
		if (left <= 0)
			give_up(sk);
		wait = min(wait, max(left, 0L));
		sock_put(sk);
		cond_resched();
	}
	xa_destroy(&f->socks);
	if (f->lost)
		pr_warn("%u sessions of before are not counted: no memory\n",
			f->lost);
}

static void find_bucket(struct inet_hashinfo *hash, unsigned int bucket,
			struct found *f)
{
	spinlock_t *lock = inet_ehash_lockp(hash, bucket);
	struct hlist_nulls_node *node;
	struct sock *sk;

	if (hlist_nulls_empty(&hash->ehash[bucket].chain))
		return;
	rcu_read_lock();
	spin_lock_bh(lock);
	sk_nulls_for_each(sk, node, &hash->ehash[bucket].chain) {
		if (!is_keyed(sk))
			continue;
		if (xa_err(xa_store(&f->socks, f->n, sk, GFP_ATOMIC))) {
			f->lost++;
			continue;
		}
		sock_hold(sk);
		f->n++;
	}
	spin_unlock_bh(lock);
	rcu_read_unlock();
}

static void find_all(struct inet_hashinfo *hash, struct found *f)
{
	unsigned int bucket;

	for (bucket = 0; bucket <= hash->ehash_mask; bucket++) {
		find_bucket(hash, bucket, f);
		cond_resched();
	}
}

void adopt_all(void)
{
	struct inet_hashinfo *shared = init_net.ipv4.tcp_death_row.hashinfo;
	struct found f = {};
	struct net *net;

	xa_init(&f.socks);
	find_all(shared, &f);
	down_read(&net_rwsem);
	for_each_net(net)
		if (net->ipv4.tcp_death_row.hashinfo != shared)
			find_all(net->ipv4.tcp_death_row.hashinfo, &f);
	up_read(&net_rwsem);
	adopt_found(&f, WAIT_DUMP);
	WRITE_ONCE(adoption_done, true);
}
