// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All that can be told of a session: columns, what they are sorted and filtered
 * by, and the members of its JSON. Those of one object stand together.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ktlsstat.h"

#define AT(member) offsetof(struct row, member)
#define ATTR(name) KTLS_STATS_A_SESSION_##name
#define SUM (FIELD_SUM | FIELD_EXACT)
#define EXACT FIELD_EXACT
#define INEXACT FIELD_INEXACT

/* clang-format off */
const struct field fields[] = {
	{ "cookie", &type_cookie, AT(s.cookie), 0, 0, NULL, "cookie",
	  "the kernel's own number for the socket" },
	{ "inode", &type_number, AT(s.inode), 0, 0, NULL, "inode",
	  "inode of the socket, 0 if no process held it" },
	{ "local", &type_endpoint, AT(s.local), 0, 0, NULL, NULL,
	  "this end's address and port" },
	{ "laddr", &type_address, AT(s.local), 0, 0, NULL, "local_address",
	  "this end's address" },
	{ "lport", &type_id, AT(s.local.port), ATTR(LOCAL_PORT), 0,
	  NULL, "local_port", "this end's port" },
	{ "peer", &type_endpoint, AT(s.remote), 0, 0, NULL, NULL,
	  "the other end's address and port" },
	{ "raddr", &type_address, AT(s.remote), 0, 0, NULL, "peer_address",
	  "the other end's address" },
	{ "rport", &type_id, AT(s.remote.port), ATTR(REMOTE_PORT), 0,
	  NULL, "peer_port", "the other end's port" },
	{ "version", &type_version, AT(s.version), 0, 0, NULL, "version",
	  "of TLS, as negotiated" },
	{ "cipher", &type_cipher, AT(s.cipher), ATTR(CIPHER), 0,
	  NULL, "cipher", "as negotiated" },
	{ "tx/rx", &type_modes, 0, 0, 0, NULL, NULL,
	  "who does the cryptography, sent/received" },
	{ "tx-mode", &type_mode, AT(s.tx.mode), 0, 0, "tx", "mode",
	  "who encrypts: none, sw or device" },
	{ "tx-bytes", &type_bytes, AT(s.tx.bytes), 0, SUM, "tx", "bytes",
	  "plaintext bytes of finished records sent" },
	{ "tx-recs", &type_number, AT(s.tx.records), 0, SUM, "tx", "records",
	  "finished records sent" },
	{ "tx-wire", &type_bytes, AT(s.tx.wire), 0, SUM, "tx", "wire",
	  "TCP payload bytes handed to TCP" },
	{ "tx-rekeys", &type_number, AT(s.tx.rekeys), 0, SUM, "tx", "rekeys",
	  "key updates after the first keys, sending" },
	{ "tx-control", &type_number, AT(s.tx.control), 0, SUM, "tx", "control",
	  "send calls that set a record type" },
	{ "rx-mode", &type_mode, AT(s.rx.mode), 0, 0, "rx", "mode",
	  "who decrypts: none, sw or device" },
	{ "rx-bytes", &type_bytes, AT(s.rx.bytes), 0, SUM, "rx", "bytes",
	  "plaintext bytes of finished records received" },
	{ "rx-recs", &type_number, AT(s.rx.records), 0, SUM, "rx", "records",
	  "finished records received" },
	{ "rx-wire", &type_bytes, AT(s.rx.wire), 0, SUM, "rx", "wire",
	  "TCP payload bytes taken from TCP" },
	{ "rx-rekeys", &type_number, AT(s.rx.rekeys), 0, SUM, "rx", "rekeys",
	  "key updates after the first keys, receiving" },
	{ "tcp-tx", &type_bytes, AT(s.tcp_tx), 0, INEXACT, "tcp", "tx",
	  "without the module: all that TCP has sent on it" },
	{ "tcp-rx", &type_bytes, AT(s.tcp_rx), 0, INEXACT, "tcp", "rx",
	  "without the module: all that TCP has received on it" },
	{ "errors", &type_number, AT(s.errors), 0, SUM, NULL, "errors",
	  "times TLS gave the connection up" },
	{ "age", &type_duration, AT(s.age), 0, EXACT, NULL, "age_ms",
	  "since the keys were installed, or it was adopted" },
	{ "idle", &type_duration, AT(s.idle), 0, 0, NULL, "idle_ms",
	  "since TCP last sent or received data on it" },
	{ "uid", &type_user, AT(s.uid), ATTR(UID), 0, NULL, "uid",
	  "number of the socket's owner; filters take a name, too" },
	{ "user", &type_text, AT(user), 0, 0, NULL, "user",
	  "name of the socket's owner" },
	{ "process", &type_process, 0, 0, FIELD_HOLDER, NULL, "processes",
	  "who holds the socket; filters look at the names of all" },
	{ "pid", &type_pid, 0, 0, FIELD_HOLDER, NULL, NULL,
	  "the process's number; filters look at those of all" },
	{ "label", &type_label, AT(s.label), ATTR(LABEL), 0, NULL, "label",
	  "what somebody called the session" },
	{ "flags", &type_flags, AT(s.flags), 0, EXACT, NULL, "flags",
	  "adopted, stale or busy" },
};

