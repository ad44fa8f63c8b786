// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A new configuration, at the start or in the place of another: first all is
 * prepared that may fail, then all is put in force. In between nobody sees a
 * difference, and a failure leaves none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktlsd.h"

static int find_services(struct agent *a, struct settings_list *list,
			 struct fault *f)
{
	struct settings *s;

	STAILQ_FOREACH(s, list, next) {
		s->service = service_find(a, s->name);
		if (!s->service)
			s->service = service_new(a);
		if (!s->service)
			return fault_set(f, EXIT_SYSTEM, s->line, "%s",
					 strerror(ENOMEM));
	}
	return 0;
}

static int prepare(struct agent *a, struct settings_list *list,
		   struct fault *f)
{
	struct settings *s;
	int ret = find_services(a, list, f);

	if (!ret)
		ret = listen_prepare(a, list, f);
	STAILQ_FOREACH(s, list, next)
		if (!ret)
			ret = server_prepare(s, f);
	/* Last, for it leaves files behind. */
	STAILQ_FOREACH(s, list, next)
		if (!ret)
			ret = trace_open(s, f);
	return ret;
}

static bool is_wanted(const struct service *sv,
		      const struct settings_list *list)
{
	const struct settings *s;

	STAILQ_FOREACH(s, list, next)
		if (s->service == sv)
			return true;
	return false;
}

static void commit(struct agent *a, struct settings_list *list)
{
	struct service *sv, *next;
	struct settings *s;

	server_drop_inherited(list);
	STAILQ_FOREACH(s, list, next)
		listen_take(s);
	for (sv = STAILQ_FIRST(&a->services); sv; sv = next) {
		next = STAILQ_NEXT(sv, next);
		if (!is_wanted(sv, list))
			service_retire(sv);
	}
	while ((s = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		service_adopt(s->service, s);
	}
	a->running = true;
}

int reload_apply(struct agent *a, struct settings_list *list, struct fault *f)
{
	struct settings *s;
	int ret = prepare(a, list, f);

	if (!ret) {
		commit(a, list);
		return 0;
	}
	STAILQ_FOREACH(s, list, next)
		if (s->service && !s->service->settings)
			free(s->service);
	return ret;
}

void reload(struct agent *a)
{
	char text[sizeof(struct fault)];
	struct settings_list list;
	struct fault f;
	int ret = settings_load(&list, a->source.file, &f);

	if (!ret)
		ret = reload_apply(a, &list, &f);
	if (!ret) {
		log_info("configuration %s is in force anew",
			 a->source.names_count ? "of the command line" :
						 a->source.file);
		return;
	}
	settings_drop(&list);
	log_warnx("%s; the old configuration stays in force",
		  fault_text(text, sizeof(text), &a->source, &f));
}
