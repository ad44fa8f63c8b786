/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some bytes of somebody else's buffer, and how to read from their front: each
 * function takes off what it returns, or is false when there is too little;
 * then the rest is of no more use.
 */
#ifndef LIBKTLS_BYTES_H
#define LIBKTLS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const unsigned char *data;
	size_t len;
};

bool bytes_take(struct bytes *in, size_t len, struct bytes *out);

/* Numbers as they are on the wire, the high byte first. */
bool bytes_take_u8(struct bytes *in, uint8_t *value);
bool bytes_take_u16(struct bytes *in, uint16_t *value);

/* A length in one byte or two, and then so many bytes. */
bool bytes_take_vector8(struct bytes *in, struct bytes *out);
bool bytes_take_vector16(struct bytes *in, struct bytes *out);

#endif
