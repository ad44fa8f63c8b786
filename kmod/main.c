// SPDX-License-Identifier: GPL-2.0-only
/*
 * ktls_stats: tells exactly what kernel TLS encrypts and decrypts, for each
 * socket, over the generic netlink family "ktls-stats". See internal.h for
 * how, and uapi/linux/ktls_stats.h for what is told.
 */
#include <linux/genetlink.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include "compat.h"
#include "internal.h"

/* Makes this module depend on tls.ko, whose functions are probed. */
static const void *const needs_tls __used = tls_encrypt_skb;

static int __init ktls_stats_init(void)
{
	int ret;

	/* A wrong guess at a structure is worse than no figures. */
	if (!KTLS_LAYOUT_KNOWN) {
		pr_err("not loading: the TLS internals of this kernel are not known to this version\n");
		return -EOPNOTSUPP;
	}
	ret = session_init();
	if (ret)
		return ret;
	ret = netlink_init();
	if (ret)
		goto exit_session;
	ret = probe_init();
	if (ret) {
		pr_err("not loading: no probe on the functions of net/tls (%d)\n",
		       ret);
		goto exit_netlink;
	}
	adopt_all();
	return 0;

exit_netlink:
	event_stop();
	netlink_exit();
exit_session:
	session_exit();
	return ret;
}

static void __exit ktls_stats_exit(void)
{
	probe_exit();
	event_stop();
	netlink_exit();
	session_exit();
}

module_init(ktls_stats_init);
module_exit(ktls_stats_exit);

MODULE_DESCRIPTION("Exact per-socket statistics of kernel TLS");
MODULE_AUTHOR("ktls project");
MODULE_LICENSE("GPL");
MODULE_VERSION(KTLS_VERSION);
MODULE_ALIAS_GENL_FAMILY(KTLS_STATS_FAMILY_NAME);
