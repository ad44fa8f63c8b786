// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sessions and the sums over them. A session is born with its first key
 * and holds its socket until it is finished, so that it stays safe to look at
 * even when the end of the connection goes unseen.
 *
 * A sum counts live and closed sessions alike: whenever a session is measured
 * the difference to the last time is added. So closing moves nothing, and a
 * reader cannot see a session twice or not at all.
 */
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/sock_diag.h>
#include <net/inet_sock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <net/netns/generic.h>
#include "internal.h"

struct ktls_net {
	struct xarray sessions;		/* by cookie */
	u64 last;			/* the highest cookie so far */
	unsigned long walking;		/* bit 0: somebody looks at them all */
	wait_queue_head_t walked;
	u64 untracked;			/* of those missed, not yet closed */
	struct totals totals;
};

static unsigned int max_sessions = 65536;
module_param(max_sessions, uint, 0644);
MODULE_PARM_DESC(max_sessions, "Most sessions followed at a time in one network namespace");

static DEFINE_HASHTABLE(table, 12);
static DEFINE_SPINLOCK(sessions_lock);	/* both indices, sums, finishing */
static unsigned int net_id;

static struct ktls_net *ktls_net(const struct net *net)
{
	return net_generic(net, net_id);
}

/* What is returned is safe under RCU, or with preemption off as in a probe. */
struct session *session_find(const struct sock *sk)
{
	struct session *s;

	rcu_read_lock();
	hash_for_each_possible_rcu(table, s, by_sock, (unsigned long)sk)
		if (s->sk == sk)
			break;
	rcu_read_unlock();
	return s;
}

/* The same with a reference, in any context. */
struct session *session_get(const struct sock *sk)
{
	struct session *s;

	rcu_read_lock();
	s = session_find(sk);
	if (s && !refcount_inc_not_zero(&s->refs))
		s = NULL;
	rcu_read_unlock();
	return s;
}

/* In any context: the socket has references of its own until its close ends. */
void session_put(struct session *s)
{
	struct label *label;

	if (!refcount_dec_and_test(&s->refs))
		return;
	label = rcu_dereference_protected(s->label, true);	/* the last user */
	if (label)
		kfree_rcu(label, rcu);
	sock_put(s->sk);
	kfree_rcu(s, rcu);
}

static void fill_addresses(struct session *s, const struct sock *sk)
{
	s->family = sk->sk_family;
	s->local_port = inet_sk(sk)->inet_num;
	s->remote_port = ntohs(sk->sk_dport);
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		s->local = sk->sk_v6_rcv_saddr;
		s->remote = sk->sk_v6_daddr;
		return;
	}
#endif
	s->local.s6_addr32[0] = sk->sk_rcv_saddr;
	s->remote.s6_addr32[0] = sk->sk_daddr;
}

static struct session *alloc(struct sock *sk, const struct tls_context *ctx)
{
	struct session *s = kzalloc(sizeof(*s), GFP_ATOMIC | __GFP_ACCOUNT |
						__GFP_NOWARN);
	u32 cookie[2];

	if (!s)
		return NULL;
	sock_diag_save_cookie(sk, cookie);
	s->cookie = (u64)cookie[1] << 32 | cookie[0];
	s->inode = sk->sk_socket ? SOCK_INODE(sk->sk_socket)->i_ino : 0;
	s->uid = sk->sk_uid;
	s->version = ctx->prot_info.version;
	s->cipher = ctx->prot_info.cipher_type;
	fill_addresses(s, sk);
	s->born = get_jiffies_64();
	refcount_set(&s->refs, 1);
	sock_hold(sk);
	s->sk = sk;
	return s;
}

/* The sums that one direction of @s belongs to, if there can be any. */
static struct sum *sum_of(struct totals *t, const struct session *s, int dir)
{
	unsigned int version = s->version - TLS_1_2_VERSION;
	unsigned int cipher = s->cipher - TLS_CIPHER_AES_GCM_128;
	unsigned int mode = s->dir[dir].mode - KTLS_STATS_MODE_SW;

