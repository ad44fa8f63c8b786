// SPDX-License-Identifier: GPL-2.0-or-later
/* One request and all of its answer, whatever a netlink socket may do. */
#include <errno.h>

#include "genl.h"

int exchange_open(struct genl *g)
{
	int on = 1;

	g->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!g->nl)
		return -errno;
	/* Kernels without them only tell us less. */
	mnl_socket_setsockopt(g->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(g->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	if (mnl_socket_bind(g->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

/* What the callbacks of libmnl are given. */
struct state {
	struct genl *g;
	const struct request *r;
};

static int take_words(const struct nlattr *attr, void *data)
{
	struct genl *g = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		log_escape(g->words, sizeof(g->words), mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

/* Both ends of an exchange: error in front, the kernel's words after @skip. */
static int on_end(const struct nlmsghdr *nlh, void *data, size_t skip)
{
	struct state *st = data;
	const int *err = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err))
		return MNL_CB_STOP;
	if ((nlh->nlmsg_flags & NLM_F_ACK_TLVS) &&
	    mnl_nlmsg_get_payload_len(nlh) > skip)
		mnl_attr_parse(nlh, skip, take_words, st->g);
	if (!*err)
		return MNL_CB_STOP;
	errno = *err < 0 ? -*err : *err;
	return MNL_CB_ERROR;
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	return on_end(nlh, data, skip);
}

static int on_done(const struct nlmsghdr *nlh, void *data)
{
	return on_end(nlh, data, sizeof(int));
}

static int on_data(const struct nlmsghdr *nlh, void *data)
{
	const struct state *st = data;
	int ret = -EBADMSG;

	if (mnl_nlmsg_get_payload_len(nlh) >= GENL_HDRLEN)
		ret = st->r->reply(nlh, st->r->out);
	if (!ret)
		return MNL_CB_OK;
	errno = -ret;
	return MNL_CB_ERROR;
}

/*
 * libmnl gives up at the first message of an interrupted dump. The rest is
 * wanted too: read on, so that the socket is empty, and remember.
 */
static void take_interruption(struct genl *g, int len)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)g->buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			g->interrupted = true;
		nlh->nlmsg_flags &= ~NLM_F_DUMP_INTR;
	}
}

static int receive(struct genl *g, const struct request *r)
{
	static mnl_cb_t control[] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	struct state st = { g, r };
	unsigned int port = mnl_socket_get_portid(g->nl);
	int n, ret;

	do {
		do
			n = mnl_socket_recvfrom(g->nl, g->buf, sizeof(g->buf));
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		take_interruption(g, n);
		ret = mnl_cb_run2(g->buf, n, g->seq, port, on_data, &st,
				  control, ARRAY_SIZE(control));
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

int exchange(struct genl *g, const struct request *r)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(g->buf);
	struct genlmsghdr *genl;
	ssize_t n;

	g->words[0] = '\0';
	g->interrupted = false;
	nlh->nlmsg_type = r->type;
	nlh->nlmsg_flags = NLM_F_REQUEST | r->flags;
	nlh->nlmsg_seq = ++g->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = r->cmd;
	genl->version = r->version;
	if (r->put)
		r->put(nlh, r->what);
	do
		n = mnl_socket_sendto(g->nl, nlh, nlh->nlmsg_len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : receive(g, r);
}
