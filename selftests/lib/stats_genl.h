/* SPDX-License-Identifier: GPL-2.0-only */
/* What ktls_stats.ko says, as plain structs. 0 or -errno everywhere. */
#ifndef STATS_GENL_H
#define STATS_GENL_H

#include <stddef.h>
#include <stdint.h>

struct stats;

struct stats_direction {
	uint32_t mode;
	uint64_t live, closed;
	uint64_t bytes, records, wire, control, rekeys;
};

struct stats_session {
	uint8_t cmd;
	uint64_t cookie, inode;
	uint32_t uid, family, local_port, remote_port, version, cipher;
	uint8_t local[16], remote[16];
	struct stats_direction tx, rx;
	uint64_t errors, age, idle;
	uint32_t flags;
	char label[512];
};

struct stats_breakdown {
	uint32_t version, cipher, mode;
	struct stats_direction tx, rx;
};

struct stats_totals {
	uint64_t live, closed, missed, errors, busy;
	struct stats_direction tx, rx;
	struct stats_breakdown breakdown[40];
	unsigned int breakdowns;
};

int stats_open(struct stats **out);
void stats_close(struct stats *s);
int stats_session(struct stats *s, uint64_t cookie, struct stats_session *out);
int stats_dump(struct stats *s, struct stats_session *out, size_t max);
/* The same, of those that have one attribute; EINTR: it may lack some. */
int stats_filter(struct stats *s, int attr, const void *value, size_t len,
		 struct stats_session *out, size_t max);
int stats_totals(struct stats *s, struct stats_totals *out);
/* By @cookie if it is not 0, by @fd if it is not -1; @label may be NULL. */
int stats_label(struct stats *s, uint64_t cookie, int fd, const void *label,
		size_t len);
/* Any command, with one attribute or with none (0). */
int stats_ask(struct stats *s, uint8_t cmd, uint16_t flags, int attr,
	      const void *value, size_t len);
/* What the kernel said of the last error, or "". */
const char *stats_complaint(const struct stats *s);
int stats_fd(const struct stats *s);
uint16_t stats_family(const struct stats *s);
int stats_join(struct stats *s, const char *group);
/* The next event of @cookie, within two seconds, or -ETIMEDOUT. */
int stats_event(struct stats *s, uint8_t cmd, uint64_t cookie,
		struct stats_session *out);

#endif