	if (version >= VERSIONS || cipher >= CIPHERS || mode >= MODES)
		return NULL;
	return &t->sums[version][cipher][mode][dir];
}

/*
 * With the socket locked, from a probe or when adopting. Returns NULL when
 * there is no memory or the bound is reached.
 */
struct session *session_create(struct sock *sk, u32 flags)
{
	struct net *net = sock_net(sk);
	struct tls_context *ctx = tls_get_ctx(sk);
	struct ktls_net *kn = ktls_net(net);
	struct session *s;
	unsigned long irq;

	/* A network namespace is taken down after a grace period only. */
	if (!check_net(net))
		return NULL;
	s = alloc(sk, ctx);
	if (!s)
		return NULL;
	s->flags = flags;

	spin_lock_irqsave(&sessions_lock, irq);
	if (kn->totals.live >= READ_ONCE(max_sessions) ||
	    xa_insert(&kn->sessions, s->cookie, s, GFP_ATOMIC | __GFP_NOWARN)) {
		spin_unlock_irqrestore(&sessions_lock, irq);
		session_put(s);
		return NULL;
	}
	kn->last = max(kn->last, s->cookie);
	kn->totals.live++;
	hash_add_rcu(table, &s->by_sock, (unsigned long)sk);
	spin_unlock_irqrestore(&sessions_lock, irq);
	return s;
}

/* A keyed socket is not followed; its close will not be news. */
void session_missed(struct sock *sk)
{
	struct ktls_net *kn = ktls_net(sock_net(sk));
	unsigned long irq;

	if (!check_net(sock_net(sk)))
		return;
	spin_lock_irqsave(&sessions_lock, irq);
	kn->totals.missed++;
	kn->untracked++;
	spin_unlock_irqrestore(&sessions_lock, irq);
}

/*
 * A keyed socket that nobody followed is about to close, or is followed after
 * all. Either way it is off the list of those; if it was not on it, it was
 * missed just now if that @counts.
 */
void session_untracked(struct sock *sk, bool counts)
{
	struct ktls_net *kn = ktls_net(sock_net(sk));
	unsigned long irq;

	if (!check_net(sock_net(sk)))
		return;
	spin_lock_irqsave(&sessions_lock, irq);
	if (kn->untracked)
		kn->untracked--;
	else if (counts)
		kn->totals.missed++;
	spin_unlock_irqrestore(&sessions_lock, irq);
}

static void add(struct counters *to, const struct counters *now,
		const struct counters *last)
{
	to->bytes += now->bytes - last->bytes;
	to->records += now->records - last->records;
	to->wire += now->wire - last->wire;
	to->control += now->control - last->control;
	to->rekeys += now->rekeys - last->rekeys;
}

/*
 * With sessions_lock: the mode, and with it the sum, is known only after the
 * key is in, because TLS tries the device first.
 */
static void enter(struct session *s, const struct tls_context *ctx, int dir)
{
	struct direction *d = &s->dir[dir];

	if (d->sum)
		return;
	d->mode = measure_mode(ctx, dir);
	d->sum = sum_of(&ktls_net(sock_net(s->sk))->totals, s, dir);
	if (d->sum)
		d->sum->live++;
}

/* One that cannot be looked at is live all the same. */
void session_enter(struct session *s)
{
	const struct tls_context *ctx;
	unsigned long irq;
	int dir;

	rcu_read_lock();
	spin_lock_irqsave(&sessions_lock, irq);
	ctx = s->finished ? NULL : measure_context(s->sk);
	for (dir = TX; ctx && dir < DIRECTIONS; dir++)
		enter(s, ctx, dir);
	spin_unlock_irqrestore(&sessions_lock, irq);
	rcu_read_unlock();
}

