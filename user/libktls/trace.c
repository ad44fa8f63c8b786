// SPDX-License-Identifier: LGPL-2.1-or-later
/* The steps of a handshake, told to whoever asked, as data, JSON or text. */
#include <time.h>

#include "note.h"

static const char *const steps[KTLS_STEPS] = {
	[KTLS_STEP_CLIENT_HELLO] = "ClientHello",
	[KTLS_STEP_HELLO_RETRY_REQUEST] = "HelloRetryRequest",
	[KTLS_STEP_SERVER_HELLO] = "ServerHello",
	[KTLS_STEP_ENCRYPTED_EXTENSIONS] = "EncryptedExtensions",
	[KTLS_STEP_CERTIFICATE_REQUEST] = "CertificateRequest",
	[KTLS_STEP_CERTIFICATE] = "Certificate",
	[KTLS_STEP_CERTIFICATE_STATUS] = "CertificateStatus",
	[KTLS_STEP_CERTIFICATE_VERIFY] = "CertificateVerify",
	[KTLS_STEP_SERVER_KEY_EXCHANGE] = "ServerKeyExchange",
	[KTLS_STEP_SERVER_HELLO_DONE] = "ServerHelloDone",
	[KTLS_STEP_CLIENT_KEY_EXCHANGE] = "ClientKeyExchange",
	[KTLS_STEP_CHANGE_CIPHER_SPEC] = "ChangeCipherSpec",
	[KTLS_STEP_FINISHED] = "Finished",
	[KTLS_STEP_NEW_SESSION_TICKET] = "NewSessionTicket",
	[KTLS_STEP_CHECK] = "check",
	[KTLS_STEP_KEY_EXCHANGE] = "key exchange",
	[KTLS_STEP_INSTALL] = "install",
	[KTLS_STEP_ALERT] = "alert",
	[KTLS_STEP_DONE] = "done",
	[KTLS_STEP_FAILED] = "failed",
};

const char *ktls_step_name(enum ktls_step step)
{
	return step >= 0 && step < KTLS_STEPS ? steps[step] : "unknown";
}

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void ktls_session_trace(struct ktls_session *s, ktls_trace_fn *fn, void *ctx)
{
	s->trace = fn;
	s->trace_ctx = ctx;
}

static enum ktls_side side(const struct ktls_session *s, bool peer)
{
	return s->info.client != peer ? KTLS_CLIENT : KTLS_SERVER;
}

void trace_message(struct ktls_session *s, unsigned int type, bool incoming,
		   const gnutls_datum_t *msg)
{
	if (s->trace)
		steps_message(s, type, side(s, incoming), msg);
}

static void note_check(struct ktls_session *s, const char *check,
		       const char *result, const char *detail)
{
	struct note n;

	if (!s->trace)
		return;
	note_begin(&n, KTLS_STEP_CHECK, KTLS_HERE);
	note_add(&n, "check", "%s", check);
	note_add(&n, "result", "%s", result);
	if (detail)
		note_add(&n, "detail", "%s", detail);
	note_emit(s, &n);
}

void trace_check(struct ktls_session *s, const char *check, bool ok,
		 const char *detail)
{
	note_check(s, check, ok ? "ok" : "failed", detail);
}

void trace_skip(struct ktls_session *s, const char *check, const char *detail)
{
	note_check(s, check, "skipped", detail);
}

void trace_alert(struct ktls_session *s, int alert, bool fatal, bool incoming)
{
	struct note n;

	if (!s->trace)
		return;
	note_begin(&n, KTLS_STEP_ALERT, side(s, incoming));
	note_alert(&n, alert, fatal);
	note_emit(s, &n);
}

static const char *const modes[] = {
	[KTLS_MODE_USER] = "user",
	[KTLS_MODE_SW] = "sw",
	[KTLS_MODE_DEVICE] = "device",
};

/* Who cannot be told better gets what is true of nearly all machines. */
static const char *mode_name(int fd, bool rx)
{
	struct ktls_info info = { .tx_mode = KTLS_MODE_SW,
				  .rx_mode = KTLS_MODE_SW };

	mode_ask(fd, &info);
	return modes[rx ? info.rx_mode : info.tx_mode];
}

void trace_install(struct ktls_session *s, const char *direction,
		   const struct cipher *c, const unsigned char seq[8])
{
	unsigned long long number = 0;
	struct note n;

	if (!s->trace)
		return;
	for (size_t i = 0; i < 8; i++)
		number = number << 8 | seq[i];
	note_begin(&n, KTLS_STEP_INSTALL, KTLS_HERE);
	note_add(&n, "direction", "%s", direction);
	note_add(&n, "cipher", "%s", c->name);
	note_add(&n, "struct", "%s", c->structure);
	note_add(&n, "sequence", "%llu", number);
	note_add(&n, "mode", "%s", mode_name(s->fd, direction[0] == 'r'));
	note_emit(s, &n);
}

void trace_done(struct ktls_session *s)
{
	const struct ktls_info *i = &s->info;
	struct note n;

	if (!s->trace || s->told)
		return;
	s->told = true;
	note_begin(&n, KTLS_STEP_DONE, KTLS_HERE);
	note_version(&n, "version", i->version);
	note_add(&n, "cipher", "%s", ktls_cipher_name(i->cipher));
	note_flag(&n, "resumed", i->resumed);
	note_add(&n, "verified", "%s", s->verified ? s->verified : "none");
	note_add(&n, "sni", "%s", i->sni);
	note_add(&n, "alpn", "%s", i->alpn);
	note_add(&n, "offload", "%s",
		 i->tx_mode == KTLS_MODE_USER ? "user" : "kernel");
	note_emit(s, &n);
}

void trace_failed(struct ktls_session *s)
{
	const struct ktls_error *e = &s->error;
	struct note n;

	if (!s->trace || s->told)
		return;
	s->told = true;
	note_begin(&n, KTLS_STEP_FAILED, KTLS_HERE);
	note_add(&n, "reason", "%s", ktls_reason_name(e->reason));
	note_add(&n, "text", "%s", e->text);
	if (e->alert_sent >= 0)
		note_add(&n, "alert_sent", "%s",
			 ktls_alert_name(e->alert_sent));
	if (e->alert_received >= 0)
		note_add(&n, "alert_received", "%s",
			 ktls_alert_name(e->alert_received));
	note_emit(s, &n);
}
