/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What travels beside a descriptor: see handoff_message.c. */
#ifndef HANDOFF_H
#define HANDOFF_H

#include "internal.h"

struct handoff_message {
	uint32_t magic;
	uint16_t version;
	uint16_t size;			/* of all that is there */
	struct ktls_info info;
	struct secrets secrets;
	uint64_t limit;
	uint8_t answer_owed;
	uint8_t has_identity;		/* 0: the message ends here */
	struct ktls_identity identity;
};

/* Its length. The caller wipes it. */
size_t handoff_message_fill(struct handoff_message *m,
			    const struct ktls_conn *c);
/* Whole, of our version, and each field is one that we could have sent. */
bool handoff_message_is_good(const struct handoff_message *m, size_t len);

#endif
