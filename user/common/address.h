/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP addresses as people write them. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_TEXT 64

/* ADDR:PORT or [ADDR]:PORT, numbers only. 0 or -EINVAL. */
int address_parse(struct sockaddr_storage *out, const char *text);
/* The same in reverse, into @size >= ADDRESS_TEXT bytes: returns @out. */
const char *address_text(char *out, size_t size,
			 const struct sockaddr_storage *address);
/* Of two results of address_parse(). Port 0 overlaps with nothing. */
bool address_equal(const struct sockaddr_storage *one,
		   const struct sockaddr_storage *other);
bool address_overlap(const struct sockaddr_storage *one,
		     const struct sockaddr_storage *other);
socklen_t address_size(const struct sockaddr_storage *address);

#endif
