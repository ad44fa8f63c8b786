/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KTLSSTAT_EXPORT_LIBRARY_H
#define KTLSSTAT_EXPORT_LIBRARY_H

#include <microhttpd.h>

/* The functions of libmicrohttpd that are used, MHD_ left out. */
struct http_library {
	void *handle;
	typeof(MHD_start_daemon) *start_daemon;
	typeof(MHD_stop_daemon) *stop_daemon;
	typeof(MHD_lookup_connection_value) *lookup_value;
	typeof(MHD_create_response_from_buffer) *create_response;
	typeof(MHD_add_response_header) *add_header;
	typeof(MHD_queue_response) *queue_response;
	typeof(MHD_destroy_response) *destroy_response;
};

/* NULL, or why not; http_library_close() in both cases */
const char *http_library_open(struct http_library *lib);
void http_library_close(struct http_library *lib);

#endif
