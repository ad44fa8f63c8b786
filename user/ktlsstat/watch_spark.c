// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "watch.h"

#define LEVELS 8

/* The lowest is kept for nothing at all. */
static const char *const blocks[LEVELS] = {
	"\u2581", "\u2582", "\u2583", "\u2584",
	"\u2585", "\u2586", "\u2587", "\u2588",
};
static const char *const letters[LEVELS] = {
	"_", ".", "-", "~", "=", "+", "*", "#",
};

void history_add(struct history *h, double rate)
{
	/* Beyond two rounds only the place in the round matters. */
	if (h->n == 2 * HISTORY)
		h->n = HISTORY;
	h->v[h->n++ % HISTORY] = rate;
}

/* That of @ago intervals ago; false: before all history. */
static bool get(const struct history *h, unsigned int ago, float *out)
{
	if (ago >= h->n || ago >= HISTORY)
		return false;
	*out = h->v[(h->n - 1 - ago) % HISTORY];
	return true;
}

double history_peak(const struct history *h, unsigned int width)
{
	double peak = 0;
	float v;

	for (unsigned int ago = 0; ago < width && get(h, ago, &v); ago++)
		if (v > peak)
			peak = v;
	return peak;
}

static const char *mark(double v, double peak, bool utf8)
{
	const char *const *marks = utf8 ? blocks : letters;
	unsigned int level = 0;

	if (v < 0)
		return "?";
	if (v > 0)
		level = v / peak * (LEVELS - 1) + 0.999;
	if (v > 0 && !level)
		level = 1;
	return marks[level];
}

void spark(char *out, size_t size, const struct history *h, unsigned int width,
	   bool utf8)
{
	double peak = history_peak(h, width);
	size_t n = 0;
	float v;

	out[0] = '\0';
	for (unsigned int ago = width; ago-- > 0; ) {
		const char *text = " ";

		if (get(h, ago, &v))
			text = mark(v, peak, utf8);
		if (n + strlen(text) >= size)
			return;
		strcpy(out + n, text);
		n += strlen(text);
	}
}
