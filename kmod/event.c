// SPDX-License-Identifier: GPL-2.0-only
/*
 * Probes run where one may neither sleep nor lock another socket. They leave
 * the session here, and a worker multicasts it and lets go of the socket. It
 * runs a moment later, so that a session usually has both its keys when it is
 * announced, and a burst of them costs one wake-up.
 */
#include <linux/workqueue.h>
#include "internal.h"

static LLIST_HEAD(events);
static bool stopping;

static void announce(struct session *s)
{
	clear_bit(EVENT_QUEUED, &s->events);
	/* Whatever event_queue() sets from here on queues the session again. */
	smp_mb__after_atomic();

	if (test_and_clear_bit(EVENT_CLOSE, &s->events)) {
		clear_bit(EVENT_OPEN, &s->events);
		if (!READ_ONCE(stopping))
			netlink_notify(s, EVENT_CLOSE);
	} else if (test_and_clear_bit(EVENT_OPEN, &s->events)) {
		/* Of a session that has ended the namespace may be gone. */
		if (!READ_ONCE(stopping) && !READ_ONCE(s->finished))
			netlink_notify(s, EVENT_OPEN);
	}
	session_put(s);
}

static void announce_all(struct work_struct *work)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&events));
	struct session *s, *tmp;

	llist_for_each_entry_safe(s, tmp, list, in_events) {
		announce(s);
		cond_resched();
	}
}

static DECLARE_DELAYED_WORK(work, announce_all);

/* In any context. The queue has a reference of its own. */
void event_queue(struct session *s, int event)
{
	set_bit(event, &s->events);
	if (test_and_set_bit(EVENT_QUEUED, &s->events))
		return;
	refcount_inc(&s->refs);
	llist_add(&s->in_events, &events);
	schedule_delayed_work(&work, msecs_to_jiffies(10));
}

void event_flush(void)
{
	flush_delayed_work(&work);
}

/* After this nothing is multicast; sessions are still let go. */
void event_stop(void)
{
	WRITE_ONCE(stopping, true);
	event_flush();
}
