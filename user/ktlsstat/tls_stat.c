// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ktlsstat.h"

int tls_stat_read(struct tls_stat **out)
{
	FILE *f = fopen("/proc/net/tls_stat", "re");
	struct tls_stat line, *v = NULL;
	int n = 0, ret = 0;

	if (!f)
		return -errno;
	while (fscanf(f, "%47s %" SCNu64, line.name, &line.value) == 2) {
		struct tls_stat *more = reallocarray(v, n + 1, sizeof(*v));

		if (!more) {
			ret = -ENOMEM;
			break;
		}
		v = more;
		v[n++] = line;
	}
	if (!ret && ferror(f))
		ret = -EIO;
	fclose(f);
	if (ret)
		free(v);
	else
		*out = v;
	return ret ? ret : n;
}
