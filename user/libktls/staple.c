// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An OCSP response (RFC 6960), which a server sends along with its certificate
 * (RFC 6066 section 8). Something else fetches it and replaces the file; here
 * it is noticed, checked, and sent until its time is over. A file that is
 * broken, gone, or of another certificate changes nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "internal.h"

#define STAPLE_MAX 65536		/* 300 bytes to 3 KB are usual */
#define PEM_BEGIN "-----BEGIN OCSP RESPONSE-----"

struct staple {
	char *path;
	gnutls_x509_crt_t leaf, issuer;	/* the certificate's; or NULL */
	pthread_mutex_t lock;		/* of what follows */
	gnutls_datum_t response;	/* none: not sent */
	time_t until;			/* 0: for ever */
	time_t looked;			/* at the file, in monotonic seconds */
	struct stat seen;
};

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* What a file holds, checked. */
struct reading {
	struct stat file;		/* as it was before */
	gnutls_datum_t der;
	time_t until;
};

static bool is_pem(const gnutls_datum_t *file)
{
	return file->size >= strlen(PEM_BEGIN) &&
	       !memcmp(file->data, PEM_BEGIN, strlen(PEM_BEGIN));
}

/* The issuer's signature can be checked where the chain has the issuer. */
static bool is_signed(const struct staple *s, gnutls_ocsp_resp_t resp)
{
	unsigned int wrong;

	return !s->issuer ||
	       (!gnutls_ocsp_resp_verify_direct(resp, s->issuer, &wrong, 0) &&
		!wrong);
}

/* NULL, or what is wrong. That it says "revoked" is for clients to judge. */
static const char *check(const struct staple *s, gnutls_ocsp_resp_t resp,
			 struct reading *out)
{
	time_t from, until;
	unsigned int which = 0;
	int ret;

	if (gnutls_ocsp_resp_get_status(resp) != GNUTLS_OCSP_RESP_SUCCESSFUL)
		return "the responder has answered with an error";
	do
		ret = gnutls_ocsp_resp_check_crt(resp, which++, s->leaf);
	while (ret && ret != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
	if (ret)
		return "it is about another certificate";
	if (gnutls_ocsp_resp_get_single(resp, which - 1, NULL, NULL, NULL, NULL,
					NULL, &from, &until, NULL, NULL))
		return "it cannot be read";
	if (!is_signed(s, resp))
		return "it is not signed by the certificate's issuer";
	if (from > time(NULL))
		return "it is not valid yet";
	out->until = until == (time_t)-1 ? 0 : until;
	return NULL;
}

static const char *parse(const struct staple *s, const gnutls_datum_t *file,
			 struct reading *out)
{
	const char *fault = "it is no OCSP response, in DER or PEM";
	gnutls_ocsp_resp_t resp;

	if (gnutls_ocsp_resp_init(&resp))
		return "out of memory";
	if (!gnutls_ocsp_resp_import2(resp, file, is_pem(file) ?
				      GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER))
		fault = check(s, resp, out);
	if (!fault && gnutls_ocsp_resp_export(resp, &out->der))
		fault = "out of memory";
	gnutls_ocsp_resp_deinit(resp);
	return fault;
}

/* 0, or -errno with what is wrong in @fault. The caller frees out->der. */
static int read_response(const struct staple *s, struct reading *out,
			 const char **fault)
{
	gnutls_datum_t file = {};
	int ret = file_read_regular(&file, s->path, STAPLE_MAX);

	*fault = ret == -EINVAL ? "it is no regular file" : strerror(-ret);
	if (!ret)
		*fault = parse(s, &file, out);
	if (!ret && *fault)
		ret = -EINVAL;
	file_drop(&file);
	return ret;
}

static bool is_over(time_t until)
{
	return until && until <= time(NULL);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
 * Is it another file than the last that was good? At most once a second. What
 * was not is read again and again: nobody knows whether the fault will pass.
 */
static bool is_due(struct staple *s, struct stat *now)
{
	if (s->looked == seconds())
		return false;
	s->looked = seconds();
	return !stat(s->path, now) && !is_same(now, &s->seen);
}

/* One thread reads the file, the others go on with what there is. */
static void refresh(struct staple *s)
{
	struct reading new = {};
	gnutls_datum_t old = {};
	const char *fault;
	bool due;

	pthread_mutex_lock(&s->lock);
	due = is_due(s, &new.file);
	pthread_mutex_unlock(&s->lock);
	if (!due || read_response(s, &new, &fault))
		return;
	pthread_mutex_lock(&s->lock);
	s->seen = new.file;
	if (!is_over(new.until) || is_over(s->until)) {
		old = s->response;
		s->response = new.der;
		s->until = new.until;
		new.der = old;
	}
	pthread_mutex_unlock(&s->lock);
	gnutls_free(new.der.data);
}

int staple_load(struct staple **out, const struct certificate *c,
		const char *path, struct ktls_error *err)
{
	struct staple *s = calloc(1, sizeof(*s));
	struct reading first = {};
	const char *fault;
	int ret;

	if (!s)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	s->leaf = c->chain[0];
	s->issuer = c->length > 1 ? c->chain[1] : NULL;
	s->path = strdup(path);
	if (!s->path)
		return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
	is_due(s, &first.file);
	ret = read_response(s, &first, &fault);
	if (ret)
		return error_set(err, ret, KTLS_INTERNAL,
				 "OCSP response %s: %s", path, fault);
	s->seen = first.file;
	s->response = first.der;
	s->until = first.until;
	return 0;
}

void staple_free(struct staple *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	gnutls_free(s->response.data);
	free(s->path);
	free(s);
}

/* For GnuTLS, which frees what it is given. */
int staple_give(gnutls_session_t tls, void *staple, gnutls_datum_t *response)
{
	struct staple *s = staple;
	int ret = GNUTLS_E_NO_CERTIFICATE_STATUS;

	(void)tls;
	refresh(s);
	pthread_mutex_lock(&s->lock);
	if (s->response.size && !is_over(s->until)) {
		response->data = gnutls_malloc(s->response.size);
		if (response->data) {
			memcpy(response->data, s->response.data,
			       s->response.size);
			response->size = s->response.size;
			ret = 0;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}
