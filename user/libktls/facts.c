// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the peer's certificates say, for the check that they are put to. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

struct text {
	char *out;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->used += vsnprintf(t->out + t->used, t->size - t->used, fmt, ap);
	va_end(ap);
	if (t->used >= t->size)
		t->used = t->size - 1;
}

/* The answer for the peer's own certificate, of several in one response. */
static int find_answer(struct facts *f)
{
	gnutls_ocsp_resp_t r = f->staple;
	time_t revoked, made;
	unsigned int i = 0;
	int ret;

	while ((ret = gnutls_ocsp_resp_check_crt(r, i, f->chain[0])) != 0)
		if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE || ++i == 64)
			return ret;
	return gnutls_ocsp_resp_get_single(r, i, NULL, NULL, NULL, NULL,
					   &f->ocsp_status, &made,
					   &f->ocsp_next, &revoked, NULL);
}

static void take_staple(struct facts *f)
{
	gnutls_datum_t der;

	f->ocsp_next = -1;
	if (gnutls_ocsp_status_request_get2(f->s->tls, 0, &der))
		return;
	f->stapled = true;
	f->ocsp_status = GNUTLS_OCSP_CERT_UNKNOWN;
	if (gnutls_ocsp_resp_init(&f->staple))
		f->staple = NULL;
	else if (!gnutls_ocsp_resp_import(f->staple, &der))
		find_answer(f);
}

int facts_take(struct facts *f, const struct ktls_session *s)
{
	const gnutls_datum_t *der;
	unsigned int count;

	*f = (struct facts){ .s = s };
	der = gnutls_certificate_get_peers(s->tls, &count);
	if (!der)
		return 0;
	if (count > CHAIN_MAX)
		return -E2BIG;
	while (f->count < count) {
		gnutls_x509_crt_t *crt = &f->chain[f->count];

		if (gnutls_x509_crt_init(crt))
			return -ENOMEM;
		f->count++;
		if (gnutls_x509_crt_import(*crt, &der[f->count - 1],
					   GNUTLS_X509_FMT_DER))
			return -EBADMSG;
	}
	if (count)
		take_staple(f);
	return 0;
}

void facts_drop(struct facts *f)
{
	while (f->count)
		gnutls_x509_crt_deinit(f->chain[--f->count]);
	if (f->staple)
		gnutls_ocsp_resp_deinit(f->staple);
}

/* A CA that we trust and that has issued @crt; false: there is none. */
static bool find_ca(const struct facts *f, gnutls_x509_crt_t crt,
		    gnutls_x509_crt_t *ca)
{
	gnutls_certificate_credentials_t x509 = NULL;
	gnutls_x509_trust_list_t cas;

	if (gnutls_credentials_get(f->s->tls, GNUTLS_CRD_CERTIFICATE,
				   (void **)&x509))
		return false;
	gnutls_certificate_get_trust_list(x509, &cas);
	return !gnutls_x509_trust_list_get_issuer(cas, crt, ca,
						  GNUTLS_TL_GET_COPY);
}

/* Did the CA that issued the peer's own certificate sign the response? */
static bool is_signed(const struct facts *f)
{
	gnutls_x509_crt_t issuer;
	unsigned int status = -1;

	if (!f->staple || !find_ca(f, f->chain[0], &issuer))
		return false;
	if (gnutls_ocsp_resp_verify_direct(f->staple, issuer, &status, 0))
		status = -1;
	gnutls_x509_crt_deinit(issuer);
	return !status;
}

/*
 * GnuTLS finds the signer of a response by its name, or in the chain. A root
 * that issued the certificate itself, and signs by its key's hash, it misses.
 */
unsigned int facts_reconsider(const struct facts *f, unsigned int status)
{
	if (!(status & GNUTLS_CERT_INVALID_OCSP_STATUS) || f->count != 1 ||
	    f->ocsp_next == -1 || !is_signed(f))
		return status;
	status &= ~GNUTLS_CERT_INVALID_OCSP_STATUS;
	if (f->ocsp_status == GNUTLS_OCSP_CERT_REVOKED)
		status |= GNUTLS_CERT_REVOKED;
	if (f->ocsp_next < time(NULL))
		status |= GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED;
	return status == GNUTLS_CERT_INVALID ? 0 : status;
}

/*
 * Of several answers in one response GnuTLS before 3.8.13 goes by the first
 * (CVE-2026-3832). And that the CA does not know the certificate is nothing to
 * it.
 */
unsigned int facts_answer(const struct facts *f)
{
	if (!f->stapled || f->ocsp_status == GNUTLS_OCSP_CERT_GOOD)
		return 0;
	return f->ocsp_status == GNUTLS_OCSP_CERT_REVOKED ?
	       GNUTLS_CERT_REVOKED : GNUTLS_CERT_INVALID_OCSP_STATUS;
}

/*
 * No client has to offer a ticket that can only be refused. Once the peer is
 * verified, what has expired was not needed: a cross-certificate of old, say.
 */
time_t facts_until(const struct facts *f)
{
	time_t now = time(NULL), until = 0;

	for (unsigned int i = 0; i < f->count; i++) {
		time_t t = gnutls_x509_crt_get_expiration_time(f->chain[i]);

		if (!i || (t < until && t > now))
			until = t;
	}
	if (f->stapled && f->ocsp_next != -1 && f->ocsp_next < until)
		until = f->ocsp_next;
	return until;
}

static void add_name_of(struct text *t, int ret, gnutls_datum_t *dn)
{
	char text[256];

	if (ret) {
		add(t, "nobody");
		return;
	}
	add(t, "%.200s", identity_escape(text, sizeof(text), dn->data,
					 dn->size));
	gnutls_free(dn->data);
}

