// SPDX-License-Identifier: LGPL-2.1-or-later
/* The only place that moves through what a peer has sent. */
#include "bytes.h"

bool bytes_take(struct bytes *in, size_t len, struct bytes *out)
{
	if (in->len < len)
		return false;
	out->data = in->data;
	out->len = len;
	in->data += len;
	in->len -= len;
	return true;
}

bool bytes_take_u8(struct bytes *in, uint8_t *value)
{
	struct bytes b;

	if (!bytes_take(in, sizeof(*value), &b))
		return false;
	*value = b.data[0];
	return true;
}

bool bytes_take_u16(struct bytes *in, uint16_t *value)
{
	struct bytes b;

	if (!bytes_take(in, sizeof(*value), &b))
		return false;
	*value = b.data[0] << 8 | b.data[1];
	return true;
}

bool bytes_take_vector8(struct bytes *in, struct bytes *out)
{
	uint8_t len;

	return bytes_take_u8(in, &len) && bytes_take(in, len, out);
}

bool bytes_take_vector16(struct bytes *in, struct bytes *out)
{
	uint16_t len;

	return bytes_take_u16(in, &len) && bytes_take(in, len, out);
}
