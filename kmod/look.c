// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session is measured when somebody asks, with the socket locked. While a
 * user is inside the socket we wait to be woken when he leaves, but only so
 * long; then what was summed up last has to do, and is told as such.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "internal.h"

/* How often sessions are looked for whose end was not seen. */
#define COLLECT_INTERVAL	(60 * HZ)

static bool measure_direction(struct session *s, const struct tls_context *ctx,
			      int dir)
{
	/* Set after the record number, by closing() in probe.c. */
	bool closing = smp_load_acquire(&s->closing);
	struct counters c;
	u64 seq;

	if (measure_mode(ctx, dir) == KTLS_STATS_MODE_NONE)
		return true;
	if (dir == TX && !closing && measure_leaving(ctx))
		return false;
	seq = dir == TX && closing ? s->closing_seq : measure_seq(ctx, dir);
	if (!key_catch_up(s, dir, seq) || !measure(s, dir, seq, &c))
		return false;
	session_sum(s, dir, &c);
	return true;
}

/*
 * With the socket locked. Returns false if the moment is a bad one. One that
 * is closing has its last probe ahead.
 */
static bool measure_again(struct session *s)
{
	const struct tls_context *ctx = measure_context(s->sk);

	if (!ctx) {
		if (!READ_ONCE(s->closing))
			session_finish(s, KTLS_STATS_SESSION_FLAGS_STALE);
		return true;
	}
	return measure_direction(s, ctx, TX) & measure_direction(s, ctx, RX);
}

/*
 * Returns false if a user is inside the socket, or asleep in the middle of a
 * record. Does not sleep.
 */
static bool look_now(struct session *s)
{
	spinlock_t *lock = &s->sk->sk_lock.slock;
	bool done;

	spin_lock_bh(lock);
	done = READ_ONCE(s->finished) ||
	       (!sock_owned_by_user_nocheck(s->sk) && measure_again(s));
	spin_unlock_bh(lock);
	return done;
}

/*
 * Sums the session up, or returns false if it cannot be within *@wait, which
 * becomes what is left of it. Sleeps, unless that is 0. release_sock() wakes
 * with the same lock that look_now() takes, so no wake-up is lost.
 */
bool look(struct session *s, long *wait)
{
	long left;

	if (READ_ONCE(s->finished))
		return true;
	left = wait_event_killable_timeout(s->sk->sk_lock.wq, look_now(s),
					   *wait);
	*wait = min(*wait, max(left, 0L));
	if (left > 0)
		return true;
	session_enter(s);
	return false;
}

void look_view(struct session *s, struct view *v, long *wait)
{
	bool done = look(s, wait);

	session_stored(s, v);
	if (!done)
		v->flags |= KTLS_STATS_SESSION_FLAGS_BUSY;
}

/* Returns how many could not be looked at. */
static u64 look_all(struct net *net, long *wait)
{
	u64 cookie = 0, last = session_last(net), busy = 0;
	struct session *s;

	while (!fatal_signal_pending(current) &&
	       (s = session_next(net, &cookie, last))) {
		if (!look(s, wait))
			busy++;
		session_put(s);
		cond_resched();
	}
	return busy;
}

void look_totals(struct net *net, struct totals *t, long *wait)
{
	bool mine = session_walk_begin(net, wait);
	u64 busy = 0;

	if (mine) {
		busy = look_all(net, wait);
		session_walk_end(net);
	}
	session_totals(net, t);
	t->busy = mine ? busy : t->live;
}

static void collect(struct work_struct *work)
{
	session_collect();
	schedule_delayed_work(to_delayed_work(work), COLLECT_INTERVAL);
}

static DECLARE_DELAYED_WORK(collector, collect);

void look_init(void)
{
	schedule_delayed_work(&collector, COLLECT_INTERVAL);
}

void look_exit(void)
{
	cancel_delayed_work_sync(&collector);
}