/* With the socket locked: @c is what the direction has come to. */
void session_sum(struct session *s, int dir, const struct counters *c)
{
	struct direction *d = &s->dir[dir];
	unsigned long irq;

	spin_lock_irqsave(&sessions_lock, irq);
	if (s->finished)
		goto unlock;
	enter(s, tls_get_ctx(s->sk), dir);
	if (d->sum)
		add(&d->sum->counters, c, &d->counters);
	d->counters = *c;
unlock:
	spin_unlock_irqrestore(&sessions_lock, irq);
}

/* From probes, in any context: not all callers have the socket locked. */
void session_error(struct session *s)
{
	struct ktls_net *kn;
	unsigned long irq;

	spin_lock_irqsave(&sessions_lock, irq);
	if (!s->finished) {
		kn = ktls_net(sock_net(s->sk));
		kn->totals.errors++;
		s->errors++;
	}
	spin_unlock_irqrestore(&sessions_lock, irq);
}

/* The counters stand. The session goes with its last reader. */
void session_finish(struct session *s, u32 flags)
{
	struct ktls_net *kn;
	unsigned long irq;
	int dir;

	spin_lock_irqsave(&sessions_lock, irq);
	if (s->finished) {
		spin_unlock_irqrestore(&sessions_lock, irq);
		return;
	}
	/* Not before: the namespace of a finished session may be gone. */
	kn = ktls_net(sock_net(s->sk));
	s->finished = true;
	s->flags |= flags;
	s->age = jiffies64_to_msecs(get_jiffies_64() - s->born);
	s->idle = measure_idle(s->sk);
	for (dir = TX; dir < DIRECTIONS; dir++) {
		if (!s->dir[dir].sum)
			continue;
		s->dir[dir].sum->live--;
		s->dir[dir].sum->closed++;
	}
	kn->totals.live--;
	kn->totals.closed++;
	hash_del_rcu(&s->by_sock);
	xa_erase(&kn->sessions, s->cookie);
	event_queue(s, EVENT_CLOSE);	/* see leave_net() */
	spin_unlock_irqrestore(&sessions_lock, irq);

	session_put(s);			/* of the table */
}

/* The modes of a live session, known to TLS before they are to us. */
static void fill_modes(const struct session *s, struct view *v)
{
	const struct tls_context *ctx;
	int dir;

	rcu_read_lock();
	ctx = measure_context(s->sk);
	for (dir = TX; ctx && dir < DIRECTIONS; dir++)
		v->mode[dir] = measure_mode(ctx, dir);
	rcu_read_unlock();
}

/* What the session had come to when it was last summed up. In any context. */
void session_stored(struct session *s, struct view *v)
{
	unsigned long irq;
	int dir;

	spin_lock_irqsave(&sessions_lock, irq);
	for (dir = TX; dir < DIRECTIONS; dir++) {
		v->counters[dir] = s->dir[dir].counters;
		v->mode[dir] = s->dir[dir].mode;
	}
	v->errors = s->errors;
	v->flags = s->flags;
	v->age = s->age;
	v->idle = s->idle;
	if (!s->finished) {
		v->age = jiffies64_to_msecs(get_jiffies_64() - s->born);
		v->idle = measure_idle(s->sk);
		fill_modes(s, v);
	}
	spin_unlock_irqrestore(&sessions_lock, irq);
}

void session_totals(struct net *net, struct totals *t)
{
	unsigned long irq;

	spin_lock_irqsave(&sessions_lock, irq);
	*t = ktls_net(net)->totals;
	spin_unlock_irqrestore(&sessions_lock, irq);
}

/*
 * One walk at a time in a namespace, or many who ask would be many who wait at
 * each socket. False if others took all of *@wait.
 */
