// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who does the records: the kernel's CPUs or the network card? The kernel
 * decides when it gets the keys, and no socket option tells: only the answer
 * to sock_diag(7), which is a message there and one back. So it is asked for
 * where somebody wants to know, and not for each connection.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include "internal.h"

/* TLS_CONF_HW of the kernel's <net/tls.h>, which TLS_INFO_*CONF are. */
#define CONF_HW 3

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

static void put_address(const struct sockaddr_storage *from, __be16 *port,
			__be32 address[4])
{
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	if (from->ss_family == AF_INET6) {
		*port = in6->sin6_port;
		memcpy(address, &in6->sin6_addr, sizeof(in6->sin6_addr));
	} else {
		*port = in->sin_port;
		memcpy(address, &in->sin_addr, sizeof(in->sin_addr));
	}
}

/* The very socket: by its addresses, and by the kernel's number for it. */
static int fill_request(struct request *r, int fd)
{
	struct inet_diag_sockid *id = &r->diag.id;
	struct sockaddr_storage here, there;
	socklen_t here_len = sizeof(here), there_len = sizeof(there);
	uint64_t cookie;
	socklen_t cookie_len = sizeof(cookie);

	memset(r, 0, sizeof(*r));
	if (getsockname(fd, (struct sockaddr *)&here, &here_len) ||
	    getpeername(fd, (struct sockaddr *)&there, &there_len) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_len))
		return -errno;
	r->header.nlmsg_len = sizeof(*r);
	r->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r->header.nlmsg_flags = NLM_F_REQUEST;
	r->diag.sdiag_family = here.ss_family;
	r->diag.sdiag_protocol = IPPROTO_TCP;
	/* What the protocol above TCP has to say comes with its figures only. */
	r->diag.idiag_ext = 1 << (INET_DIAG_INFO - 1);
	r->diag.idiag_states = -1;
	put_address(&here, &id->idiag_sport, id->idiag_src);
	put_address(&there, &id->idiag_dport, id->idiag_dst);
	id->idiag_cookie[0] = cookie;
	id->idiag_cookie[1] = cookie >> 32;
	return 0;
}

/* The attribute @type among @len bytes of them, or NULL. */
static const struct rtattr *find(const void *data, int len, unsigned int type)
{
	const struct rtattr *a = data;

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

static const struct rtattr *find_in(const struct rtattr *in, unsigned int type)
{
	return in ? find(RTA_DATA(in), RTA_PAYLOAD(in), type) : NULL;
}

static int read_mode(const struct rtattr *tls, unsigned int type, uint8_t *mode)
{
	const struct rtattr *a = find_in(tls, type);
	uint16_t conf;

	if (!a || RTA_PAYLOAD(a) < sizeof(conf))
		return -EPERM;		/* kernels tell only CAP_NET_ADMIN */
	memcpy(&conf, RTA_DATA(a), sizeof(conf));
	*mode = conf == CONF_HW ? KTLS_MODE_DEVICE : KTLS_MODE_SW;
	return 0;
}

static int read_answer(const struct nlmsghdr *h, size_t len,
		       struct ktls_info *info)
{
	const size_t head = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
	const struct nlmsgerr *error = NLMSG_DATA(h);
	const struct rtattr *tls;
	int ret;

	if (!NLMSG_OK(h, len))
		return -EBADMSG;
	if (h->nlmsg_type == NLMSG_ERROR)
		return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) &&
		       error->error ? error->error : -EBADMSG;
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < head)
		return -EBADMSG;
	tls = find((const char *)h + NLMSG_ALIGN(head),
		   h->nlmsg_len - NLMSG_ALIGN(head), INET_DIAG_ULP_INFO);
	tls = find_in(tls, INET_ULP_INFO_TLS);
	ret = read_mode(tls, TLS_INFO_TXCONF, &info->tx_mode);
	return ret ? ret : read_mode(tls, TLS_INFO_RXCONF, &info->rx_mode);
}

int mode_ask(int fd, struct ktls_info *info)
{
	struct request request;
	union {
		struct nlmsghdr header;
		char bytes[8192];
	} answer;
	int sock, ret = fill_request(&request, fd);
	ssize_t n;

	if (ret)
		return ret;
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (sock < 0)
		return -errno;
	/* The kernel answers before send() returns: recv() need not wait. */
	n = send(sock, &request, sizeof(request), 0);
	if (n >= 0)
		n = recv(sock, answer.bytes, sizeof(answer), MSG_DONTWAIT);
	ret = n < 0 ? -errno : read_answer(&answer.header, n, info);
	close(sock);
	return ret;
}

int ktls_conn_mode(struct ktls_conn *c)
{
	if (c->info.tx_mode == KTLS_MODE_USER)
		return 0;
	return mode_ask(c->fd, &c->info);
}
