/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel logs while a test runs. */
#ifndef KLOG_H
#define KLOG_H

/* From now on; or -errno. */
int klog_open(void);
/* The first bad line since, or NULL. Valid until the next call. */
const char *klog_bad(int log);

#endif
