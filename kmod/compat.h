/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels 6.1 and 7.3, and nothing else. All that is
 * read of TLS and TCP is internal to the kernel and may change with any
 * release: the module refuses to load on one that nobody has looked at.
 * KTLS_KERNEL comes from Kbuild, and is 612 for 6.12.
 */
#ifndef KTLS_COMPAT_H
#define KTLS_COMPAT_H

#include <net/genetlink.h>
#include <net/tls.h>
#if KTLS_KERNEL >= 606
#include <net/tls_prot.h>
#endif

#define KTLS_LAYOUT_KNOWN	(KTLS_KERNEL == 601 || KTLS_KERNEL == 612 || \
				 KTLS_KERNEL == 703)

/* Which argument of tls_set_sw_offload() says that the keys are for sending. */
#if KTLS_KERNEL < 607
#define SET_SW_OFFLOAD_TX	2
#else
#define SET_SW_OFFLOAD_TX	1
#endif

/* And which one is set for a key update. Older kernels refuse key updates. */
#if KTLS_KERNEL >= 614
#define SET_SW_OFFLOAD_REKEY	2
#endif

/* True while some sender is inside TCP, asleep if we have the lock. */
static inline bool sender_in_tcp(const struct tls_context *ctx)
{
#if KTLS_KERNEL < 605
	return ctx->in_tcp_sendpages;
#else
	return ctx->splicing_pages;
#endif
}

/* The attributes of the request that a dump answers. */
static inline struct nlattr **dump_attrs(struct netlink_callback *cb)
{
#if KTLS_KERNEL < 606
	return genl_dumpit_info(cb)->attrs;
#else
	return genl_dumpit_info(cb)->info.attrs;
#endif
}

#endif
