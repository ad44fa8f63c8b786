// SPDX-License-Identifier: LGPL-2.1-or-later
/* Why it failed: a name that stays, a sentence for us, an alert for the peer. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "internal.h"

/* What we throw away so that close() sends no RST that overtakes the alert. */
#define DRAIN_MAX 65536

static const struct reason {
	const char *name;
	enum ktls_class class;
	const char *text;
} reasons[KTLS_REASONS] = {
#define REASON(id, name, class, text) \
	[KTLS_##id] = { name, KTLS_CLASS_##class, text }
	REASON(OK, "ok", NONE, "no failure"),
	REASON(HANGUP, "hangup", NETWORK,
	       "the peer hung up during the handshake"),
	REASON(LOST, "lost", NETWORK, "the connection was lost"),
	REASON(TIMEOUT, "timeout", NETWORK, "it took too long"),
	REASON(NOT_TLS, "not_tls", PROTOCOL,
	       "what the peer sent is not a TLS handshake"),
	REASON(NO_VERSION, "no_version", PROTOCOL,
	       "the peer offers neither TLS 1.2 nor TLS 1.3, or is no TLS peer"),
	REASON(NO_CIPHER, "no_cipher", PROTOCOL,
	       "no cipher suite in common with the peer"),
	REASON(NO_GROUP, "no_group", PROTOCOL,
	       "no key exchange group in common with the peer"),
	REASON(NO_SIGNATURE, "no_signature", PROTOCOL,
	       "the peer knows no signature of a kind that our certificates make"),
	REASON(NO_ALPN, "no_alpn", PROTOCOL,
	       "no application protocol (ALPN) in common with the peer"),
	REASON(UNKNOWN_NAME, "unknown_name", PROTOCOL,
	       "no certificate for the name that the peer asks for"),
	REASON(RECORD_LIMIT, "record_limit", PROTOCOL,
	       "the peer limits the length of records, which this kernel cannot obey"),
	REASON(MALFORMED, "malformed", PROTOCOL,
	       "a message from the peer is malformed"),
	REASON(UNEXPECTED, "unexpected", PROTOCOL,
	       "a message from the peer has no place here"),
	REASON(TOO_LONG, "too_long", PROTOCOL,
	       "a message or record from the peer is too long"),
	REASON(BAD_RECORD, "bad_record", PROTOCOL,
	       "a record from the peer failed authentication"),
	REASON(BAD_FINISHED, "bad_finished", PROTOCOL,
	       "the handshake has been tampered with: a signature or Finished is wrong"),
	REASON(TOO_MANY, "too_many", PROTOCOL,
	       "the peer sent too many warnings, key updates or empty records"),
	REASON(ALERT, "alert", PROTOCOL, "the peer gave up, and sent an alert"),
	REASON(TRUNCATED, "truncated", NETWORK,
	       "the connection ended without close_notify: data may be missing"),
	REASON(NO_CERTIFICATE, "no_certificate", VERIFICATION,
	       "the peer sent no certificate, and has to"),
	REASON(UNKNOWN_CA, "unknown_ca", VERIFICATION,
	       "the issuer of the peer's certificate is not trusted"),
	REASON(SELF_SIGNED, "self_signed", VERIFICATION,
	       "the peer's certificate is signed by itself, and not trusted"),
	REASON(EXPIRED, "expired", VERIFICATION,
	       "the peer's certificate has expired"),
	REASON(NOT_YET_VALID, "not_yet_valid", VERIFICATION,
	       "the peer's certificate is not valid yet"),
	REASON(WRONG_NAME, "wrong_name", VERIFICATION,
	       "the peer's certificate is for another name"),
	REASON(WRONG_PURPOSE, "wrong_purpose", VERIFICATION,
	       "the peer's certificate is for another purpose"),
	REASON(REVOKED, "revoked", VERIFICATION,
	       "the peer's certificate is revoked"),
	REASON(BAD_STAPLE, "bad_staple", VERIFICATION,
	       "the OCSP response with the peer's certificate is not good"),
	REASON(WEAK, "weak", VERIFICATION,
	       "a key or hash in the peer's certificates is too weak"),
	REASON(WRONG_PIN, "wrong_pin", VERIFICATION,
	       "the peer's key is none of those that are pinned"),
	REASON(BAD_CERTIFICATE, "bad_certificate", VERIFICATION,
	       "the peer's certificate is not good"),
	REASON(NO_KERNEL, "no_kernel_tls", HOST,
	       "the kernel has no TLS; try \"modprobe tls\""),
	REASON(KERNEL_REFUSED, "kernel_refused", HOST,
	       "the kernel refused the keys"),
	REASON(NO_REKEY, "no_rekey", HOST,
	       "the peer updates its key, and this kernel cannot follow (needs 6.14)"),
	REASON(INTERNAL, "internal", HOST, "internal error"),
#undef REASON
};

/* Clients that follow our list of CAs send none rather than a wrong one. */
#define NO_CERTIFICATE \
	"the client sent no certificate, and has to; it may have none that a CA of ours issued"

/* What GnuTLS says; where it words it for programmers, our text is used. */
static const struct translation {
	int gnutls;
	int ret;
	enum ktls_reason reason;
	bool alert;		/* the peer is there, and is due one */
	const char *text;	/* NULL: the reason's own */
} translations[] = {
	{ GNUTLS_E_PREMATURE_TERMINATION, -ECONNABORTED, KTLS_HANGUP, false,
	  NULL },
	{ GNUTLS_E_PULL_ERROR, -ECONNRESET, KTLS_LOST, false, NULL },
	{ GNUTLS_E_PUSH_ERROR, -ECONNRESET, KTLS_LOST, false, NULL },
	/* nothing in common: offer.c may know better what it is */
	{ GNUTLS_E_UNSUPPORTED_VERSION_PACKET, -EPROTONOSUPPORT,
	  KTLS_NO_VERSION, true, NULL },
	{ GNUTLS_E_INAPPROPRIATE_FALLBACK, -EPROTONOSUPPORT, KTLS_NO_VERSION,
	  true, "the peer fell back to a lower version than both ends have" },
	{ GNUTLS_E_NO_CIPHER_SUITES, -EPROTO, KTLS_NO_CIPHER, true, NULL },
	{ GNUTLS_E_UNKNOWN_CIPHER_SUITE, -EPROTO, KTLS_NO_CIPHER, true, NULL },
	{ GNUTLS_E_NO_COMMON_KEY_SHARE, -EPROTO, KTLS_NO_GROUP, true, NULL },
	{ GNUTLS_E_ECC_NO_SUPPORTED_CURVES, -EPROTO, KTLS_NO_GROUP, true,
	  NULL },
	{ GNUTLS_E_ECC_UNSUPPORTED_CURVE, -EPROTO, KTLS_NO_GROUP, true, NULL },
	{ GNUTLS_E_INSUFFICIENT_CREDENTIALS, -EPROTO, KTLS_NO_SIGNATURE, true,
	  NULL },
	{ GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM, -EPROTO, KTLS_NO_SIGNATURE,
	  true, NULL },
	{ GNUTLS_E_NO_APPLICATION_PROTOCOL, -EPROTO, KTLS_NO_ALPN, true, NULL },
	{ GNUTLS_E_UNRECOGNIZED_NAME, -ENOENT, KTLS_UNKNOWN_NAME, true, NULL },
	/* a message or record that is not as it should be */
	{ GNUTLS_E_UNEXPECTED_PACKET_LENGTH, -EPROTO, KTLS_MALFORMED, true,
	  NULL },
	{ GNUTLS_E_UNEXPECTED_EXTENSIONS_LENGTH, -EPROTO, KTLS_MALFORMED, true,
	  NULL },
	{ GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER, -EPROTO, KTLS_MALFORMED, true,
	  "the peer sent a value that is not allowed there" },
	{ GNUTLS_E_ILLEGAL_PARAMETER, -EPROTO, KTLS_MALFORMED, true,
	  "the peer sent a value that is not allowed there" },
	{ GNUTLS_E_RECEIVED_ILLEGAL_EXTENSION, -EPROTO, KTLS_MALFORMED, true,
	  "the peer sent an extension that is not allowed there" },
	{ GNUTLS_E_RECEIVED_DISALLOWED_NAME, -EPROTO, KTLS_MALFORMED, true,
	  "the client asks for a name that no host can have" },
	{ GNUTLS_E_MISSING_EXTENSION, -EPROTO, KTLS_MALFORMED, true,
	  "an extension is missing in the peer's hello" },
	{ GNUTLS_E_PK_INVALID_PUBKEY, -EPROTO, KTLS_MALFORMED, true,
	  "the peer's key share is not valid" },
	{ GNUTLS_E_UNKNOWN_COMPRESSION_ALGORITHM, -EPROTO, KTLS_MALFORMED, true,
	  "the peer does not offer to do without compression" },
	{ GNUTLS_E_PARSING_ERROR, -EPROTO, KTLS_MALFORMED, true, NULL },
	{ GNUTLS_E_UNEXPECTED_PACKET, -EPROTO, KTLS_UNEXPECTED, true, NULL },
	{ GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET, -EPROTO, KTLS_UNEXPECTED, true,
	  NULL },
	{ GNUTLS_E_RECORD_OVERFLOW, -EPROTO, KTLS_TOO_LONG, true,
	  "the peer sent a record that is too long" },
	{ GNUTLS_E_HANDSHAKE_TOO_LARGE, -EPROTO, KTLS_TOO_LONG, true,
	  "the peer's handshake is too long" },
	{ GNUTLS_E_TOO_MANY_EMPTY_PACKETS, -EPROTO, KTLS_TOO_MANY, true, NULL },
	{ GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS, -EPROTO, KTLS_TOO_MANY, true,
	  NULL },
	{ GNUTLS_E_DECRYPTION_FAILED, -EBADMSG, KTLS_BAD_RECORD, true, NULL },
	{ GNUTLS_E_ERROR_IN_FINISHED_PACKET, -EBADMSG, KTLS_BAD_FINISHED, true,
	  NULL },
	{ GNUTLS_E_PK_SIG_VERIFY_FAILED, -EBADMSG, KTLS_BAD_FINISHED, true,
	  NULL },
	{ GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR, -EKEYREJECTED,
	  KTLS_BAD_CERTIFICATE, true, NULL },
	{ GNUTLS_E_CERTIFICATE_ERROR, -EKEYREJECTED, KTLS_BAD_CERTIFICATE,
	  true, NULL },
	{ GNUTLS_E_KEY_USAGE_VIOLATION, -EKEYREJECTED, KTLS_WRONG_PURPOSE,
	  true, NULL },
	{ GNUTLS_E_CERTIFICATE_REQUIRED, -EKEYREJECTED, KTLS_NO_CERTIFICATE,
	  true, NO_CERTIFICATE },
	{ GNUTLS_E_NO_CERTIFICATE_FOUND, -EKEYREJECTED, KTLS_NO_CERTIFICATE,
	  true, NO_CERTIFICATE },
	{ GNUTLS_E_MEMORY_ERROR, -ENOMEM, KTLS_INTERNAL, true,
	  "out of memory" },
};

/* Sent in place of a ClientHello these show that it was none. */
static const int not_tls[] = {
	GNUTLS_E_UNSUPPORTED_VERSION_PACKET,
	GNUTLS_E_UNEXPECTED_PACKET_LENGTH,
	GNUTLS_E_UNEXPECTED_PACKET,
	GNUTLS_E_UNEXPECTED_HANDSHAKE_PACKET,
	GNUTLS_E_RECORD_OVERFLOW,
};

static const struct reason *find(enum ktls_reason reason)
{
	if (reason < 0 || reason >= KTLS_REASONS || !reasons[reason].name)
		return &reasons[KTLS_INTERNAL];
	return &reasons[reason];
}

const char *ktls_reason_name(enum ktls_reason reason)
{
	return find(reason)->name;
}

const char *ktls_reason_text(enum ktls_reason reason)
{
	return find(reason)->text;
}

enum ktls_class ktls_reason_class(enum ktls_reason reason)
{
	return find(reason)->class;
}

static int set(struct ktls_error *err, int ret, enum ktls_reason reason,
	       const char *fmt, va_list ap)
{
	err->reason = reason;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	return ret;
}

int error_set(struct ktls_error *err, int ret, enum ktls_reason reason,
	      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, ret, reason, fmt, ap);
	va_end(ap);
	return ret;
}

