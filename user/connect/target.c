// SPDX-License-Identifier: GPL-2.0-or-later
/* HOST, HOST:PORT, [V6]:PORT, and the bare V6 that has no other reading. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"

static int copy(char *out, size_t size, const char *text, size_t len)
{
	if (!len || len >= size)
		return -EINVAL;
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static int copy_port(struct target *t, const char *text)
{
	size_t len = strspn(text, "0123456789");
	int port = atoi(text);

	if (text[len] || copy(t->port, sizeof(t->port), text, len))
		return -EINVAL;
	return port >= 1 && port <= 65535 ? 0 : -EINVAL;
}

/* Certificates know neither the zone of an address nor the root's dot. */
static void make_name(struct target *t)
{
	size_t len = strchr(t->host, ':') ? strcspn(t->host, "%") :
					    strlen(t->host);

	if (len > 1 && t->host[len - 1] == '.')
		len--;
	memcpy(t->name, t->host, len);
	t->name[len] = '\0';
}

int target_parse(struct target *t, const char *text)
{
	const char *end = strrchr(text, ':');
	size_t len = end ? (size_t)(end - text) : strlen(text);
	int ret;

	memset(t, 0, sizeof(*t));
	if (*text == '[') {
		len = strcspn(text, "]");
		if (!text[len])
			return -EINVAL;
		end = text[len + 1] ? text + len + 1 : NULL;
		if (end && *end != ':')
			return -EINVAL;
		text++;
		len--;
	} else if (end && memchr(text, ':', len)) {
		end = NULL;
		len = strlen(text);
	}
	ret = copy(t->host, sizeof(t->host), text, len);
	if (!ret)
		ret = copy_port(t, end ? end + 1 : "443");
	if (!ret)
		make_name(t);
	return ret;
}
