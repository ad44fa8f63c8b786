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

static const struct {
	bool met;
	const char *else_what;
} needs[] = {
	/* A wrong guess at a structure is worse than no figures. */
	{ KTLS_LAYOUT_KNOWN,
	  "the TLS internals of this kernel are not known to this version" },
	/* There a spin lock may sleep, and a probe must not. */
	{ !IS_ENABLED(CONFIG_PREEMPT_RT), "PREEMPT_RT is not supported" },
	/* Cookies are indices, and 64-bit numbers are read in one piece. */
	{ IS_ENABLED(CONFIG_64BIT), "only 64-bit kernels are supported" },
};

static int __init ktls_stats_init(void)
{
	int ret, i;

	for (i = 0; i < ARRAY_SIZE(needs); i++)
		if (!needs[i].met) {
			pr_err("not loading: %s\n", needs[i].else_what);
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
	look_init();
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
	look_exit();
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