int session_fail(struct ktls_session *s, int ret, enum ktls_reason reason,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(&s->error, ret, reason, fmt, ap);
	va_end(ap);
	return ret;
}

/* The alert is best effort: one send, to a peer that may not listen. */
static void send_alert(struct ktls_session *s, int error)
{
	char waste[4096];
	int level;
	int alert = s->alert >= 0 ? s->alert :
				    gnutls_error_to_alert(error, &level);

	if (gnutls_alert_send(s->tls, GNUTLS_AL_FATAL, alert) >= 0 &&
	    !flight_send(s)) {
		s->error.alert_sent = alert;
		trace_alert(s, alert, true, false);
	}
	shutdown(s->fd, SHUT_WR);
	for (size_t n = 0; n < DRAIN_MAX; n += sizeof(waste))
		if (recv(s->fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
			return;
}

static struct translation translate(int error)
{
	for (size_t i = 0; i < ARRAY_SIZE(translations); i++)
		if (translations[i].gnutls == error)
			return translations[i];
	return (struct translation){ error, -EPROTO, KTLS_INTERNAL, true,
				     gnutls_strerror(error) };
}

/* The same error means different things at different times. */
static struct translation interpret(struct ktls_session *s, int error)
{
	struct translation t = translate(error);

	if (s->eof && t.reason == KTLS_MALFORMED)	/* half a record */
		return translate(GNUTLS_E_PREMATURE_TERMINATION);
	for (size_t i = 0; i < ARRAY_SIZE(not_tls) && !s->met; i++)
		if (not_tls[i] == error) {
			t.reason = KTLS_NOT_TLS;
			t.text = NULL;
		}
	if (t.reason >= KTLS_NO_VERSION && t.reason <= KTLS_NO_SIGNATURE &&
	    s->lack) {
		t.reason = s->lack;
		t.text = NULL;
	}
	/* RFC 8446 section 6.2; GnuTLS has handshake_failure for some of it. */
	if (t.reason == KTLS_NO_VERSION && s->lack && s->alert < 0)
		s->alert = GNUTLS_A_PROTOCOL_VERSION;
	return t;
}

/*
 * An alert in clear fails to decrypt. And whatever alert comes in place of a
 * client's certificate, in TLS 1.2 GnuTLS only says that it has no certificate.
 */
static int unhide(struct ktls_session *s, int error)
{
	if (error == GNUTLS_E_DECRYPTION_FAILED && s->clear_alert >= 0)
		return GNUTLS_E_FATAL_ALERT_RECEIVED;
	if (error != GNUTLS_E_NO_CERTIFICATE_FOUND)
		return error;
	if (!s->certificate_came &&
	    gnutls_alert_get(s->tls) != GNUTLS_A_CLOSE_NOTIFY)
		return GNUTLS_E_FATAL_ALERT_RECEIVED;
	if (s->alert < 0)		/* RFC 5246 section 7.4.6 */
		s->alert = GNUTLS_A_HANDSHAKE_FAILURE;
	return error;
}

static int explain(struct ktls_session *s, int gnutls_error)
{
	int error = unhide(s, gnutls_error);
	struct translation t;

	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		s->error.alert_received = s->clear_alert >= 0 ?
					  s->clear_alert :
					  (int)gnutls_alert_get(s->tls);
		trace_alert(s, s->error.alert_received, true, true);
		return session_fail(s, -ECONNRESET, KTLS_ALERT,
				    "the peer refused: alert %s",
				    ktls_alert_name(s->error.alert_received));
	}
	t = interpret(s, error);
	if (t.alert)
		send_alert(s, error);
	if (s->error.text[0])		/* a hook knew better */
		return t.ret;
	return session_fail(s, t.ret, t.reason, "%s",
			    t.text ? t.text : ktls_reason_text(t.reason));
}

int session_give_up(struct ktls_session *s, int error)
{
	int ret = explain(s, error);

	trace_failed(s);
	return ret;
}
