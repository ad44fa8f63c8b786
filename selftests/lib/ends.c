// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "ends.h"

static void save(const char *path, const gnutls_datum_t *pem)
{
	FILE *f = fopen(path, "w");

	fwrite(pem->data, 1, pem->size, f);
	fclose(f);
}

/* For localhost and 192.0.2.1, good for RSA key transport too. */
static void make_certificate(bool rsa, const char *cert, const char *key)
{
	static const unsigned char address[4] = { 192, 0, 2, 1 };
	gnutls_x509_privkey_t k;
	gnutls_x509_crt_t c;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&k);
	gnutls_x509_crt_init(&c);
	gnutls_x509_privkey_generate(k, rsa ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
				     rsa ? 2048 : 256, 0);
	gnutls_x509_crt_set_version(c, 3);
	gnutls_x509_crt_set_serial(c, "\1", 1);
	gnutls_x509_crt_set_dn(c, "CN=localhost,O=M\xc3\xbcller", NULL);
	gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME,
					     "localhost", 9, GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, address,
					     4, GNUTLS_FSAN_APPEND);
	gnutls_x509_crt_set_activation_time(c, 1700000000);
	gnutls_x509_crt_set_expiration_time(c, 4000000000);
	gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE |
				      (rsa ? GNUTLS_KEY_KEY_ENCIPHERMENT : 0));
	gnutls_x509_crt_set_key(c, k);
	gnutls_x509_crt_sign2(c, c, k, GNUTLS_DIG_SHA256, 0);
	gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem);
	save(cert, &pem);
	gnutls_free(pem.data);
	gnutls_x509_privkey_export2(k, GNUTLS_X509_FMT_PEM, &pem);
	save(key, &pem);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(c);
	gnutls_x509_privkey_deinit(k);
}

static int load(struct ends *e, int end, const struct ktls_options *base)
{
	const struct ktls_pair pair = { e->cert, e->key, NULL };
	struct ktls_options o = *base;
	struct ktls_error err;

	o.pairs = &pair;
	o.pairs_count = 1;
	o.client = o.no_verify = end;
	o.no_tickets = true;
	o.offload = KTLS_OFFLOAD_PREFER;
	if (end)
		o.groups = NULL;	/* only the server's make a retry */
	return ktls_config_load(&e->config[end], &o, &err);
}

static int open_session(struct ends *e, int end)
{
	int ret = ktls_session_new(&e->s[end], e->config[end], e->fds[end],
				   end ? "localhost" : NULL);

	if (ret)
		return ret;
	ktls_session_trace(e->s[end], events_add, &e->events[end]);
	ktls_session_keylog(e->s[end], events_secret, &e->events[end]);
	return 0;
}

int ends_prepare(struct ends *e, bool rsa,
		 const struct ktls_options *base)
{
	memset(e, 0, sizeof(*e));
	e->fds[0] = e->fds[1] = -1;
	e->p.fd = -1;
	strcpy(e->dir, "/tmp/trace.XXXXXX");
	if (!mkdtemp(e->dir))
		return -errno;
	snprintf(e->cert, sizeof(e->cert), "%s/cert.pem", e->dir);
	snprintf(e->key, sizeof(e->key), "%s/key.pem", e->dir);
	make_certificate(rsa, e->cert, e->key);
	return load(e, 0, base) ?: load(e, 1, base);
}

int ends_connect(struct ends *e, bool ours, const char *priority)
{
	int ret = peer_tcp(e->fds) ?: open_session(e, 0);

	if (ret)
		return ret;
	if (!ours)
		return peer_open(&e->p, e->fds[1], priority, 0);
	ret = open_session(e, 1);
	return ret ? ret : gnutls_priority_set_direct(e->s[1]->tls, priority,
						      NULL);
}

void ends_disconnect(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		events_clear(&e->events[i]);
		ktls_session_free(e->s[i]);
		if (e->c[i])
			ktls_conn_close(e->c[i]);
		else if (e->fds[i] >= 0 && !(i == 1 && e->p.tls))
			close(e->fds[i]);
		e->s[i] = NULL;
		e->c[i] = NULL;
		e->fds[i] = -1;
	}
	peer_close(&e->p);
}

void ends_close(struct ends *e)
{
	ends_disconnect(e);
	ktls_config_put(e->config[0]);
	ktls_config_put(e->config[1]);
	unlink(e->cert);
	unlink(e->key);
	rmdir(e->dir);
}

int ends_shake(struct ends *e)
{
	int ret[2] = { -EAGAIN, -EAGAIN };

	if (!e->s[1])
		return peer_shake(&e->p, e->s[0], e->fds[0]);
	for (int i = 0; i < 1000 && (ret[0] || ret[1]); i++) {
		struct pollfd pfd[2];

		for (int k = 0; k < 2; k++) {
			if (ret[k])
				ret[k] = ktls_session_handshake(e->s[k]);
			if (ret[k] && ret[k] != -EAGAIN)
				return ret[k];
			pfd[k].fd = ret[k] ? e->fds[k] : -1;
			pfd[k].events = ktls_session_events(e->s[k]);
		}
		if (ret[0] || ret[1])
			poll(pfd, 2, PEER_MS);
	}
	return ret[0] ? ret[0] : ret[1];
}

int ends_install(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		int ret = e->s[i] ? ktls_session_install(e->s[i], &e->c[i]) : 0;

		if (ret)
			return ret;
	}
	return 0;
}