/* clang-format on */
const size_t nfields = ARRAY_SIZE(fields);

/* As large as on the screen, or small. */
const struct field *field_find(const char *name, size_t len)
{
	while (len && name[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < nfields; i++)
		if (strlen(fields[i].name) == len &&
		    !strncasecmp(fields[i].name, name, len))
			return &fields[i];
	return NULL;
}

bool field_known(const struct field *f, const struct row *r)
{
	return !(f->is & (r->s.inexact ? FIELD_EXACT : FIELD_INEXACT));
}

static const void *field_at(const struct field *f, const struct row *r)
{
	return (const char *)r + f->at;
}

bool field_value(const struct field *f, const struct row *r, size_t i,
		 struct value *v)
{
	return field_known(f, r) && f->type->value(field_at(f, r), i, v);
}

void field_cell(const struct field *f, const struct row *r, char *out,
		size_t size, unsigned int opts)
{
	if (field_known(f, r))
		f->type->cell(out, size, field_at(f, r), opts);
	else
		snprintf(out, size, "-");
}

void table_add_row(struct table *t, const struct columns *c,
		   const struct row *r, unsigned int opts)
{
	char text[CELL_SIZE];

	for (size_t i = 0; i < c->n; i++) {
		field_cell(c->v[i], r, text, sizeof(text), opts);
		table_add(t, c->v[i]->type->right, text);
	}
}

void table_add_titles(struct table *t, const struct columns *c)
{
	char text[NAME_SIZE];

	for (size_t i = 0; i < c->n; i++)
		table_add(t, c->v[i]->type->right,
			  upper(text, sizeof(text), c->v[i]->name));
}

const char *field_names(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < nfields && n < size; i++)
		n += snprintf(buf + n, size - n, "%s%s", i ? ", " : "",
			      fields[i].name);
	return buf;
}

static void change_object(const char *from, const char *to)
{
	if (from == to || (from && to && !strcmp(from, to)))
		return;
	if (from)
		emit_close('}');
	if (to)
		emit_open(to, '{');
}

static bool wanted(const struct field *f, const struct view *v,
		   unsigned int is)
{
	if ((f->is & is) != is)
		return false;
	if (v->chosen)
		return columns_have(&v->columns, f);
	return f->json && (!(f->is & FIELD_HOLDER) ||
			   view_uses(v, FIELD_HOLDER));
}

void fields_json(const struct row *r, const struct view *v, unsigned int is)
{
	const char *in = NULL;

	for (size_t i = 0; i < nfields; i++) {
		const struct field *f = &fields[i];
		const char *key = f->json ? f->json : f->name;

		if (!wanted(f, v, is))
			continue;
		change_object(in, f->in);
		in = f->in;
		if (field_known(f, r))
			f->type->json(key, field_at(f, r));
		else
			emit_null(key);
	}
	change_object(in, NULL);
}