static bool is_issued_by_ca(const struct facts *f, unsigned int i)
{
	gnutls_x509_crt_t ca;

	if (!find_ca(f, f->chain[i], &ca))
		return false;
	gnutls_x509_crt_deinit(ca);
	return true;
}

/* Of those that were sent, how many are between the first and its CA? */
static unsigned int count_between(const struct facts *f)
{
	unsigned int i = 0;

	while (!is_issued_by_ca(f, i) && i + 1 < f->count &&
	       gnutls_x509_crt_check_issuer(f->chain[i], f->chain[i + 1]) &&
	       !gnutls_x509_crt_check_issuer(f->chain[i], f->chain[i]))
		i++;
	/* A root that nobody trusts here may have been sent, too. */
	if (i && gnutls_x509_crt_check_issuer(f->chain[i], f->chain[i]))
		i--;
	return i;
}

static void tell_chain(const struct facts *f, struct text *t)
{
	unsigned int between = count_between(f);
	gnutls_datum_t dn;
	int ret = gnutls_x509_crt_get_issuer_dn3(f->chain[between], &dn, 0);

	add(t, "issued by ");
	add_name_of(t, ret, &dn);
	if (between)
		add(t, ", with %u certificate%s in between", between,
		    between == 1 ? "" : "s");
}

static void add_time(struct text *t, time_t at)
{
	char text[64];
	struct tm tm;

	if (gmtime_r(&at, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		add(t, "%s", text);
	else
		add(t, "?");
}

/* Of the first certificate that is out of its time, or else the peer's own. */
static void tell_validity(const struct facts *f, struct text *t)
{
	time_t now = time(NULL), from = 0, to = 0;
	gnutls_datum_t dn;
	unsigned int i = f->count;

	while (i-- > 0) {
		from = gnutls_x509_crt_get_activation_time(f->chain[i]);
		to = gnutls_x509_crt_get_expiration_time(f->chain[i]);
		if (i && (now < from || now > to))
			break;
	}
	if (i != -1u) {
		int ret = gnutls_x509_crt_get_dn3(f->chain[i], &dn, 0);

		add(t, "that of its issuer ");
		add_name_of(t, ret, &dn);
		add(t, ": ");
	}
	add(t, "valid from ");
	add_time(t, from);
	add(t, " to ");
	add_time(t, to);
	add(t, " UTC");
}

static void tell_name(const struct facts *f, struct text *t)
{
	const char *names = f->s->identity->names;

	add(t, "asked for %.100s, it has %.200s%s", f->s->name,
	    *names ? names : "no name at all",
	    strlen(names) > 200 ? " ..." : "");
}

static void tell_purpose(const struct facts *f, struct text *t)
{
	char oid[64];
	size_t len = sizeof(oid);
	unsigned int critical;

	add(t, "needed: TLS %s, it has:",
	    f->s->config->o.client ? "server" : "client");
	for (unsigned int i = 0; i < 8; i++) {
		len = sizeof(oid);
		if (gnutls_x509_crt_get_key_purpose_oid(f->chain[0], i, oid,
							&len, &critical)) {
			add(t, "%s", i ? "" : " any");
			return;
		}
		add(t, " %s", !strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) ?
			      "TLS server" :
			      !strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) ?
			      "TLS client" : oid);
	}
}

static void tell_strength(const struct facts *f, struct text *t)
{
	for (unsigned int i = 0; i < f->count; i++) {
		unsigned int bits = 0;
		int pk = gnutls_x509_crt_get_pk_algorithm(f->chain[i], &bits);
		int sign = gnutls_x509_crt_get_signature_algorithm(f->chain[i]);

		add(t, "%s%s %u bits, signed with %s", i ? "; " : "",
		    gnutls_pk_get_name(pk), bits,
		    gnutls_sign_get_name(sign) ?: "an unknown algorithm");
	}
}

static void tell_revocation(const struct facts *f, struct text *t)
{
	static const char *const states[] = {
		[GNUTLS_OCSP_CERT_GOOD] = "good",
		[GNUTLS_OCSP_CERT_REVOKED] = "revoked",
		[GNUTLS_OCSP_CERT_UNKNOWN] = "unknown",
	};

	if (!f->stapled) {
		add(t, "no OCSP response came with it");
		return;
	}
	add(t, "OCSP response: %s", f->ocsp_status < ARRAY_SIZE(states) ?
	    states[f->ocsp_status] : "?");
	if (f->ocsp_next != -1) {
		add(t, ", until ");
		add_time(t, f->ocsp_next);
		add(t, " UTC");
	}
}

static void tell_pin(const struct facts *f, struct text *t)
{
	add(t, "its key is ");
	for (size_t i = 0; i < sizeof(f->s->identity->spki_sha256); i++)
		add(t, "%02x", f->s->identity->spki_sha256[i]);
}

void facts_tell(const struct facts *f, enum check which, char *out, size_t size)
{
	static void (*const tell[CHECKS])(const struct facts *f,
					  struct text *t) = {
		[CHECK_CHAIN] = tell_chain,
		[CHECK_VALIDITY] = tell_validity,
		[CHECK_NAME] = tell_name,
		[CHECK_PURPOSE] = tell_purpose,
		[CHECK_STRENGTH] = tell_strength,
		[CHECK_REVOCATION] = tell_revocation,
		[CHECK_PIN] = tell_pin,
	};
	struct text t = { out, size, 0 };

	*out = '\0';
	tell[which](f, &t);
}
