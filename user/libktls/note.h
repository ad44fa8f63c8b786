/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An event that is being put together: no allocation, and everything bounded.
 * What has no room is left out, and a value that was cut ends with " ...".
 * Nothing secret may be given to it.
 */
#ifndef LIBKTLS_NOTE_H
#define LIBKTLS_NOTE_H

#include "hello.h"
#include "internal.h"

/* A ClientHello has 8 values that may be as long as its sender likes. */
#define NOTE_VALUE_MAX 1792
#define NOTE_TEXT_MAX (9 * NOTE_VALUE_MAX)
#define NOTE_HEX_MAX 64

struct note {
	enum ktls_step step;
	enum ktls_side from;
	struct ktls_field fields[KTLS_FIELDS_MAX];
	size_t count;
	char *value;			/* the last one */
	size_t room;			/* that it has, with its end */
	bool cut;			/* it takes no more */
	size_t used;			/* of @text */
	char text[NOTE_TEXT_MAX];
};

/* note.c */
void note_begin(struct note *n, enum ktls_step step, enum ktls_side from);
void note_add(struct note *n, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void note_flag(struct note *n, const char *name, bool value);
void note_hex(struct note *n, const char *name, const unsigned char *data,
	      size_t len);
/* A value of words with blanks between: note_list(), and then the words. */
void note_list(struct note *n, const char *name);
void note_word(struct note *n, const char *word);
void note_text(struct note *n, const char *text, size_t len);
/*
 * A word of any bytes behind a @prefix of ours; NUL, blank and backslash
 * become \x00 and so on.
 */
void note_bytes(struct note *n, const char *prefix, const unsigned char *data,
		size_t len);
void note_alert(struct note *n, int alert, bool fatal);
/* Only where @s is traced. */
void note_emit(struct ktls_session *s, const struct note *n);
void note_tell(const struct note *n, ktls_trace_fn *fn, void *ctx,
	       uint64_t start_ns);

/* Numbers by IANA's names, or as 0x1301, or as GREASE. */
void note_version(struct note *n, const char *name, uint16_t version);
void note_number(struct note *n, const char *name, uint16_t number,
		 const char *(*name_of)(uint16_t));

/* steps.c: what a handshake message shows; @msg is without its header */
void steps_message(struct ktls_session *s, unsigned int type,
		   enum ktls_side from, const gnutls_datum_t *msg);

/* steps_hello.c, steps_certificate.c: their fields, if @in is well-formed */
void note_client_hello(struct note *n, const struct client_hello *h);
void note_server_hello(struct note *n, const struct server_hello *h);
void note_certificate(struct note *n, struct bytes in, bool tls13);

#endif
