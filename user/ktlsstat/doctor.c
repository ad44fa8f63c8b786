// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

/*
 * In this order: whether tls is loaded is asked before something loads it, what
 * it can do once that is known to work, and who does AES once somebody has used
 * it.
 */
static void (*const checks[])(struct report *r) = {
	check_kernel,
	check_config,
	check_tls,
	check_ulp,
	check_ciphers,
	check_rekey,
	check_no_pad,
	check_payload,
	check_aes,
	check_nic,
	check_buffers,
	check_counters,
	check_module,
	check_probes,
	check_realtime,
	check_privilege,
	check_gnutls,
	check_openssl,
	check_agent,
};

static const char *const verdicts[] = {
	[WELL] = "ok", [WARN] = "warn", [FAIL] = "fail",
};

static void add_json(struct report *r, enum verdict v, const char *name,
		     const char *found, const char *advice)
{
	json_t *j = json_pack("{s:s,s:s,s:s,s:s?}", "name", name,
			      "status", verdicts[v], "found", found,
			      "advice", advice);

	if (json_array_append_new(r->list, j)) {
		json_decref(r->list);
		r->list = NULL;
	}
}

void report(struct report *r, enum verdict v, const char *name,
	    const char *advice, const char *fmt, ...)
{
	char found[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(found, sizeof(found), fmt, ap);
	va_end(ap);
	if (v == FAIL)
		r->failed = true;
	if (r->opts & OPT_JSON)
		add_json(r, v, name, found, advice);
	else
		printf("%-4s  %-24s  %s%s%s\n", verdicts[v], name, found,
		       advice ? " -- " : "", advice ? advice : "");
}

int doctor_main(const struct args *a)
{
	struct report r = { .opts = a->opts };
	int ret = 0;

	if (a->connection && a->argc)
		return fail(a->opts, 2,
			    "either a cookie or --connection, not both");
	if (r.opts & OPT_JSON)
		r.list = json_array();
	if (a->connection || a->argc)
		ret = check_connection(&r, a);
	else
		for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
			checks[i](&r);
	if (ret) {
		json_decref(r.list);
		return ret;
	}
	if (r.opts & OPT_JSON)
		ret = json_print(r.list, r.opts);
	return ret ? ret : r.failed;
}
