// SPDX-License-Identifier: GPL-2.0-only
/* Sessions and totals in the words of uapi/linux/ktls_stats.h. */
#include <net/netlink.h>
#include <net/tls.h>
#include "internal.h"

static const struct {
	int attr;
	size_t offset;
} counter_attrs[] = {
	{ KTLS_STATS_A_DIRECTION_BYTES, offsetof(struct counters, bytes) },
	{ KTLS_STATS_A_DIRECTION_RECORDS, offsetof(struct counters, records) },
	{ KTLS_STATS_A_DIRECTION_WIRE, offsetof(struct counters, wire) },
	{ KTLS_STATS_A_DIRECTION_CONTROL, offsetof(struct counters, control) },
	{ KTLS_STATS_A_DIRECTION_REKEYS, offsetof(struct counters, rekeys) },
};

static const int direction_attrs[DIRECTIONS] = {
	KTLS_STATS_A_SESSION_TX, KTLS_STATS_A_SESSION_RX,
};

static const int totals_attrs[DIRECTIONS] = {
	KTLS_STATS_A_TOTALS_TX, KTLS_STATS_A_TOTALS_RX,
};

static const int breakdown_attrs[DIRECTIONS] = {
	KTLS_STATS_A_BREAKDOWN_TX, KTLS_STATS_A_BREAKDOWN_RX,
};

static int put_counters(struct sk_buff *skb, const struct counters *c)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(counter_attrs); i++) {
		const u64 *value = (const void *)c + counter_attrs[i].offset;

		if (nla_put_u64_64bit(skb, counter_attrs[i].attr, *value,
				      KTLS_STATS_A_DIRECTION_PAD))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_direction(struct sk_buff *skb, int attr, u32 mode,
			 const struct counters *c)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_u32(skb, KTLS_STATS_A_DIRECTION_MODE, mode) ||
	    put_counters(skb, c))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_sum(struct sk_buff *skb, int attr, const struct sum *sum)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_u64_64bit(skb, KTLS_STATS_A_DIRECTION_LIVE, sum->live,
			      KTLS_STATS_A_DIRECTION_PAD) ||
	    nla_put_u64_64bit(skb, KTLS_STATS_A_DIRECTION_CLOSED, sum->closed,
			      KTLS_STATS_A_DIRECTION_PAD) ||
	    put_counters(skb, &sum->counters))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, KTLS_STATS_A_SESSION_PAD);
}

static int put_address(struct sk_buff *skb, const struct session *s)
{
	int len = s->family == AF_INET ? 4 : 16;

	if (nla_put_u32(skb, KTLS_STATS_A_SESSION_FAMILY, s->family) ||
	    nla_put(skb, KTLS_STATS_A_SESSION_LOCAL_ADDR, len, &s->local) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_LOCAL_PORT, s->local_port) ||
	    nla_put(skb, KTLS_STATS_A_SESSION_REMOTE_ADDR, len, &s->remote) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_REMOTE_PORT, s->remote_port))
		return -EMSGSIZE;
	return 0;
}

static int put_identity(struct sk_buff *skb, const struct session *s,
			struct user_namespace *ns)
{
	if (put_u64(skb, KTLS_STATS_A_SESSION_COOKIE, s->cookie) ||
	    put_u64(skb, KTLS_STATS_A_SESSION_INODE, s->inode) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_UID,
			from_kuid_munged(ns, s->uid)) ||
	    put_address(skb, s) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_VERSION, s->version) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_CIPHER, s->cipher))
		return -EMSGSIZE;
	return 0;
}

static int put_label(struct sk_buff *skb, const struct session *s)
{
	const struct label *label;
	int ret = 0;

	rcu_read_lock();
	label = rcu_dereference(s->label);
	if (label)
		ret = nla_put_string(skb, KTLS_STATS_A_SESSION_LABEL,
				     label->text);
	rcu_read_unlock();
	return ret;
}

/* @ns: whose numbers of users the reader knows. */
int message_session(struct sk_buff *skb, struct session *s,
		    const struct view *v, struct user_namespace *ns)
{
	int dir;

	if (put_identity(skb, s, ns))
		return -EMSGSIZE;
	for (dir = TX; dir < DIRECTIONS; dir++)
		if (put_direction(skb, direction_attrs[dir], v->mode[dir],
				  &v->counters[dir]))
			return -EMSGSIZE;
	if (put_u64(skb, KTLS_STATS_A_SESSION_ERRORS, v->errors) ||
	    put_u64(skb, KTLS_STATS_A_SESSION_AGE, v->age) ||
	    put_u64(skb, KTLS_STATS_A_SESSION_IDLE, v->idle) ||
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_FLAGS, v->flags) ||
	    put_label(skb, s))
		return -EMSGSIZE;
	return 0;
}

static void add_sum(struct sum *to, const struct sum *from)
{
	to->live += from->live;
	to->closed += from->closed;
	to->counters.bytes += from->counters.bytes;
	to->counters.records += from->counters.records;
	to->counters.wire += from->counters.wire;
	to->counters.control += from->counters.control;
	to->counters.rekeys += from->counters.rekeys;
}

/* One breakdown, unless the combination has not occurred. */
static int put_breakdown(struct sk_buff *skb, u32 version, u32 cipher,
			 u32 mode, const struct sum *sums)
{
	struct nlattr *nest;
	int dir;

	if (!sums[TX].live && !sums[TX].closed &&
	    !sums[RX].live && !sums[RX].closed)
		return 0;
	nest = nla_nest_start(skb, KTLS_STATS_A_TOTALS_BREAKDOWN);
	if (!nest ||
	    nla_put_u32(skb, KTLS_STATS_A_BREAKDOWN_VERSION, version) ||
	    nla_put_u32(skb, KTLS_STATS_A_BREAKDOWN_CIPHER, cipher) ||
	    nla_put_u32(skb, KTLS_STATS_A_BREAKDOWN_MODE, mode))
		return -EMSGSIZE;
	for (dir = TX; dir < DIRECTIONS; dir++)
		if (put_sum(skb, breakdown_attrs[dir], &sums[dir]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* All breakdowns into @skb, and their sum into @all. */
static int put_breakdowns(struct sk_buff *skb, const struct totals *t,
			  struct sum *all)
{
	int i, v, c, m;

	for (i = 0; i < VERSIONS * CIPHERS * MODES; i++) {
		m = i % MODES;
		c = i / MODES % CIPHERS;
		v = i / MODES / CIPHERS;
		if (put_breakdown(skb, TLS_1_2_VERSION + v,
				  TLS_CIPHER_AES_GCM_128 + c,
				  KTLS_STATS_MODE_SW + m, t->sums[v][c][m]))
			return -EMSGSIZE;
		add_sum(&all[TX], &t->sums[v][c][m][TX]);
		add_sum(&all[RX], &t->sums[v][c][m][RX]);
	}
	return 0;
}

int message_totals(struct sk_buff *skb, const struct totals *t)
{
	struct sum all[DIRECTIONS] = {};
	int dir;

	if (put_u64(skb, KTLS_STATS_A_TOTALS_LIVE, t->live) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_CLOSED, t->closed) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_MISSED, t->missed) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_ERRORS, t->errors) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_BUSY, t->busy) ||
	    put_breakdowns(skb, t, all))
		return -EMSGSIZE;
	for (dir = TX; dir < DIRECTIONS; dir++)
		if (put_sum(skb, totals_attrs[dir], &all[dir]))
			return -EMSGSIZE;
	return 0;
}
