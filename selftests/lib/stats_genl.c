// SPDX-License-Identifier: GPL-2.0-only
/*
 * Talks to the family ktls-stats, from the header alone: nothing here is
 * shared with the module, nor with ktlsstat.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/ktls_stats.h>

#include "stats_genl.h"

#define BUFFER	65536			/* totals may take 16 KB */

struct stats {
	struct mnl_socket *nl;
	uint32_t portid, seq;
	uint16_t family;
	const char *group;		/* looked for, when resolving */
	uint32_t group_id;
	struct stats_session *sessions;	/* where a dump goes */
	size_t max, count;
	char complaint[128];
	char buf[BUFFER];
};

/* Attributes that are numbers, and where they go. */
struct field {
	int attr, size;
	size_t offset;
};

#define FIELD(type, name, member) { KTLS_STATS_A_ ## name, \
	sizeof(((struct type *)0)->member), offsetof(struct type, member) }
#define LEN(a) (sizeof(a) / sizeof(*(a)))

static const struct field direction_fields[] = {
	FIELD(stats_direction, DIRECTION_MODE, mode),
	FIELD(stats_direction, DIRECTION_LIVE, live),
	FIELD(stats_direction, DIRECTION_CLOSED, closed),
	FIELD(stats_direction, DIRECTION_BYTES, bytes),
	FIELD(stats_direction, DIRECTION_RECORDS, records),
	FIELD(stats_direction, DIRECTION_WIRE, wire),
	FIELD(stats_direction, DIRECTION_CONTROL, control),
	FIELD(stats_direction, DIRECTION_REKEYS, rekeys),
};

static const struct field session_fields[] = {
	FIELD(stats_session, SESSION_COOKIE, cookie),
	FIELD(stats_session, SESSION_INODE, inode),
	FIELD(stats_session, SESSION_UID, uid),
	FIELD(stats_session, SESSION_FAMILY, family),
	FIELD(stats_session, SESSION_LOCAL_PORT, local_port),
	FIELD(stats_session, SESSION_REMOTE_PORT, remote_port),
	FIELD(stats_session, SESSION_VERSION, version),
	FIELD(stats_session, SESSION_CIPHER, cipher),
	FIELD(stats_session, SESSION_ERRORS, errors),
	FIELD(stats_session, SESSION_AGE, age),
	FIELD(stats_session, SESSION_IDLE, idle),
	FIELD(stats_session, SESSION_FLAGS, flags),
};

static const struct field totals_fields[] = {
	FIELD(stats_totals, TOTALS_LIVE, live),
	FIELD(stats_totals, TOTALS_CLOSED, closed),
	FIELD(stats_totals, TOTALS_MISSED, missed),
	FIELD(stats_totals, TOTALS_ERRORS, errors),
	FIELD(stats_totals, TOTALS_BUSY, busy),
};

static const struct field breakdown_fields[] = {
	FIELD(stats_breakdown, BREAKDOWN_VERSION, version),
	FIELD(stats_breakdown, BREAKDOWN_CIPHER, cipher),
	FIELD(stats_breakdown, BREAKDOWN_MODE, mode),
};

/* True if @attr is one of @fields, and was stored into @out. */
static int take(const struct nlattr *attr, const struct field *fields,
		size_t n, void *out)
{
	for (size_t i = 0; i < n; i++)
		if (mnl_attr_get_type(attr) == fields[i].attr &&
		    mnl_attr_get_payload_len(attr) == fields[i].size) {
			memcpy((char *)out + fields[i].offset,
			       mnl_attr_get_payload(attr), fields[i].size);
			return 1;
		}
	return 0;
}

static void take_direction(const struct nlattr *nest,
			   struct stats_direction *out)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		take(attr, direction_fields, LEN(direction_fields), out);
}

static void take_text(const struct nlattr *attr, char *out, size_t size)
{
	size_t len = mnl_attr_get_payload_len(attr);

	len = len < size ? len : size - 1;
	memcpy(out, mnl_attr_get_payload(attr), len);
	out[len] = 0;
}

static void take_address(const struct nlattr *attr, uint8_t *out)
{
	if (mnl_attr_get_payload_len(attr) <= 16)
		memcpy(out, mnl_attr_get_payload(attr),
		       mnl_attr_get_payload_len(attr));
}

