// SPDX-License-Identifier: LGPL-2.1-or-later
/* The steps of a handshake, told to whoever asked, as data, JSON or text. */
#include "internal.h"

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

void ktls_session_trace(struct ktls_session *s, ktls_trace_fn *fn, void *ctx)
{
	s->trace = fn;
	s->trace_ctx = ctx;
}

void trace_check(struct ktls_session *s, const char *check, bool ok,
		 const char *detail)
{
	(void)s;
	(void)check;
	(void)ok;
	(void)detail;
}
