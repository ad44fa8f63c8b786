// SPDX-License-Identifier: GPL-2.0-only
/*
 * Understands the questions of uapi/linux/ktls_stats.h. The family is written
 * by hand: the generator emits split operations, which 6.1 does not have, and
 * drops the flags of multicast groups.
 */
#include <linux/file.h>
#include <linux/net.h>
#include <net/genetlink.h>
#include "compat.h"
#include "internal.h"

static struct genl_family family;

static int fill_session(struct sk_buff *skb, struct session *s,
			const struct view *v, u32 portid, u32 seq, int flags,
			int cmd, struct user_namespace *ns)
{
	void *hdr = genlmsg_put(skb, portid, seq, &family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (message_session(skb, s, v, ns)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int session_get_do(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *cookie = info->attrs[KTLS_STATS_A_SESSION_COOKIE];
	long wait = WAIT_REQUEST;
	struct sk_buff *reply;
	struct session *s;
	struct view v;
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
	look_view(s, &v, &wait);
	reply = genlmsg_new(MESSAGE_SESSION_SIZE, GFP_KERNEL);
	ret = !reply ? -ENOMEM :
	      fill_session(reply, s, &v, info->snd_portid, info->snd_seq, 0,
			   KTLS_STATS_CMD_SESSION_GET,
			   sk_user_ns(NETLINK_CB(skb).sk));
	session_put(s);
	if (ret) {
		nlmsg_free(reply);
		return ret;
	}
	return genlmsg_reply(reply, info);
}

/* --- dumps ---------------------------------------------------------------- */

/* What is left of a dump from one message to the next: cb->args[]. */
enum { DUMP_COOKIE, DUMP_LAST, DUMP_WAIT, DUMP_STARTED };

static bool wanted(const struct session *s, struct nlattr **attrs,
		   struct user_namespace *ns)
{
	struct nlattr *uid = attrs[KTLS_STATS_A_SESSION_UID];
	struct nlattr *label = attrs[KTLS_STATS_A_SESSION_LABEL];
	struct nlattr *cipher = attrs[KTLS_STATS_A_SESSION_CIPHER];
	struct nlattr *local = attrs[KTLS_STATS_A_SESSION_LOCAL_PORT];
	struct nlattr *remote = attrs[KTLS_STATS_A_SESSION_REMOTE_PORT];

	return (!uid || uid_eq(s->uid, make_kuid(ns, nla_get_u32(uid)))) &&
	       (!label || label_is(s, label)) &&
	       (!cipher || s->cipher == nla_get_u32(cipher)) &&
	       (!local || s->local_port == nla_get_u32(local)) &&
	       (!remote || s->remote_port == nla_get_u32(remote));
}

/* Returns whether there was room. */
static bool dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		     struct session *s, long *wait, struct user_namespace *ns)
{
	struct view v;

	look_view(s, &v, wait);
	return !fill_session(skb, s, &v, NETLINK_CB(cb->skb).portid,
			     cb->nlh->nlmsg_seq, NLM_F_MULTI,
			     KTLS_STATS_CMD_SESSION_GET, ns);
}

static int session_get_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct user_namespace *ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	struct nlattr **attrs = dump_attrs(cb);
	struct net *net = sock_net(skb->sk);
	u64 cookie = cb->args[DUMP_COOKIE];
	struct session *s;
	bool room = true;
	long wait, given;

	if (attrs[KTLS_STATS_A_SESSION_COOKIE]) {
		NL_SET_ERR_MSG_ATTR(cb->extack,
				    attrs[KTLS_STATS_A_SESSION_COOKIE],
				    "a cookie selects one session: not in a dump");
		return -EINVAL;
	}
	if (!cb->args[DUMP_STARTED]) {
		cb->args[DUMP_STARTED] = true;
		cb->args[DUMP_LAST] = session_last(net);
		cb->args[DUMP_WAIT] = WAIT_DUMP;
	}
	given = min_t(long, cb->args[DUMP_WAIT], WAIT_REQUEST);
	wait = given;
	while (room && !fatal_signal_pending(current) &&
	       (s = session_next(net, &cookie, cb->args[DUMP_LAST]))) {
		if (wanted(s, attrs, ns))
			room = dump_one(skb, cb, s, &wait, ns);
		session_put(s);
		if (room)
			cb->args[DUMP_COOKIE] = cookie;
		cond_resched();
	}
	cb->args[DUMP_WAIT] -= given - wait;
	return skb->len;
}

/* --- labels --------------------------------------------------------------- */

/* In the context of the sender: the descriptor is his. */
static struct session *session_by_fd(struct genl_info *info, u32 fd)
{
	struct session *s = ERR_PTR(-ENOENT);
	struct socket *sock;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return ERR_PTR(err);
	if (net_eq(sock_net(sock->sk), genl_info_net(info)))
		s = session_get(sock->sk) ?: s;
	sockfd_put(sock);
	return s;
}

static struct session *labelled(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *cookie = info->attrs[KTLS_STATS_A_SESSION_COOKIE];
	struct nlattr *fd = info->attrs[KTLS_STATS_A_SESSION_FD];
	struct net *net = genl_info_net(info);

	if (!cookie == !fd) {
		GENL_SET_ERR_MSG(info, "one of cookie and fd is wanted");
		return ERR_PTR(-EINVAL);
	}
	if (fd)
		return session_by_fd(info, nla_get_u32(fd));
	if (!netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN)) {
		GENL_SET_ERR_MSG(info, "by cookie it needs CAP_NET_ADMIN");
		return ERR_PTR(-EPERM);
	}
	return session_by_cookie(net, nla_get_u64(cookie)) ?: ERR_PTR(-ENOENT);
}

