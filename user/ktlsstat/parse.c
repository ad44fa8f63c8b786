// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The attributes of <linux/ktls_stats.h>, as plain structs. Attributes that
 * are not in the tables come from a newer module, and are passed over.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

struct member {
	uint16_t attr;
	int (*parse)(const struct nlattr *attr, void *at);
	size_t at;
};

struct set {
	const struct member *members;
	size_t n;
	void *out;
};

static int parse_one(const struct nlattr *attr, void *data)
{
	const struct set *set = data;

	for (size_t i = 0; i < set->n; i++) {
		const struct member *m = &set->members[i];

		if (m->attr == mnl_attr_get_type(attr) &&
		    m->parse(attr, (char *)set->out + m->at))
			return MNL_CB_ERROR;
	}
	return MNL_CB_OK;
}

static int nested(const struct nlattr *attr, const struct member *members,
		  size_t n, void *out)
{
	struct set set = { members, n, out };

	return mnl_attr_parse_nested(attr, parse_one, &set) < 0 ? -1 : 0;
}

static int fixed(const struct nlattr *attr, void *at, size_t len)
{
	if (mnl_attr_get_payload_len(attr) != len) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(at, mnl_attr_get_payload(attr), len);
	return 0;
}

static int u32(const struct nlattr *attr, void *at)
{
	return fixed(attr, at, sizeof(uint32_t));
}

static int u64(const struct nlattr *attr, void *at)
{
	return fixed(attr, at, sizeof(uint64_t));
}

static int label(const struct nlattr *attr, void *at)
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (!len || len > sizeof(((struct session *)NULL)->label) ||
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING)) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(at, mnl_attr_get_payload(attr), len);
	return 0;
}

static int address(const struct nlattr *attr, void *at)
{
	struct address *a = at;

	a->len = mnl_attr_get_payload_len(attr) == 4 ? 4 : 16;
	return fixed(attr, a->bytes, a->len);
}

#define D(name, type, field) \
	{ KTLS_STATS_A_DIRECTION_##name, type, offsetof(struct direction, field) }
static const struct member direction_members[] = {
	D(MODE, u32, mode),
	D(LIVE, u64, live),
	D(CLOSED, u64, closed),
	D(BYTES, u64, bytes),
	D(RECORDS, u64, records),
	D(WIRE, u64, wire),
	D(CONTROL, u64, control),
	D(REKEYS, u64, rekeys),
};

static int direction(const struct nlattr *attr, void *at)
{
	return nested(attr, direction_members, ARRAY_SIZE(direction_members), at);
}

#define B(name, type, field) \
	{ KTLS_STATS_A_BREAKDOWN_##name, type, offsetof(struct breakdown, field) }
static const struct member breakdown_members[] = {
	B(VERSION, u32, version),
	B(CIPHER, u32, cipher),
	B(MODE, u32, mode),
	B(TX, direction, tx),
	B(RX, direction, rx),
};

/* @at: the totals that it is a part of. */
static int breakdown(const struct nlattr *attr, void *at)
{
	struct totals *t = at;
	struct breakdown *b;

	b = reallocarray(t->breakdown, t->breakdowns + 1, sizeof(*b));
	if (!b)
		return -1;
	t->breakdown = b;
	b += t->breakdowns++;
	memset(b, 0, sizeof(*b));
	return nested(attr, breakdown_members, ARRAY_SIZE(breakdown_members), b);
}

#define T(name, type, field) \
	{ KTLS_STATS_A_TOTALS_##name, type, offsetof(struct totals, field) }
static const struct member totals_members[] = {
	T(LIVE, u64, live),
	T(CLOSED, u64, closed),
	T(MISSED, u64, missed),
	T(ERRORS, u64, errors),
	T(BUSY, u64, busy),
	T(TX, direction, tx),
	T(RX, direction, rx),
	{ KTLS_STATS_A_TOTALS_BREAKDOWN, breakdown, 0 },
};

#define S(name, type, field) \
	{ KTLS_STATS_A_SESSION_##name, type, offsetof(struct session, field) }
static const struct member session_members[] = {
	S(COOKIE, u64, cookie),
	S(INODE, u64, inode),
	S(UID, u32, uid),
	S(LOCAL_ADDR, address, local),
	S(LOCAL_PORT, u32, local.port),
	S(REMOTE_ADDR, address, remote),
	S(REMOTE_PORT, u32, remote.port),
	S(VERSION, u32, version),
	S(CIPHER, u32, cipher),
	S(TX, direction, tx),
	S(RX, direction, rx),
	S(ERRORS, u64, errors),
	S(AGE, u64, age),
	S(IDLE, u64, idle),
	S(FLAGS, u32, flags),
	S(LABEL, label, label),
};

static int message(const struct nlmsghdr *nlh, const struct member *members,
		   size_t n, void *out)
{
	struct set set = { members, n, out };

	errno = EBADMSG;		/* for what libmnl itself refuses */
	if (mnl_attr_parse(nlh, GENL_HDRLEN, parse_one, &set) < 0)
		return -errno;
	return 0;
}

int parse_session(const struct nlmsghdr *nlh, struct session *s)
{
	return message(nlh, session_members, ARRAY_SIZE(session_members), s);
}

int parse_totals(const struct nlmsghdr *nlh, struct totals *t)
{
	return message(nlh, totals_members, ARRAY_SIZE(totals_members), t);
}
