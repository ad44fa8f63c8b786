// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a direction is counted from: its first key, key updates (RFC 8446,
 * 4.6.3), and keys that nobody saw come. All with the socket locked.
 */
#include <linux/math64.h>
#include "internal.h"

/*
 * Count this direction from here on, that is from record @seq and from what
 * is encrypted but @ahead of TCP.
 */
void key_first(struct session *s, int dir, u64 seq, u64 ahead)
{
	struct direction *d = &s->dir[dir];

	d->seq = seq;
	d->ahead = ahead;
	d->wire = measure_wire(s, dir);
	d->keyed = true;
}

/*
 * Before a new key is in: what was counted under the old one stands, and if
 * there will be no new key nothing has changed.
 */
void key_leaving(struct session *s, int dir)
{
	struct direction *d = &s->dir[dir];
	u64 seq = measure_seq(tls_get_ctx(s->sk), dir);

	d->kept += seq - d->seq;
	d->seq = seq;
}

/* After it. */
void key_new(struct session *s, int dir)
{
	s->dir[dir].seq = measure_seq(tls_get_ctx(s->sk), dir);
	s->dir[dir].rekeys++;
}

/* The most records that can be in what TCP has moved since the last sum. */
static u64 most_records(const struct session *s, int dir, s64 unsent)
{
	const struct direction *d = &s->dir[dir];
	u64 overhead = tls_get_ctx(s->sk)->prot_info.overhead_size;
	s64 room = measure_wire(s, dir) - d->wire + unsent - d->ahead -
		   d->counters.bytes - d->counters.records * overhead;

	return room < 0 ? 0 : div64_u64(room, overhead);
}

/*
 * Keys whose install went unseen, because somebody had switched the probes
 * off or a kretprobe had no instance left, count from now on. An unseen key
 * update shows in a record number that cannot be; the new key counts from 0
 * (RFC 8446, 5.3) if that can be. Returns false when the moment is a bad one
 * to tell.
 */
bool key_catch_up(struct session *s, int dir, u64 seq)
{
	s64 unsent = dir == TX ? measure_unsent(s->sk) : 0;
	struct direction *d = &s->dir[dir];
	u64 most, new;

	if (unsent < 0)
		return false;
	if (!d->keyed) {
		s->flags |= KTLS_STATS_SESSION_FLAGS_ADOPTED;
		key_first(s, dir, seq, unsent);
		return true;
	}
	new = d->kept + seq - d->seq - d->counters.records;
	most = most_records(s, dir, unsent);
	if (new <= most)
		return true;
	s->flags |= KTLS_STATS_SESSION_FLAGS_ADOPTED;
	d->kept = d->counters.records;
	d->seq = seq <= most ? 0 : seq;
	d->rekeys++;
	return true;
}
