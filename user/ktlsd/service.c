// SPDX-License-Identifier: GPL-2.0-or-later
/* A service from its first settings, through others, to its last handshake. */
#include <stdlib.h>
#include <string.h>

#include "ktlsd.h"

struct service *service_find(const struct agent *a, const char *name)
{
	struct service *sv;

	STAILQ_FOREACH(sv, &a->services, next)
		if (!strcmp(sv->settings->name, name))
			return sv;
	return NULL;
}

struct service *service_new(struct agent *a)
{
	struct service *sv = calloc(1, sizeof(*sv));

	if (!sv)
		return NULL;
	sv->agent = a;
	sv->server.fd = -1;
	STAILQ_INIT(&sv->listeners);
	LIST_INIT(&sv->shakes);
	TAILQ_INIT(&sv->waiting);
	return sv;
}

void service_adopt(struct service *sv, struct settings *s)
{
	struct settings *old = sv->settings;

	sv->settings = s;
	if (!old)
		STAILQ_INSERT_TAIL(&sv->agent->services, sv, next);
	if (s->server >= 0)
		server_replace(sv, s->server);
	s->server = -1;
	listen_replace(sv, &s->listeners);
	settings_put(old);
}

/* Not at once: who calls may be in the middle of its connections. */
static void on_end(struct timer *t)
{
	struct service *sv = (void *)((char *)t -
				      offsetof(struct service, end));

	STAILQ_REMOVE(&sv->agent->retired, sv, service, next);
	service_free(sv);
}

void service_left(struct service *sv)
{
	if (!sv->retired || sv->live)
		return;
	sv->end.fire = on_end;
	loop_timer_set(&sv->agent->loop, &sv->end, 0);
}

void service_retire(struct service *sv)
{
	struct listeners none = STAILQ_HEAD_INITIALIZER(none);

	STAILQ_REMOVE(&sv->agent->services, sv, service, next);
	STAILQ_INSERT_TAIL(&sv->agent->retired, sv, next);
	loop_timer_clear(&sv->backoff);
	sv->retired = true;
	listen_replace(sv, &none);
	report_stats(sv);
	service_left(sv);
}

void service_free(struct service *sv)
{
	struct shake *sh;

	listen_close(sv);
	while ((sh = LIST_FIRST(&sv->shakes)))
		shake_end(sh, KTLS_OK, "closed, ktlsd ends");
	loop_timer_clear(&sv->end);
	server_close(sv);
	settings_put(sv->settings);
	free(sv);
}
