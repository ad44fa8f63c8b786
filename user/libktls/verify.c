// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is the peer who it should be? GnuTLS checks all at once and answers in bits;
 * here they are gone through in the order in which a person would ask, and
 * the first that is wrong is the reason.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

enum { BAD_CERTIFICATE_STATUS_RESPONSE = 113 };	/* RFC 8446 section 6 */

/* Bits of our own, which GnuTLS does not use. */
#define SELF_SIGNED	(1u << 29)
#define WRONG_PIN	(1u << 30)
#define OTHER		(1u << 31)	/* and none that this table knows */

static const char *const check_names[CHECKS] = {
	[CHECK_CHAIN] = "chain",
	[CHECK_VALIDITY] = "validity",
	[CHECK_NAME] = "name",
	[CHECK_PURPOSE] = "purpose",
	[CHECK_STRENGTH] = "strength",
	[CHECK_REVOCATION] = "revocation",
	[CHECK_PIN] = "pin",
};

/*
 * The alerts are those of RFC 8446 section 6.2, whose certificate_expired also
 * means "not valid yet"; a weak signature is bad_certificate by section
 * 4.4.2.4. "The server's certificate (CN=a) TEXT (detail)HINT".
 */
static const struct failure {
	enum check check;
	unsigned int bits;
	enum ktls_reason reason;
	int alert;
	const char *text, *hint;
} failures[] = {
	{ CHECK_CHAIN, SELF_SIGNED, KTLS_SELF_SIGNED, GNUTLS_A_UNKNOWN_CA,
	  "is signed by itself, which proves nothing",
	  "; if it is to be trusted, add it to the trusted ones" },
	{ CHECK_CHAIN, GNUTLS_CERT_SIGNER_NOT_FOUND, KTLS_UNKNOWN_CA,
	  GNUTLS_A_UNKNOWN_CA, "has an issuer that is not trusted",
	  "; add the CA to the trusted ones, or have the peer send the certificates in between" },
	{ CHECK_CHAIN, GNUTLS_CERT_SIGNER_NOT_CA |
		       GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE |
		       GNUTLS_CERT_SIGNATURE_FAILURE,
	  KTLS_BAD_CERTIFICATE, GNUTLS_A_BAD_CERTIFICATE,
	  "has an issuer that may not issue it, or a wrong signature", "" },
	{ CHECK_CHAIN, GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS | OTHER,
	  KTLS_BAD_CERTIFICATE, GNUTLS_A_BAD_CERTIFICATE,
	  "is not good", "" },
	{ CHECK_VALIDITY, GNUTLS_CERT_EXPIRED, KTLS_EXPIRED,
	  GNUTLS_A_CERTIFICATE_EXPIRED, "has expired",
	  "; its owner has to renew it" },
	{ CHECK_VALIDITY, GNUTLS_CERT_NOT_ACTIVATED, KTLS_NOT_YET_VALID,
	  GNUTLS_A_CERTIFICATE_EXPIRED, "is not valid yet",
	  "; are the clocks right?" },
	{ CHECK_NAME, GNUTLS_CERT_UNEXPECTED_OWNER, KTLS_WRONG_NAME,
	  GNUTLS_A_CERTIFICATE_UNKNOWN, "is for another name", "" },
	{ CHECK_PURPOSE, GNUTLS_CERT_PURPOSE_MISMATCH, KTLS_WRONG_PURPOSE,
	  GNUTLS_A_UNSUPPORTED_CERTIFICATE, "is for another purpose",
	  "; its owner needs one with the right extendedKeyUsage" },
	{ CHECK_STRENGTH, GNUTLS_CERT_INSECURE_ALGORITHM, KTLS_WEAK,
	  GNUTLS_A_BAD_CERTIFICATE, "has a weak key or signature",
	  "; its owner has to replace it" },
	{ CHECK_REVOCATION, GNUTLS_CERT_REVOKED, KTLS_REVOKED,
	  GNUTLS_A_CERTIFICATE_REVOKED, "is revoked",
	  "; its key may be stolen" },
	{ CHECK_REVOCATION, GNUTLS_CERT_INVALID_OCSP_STATUS |
			    GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
			    GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE,
	  KTLS_BAD_STAPLE, BAD_CERTIFICATE_STATUS_RESPONSE,
	  "came with an OCSP response that is old, forged or about another",
	  "; its owner has to fetch a new one" },
	{ CHECK_REVOCATION, GNUTLS_CERT_MISSING_OCSP_STATUS, KTLS_BAD_STAPLE,
	  BAD_CERTIFICATE_STATUS_RESPONSE,
	  "must come with an OCSP response (must-staple)",
	  "; its owner has to set up stapling" },
	{ CHECK_PIN, WRONG_PIN, KTLS_WRONG_PIN, GNUTLS_A_CERTIFICATE_UNKNOWN,
	  "has a key that is not pinned",
	  "; if the key was changed on purpose, pin the new one" },
};

