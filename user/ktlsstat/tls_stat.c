// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be shown without our module: the counters of the module tls. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

#define TLS_STAT "/proc/net/tls_stat"

static const char no_module[] =
	"ktls_stats is not loaded (modprobe ktls_stats); " TLS_STAT " says:";
static const char no_tls[] =
	"no kernel TLS: neither tls nor ktls_stats is loaded (modprobe tls)";

int tls_stat_read(struct counter **out)
{
	FILE *f = fopen(TLS_STAT, "re");
	struct counter line, *v = NULL, *more;
	int n = 0, ret = 0;

	if (!f)
		return -errno;
	while (fscanf(f, "%47s %ju", line.name, &line.value) == 2) {
		more = reallocarray(v, n + 1, sizeof(*v));
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

static int print(const struct counter *v, int n, unsigned int opts)
{
	json_t *all;

	if (!(opts & OPT_JSON)) {
		log_warnx("%s", no_module);
		for (int i = 0; i < n; i++)
			printf("%-24s%12ju\n", v[i].name, v[i].value);
		return 0;
	}
	all = json_object();
	for (int i = 0; i < n; i++)
		json_object_set_new(all, v[i].name, json_u64(v[i].value));
	return json_print(json_pack("{s:b,s:o}", "module", 0, "tls_stat", all),
			  opts);
}

int tls_stat_main(unsigned int opts)
{
	struct counter *v = NULL;
	int n = tls_stat_read(&v);

	if (n == -ENOENT)
		return fail(opts, 1, "%s", no_tls);
	if (n < 0)
		return fail(opts, 1, TLS_STAT ": %s", strerror(-n));
	n = print(v, n, opts);
	free(v);
	return n;
}
