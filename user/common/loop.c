// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int loop_open(struct loop *l)
{
	l->stop = false;
	l->ready = 0;
	l->timers = NULL;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	return l->epfd < 0 ? -errno : 0;
}

void loop_close(struct loop *l)
{
	close(l->epfd);
	l->epfd = -1;
}

static int control(struct loop *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	return epoll_ctl(l->epfd, op, w->fd, &ev) ? -errno : 0;
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, w, events);
}

int loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, w, events);
}

void loop_del(struct loop *l, struct watch *w)
{
	control(l, EPOLL_CTL_DEL, w, 0);
	/* Its memory may be gone before the rest of the batch is served. */
	for (int i = 0; i < l->ready; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

/* Lets *@link, which is NULL or @t's old place, and @next be its neighbours. */
static void place(struct timer *t, struct timer **link, struct timer *next)
{
	*link = t;
	t->link = link;
	t->next = next;
	if (next)
		next->link = &t->next;
}

/* Of two heaps the later one becomes the first child of the other. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *top = a, *sub = b;

	if (!a || !b)
		return a ? a : b;
	if (b->at_ms < a->at_ms) {
		top = b;
		sub = a;
	}
	place(sub, &top->child, top->child);
	return top;
}

/* In pairs first, then pair by pair: this is what keeps the heap shallow. */
static struct timer *meld_all(struct timer *list)
{
	struct timer *pairs = NULL, *all = NULL;

	while (list) {
		struct timer *one = list, *other = one->next;

		list = other ? other->next : NULL;
		one = meld(one, other);
		one->next = pairs;
		pairs = one;
	}
	while (pairs) {
		struct timer *one = pairs;

		pairs = one->next;
		all = meld(all, one);
	}
	return all;
}

void loop_timer_set(struct loop *l, struct timer *t, unsigned int ms)
{
	loop_timer_clear(t);
	/* now_ms() rounds down: one more, or it could fire early. */
	t->at_ms = now_ms() + ms + 1;
	t->child = NULL;
	place(meld(l->timers, t), &l->timers, NULL);
}

void loop_timer_clear(struct timer *t)
{
	struct timer *heir;

	if (!t->link)
		return;
	heir = meld_all(t->child);
	if (heir)
		place(heir, t->link, t->next);
	else if (t->next)
		place(t->next, t->link, t->next->next);
	else
		*t->link = NULL;
	t->link = NULL;
}

bool loop_timer_is_set(const struct timer *t)
{
	return t->link;
}

static void fire_timers(struct loop *l)
{
	uint64_t now = now_ms();

	while (!l->stop && l->timers && l->timers->at_ms <= now) {
		struct timer *t = l->timers;

		loop_timer_clear(t);
		t->fire(t);
	}
}

static int timeout_ms(const struct loop *l)
{
	uint64_t now = now_ms(), at;

	if (!l->timers)
		return -1;
	at = l->timers->at_ms;
	if (at <= now)
		return 0;
	return at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

int loop_run(struct loop *l)
{
	while (!l->stop) {
		int n = epoll_wait(l->epfd, l->batch, LOOP_BATCH,
				   timeout_ms(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		l->ready = n < 0 ? 0 : n;
		for (int i = 0; i < l->ready && !l->stop; i++) {
			struct watch *w = l->batch[i].data.ptr;

			if (w)
				w->ready(w, l->batch[i].events);
		}
		l->ready = 0;
		fire_timers(l);
	}
	return 0;
}
