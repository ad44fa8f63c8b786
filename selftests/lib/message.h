/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages as rows of text. "0303 R 1[] 2[1301 'ab']" is: two bytes in hex, 32
 * bytes of a random, a vector with its length in one byte, one with its length
 * in two that holds two bytes in hex and two letters.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stddef.h>

struct message {
	unsigned char bytes[2048];
	size_t len;
	size_t last[64];		/* where each length's last byte is */
	size_t lengths;
};

/* Ends the program if @text is not of that form. */
void message_make(struct message *m, const char *text);

#endif