bool session_walk_begin(struct net *net, long *wait)
{
	struct ktls_net *kn = ktls_net(net);
	long left;

	left = wait_event_killable_timeout(kn->walked,
					   !test_and_set_bit_lock(0, &kn->walking),
					   *wait);
	*wait = min(*wait, max(left, 0L));
	return left > 0;
}

void session_walk_end(struct net *net)
{
	struct ktls_net *kn = ktls_net(net);

	clear_bit_unlock(0, &kn->walking);
	wake_up(&kn->walked);
}

/*
 * Walks the live sessions of @net in the order of their cookies: the first one
 * behind *@cookie, which moves on, but not behind @last. Returns it with a
 * reference, or NULL at the end.
 */
struct session *session_next(struct net *net, u64 *cookie, u64 last)
{
	struct xarray *sessions = &ktls_net(net)->sessions;
	unsigned long index = *cookie;
	struct session *s;

	rcu_read_lock();
	do
		s = xa_find_after(sessions, &index, last, XA_PRESENT);
	while (s && !refcount_inc_not_zero(&s->refs));
	rcu_read_unlock();
	*cookie = index;
	return s;
}

/* Where a walk may end, that is to end however many sessions are born. */
u64 session_last(struct net *net)
{
	return READ_ONCE(ktls_net(net)->last);
}

/* Returns it with a reference, or NULL. */
struct session *session_by_cookie(struct net *net, u64 cookie)
{
	struct session *s;

	rcu_read_lock();
	s = xa_load(&ktls_net(net)->sessions, cookie);
	if (s && !refcount_inc_not_zero(&s->refs))
		s = NULL;
	rcu_read_unlock();
	return s;
}

/*
 * The first in @bucket whose end went unseen, with a reference. One that is
 * closing still has a probe ahead, until the socket is dead.
 */
static struct session *find_dead(int bucket)
{
	struct session *s;

	rcu_read_lock();
	hlist_for_each_entry_rcu(s, &table[bucket], by_sock)
		if ((sock_flag(s->sk, SOCK_DEAD) ||
		     (!tls_get_ctx(s->sk) && !READ_ONCE(s->closing))) &&
		    refcount_inc_not_zero(&s->refs))
			break;
	rcu_read_unlock();
	return s;
}

/*
 * Somebody may switch the probes off (/sys/kernel/debug/kprobes/enabled), and
 * sockets must not be kept because of that.
 */
void session_collect(void)
{
	struct session *s;
	long wait = 0;
	int bucket;

	for (bucket = 0; bucket < HASH_SIZE(table); bucket++) {
		while ((s = find_dead(bucket))) {
			look(s, &wait);
			session_finish(s, KTLS_STATS_SESSION_FLAGS_STALE);
			session_put(s);
		}
		cond_resched();
	}
}

static int __net_init enter_net(struct net *net)
{
	/* Changed under sessions_lock, that is with interrupts off. */
	xa_init_flags(&ktls_net(net)->sessions, XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&ktls_net(net)->walked);
	return 0;
}

/* The namespace goes, or the module does. No probe can add sessions to it. */
static void __net_exit leave_net(struct net *net)
{
	u64 cookie = 0, last = session_last(net);
	struct session *s;

	while ((s = session_next(net, &cookie, last))) {
		session_finish(s, KTLS_STATS_SESSION_FLAGS_STALE);
		session_put(s);
		cond_resched();
	}
	/*
	 * Others may have finished the rest, and be about to queue it. Its
	 * worker still has to name the namespace.
	 */
	spin_lock_irq(&sessions_lock);
	spin_unlock_irq(&sessions_lock);
	event_flush();
	xa_destroy(&ktls_net(net)->sessions);
}

static struct pernet_operations net_ops = {
	.init = enter_net,
	.exit = leave_net,
	.id = &net_id,
	.size = sizeof(struct ktls_net),
};

int session_init(void)
{
	return register_pernet_subsys(&net_ops);
}

void session_exit(void)
{
	unregister_pernet_subsys(&net_ops);
}
