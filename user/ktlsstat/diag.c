// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions without our module: sock_diag tells of each TCP socket whether it
 * does TLS, and how; not since when, nor how much of its bytes.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/capability.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktlsstat.h"

#define BUFFER 32768
#define ALL_STATES 0xfff		/* bits of TCP_ESTABLISHED and so on */

static uint32_t mode(uint16_t conf)
{
	switch (conf) {
	case TLS_CONF_SW:
		return KTLS_STATS_MODE_SW;
	case TLS_CONF_HW:
	case TLS_CONF_HW_RECORD:
		return KTLS_STATS_MODE_DEVICE;
	}
	return KTLS_STATS_MODE_NONE;
}

static int take_tls(const struct nlattr *attr, void *out)
{
	struct session *s = out;
	uint16_t value;

	if (mnl_attr_get_payload_len(attr) < sizeof(value))
		return MNL_CB_OK;
	value = mnl_attr_get_u16(attr);
	switch (mnl_attr_get_type(attr)) {
	case TLS_INFO_VERSION:
		s->version = value;
		break;
	case TLS_INFO_CIPHER:
		s->cipher = value;
		break;
	case TLS_INFO_TXCONF:
		s->tx.mode = mode(value);
		break;
	case TLS_INFO_RXCONF:
		s->rx.mode = mode(value);
		break;
	}
	return MNL_CB_OK;
}

static int take_ulp(const struct nlattr *attr, void *out)
{
	if (mnl_attr_get_type(attr) == INET_ULP_INFO_TLS)
		return mnl_attr_parse_nested(attr, take_tls, out);
	return MNL_CB_OK;
}

/* Older kernels have a shorter one: what is missing stays 0. */
static void take_tcp(const struct nlattr *attr, struct session *s)
{
	size_t len = mnl_attr_get_payload_len(attr);
	struct tcp_info info = { 0 };

	if (len > sizeof(info))
		len = sizeof(info);
	memcpy(&info, mnl_attr_get_payload(attr), len);
	s->tcp_tx = info.tcpi_bytes_acked;
	s->tcp_rx = info.tcpi_bytes_received;
	s->idle = info.tcpi_last_data_sent < info.tcpi_last_data_recv ?
		info.tcpi_last_data_sent : info.tcpi_last_data_recv;
}

static int take(const struct nlattr *attr, void *out)
{
	if (mnl_attr_get_type(attr) == INET_DIAG_INFO)
		take_tcp(attr, out);
	if (mnl_attr_get_type(attr) == INET_DIAG_ULP_INFO)
		return mnl_attr_parse_nested(attr, take_ulp, out);
	return MNL_CB_OK;
}

static void endpoint(struct address *a, int family, const void *bytes,
		     uint16_t port)
{
	a->len = family == AF_INET ? 4 : 16;
	memcpy(a->bytes, bytes, a->len);
	a->port = ntohs(port);
}

static int on_socket(const struct nlmsghdr *nlh, void *out)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	const struct inet_diag_sockid *id = &m->id;
	struct session s = { .inexact = true };

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m) ||
	    mnl_attr_parse(nlh, sizeof(*m), take, &s) < 0)
		return MNL_CB_ERROR;
	if (!s.version)
		return MNL_CB_OK;	/* no TLS, or no keys yet */
	s.cookie = (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0];
	s.inode = m->idiag_inode;
	s.uid = m->idiag_uid;
	endpoint(&s.local, m->idiag_family, id->idiag_src, id->idiag_sport);
	endpoint(&s.remote, m->idiag_family, id->idiag_dst, id->idiag_dport);
	return sessions_add(out, &s) ? MNL_CB_ERROR : MNL_CB_OK;
}

static int ask(struct mnl_socket *nl, char *buf, int family,
	       struct sessions *s)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned int port = mnl_socket_get_portid(nl);
	struct inet_diag_req_v2 *r;
	int n, ret;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = family;
	r = mnl_nlmsg_put_extra_header(nlh, sizeof(*r));
	r->sdiag_family = family;
	r->sdiag_protocol = IPPROTO_TCP;
	r->idiag_ext = 1 << (INET_DIAG_INFO - 1);
	r->idiag_states = ALL_STATES;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(nl, buf, BUFFER);
		if (n < 0)
			return -errno;
		ret = mnl_cb_run(buf, n, family, port, on_socket, s);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

/*
 * The kernel leaves out what TLS does rather than say that we may not know.
 * Whether it was owned by a user namespace of ours is not looked at.
 */
static bool privileged(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return !syscall(SYS_capget, &header, data) &&
		(data[0].effective & 1 << CAP_NET_ADMIN);
}

int diag_sessions(struct sessions *s)
{
	struct mnl_socket *nl;
	char *buf;
	int ret;

	memset(s, 0, sizeof(*s));
	if (!privileged())
		return -EPERM;
	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!nl)
		return -errno;
	buf = malloc(BUFFER);
	ret = buf ? 0 : -ENOMEM;
	if (!ret && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		ret = -errno;
	if (!ret)
		ret = ask(nl, buf, AF_INET, s);
	if (!ret)
		ret = ask(nl, buf, AF_INET6, s);
	if (ret)
		free(s->v);
	free(buf);
	mnl_socket_close(nl);
	return ret;
}