bool verify_wants(const struct ktls_config *c)
{
	return c->o.client ? !c->o.no_verify : c->o.auth != KTLS_AUTH_NONE;
}

static bool applies(const struct ktls_session *s, enum check check)
{
	if (check == CHECK_PIN)
		return s->config->trust.pins_count;
	if (check == CHECK_NAME && !s->name)
		return false;
	return verify_wants(s->config);
}

static bool is_pinned(const struct ktls_session *s)
{
	const struct trust *t = &s->config->trust;

	for (size_t i = 0; i < t->pins_count; i++)
		if (!memcmp(t->pins[i], s->identity->spki_sha256,
			    sizeof(t->pins[i])))
			return true;
	return false;
}

/* GnuTLS's verdict, in bits. */
static int ask(struct ktls_session *s, unsigned int *status)
{
	gnutls_typed_vdata_st about[] = {
		{ GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)
		  (s->config->o.client ? GNUTLS_KP_TLS_WWW_SERVER :
					 GNUTLS_KP_TLS_WWW_CLIENT), 0 },
		/* It knows an address when it sees one. */
		{ GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)s->name, 0 },
	};

	return gnutls_certificate_verify_peers(s->tls, about, s->name ? 2 : 1,
					       status);
}

static unsigned int known_bits(void)
{
	unsigned int bits = GNUTLS_CERT_INVALID;

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		bits |= failures[i].bits;
	return bits;
}

static unsigned int find_status(struct ktls_session *s, const struct facts *f)
{
	unsigned int status = 0;

	if (verify_wants(s->config) && ask(s, &status) < 0)
		status = OTHER;
	status = facts_reconsider(f, status);
	if (status & ~known_bits() || status == GNUTLS_CERT_INVALID)
		status |= OTHER;
	if (status & GNUTLS_CERT_SIGNER_NOT_FOUND && f->count == 1 &&
	    gnutls_x509_crt_check_issuer(f->chain[0], f->chain[0]))
		status |= SELF_SIGNED;
	if (!status)
		status = facts_answer(f);
	if (applies(s, CHECK_PIN) && !is_pinned(s))
		status |= WRONG_PIN;
	return status;
}

static const struct failure *find_failure(enum check check, unsigned int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (failures[i].check == check && failures[i].bits & status)
			return &failures[i];
	return NULL;
}

/* Servers have no way to ask for the key alone. */
static const char *more_hint(const struct ktls_session *s,
			     const struct failure *f)
{
	return f->reason == KTLS_SELF_SIGNED && s->config->o.client ?
	       ", or pin its key and verify nothing else" : "";
}

static int refuse(struct ktls_session *s, const struct failure *f,
		  const char *detail)
{
	const struct ktls_identity *id = s->identity;

	s->alert = f->alert;
	return session_fail(s, -EKEYREJECTED, f->reason,
			    "the %s's certificate (%.100s) %s: %.220s%s%s",
			    s->config->o.client ? "server" : "client",
			    id->subject[0] ? id->subject :
			    id->names[0] ? id->names : "without a name",
			    f->text, detail, f->hint, more_hint(s, f));
}

