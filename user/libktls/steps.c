// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What each handshake message shows. GnuTLS decides what is valid: here what
 * cannot be read is shown by its name and size, and nothing more.
 */
#include "note.h"

/* RFC 8446 section 4: each message has a type and its length in front. */
#define HEADER_SIZE 4

#define EXT_ALPN 16
#define CURVE_NAMED 3		/* RFC 8422 section 5.4 */

static bool is_tls13(const struct ktls_session *s)
{
	return gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3;
}

static void key_exchange(struct ktls_session *s, const char *kind,
			 uint16_t group, bool forward, bool resumed)
{
	struct note n;

	s->exchanged = true;
	note_begin(&n, KTLS_STEP_KEY_EXCHANGE, KTLS_HERE);
	note_add(&n, "kind", "%s", kind);
	if (group)
		note_number(&n, "group", group, group_name);
	note_flag(&n, "forward_secrecy", forward);
	note_flag(&n, "resumed", resumed);
	note_emit(s, &n);
}

static void client_hello(struct ktls_session *s, struct note *n,
			 struct bytes in)
{
	struct client_hello h;

	(void)s;
	if (!client_hello_parse(&h, in.data, in.len))
		note_client_hello(n, &h);
}

static void server_hello(struct ktls_session *s, struct note *n,
			 struct bytes in)
{
	struct server_hello h;

	(void)s;
	if (server_hello_parse(&h, in.data, in.len))
		return;
	if (h.retry)
		n->step = KTLS_STEP_HELLO_RETRY_REQUEST;
	note_server_hello(n, &h);
}

/* In TLS 1.3 this is all: the keys come from here. */
static void after_server_hello(struct ktls_session *s, struct bytes in)
{
	struct server_hello h;

	if (server_hello_parse(&h, in.data, in.len) || h.retry ||
	    h.version != TLS_1_3_VERSION)
		return;
	key_exchange(s, h.group ? "ECDHE" : "PSK", h.group, h.group, h.psk);
}

static void encrypted_extensions(struct ktls_session *s, struct note *n,
				 struct bytes in)
{
	struct bytes list, data, names, protocol;
	uint16_t id;

	(void)s;
	if (!bytes_take_vector16(&in, &list))
		return;
	note_list(n, "alpn");
	while (bytes_take_u16(&list, &id) && bytes_take_vector16(&list, &data))
		if (id == EXT_ALPN && bytes_take_vector16(&data, &names) &&
		    hello_take_protocol(&names, &protocol))
			note_bytes(n, "", protocol.data, protocol.len);
}

static void certificate(struct ktls_session *s, struct note *n,
			struct bytes in)
{
	note_certificate(n, in, is_tls13(s));
}

/* The number of a signature algorithm, and a signature. */
static void signature(struct note *n, struct bytes in)
{
	uint16_t id;

	if (bytes_take_u16(&in, &id))
		note_number(n, "algorithm", id, signature_name);
}

static void certificate_verify(struct ktls_session *s, struct note *n,
			       struct bytes in)
{
	(void)s;
	signature(n, in);
}

static void server_key_exchange(struct ktls_session *s, struct note *n,
				struct bytes in)
{
	struct bytes point;
	uint8_t type;
	uint16_t group;

	if (!bytes_take_u8(&in, &type) || type != CURVE_NAMED ||
	    !bytes_take_u16(&in, &group) || !bytes_take_vector8(&in, &point))
		return;
	s->exchange_group = group;
	note_add(n, "kind", "ECDHE");
	note_number(n, "group", group, group_name);
	signature(n, in);
}

/* Of RSA there is no ServerKeyExchange (RFC 5246 section 7.4.3). */
static void client_key_exchange(struct ktls_session *s, struct note *n,
				struct bytes in)
{
	(void)in;			/* the premaster, encrypted, or a point */
	note_add(n, "kind", "%s", s->exchange_group ? "ECDHE" : "RSA");
	if (s->exchange_group)
		note_number(n, "group", s->exchange_group, group_name);
}

static void after_client_key_exchange(struct ktls_session *s, struct bytes in)
{
	uint16_t group = s->exchange_group;

	(void)in;
	key_exchange(s, group ? "ECDHE" : "RSA", group, group, false);
}

/* In both versions the lifetime comes first. */
static void new_session_ticket(struct ktls_session *s, struct note *n,
			       struct bytes in)
{
	uint16_t high, low;

	(void)s;
	if (bytes_take_u16(&in, &high) && bytes_take_u16(&in, &low))
		note_add(n, "lifetime", "%u", (unsigned int)high << 16 | low);
}

/*
 * What GnuTLS's hook does not show: in TLS 1.2 a ChangeCipherSpec is right
 * before, and without another exchange of keys it is an old one again.
 */
static void before_finished(struct ktls_session *s, enum ktls_side from)
{
	struct note n;

	if (is_tls13(s))
		return;
	if (!s->exchanged)
		key_exchange(s, "resumption", 0, false, true);
	note_begin(&n, KTLS_STEP_CHANGE_CIPHER_SPEC, from);
	note_emit(s, &n);
}

static const struct message {
	unsigned int type;
	enum ktls_step step;
	void (*before)(struct ktls_session *s, enum ktls_side from);
	void (*fields)(struct ktls_session *s, struct note *n, struct bytes in);
	void (*after)(struct ktls_session *s, struct bytes in);
} messages[] = {
#define MESSAGE(id, ...) \
	{ GNUTLS_HANDSHAKE_##id, KTLS_STEP_##id, __VA_ARGS__ }
	MESSAGE(CLIENT_HELLO, .fields = client_hello),
	MESSAGE(HELLO_RETRY_REQUEST, .fields = server_hello),
	MESSAGE(SERVER_HELLO, .fields = server_hello,
		.after = after_server_hello),
	MESSAGE(ENCRYPTED_EXTENSIONS, .fields = encrypted_extensions),
	MESSAGE(CERTIFICATE_REQUEST, .fields = NULL),
	{ GNUTLS_HANDSHAKE_CERTIFICATE_PKT, KTLS_STEP_CERTIFICATE,
	  .fields = certificate },
	MESSAGE(CERTIFICATE_STATUS, .fields = NULL),
	MESSAGE(CERTIFICATE_VERIFY, .fields = certificate_verify),
	MESSAGE(SERVER_KEY_EXCHANGE, .fields = server_key_exchange),
	MESSAGE(SERVER_HELLO_DONE, .fields = NULL),
	MESSAGE(CLIENT_KEY_EXCHANGE, .fields = client_key_exchange,
		.after = after_client_key_exchange),
	MESSAGE(FINISHED, .before = before_finished),
	MESSAGE(NEW_SESSION_TICKET, .fields = new_session_ticket),
#undef MESSAGE
};

static void show(struct ktls_session *s, const struct message *m,
		 enum ktls_side from, struct bytes in)
{
	struct note n;

	if (m->before)
		m->before(s, from);
	note_begin(&n, m->step, from);
	if (m->fields)
		m->fields(s, &n, in);
	note_add(&n, "size", "%zu", HEADER_SIZE + in.len);
	note_emit(s, &n);
	if (m->after)
		m->after(s, in);
}

void steps_message(struct ktls_session *s, unsigned int type,
		   enum ktls_side from, const gnutls_datum_t *msg)
{
	const struct bytes in = { msg->data, msg->size };

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].type == type)
			show(s, &messages[i], from, in);
}