static int label_set_do(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attr = info->attrs[KTLS_STATS_A_SESSION_LABEL];
	struct label *label;
	struct session *s;
	int ret;

	if (!attr) {
		GENL_SET_ERR_MSG(info, "label is missing");
		return -EINVAL;
	}
	label = label_make(attr);
	if (IS_ERR(label)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr,
				    "label is no UTF-8 of up to 255 bytes");
		return PTR_ERR(label);
	}
	s = labelled(skb, info);
	ret = PTR_ERR_OR_ZERO(s);
	if (!ret) {
		ret = label_set(s, label);
		session_put(s);
	}
	if (ret == -ENOENT)
		GENL_SET_ERR_MSG(info, "no live session is meant by that");
	if (ret)
		kfree(label);
	return ret;
}

static int totals_get_do(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply = genlmsg_new(MESSAGE_TOTALS_SIZE, GFP_KERNEL);
	struct totals *t = kzalloc(sizeof(*t), GFP_KERNEL);
	long wait = WAIT_REQUEST;
	int ret = -ENOMEM;
	void *hdr;

	if (!reply || !t)
		goto free;
	look_totals(genl_info_net(info), t, &wait);
	ret = -EMSGSIZE;
	hdr = genlmsg_put_reply(reply, info, &family, 0,
				KTLS_STATS_CMD_TOTALS_GET);
	if (!hdr || message_totals(reply, t))
		goto free;
	genlmsg_end(reply, hdr);
	kfree(t);
	return genlmsg_reply(reply, info);

free:
	kfree(t);
	nlmsg_free(reply);
	return ret;
}

/* A string may not be empty. The text may end with a NUL. */
#define LABEL_POLICY { .type = NLA_BINARY, .len = LABEL_MAX + 1 }

/* 6.1 has one policy for asking and dumping; what does not fit is said above. */
static const struct nla_policy get_policy[] = {
	[KTLS_STATS_A_SESSION_COOKIE] = { .type = NLA_U64 },
	[KTLS_STATS_A_SESSION_UID] = { .type = NLA_U32 },
	[KTLS_STATS_A_SESSION_LABEL] = LABEL_POLICY,
	[KTLS_STATS_A_SESSION_CIPHER] = { .type = NLA_U32 },
	[KTLS_STATS_A_SESSION_LOCAL_PORT] = { .type = NLA_U32 },
	[KTLS_STATS_A_SESSION_REMOTE_PORT] = { .type = NLA_U32 },
};

static const struct nla_policy label_policy[] = {
	[KTLS_STATS_A_SESSION_COOKIE] = { .type = NLA_U64 },
	[KTLS_STATS_A_SESSION_LABEL] = LABEL_POLICY,
	[KTLS_STATS_A_SESSION_FD] = { .type = NLA_U32 },
};

static const struct genl_ops ops[] = {
	{
		.cmd = KTLS_STATS_CMD_SESSION_GET,
		.flags = GENL_UNS_ADMIN_PERM,
		.doit = session_get_do,
		.dumpit = session_get_dump,
		.policy = get_policy,
		.maxattr = ARRAY_SIZE(get_policy) - 1,
	}, {
		.cmd = KTLS_STATS_CMD_TOTALS_GET,
		.doit = totals_get_do,
	}, {
		.cmd = KTLS_STATS_CMD_LABEL_SET,
		.doit = label_set_do,
		.policy = label_policy,
		.maxattr = ARRAY_SIZE(label_policy) - 1,
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

/*
 * From the worker, which others wait for: without looking at the socket. There
 * is no reader to number the owner for.
 */
void netlink_notify(struct session *s, int event)
{
	struct net *net = sock_net(s->sk);
	struct sk_buff *skb;
	struct view v;
	int cmd = event == EVENT_OPEN ? KTLS_STATS_CMD_OPEN_NTF :
					KTLS_STATS_CMD_CLOSE_NTF;

	if (!genl_has_listeners(&family, net, event))
		return;
	skb = genlmsg_new(MESSAGE_SESSION_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	session_stored(s, &v);
	if (fill_session(skb, s, &v, 0, 0, 0, cmd, net->user_ns))
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
