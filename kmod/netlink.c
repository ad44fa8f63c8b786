// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers questions in the words of uapi/linux/ktls_stats.h. The family is
 * written by hand: the generator emits split operations, which 6.1 does not
 * have, and drops the flags of multicast groups.
 */
#include <net/genetlink.h>
#include <net/tls.h>
#include "internal.h"

/* A message of totals holds a breakdown for every combination there is. */
#define TOTALS_SIZE	(SZ_8K + VERSIONS * CIPHERS * MODES * 256)

static struct genl_family family;

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

static int put_session(struct sk_buff *skb, const struct session *s,
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
	    nla_put_u32(skb, KTLS_STATS_A_SESSION_FLAGS, v->flags))
		return -EMSGSIZE;
	return 0;
}

/* May sleep: looks at the session, then tells of it. */
static int fill_session(struct sk_buff *skb, struct session *s, u32 portid,
			u32 seq, int flags, int cmd, struct user_namespace *ns)
{
	struct view v;
	void *hdr;

	session_look(s, &v);
	hdr = genlmsg_put(skb, portid, seq, &family, flags, cmd);
	if (!hdr)
		return -EMSGSIZE;
	if (put_session(skb, s, &v, ns)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int session_get_do(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *cookie = info->attrs[KTLS_STATS_A_SESSION_COOKIE];
	struct sk_buff *reply;
	struct session *s;
	int ret;

	if (!cookie) {
		GENL_SET_ERR_MSG(info, "cookie is missing");
		return -EINVAL;
	}
	s = session_by_cookie(genl_info_net(info), nla_get_u64(cookie));
	if (!s) {
		GENL_SET_ERR_MSG(info, "no live session has this cookie");
		return -ENOENT;
	}
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	ret = !reply ? -ENOMEM :
	      fill_session(reply, s, info->snd_portid, info->snd_seq, 0,
			   KTLS_STATS_CMD_SESSION_GET,
			   sk_user_ns(NETLINK_CB(skb).sk));
	session_put(s);
	if (ret) {
		nlmsg_free(reply);
		return ret;
	}
	return genlmsg_reply(reply, info);
}

/* cb->args[0] is the id of the last session told. */
static int session_get_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct user_namespace *ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	struct net *net = sock_net(skb->sk);
	struct session *s;

	for (s = session_next(net, NULL, cb->args[0]); s;
	     s = session_next(net, s, 0)) {
		if (fill_session(skb, s, NETLINK_CB(cb->skb).portid,
				 cb->nlh->nlmsg_seq, NLM_F_MULTI,
				 KTLS_STATS_CMD_SESSION_GET, ns)) {
			session_put(s);
			break;
		}
		cb->args[0] = s->id;
	}
	return skb->len;
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

static int put_totals(struct sk_buff *skb, const struct totals *t)
{
	struct sum all[DIRECTIONS] = {};
	int dir;

	if (put_u64(skb, KTLS_STATS_A_TOTALS_LIVE, t->live) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_CLOSED, t->closed) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_MISSED, t->missed) ||
	    put_u64(skb, KTLS_STATS_A_TOTALS_ERRORS, t->errors) ||
	    put_breakdowns(skb, t, all))
		return -EMSGSIZE;
	for (dir = TX; dir < DIRECTIONS; dir++)
		if (put_sum(skb, totals_attrs[dir], &all[dir]))
			return -EMSGSIZE;
	return 0;
}

static int totals_get_do(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply = genlmsg_new(TOTALS_SIZE, GFP_KERNEL);
	struct totals *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int ret = -ENOMEM;
	void *hdr;

	if (!reply || !t)
		goto free;
	session_totals(genl_info_net(info), t);
	ret = -EMSGSIZE;
	hdr = genlmsg_put_reply(reply, info, &family, 0,
				KTLS_STATS_CMD_TOTALS_GET);
	if (!hdr || put_totals(reply, t))
		goto free;
	genlmsg_end(reply, hdr);
	kfree(t);
	return genlmsg_reply(reply, info);

free:
	kfree(t);
	nlmsg_free(reply);
	return ret;
}

static const struct nla_policy session_policy[] = {
	[KTLS_STATS_A_SESSION_COOKIE] = { .type = NLA_U64 },
};

static const struct genl_ops ops[] = {
	{
		.cmd = KTLS_STATS_CMD_SESSION_GET,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = session_get_do,
		.dumpit = session_get_dump,
		.policy = session_policy,
		.maxattr = ARRAY_SIZE(session_policy) - 1,
	}, {
		.cmd = KTLS_STATS_CMD_TOTALS_GET,
		.doit = totals_get_do,
	},
};

/* GENL_UNS_ADMIN_PERM would be accepted here, and do nothing. */
static const struct genl_multicast_group groups[] = {
	[EVENT_OPEN] = {
		.name = KTLS_STATS_MCGRP_OPEN,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
	[EVENT_CLOSE] = {
		.name = KTLS_STATS_MCGRP_CLOSE,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

static struct genl_family family __ro_after_init = {
	.name = KTLS_STATS_FAMILY_NAME,
	.version = KTLS_STATS_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = KTLS_STATS_CMD_SESSION_GET,
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/* From the worker. There is no reader to number the owner for. */
void netlink_notify(struct session *s, int event)
{
	struct net *net = sock_net(s->sk);
	struct sk_buff *skb;
	int cmd = event == EVENT_OPEN ? KTLS_STATS_CMD_OPEN_NTF :
					KTLS_STATS_CMD_CLOSE_NTF;

	if (!genl_has_listeners(&family, net, event))
		return;
	skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return;
	if (fill_session(skb, s, 0, 0, 0, cmd, net->user_ns))
		nlmsg_free(skb);
	else
		genlmsg_multicast_netns(&family, net, skb, 0, event,
					GFP_KERNEL);
}

int netlink_init(void)
{
	return genl_register_family(&family);
}

void netlink_exit(void)
{
	genl_unregister_family(&family);
}
