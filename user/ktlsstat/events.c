// SPDX-License-Identifier: GPL-2.0-or-later
/* Behind the wall to the kernel: what it tells without being asked. */
#include <errno.h>

#include "genl.h"

/* The most that may wait for us; more needs a larger limit of the system. */
#define ROOM (8 << 20)

int genl_join(struct genl *g, unsigned int events)
{
	int fd = mnl_socket_get_fd(g->nl), room = ROOM;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < ARRAY_SIZE(g->groups); i++) {
		if (!(events & 1 << i))
			continue;
		if (!g->groups[i])
			return -EOPNOTSUPP;
		if (mnl_socket_setsockopt(g->nl, NETLINK_ADD_MEMBERSHIP,
					  &g->groups[i], sizeof(uint32_t)) < 0)
			return -errno;
	}
	return 0;
}

int genl_fd(const struct genl *g)
{
	return mnl_socket_get_fd(g->nl);
}

struct listener {
	genl_event_t *tell;
	void *data;
};

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct listener *l = data;
	struct session s = { 0 };

	if (mnl_nlmsg_get_payload_len(nlh) < GENL_HDRLEN ||
	    (genl->cmd != KTLS_STATS_CMD_OPEN_NTF &&
	     genl->cmd != KTLS_STATS_CMD_CLOSE_NTF))
		return MNL_CB_OK;
	if (parse_session(nlh, &s)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	l->tell(genl->cmd == KTLS_STATS_CMD_OPEN_NTF ? EVENT_OPEN :
		EVENT_CLOSE, &s, l->data);
	return MNL_CB_OK;
}

int genl_events(struct genl *g, genl_event_t *tell, void *data)
{
	struct listener l = { tell, data };
	ssize_t n = mnl_socket_recvfrom(g->nl, g->buf, sizeof(g->buf));

	if (n < 0)
		return -errno;
	/* Nobody asked: any number, and from the kernel alone. */
	return mnl_cb_run(g->buf, n, 0, 0, on_event, &l) < 0 ? -errno : 0;
}
