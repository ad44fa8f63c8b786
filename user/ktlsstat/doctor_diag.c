// SPDX-License-Identifier: GPL-2.0-or-later
/* What sock_diag tells of a TCP socket, which is what ss -tie shows. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "doctor.h"

#ifndef TLS_INFO_TX_MAX_PAYLOAD_LEN
#define TLS_INFO_TX_MAX_PAYLOAD_LEN 7
#endif

struct search {
	const struct wanted *w;
	struct diagnosis *d;
};

static uint16_t u16(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= sizeof(uint16_t) ?
	       mnl_attr_get_u16(attr) : 0;
}

static int take_tls(const struct nlattr *attr, void *data)
{
	struct diagnosis *d = data;

	switch (mnl_attr_get_type(attr)) {
	case TLS_INFO_VERSION:
		d->version = u16(attr);
		break;
	case TLS_INFO_CIPHER:
		d->cipher = u16(attr);
		break;
	case TLS_INFO_TXCONF:
		d->tx = u16(attr);
		break;
	case TLS_INFO_RXCONF:
		d->rx = u16(attr);
		break;
	case TLS_INFO_ZC_RO_TX:
		d->zero_copy = true;
		break;
	case TLS_INFO_RX_NO_PAD:
		d->no_pad = true;
		break;
	case TLS_INFO_TX_MAX_PAYLOAD_LEN:
		d->payload = u16(attr);
		break;
	}
	return MNL_CB_OK;
}

static int take_ulp(const struct nlattr *attr, void *data)
{
	struct diagnosis *d = data;

	if (mnl_attr_get_type(attr) == INET_ULP_INFO_NAME &&
	    !mnl_attr_validate(attr, MNL_TYPE_NUL_STRING))
		log_escape(d->ulp, sizeof(d->ulp), mnl_attr_get_str(attr));
	if ((mnl_attr_get_type(attr) & NLA_TYPE_MASK) == INET_ULP_INFO_TLS) {
		d->tls = true;
		mnl_attr_parse_nested(attr, take_tls, d);
	}
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *data)
{
	if ((mnl_attr_get_type(attr) & NLA_TYPE_MASK) == INET_DIAG_ULP_INFO)
		mnl_attr_parse_nested(attr, take_ulp, data);
	return MNL_CB_OK;
}

/* A dual-stack socket's IPv4 connections are told as what they are. */
static void take_address(struct address *a, const __be32 *bytes, int family,
			 __be16 port)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	a->len = family == AF_INET6 ? 16 : 4;
	a->port = ntohs(port);
	memcpy(a->bytes, bytes, a->len);
	if (a->len == 16 && !memcmp(a->bytes, mapped, sizeof(mapped))) {
		memmove(a->bytes, a->bytes + 12, 4);
		a->len = 4;
	}
}

static bool equal(const struct address *a, const struct address *b)
{
	return a->len == b->len && a->port == b->port &&
	       !memcmp(a->bytes, b->bytes, a->len);
}

static int take_socket(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	struct search *s = data;
	struct diagnosis d = { .found = true };

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return MNL_CB_OK;
	d.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 |
		   m->id.idiag_cookie[0];
	d.inode = m->idiag_inode;
	take_address(&d.local, m->id.idiag_src, m->idiag_family,
		     m->id.idiag_sport);
	take_address(&d.remote, m->id.idiag_dst, m->idiag_family,
		     m->id.idiag_dport);
	if (s->w->cookie ? s->w->cookie != d.cookie :
	    !equal(&s->w->local, &d.local) || !equal(&s->w->remote, &d.remote))
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*m), take_attr, &d);
	*s->d = d;
	return MNL_CB_OK;
}

static int dump(struct mnl_socket *nl, int family, struct search *s)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req;
	int n;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_ext = 1 << (INET_DIAG_INFO - 1);	/* ULPs come with it */
	req->idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_TIME_WAIT);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n > 0)
			n = mnl_cb_run(buf, n, 0, mnl_socket_get_portid(nl),
				       take_socket, s);
		/* A host where sockets come and go: what is left is told. */
		if (n < 0 && errno == EINTR)
			n = MNL_CB_OK;
	} while (n > MNL_CB_STOP);
	return n < 0 ? -errno : 0;
}

int diag_find(struct diagnosis *d, const struct wanted *w)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct search s = { w, d };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG,
						 SOCK_CLOEXEC);
	int ret = 0;

	memset(d, 0, sizeof(*d));
	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		ret = -errno;
	for (size_t i = 0; i < ARRAY_SIZE(families) && !ret && !d->found; i++)
		ret = dump(nl, families[i], &s);
	mnl_socket_close(nl);
	return ret;
}
