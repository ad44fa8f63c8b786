// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loaded by those who serve, and not linked: it brings GnuTLS along, and with
 * that every other command would take ten times as long to start.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "export_library.h"

#define LIBRARY "libmicrohttpd.so.12"
#define F(name, member) { name, offsetof(struct http_library, member) }

static const struct {
	const char *name;
	size_t at;
} functions[] = {
	F("MHD_start_daemon", start_daemon),
	F("MHD_stop_daemon", stop_daemon),
	F("MHD_lookup_connection_value", lookup_value),
	F("MHD_create_response_from_buffer", create_response),
	F("MHD_add_response_header", add_header),
	F("MHD_queue_response", queue_response),
	F("MHD_destroy_response", destroy_response),
};

const char *http_library_open(struct http_library *lib)
{
	memset(lib, 0, sizeof(*lib));
	lib->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle)
		return dlerror();
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *f = dlsym(lib->handle, functions[i].name);

		if (!f)
			return dlerror();
		memcpy((char *)lib + functions[i].at, &f, sizeof(f));
	}
	return NULL;
}

void http_library_close(struct http_library *lib)
{
	if (lib->handle)
		dlclose(lib->handle);
}