static void tell(struct ktls_session *s, const struct facts *f,
		 enum check check, bool bad, const char *detail)
{
	/* "ok" would read as: not revoked. */
	if (check == CHECK_REVOCATION && !bad && !f->stapled)
		trace_skip(s, check_names[check], detail);
	else
		trace_check(s, check_names[check], !bad, detail);
}

/* The first check that fails decides; the others are told all the same. */
static int judge(struct ktls_session *s, const struct facts *f)
{
	unsigned int status = find_status(s, f);
	bool failed = false;
	char detail[512];

	for (enum check check = 0; check < CHECKS; check++) {
		const struct failure *bad = find_failure(check, status);

		/* What GnuTLS did not get to is not known to be good. */
		if (!applies(s, check) || (failed && !bad))
			continue;
		facts_tell(f, check, detail, sizeof(detail));
		tell(s, f, check, bad, detail);
		if (bad && !failed)
			refuse(s, bad, detail);
		failed = failed || bad;
	}
	if (failed)
		return -EKEYREJECTED;
	s->identity->verified = verify_wants(s->config) ||
				s->config->trust.pins_count;
	s->verified = s->identity->verified ? "yes" : "no";
	return 0;
}

/* There is no certificate. Who may do without? */
static int judge_nobody(struct ktls_session *s)
{
	const struct ktls_config *c = s->config;

	if (c->o.client ? !verify_wants(c) && !c->trust.pins_count :
			  c->o.auth != KTLS_AUTH_REQUIRE)
		return 0;
	s->alert = GNUTLS_A_HANDSHAKE_FAILURE;
	if (!c->o.client &&
	    gnutls_protocol_get_version(s->tls) == GNUTLS_TLS1_3)
		s->alert = GNUTLS_A_CERTIFICATE_REQUIRED;
	return session_fail(s, -EKEYREJECTED, KTLS_NO_CERTIFICATE,
			    "the %s showed no certificate, and has to",
			    c->o.client ? "server" : "client");
}

/*
 * GnuTLS takes the client's certificate out of a ticket before it knows that
 * it will not resume it (one whose age is wrong, say), and it is then still
 * there when a client that has to prove nothing shows none.
 */
static bool is_borrowed(const struct ktls_session *s)
{
	return s->certificate_wanted && !s->certificate_shown;
}

static int verify(struct ktls_session *s)
{
	struct facts f;
	int ret;

	/* A ticket may be older than the wish not to ask. */
	if (!s->config->o.client && !verify_wants(s->config))
		return 0;
	ret = facts_take(&f, s);
	if (!ret && !f.count) {
		ret = judge_nobody(s);
	} else if (!ret && is_borrowed(s)) {
		s->alert = GNUTLS_A_ILLEGAL_PARAMETER;
		ret = session_fail(s, -EKEYREJECTED, KTLS_NO_CERTIFICATE,
				   "the client showed no certificate, only a ticket with one that cannot be resumed");
	} else {
		if (!ret)
			ret = identity_take(s, f.chain[0]);
		if (ret)
			ret = session_fail(s, -EKEYREJECTED,
					   KTLS_BAD_CERTIFICATE,
					   "the peer's certificate cannot be read");
		else
			ret = judge(s, &f);
		s->valid_until = verify_wants(s->config) ? facts_until(&f) : 0;
	}
	facts_drop(&f);
	s->judged = !ret;
	return ret;
}

static int on_certificate(gnutls_session_t tls)
{
	return verify(gnutls_session_get_ptr(tls)) ?
	       GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

int verify_again(struct ktls_session *s)
{
	return verify(s) ?
	       session_give_up(s, GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) : 0;
}

void verify_install(struct ktls_session *s)
{
	const struct ktls_options *o = &s->config->o;
	static const gnutls_certificate_request_t requests[] = {
		[KTLS_AUTH_NONE] = GNUTLS_CERT_IGNORE,
		[KTLS_AUTH_REQUEST] = GNUTLS_CERT_REQUEST,
		[KTLS_AUTH_REQUIRE] = GNUTLS_CERT_REQUIRE,
	};

	gnutls_session_set_verify_function(s->tls, on_certificate);
	if (!o->client)
		gnutls_certificate_server_set_request(s->tls,
						      requests[o->auth]);
}