static void take_session(const struct nlmsghdr *nlh, struct stats_session *out)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	memset(out, 0, sizeof(*out));
	out->cmd = genl->cmd;
	mnl_attr_for_each(attr, nlh, sizeof(*genl)) {
		if (take(attr, session_fields, LEN(session_fields), out))
			continue;
		switch (mnl_attr_get_type(attr)) {
		case KTLS_STATS_A_SESSION_TX:
			take_direction(attr, &out->tx);
			break;
		case KTLS_STATS_A_SESSION_RX:
			take_direction(attr, &out->rx);
			break;
		case KTLS_STATS_A_SESSION_LOCAL_ADDR:
			take_address(attr, out->local);
			break;
		case KTLS_STATS_A_SESSION_REMOTE_ADDR:
			take_address(attr, out->remote);
			break;
		case KTLS_STATS_A_SESSION_LABEL:
			take_text(attr, out->label, sizeof(out->label));
			break;
		}
	}
}

static void take_breakdown(const struct nlattr *nest,
			   struct stats_breakdown *out)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		if (take(attr, breakdown_fields, LEN(breakdown_fields), out))
			continue;
		if (mnl_attr_get_type(attr) == KTLS_STATS_A_BREAKDOWN_TX)
			take_direction(attr, &out->tx);
		if (mnl_attr_get_type(attr) == KTLS_STATS_A_BREAKDOWN_RX)
			take_direction(attr, &out->rx);
	}
}

static int on_totals(const struct nlmsghdr *nlh, void *data)
{
	struct stats_totals *out = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (take(attr, totals_fields, LEN(totals_fields), out))
			continue;
		switch (mnl_attr_get_type(attr)) {
		case KTLS_STATS_A_TOTALS_TX:
			take_direction(attr, &out->tx);
			break;
		case KTLS_STATS_A_TOTALS_RX:
			take_direction(attr, &out->rx);
			break;
		case KTLS_STATS_A_TOTALS_BREAKDOWN:
			if (out->breakdowns == LEN(out->breakdown))
				return MNL_CB_ERROR;
			take_breakdown(attr, &out->breakdown[out->breakdowns]);
			out->breakdowns++;
			break;
		}
	}
	return MNL_CB_OK;
}

static int on_session(const struct nlmsghdr *nlh, void *data)
{
	struct stats *s = data;

	if (s->count < s->max)
		take_session(nlh, &s->sessions[s->count]);
	s->count++;
	return MNL_CB_OK;
}

static int on_group(const struct nlattr *attr, struct stats *s)
{
	const struct nlattr *field;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(field, attr) {
		if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(field);
		if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(field);
	}
	if (s->group && !strcmp(name, s->group))
		s->group_id = id;
	return 0;
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *group;
	struct stats *s = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			s->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			mnl_attr_for_each_nested(group, attr)
				on_group(group, s);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *request(struct stats *s, uint16_t type, uint8_t cmd,
				uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(s->buf);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh,
							     sizeof(*genl));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = ++s->seq;
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

struct answer {
	struct stats *s;
	mnl_cb_t cb;
	void *data;
};

/* What the kernel says of an error comes after the error itself. */
static void take_complaint(struct stats *s, const struct nlmsghdr *nlh,
			   size_t offset)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, offset)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			take_text(attr, s->complaint, sizeof(s->complaint));
}

static int stop(int error)
{
	errno = -error;
	return error ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

	take_complaint(a->s, nlh, sizeof(*err));
	return stop(err->error);
}

/* A dump says at its end that it has failed. */
static int on_done(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;
	const int *error = mnl_nlmsg_get_payload(nlh);

	take_complaint(a->s, nlh, sizeof(*error));
	return stop(*error);
}

static const mnl_cb_t on_control[NLMSG_MIN_TYPE] = {
	[NLMSG_ERROR] = on_error,
	[NLMSG_DONE] = on_done,
};

static int on_data(const struct nlmsghdr *nlh, void *data)
{
	struct answer *a = data;

	return a->cb ? a->cb(nlh, a->data) : MNL_CB_OK;
}

