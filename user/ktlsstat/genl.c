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

static int take_id(const struct nlattr *attr, void *out)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    !mnl_attr_validate(attr, MNL_TYPE_U16))
		*(uint16_t *)out = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *out)
{
	return mnl_attr_parse(nlh, GENL_HDRLEN, take_id, out) < 0 ? -errno : 0;
}

static int resolve(struct genl *g)
{
	struct request r = {
		.type = GENL_ID_CTRL, .flags = NLM_F_ACK,
		.cmd = CTRL_CMD_GETFAMILY, .version = 1,
		.name = KTLS_STATS_FAMILY_NAME,
		.reply = on_family, .out = &g->family,
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

static int on_session(const struct nlmsghdr *nlh, void *out)
{
	struct sessions *s = out;

	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 64;
		struct session *v = reallocarray(s->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	memset(&s->v[s->n], 0, sizeof(*s->v));
	return parse_session(nlh, &s->v[s->n++]);
}

int genl_sessions(struct genl *g, struct sessions *s, const struct filters *f)
{
	struct request r = {
		.type = g->family, .flags = NLM_F_DUMP,
		.cmd = KTLS_STATS_CMD_SESSION_GET,
		.version = KTLS_STATS_FAMILY_VERSION,
		.reply = on_session, .out = s, .filters = f,
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
		if ((ret == -EINVAL || ret == -ERANGE) && r.filters) {
			r.filters = NULL;	/* an older module: filter all */
			ret = exchange(g, &r);
		}
		if (ret != -ENOBUFS && (ret || !g->interrupted))
			return ret;
	}
	s->inconsistent = g->interrupted;
	return ret;
}
