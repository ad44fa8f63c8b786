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
	l->timers.prev = l->timers.next = &l->timers;
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

void loop_timer_set(struct loop *l, struct timer *t, unsigned int ms)
{
	struct timer *after;

	loop_timer_clear(t);
	/* now_ms() rounds down: one more, or it could fire early. */
	t->at_ms = now_ms() + ms + 1;
	/* From the far end: deadlines of one length are set in order. */
	after = l->timers.prev;
	while (after != &l->timers && after->at_ms > t->at_ms)
		after = after->prev;
	t->prev = after;
	t->next = after->next;
	t->prev->next = t;
	t->next->prev = t;
}

void loop_timer_clear(struct timer *t)
{
	if (!t->next)
		return;
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->prev = t->next = NULL;
}

static void fire_timers(struct loop *l)
{
	uint64_t now = now_ms();

	while (!l->stop && l->timers.next != &l->timers) {
		struct timer *t = l->timers.next;

		if (t->at_ms > now)
			return;
		loop_timer_clear(t);
		t->fire(t);
	}
}

static int timeout_ms(const struct loop *l)
{
	uint64_t now = now_ms(), at;

	if (l->timers.next == &l->timers)
		return -1;
	at = l->timers.next->at_ms;
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