static int exchange(struct stats *s, struct nlmsghdr *nlh, mnl_cb_t cb,
		    void *data)
{
	struct answer answer = { s, cb, data };
	ssize_t n;
	int ret;

	s->complaint[0] = 0;
	if (mnl_socket_sendto(s->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(s->nl, s->buf, sizeof(s->buf));
		if (n < 0)
			return -errno;
		ret = mnl_cb_run2(s->buf, n, s->seq, s->portid, on_data,
				  &answer, on_control, NLMSG_MIN_TYPE);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}

static int resolve(struct stats *s, const char *group)
{
	struct nlmsghdr *nlh = request(s, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, KTLS_STATS_FAMILY_NAME);
	s->group = group;
	s->group_id = 0;
	return exchange(s, nlh, on_family, s);
}

int stats_open(struct stats **out)
{
	struct stats *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM, on = 1;

	if (!s)
		return ret;
	s->nl = mnl_socket_open(NETLINK_GENERIC);
	if (!s->nl || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID)) {
		ret = -errno;
		goto close;
	}
	s->portid = mnl_socket_get_portid(s->nl);
	/* A complaint is easier found behind a request that is not echoed. */
	mnl_socket_setsockopt(s->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(s->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	ret = resolve(s, NULL);
	if (ret)
		goto close;
	*out = s;
	return 0;

close:
	stats_close(s);
	return ret;
}

void stats_close(struct stats *s)
{
	if (s && s->nl)
		mnl_socket_close(s->nl);
	free(s);
}

int stats_session(struct stats *s, uint64_t cookie, struct stats_session *out)
{
	struct nlmsghdr *nlh = request(s, s->family,
				       KTLS_STATS_CMD_SESSION_GET, 0);

	mnl_attr_put_u64(nlh, KTLS_STATS_A_SESSION_COOKIE, cookie);
	s->sessions = out;
	s->max = 1;
	s->count = 0;
	return exchange(s, nlh, on_session, s);
}

/* Returns how many there are, of which up to @max are stored. */
int stats_dump(struct stats *s, struct stats_session *out, size_t max)
{
	return stats_filter(s, 0, NULL, 0, out, max);
}

int stats_filter(struct stats *s, int attr, const void *value, size_t len,
		 struct stats_session *out, size_t max)
{
	struct nlmsghdr *nlh = request(s, s->family, KTLS_STATS_CMD_SESSION_GET,
				       NLM_F_DUMP);
	int ret;

	if (attr)
		mnl_attr_put(nlh, attr, len, value);
	s->sessions = out;
	s->max = max;
	s->count = 0;
	ret = exchange(s, nlh, on_session, s);
	return ret ? ret : (int)s->count;
}

int stats_label(struct stats *s, uint64_t cookie, int fd, const void *label,
		size_t len)
{
	struct nlmsghdr *nlh = request(s, s->family, KTLS_STATS_CMD_LABEL_SET, 0);

	if (cookie)
		mnl_attr_put_u64(nlh, KTLS_STATS_A_SESSION_COOKIE, cookie);
	if (fd >= 0)
		mnl_attr_put_u32(nlh, KTLS_STATS_A_SESSION_FD, fd);
	if (label)
		mnl_attr_put(nlh, KTLS_STATS_A_SESSION_LABEL, len, label);
	return exchange(s, nlh, NULL, NULL);
}

int stats_ask(struct stats *s, uint8_t cmd, uint16_t flags, int attr,
	      const void *value, size_t len)
{
	struct nlmsghdr *nlh = request(s, s->family, cmd, flags);

	if (attr)
		mnl_attr_put(nlh, attr, len, value);
	return exchange(s, nlh, NULL, NULL);
}

const char *stats_complaint(const struct stats *s)
{
	return s->complaint;
}

int stats_fd(const struct stats *s)
{
	return mnl_socket_get_fd(s->nl);
}

uint16_t stats_family(const struct stats *s)
{
	return s->family;
}

int stats_totals(struct stats *s, struct stats_totals *out)
{
	memset(out, 0, sizeof(*out));
	return exchange(s, request(s, s->family, KTLS_STATS_CMD_TOTALS_GET, 0),
			on_totals, out);
}

/* This socket is for events from now on. */
int stats_join(struct stats *s, const char *group)
{
	int ret = resolve(s, group);

	if (ret)
		return ret;
	if (!s->group_id)
		return -ENOENT;
	if (mnl_socket_setsockopt(s->nl, NETLINK_ADD_MEMBERSHIP, &s->group_id,
				  sizeof(s->group_id)))
		return -errno;
	return 0;
}

int stats_event(struct stats *s, uint8_t cmd, uint64_t cookie,
		struct stats_session *out)
{
	struct pollfd pfd = { mnl_socket_get_fd(s->nl), POLLIN, 0 };
	ssize_t n;

	while (poll(&pfd, 1, 2000) == 1) {
		n = mnl_socket_recvfrom(s->nl, s->buf, sizeof(s->buf));
		if (n < 0)
			return -errno;
		take_session((struct nlmsghdr *)s->buf, out);
		if (out->cmd == cmd && out->cookie == cookie)
			return 0;
	}
	return -ETIMEDOUT;
}
