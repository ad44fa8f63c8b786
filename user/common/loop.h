/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A level-triggered epoll loop with deadlines. Watches and timers live inside
 * the caller's structures; the loop allocates nothing after loop_open().
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct watch {
	int fd;				/* the caller's; never closed here */
	void (*ready)(struct watch *w, uint32_t events);
};

/*
 * A node of a pairing heap: setting one costs the same however many are set,
 * whatever their lengths, and clearing or firing one the logarithm of that.
 */
struct timer {
	struct timer **link;		/* to us; NULL when not set */
	struct timer *next, *child;	/* siblings in a list; none is sooner */
	uint64_t at_ms;
	void (*fire)(struct timer *t);
};

#define LOOP_BATCH 64

struct loop {
	int epfd;
	bool stop;			/* set it in a callback to return */
	struct timer *timers;		/* the soonest, root of the heap */
	int ready;			/* events in this batch */
	struct epoll_event batch[LOOP_BATCH];
};

int loop_open(struct loop *l);
void loop_close(struct loop *l);
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);
/* Safe inside a callback, also for a watch that is ready in this batch. */
void loop_del(struct loop *l, struct watch *w);
/* (Re)arms @t: t->fire() is called once, @ms milliseconds from now. */
void loop_timer_set(struct loop *l, struct timer *t, unsigned int ms);
void loop_timer_clear(struct timer *t);
bool loop_timer_is_set(const struct timer *t);
/* Returns 0 when l->stop is set, or -errno. */
int loop_run(struct loop *l);

#endif
