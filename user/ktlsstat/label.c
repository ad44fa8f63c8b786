// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsstat.h"

#define MOST 255			/* bytes: see <linux/ktls_stats.h> */

/* As list says it, or as ss does: 0x and hexadecimal. */
static int read_cookie(const char *word, uint64_t *cookie)
{
	size_t len = strspn(word, "0123456789abcdefABCDEFx");
	char *end;

	errno = 0;
	*cookie = strtoull(word, &end, strncmp(word, "0x", 2) ? 10 : 16);
	return !len || *end || word[len] || errno ? -EINVAL : 0;
}

int label_main(const struct args *a)
{
	const char *cookie_text = a->argv[0], *label = a->argv[1];
	uint64_t cookie;
	struct genl *g;
	char safe[64];
	int ret;

	if (read_cookie(cookie_text, &cookie))
		return fail(a->opts, 2, "'%s' is no cookie: see list -o +cookie",
			    log_escape(safe, sizeof(safe), cookie_text));
	if (strlen(label) > MOST)
		return fail(a->opts, 2, "a label has %d bytes at most", MOST);
	if (sessions_open(&g, a->opts))
		return 1;
	ret = genl_label(g, cookie, label);
	if (ret == -EPERM)
		sessions_refused(g, ret, a->opts);
	else if (ret)
		fail(a->opts, 1, "label of %s: %s", cookie_text,
		     genl_reason(g, ret));
	genl_close(g);
	return ret ? 1 : 0;
}
