// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions that are older than the module are counted from when they are
 * found. They are looked for once, after the probes are in place, in the hash
 * of established TCP sockets: one for all network namespaces, but a namespace
 * may have a hash of its own (net.ipv4.tcp_child_ehash_entries).
 */
#include <net/inet_hashtables.h>
#include <net/tcp.h>
#include "internal.h"

#define BATCH	64

/* From now on a keyed socket without a session is one that was missed. */
bool adoption_done;

/* Without any lock: a guess, to be made sure of with the socket locked. */
static bool may_be_tls(const struct sock *sk)
{
	return sk_fullsock(sk) && sk->sk_protocol == IPPROTO_TCP &&
	       READ_ONCE(inet_csk(sk)->icsk_ulp_ops);
}

static void adopt(struct sock *sk)
{
	struct tls_context *ctx;
	struct session *s = NULL;
	int dir;

	lock_sock(sk);
	ctx = measure_context(sk);
	if (!ctx || session_find(sk))
		goto release;
	for (dir = TX; dir < DIRECTIONS; dir++) {
		if (measure_mode(ctx, dir) == KTLS_STATS_MODE_NONE)
			continue;
		s = s ?: session_create(sk, KTLS_STATS_SESSION_FLAGS_ADOPTED);
		if (!s)
			break;
		session_key(s, dir);
	}
release:
	release_sock(sk);
}

/*
 * Locking a socket may sleep, so take the sockets of a bucket with references
 * first. @skip counts those that were taken before. Returns how many.
 */
static int take(struct inet_hashinfo *hash, unsigned int bucket, int skip,
		struct sock **socks)
{
	spinlock_t *lock = inet_ehash_lockp(hash, bucket);
	struct hlist_nulls_node *node;
	struct sock *sk;
	int n = 0;

	if (hlist_nulls_empty(&hash->ehash[bucket].chain))
		return 0;
	spin_lock_bh(lock);
	sk_nulls_for_each(sk, node, &hash->ehash[bucket].chain) {
		if (n == BATCH)
			break;
		if (!may_be_tls(sk) || skip-- > 0)
			continue;
		sock_hold(sk);
		socks[n++] = sk;
	}
	spin_unlock_bh(lock);
	return n;
}

static void adopt_hash(struct inet_hashinfo *hash)
{
	struct sock *socks[BATCH];
	unsigned int bucket;
	int skip, n, i;

	for (bucket = 0; bucket <= hash->ehash_mask; bucket++) {
		skip = 0;
		do {
			n = take(hash, bucket, skip, socks);
			for (i = 0; i < n; i++) {
				adopt(socks[i]);
				sock_put(socks[i]);
			}
			skip += n;
		} while (n == BATCH);
		cond_resched();
	}
}

void adopt_all(void)
{
	struct inet_hashinfo *shared = init_net.ipv4.tcp_death_row.hashinfo;
	struct net *net;

	adopt_hash(shared);
	down_read(&net_rwsem);
	for_each_net(net)
		if (net->ipv4.tcp_death_row.hashinfo != shared)
			adopt_hash(net->ipv4.tcp_death_row.hashinfo);
	up_read(&net_rwsem);
	WRITE_ONCE(adoption_done, true);
}
