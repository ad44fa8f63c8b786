// SPDX-License-Identifier: GPL-2.0-or-later
/* Sentences with names in braces, and what stands for these. */
#include <stdio.h>

#include "connect.h"

/* A terminal does what bytes tell it: only letters get there. */
static size_t put(char *out, size_t size, const char *value)
{
	size_t n = 0;

	for (; *value && n + 5 <= size; value++) {
		unsigned char c = *value;

		if (c >= ' ' && c <= '~')
			out[n++] = c;
		else
			n += snprintf(out + n, size - n, "\\x%02x", c);
	}
	return n;
}

void words_fill(char *out, size_t size, const char *text,
		const struct step *s)
{
	size_t n = 0;
	char name[32];
	int len;

	while (*text && n + 1 < size) {
		const char *value;

		len = 0;
		if (sscanf(text, "{%31[a-z0-9_]}%n", name, &len) != 1 || !len) {
			out[n++] = *text++;
			continue;
		}
		value = step_field(s, name);
		n += put(out + n, size - n, value ? value : "?");
		text += len;
	}
	out[n] = '\0';
}
