// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wall to the kernel. Here libmnl and errno end; beyond are plain structs
 * and -errno.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "genl.h"

/* A busy host may change under each of them: then tell what there is. */
#define DUMP_TRIES 4

struct group {
	const char *name;
	uint32_t id;
};

static int take_group(const struct nlattr *attr, void *out)
{
	struct group *group = out;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		group->name = mnl_attr_get_str(attr);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
	    !mnl_attr_validate(attr, MNL_TYPE_U32))
		group->id = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int take_groups(const struct nlattr *attr, void *out)
{
	static const char *const names[] = {
		[EVENT_OPEN] = KTLS_STATS_MCGRP_OPEN,
		[EVENT_CLOSE] = KTLS_STATS_MCGRP_CLOSE,
	};
	struct group group = { 0 };
	struct genl *g = out;

	if (mnl_attr_parse_nested(attr, take_group, &group) < 0)
		return MNL_CB_ERROR;
	for (size_t i = 0; group.name && i < ARRAY_SIZE(names); i++)
		if (!strcmp(group.name, names[i]))
			g->groups[i] = group.id;
	return MNL_CB_OK;
}

static int take_family(const struct nlattr *attr, void *out)
{
	struct genl *g = out;

	if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
		return mnl_attr_parse_nested(attr, take_groups, g);
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		g->family = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *out)
{
	if (mnl_attr_parse(nlh, GENL_HDRLEN, take_family, out) < 0)
		return -errno;
	return 0;
}

static void put_name(struct nlmsghdr *nlh, const void *what)
{
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, what);
}

static int resolve(struct genl *g)
{
	struct request r = {
		.type = GENL_ID_CTRL, .flags = NLM_F_ACK,
		.cmd = CTRL_CMD_GETFAMILY, .version = 1,
		.put = put_name, .what = KTLS_STATS_FAMILY_NAME,
		.reply = on_family, .out = g,
	};

	return exchange(g, &r);
}

int genl_open(struct genl **out)
{
	struct genl *g = calloc(1, sizeof(*g));
	int ret;

	if (!g)
		return -ENOMEM;
	ret = exchange_open(g);
	if (!ret)
		ret = resolve(g);
	if (ret) {
		genl_close(g);
		return ret;
	}
	*out = g;
	return 0;
}

void genl_close(struct genl *g)
{
	if (g->nl)
		mnl_socket_close(g->nl);
	free(g);
}

const char *genl_reason(const struct genl *g, int err)
{
	return g->words[0] ? g->words : strerror(-err);
}

static int on_totals(const struct nlmsghdr *nlh, void *out)
{
	return parse_totals(nlh, out);
}

int genl_totals(struct genl *g, struct totals *t)
{
	struct request r = {
		.type = g->family, .flags = NLM_F_ACK,
		.cmd = KTLS_STATS_CMD_TOTALS_GET,
		.version = KTLS_STATS_FAMILY_VERSION,
		.reply = on_totals, .out = t,
	};

	memset(t, 0, sizeof(*t));
	return exchange(g, &r);
}

int sessions_add(struct sessions *s, const struct session *one)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct session *v = reallocarray(s->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	s->v[s->n++] = *one;
	return 0;
}

static int on_session(const struct nlmsghdr *nlh, void *out)
{
	struct session one = { 0 };
	int ret = parse_session(nlh, &one);

	return ret ? ret : sessions_add(out, &one);
}

static void put_filters(struct nlmsghdr *nlh, const void *what)
{
	for (uint16_t attr = 1; attr <= KTLS_STATS_A_SESSION_MAX; attr++) {
		const struct filter *f = filter_for(what, attr);

		if (!f)
			continue;
		if (f->field->type->text)
			mnl_attr_put_strz(nlh, attr, f->text);
		else
			mnl_attr_put_u32(nlh, attr, f->number);
	}
}

int genl_sessions(struct genl *g, struct sessions *s, const struct filters *f)
{
	struct request r = {
		.type = g->family, .flags = NLM_F_DUMP,
		.cmd = KTLS_STATS_CMD_SESSION_GET,
		.version = KTLS_STATS_FAMILY_VERSION,
		.put = f ? put_filters : NULL, .what = f,
		.reply = on_session, .out = s,
	};
	int ret = 0;

	memset(s, 0, sizeof(*s));
	for (int i = 0; i < DUMP_TRIES; i++) {
		s->n = 0;
		if (ret == -ENOBUFS) {	/* messages were lost: start afresh */
			mnl_socket_close(g->nl);
			ret = exchange_open(g);
			if (ret)
				return ret;
		}
		ret = exchange(g, &r);
		if ((ret == -EINVAL || ret == -ERANGE) && r.put) {
			r.put = NULL;	/* knows no such filter: take all */
			ret = exchange(g, &r);
		}
		if (ret != -ENOBUFS && (ret || !g->interrupted))
			return ret;
	}
	s->inconsistent = g->interrupted;
	return ret;
}

struct naming {
	uint64_t cookie;
	const char *label;
};

static void put_label(struct nlmsghdr *nlh, const void *what)
{
	const struct naming *n = what;

	mnl_attr_put_u64(nlh, KTLS_STATS_A_SESSION_COOKIE, n->cookie);
	mnl_attr_put_strz(nlh, KTLS_STATS_A_SESSION_LABEL, n->label);
}

static int on_nothing(const struct nlmsghdr *nlh, void *out)
{
	(void)nlh;
	(void)out;
	return 0;
}

int genl_label(struct genl *g, uint64_t cookie, const char *label)
{
	struct naming naming = { cookie, label };
	struct request r = {
		.type = g->family, .flags = NLM_F_ACK,
		.cmd = KTLS_STATS_CMD_LABEL_SET,
		.version = KTLS_STATS_FAMILY_VERSION,
		.put = put_label, .what = &naming,
		.reply = on_nothing,
	};

	return exchange(g, &r);
}
