// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "server.h"

#define PAIRS_MAX 8

#define give_staple gnutls_certificate_set_ocsp_status_request_function

static char dir[32] = "/tmp/pki.XXXXXX";
static pid_t maker;

static const char *find_script(char *out, size_t size)
{
	static const char *const places[] = {
		"%s/lib/pki.sh", "%.0slib/pki.sh", "%.0s/src/selftests/lib/pki.sh",
	};
	char exe[256] = "";
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	while (n > 0 && exe[n - 1] != '/')
		n--;
	exe[n > 0 ? n - 1 : 0] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(out, size, places[i], exe);
#pragma GCC diagnostic pop
		if (!access(out, X_OK))
			return out;
	}
	return "lib/pki.sh";
}

/* Once for all tests, which are children of this process. */
static void __attribute__((constructor)) make_pki(void)
{
	char script[512], command[1024];

	maker = getpid();
	if (!mkdtemp(dir))
		exit(1);
	snprintf(command, sizeof(command), "%s %s",
		 find_script(script, sizeof(script)), dir);
	if (system(command))
		exit(1);
}

static void __attribute__((destructor)) remove_pki(void)
{
	char command[64];

	if (getpid() != maker)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		perror(command);
}

const char *pki_dir(void)
{
	return dir;
}

const char *pki(const char *name)
{
	static char paths[8][256];
	static unsigned int next;
	char *path = paths[next++ % 8];

	if (!name)
		return NULL;
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

int pki_config(struct ktls_config **out, const char *const names[],
	       struct ktls_options o, struct ktls_error *err)
{
	char paths[2 * PAIRS_MAX][128];
	struct ktls_pair pairs[PAIRS_MAX] = {};
	size_t i;

	for (i = 0; i < PAIRS_MAX && names[i]; i++) {
		char *pem = paths[2 * i], *key = paths[2 * i + 1];

		snprintf(pem, sizeof(paths[0]), "%s/%s.pem", dir, names[i]);
		snprintf(key, sizeof(paths[0]), "%s/%s.key", dir, names[i]);
		pairs[i] = (struct ktls_pair){ pem, key, NULL };
	}
	o.pairs = pairs;
	o.pairs_count = i;
	return ktls_config_load(out, &o, err);
}

int pki_load(struct peer *p, const char *certificate)
{
	char pem[128], key[128];

	snprintf(pem, sizeof(pem), "%s/%s.pem", dir, certificate);
	snprintf(key, sizeof(key), "%s/%s.key", dir, certificate);
	return gnutls_certificate_set_x509_key_file2(p->credentials, pem, key,
						     GNUTLS_X509_FMT_PEM, NULL,
						     0);
}

/* Also a staple that GnuTLS itself would refuse to send: an old one, say. */
static int staple(gnutls_session_t tls, void *path, gnutls_datum_t *out)
{
	return gnutls_load_file(path, out);
}

static int set_credentials(struct peer *p, const struct server *o)
{
	int ret = pki_load(p, o->certificate);

	if (o->staple)
		give_staple(p->credentials, staple, (char *)o->staple);
	if (ret >= 0 && o->ca)
		ret = gnutls_certificate_set_x509_trust_file(p->credentials,
							     o->ca,
							     GNUTLS_X509_FMT_PEM);
	gnutls_credentials_set(p->tls, GNUTLS_CRD_CERTIFICATE, p->credentials);
	return ret < 0 ? ret : 0;
}

/* By hand, as a test wants to see what GnuTLS makes of it. */
static int believe(gnutls_session_t tls)
{
	unsigned int status = 0;

	if (!gnutls_certificate_get_peers(tls, &status))
		return 0;
	return gnutls_certificate_verify_peers2(tls, &status) || status ?
	       GNUTLS_E_CERTIFICATE_ERROR : 0;
}

int server_open(struct peer *p, int fd, const char *priority,
		const struct server *o)
{
	int ret;

	memset(p, 0, sizeof(*p));
	p->fd = fd;
	gnutls_certificate_allocate_credentials(&p->credentials);
	gnutls_init(&p->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	ret = gnutls_priority_set_direct(p->tls, priority, NULL);
	if (!ret)
		ret = set_credentials(p, o);
	if (o->ca) {
		gnutls_certificate_server_set_request(p->tls, o->request);
		gnutls_session_set_verify_function(p->tls, believe);
	}
	if (o->ticket_key)
		gnutls_session_ticket_enable_server(p->tls, o->ticket_key);
	gnutls_transport_set_int(p->tls, fd);
	return ret;
}

/* One certificate is enough, and a test may leak what it cannot free. */
static gnutls_pcert_st shown[4];
static unsigned int shown_length;
static gnutls_privkey_t shown_key;

static int on_request(gnutls_session_t tls,
		      const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certificates, unsigned int *length,
		      gnutls_ocsp_data_st **ocsp, unsigned int *ocsp_length,
		      gnutls_privkey_t *key, unsigned int *flags)
{
	*certificates = shown;
	*length = shown_length;
	*key = shown_key;
	*ocsp_length = *flags = 0;
	return 0;
}

int client_show(struct peer *p, const char *certificate)
{
	char pem[128], key[128];
	gnutls_datum_t data;
	int ret;

	snprintf(pem, sizeof(pem), "%s/%s.pem", dir, certificate);
	snprintf(key, sizeof(key), "%s/%s.key", dir, certificate);
	shown_length = sizeof(shown) / sizeof(shown[0]);
	ret = gnutls_pcert_list_import_x509_file(shown, &shown_length, pem,
						 GNUTLS_X509_FMT_PEM, NULL,
						 NULL, 0);
	if (!ret)
		ret = gnutls_load_file(key, &data);
	if (ret)
		return ret;
	gnutls_privkey_init(&shown_key);
	ret = gnutls_privkey_import_x509_raw(shown_key, &data,
					     GNUTLS_X509_FMT_PEM, NULL, 0);
	gnutls_free(data.data);
	gnutls_certificate_set_retrieve_function3(p->credentials, on_request);
	return ret;
}

static bool pending(int theirs)
{
	return theirs < 0 && !gnutls_error_is_fatal(theirs);
}

/* The peer's handshake may have ended before it was refused. */
static void listen_on(struct peer *p, struct outcome *o)
{
	char c;

	if (!o->theirs) {
		ssize_t n = peer_recv(p, &c, 1);

		o->theirs = n < 0 ? n : GNUTLS_E_PREMATURE_TERMINATION;
	}
	if (o->theirs == GNUTLS_E_FATAL_ALERT_RECEIVED)
		o->alert = gnutls_alert_get(p->tls);
	o->after = recv(p->fd, &c, 1, MSG_DONTWAIT);
}

struct outcome meet(struct peer *p, struct ktls_session *s, int fd)
{
	struct outcome o = { -EAGAIN, GNUTLS_E_AGAIN, -1, -1 };

	/* When the peer refuses, the test sends the alert. */
	for (int i = 0; i < 1000 && (o.ours == -EAGAIN || pending(o.theirs)) &&
	     (!o.theirs || pending(o.theirs)); i++) {
		struct pollfd pfd[2] = {
			{ .fd = fd, .events = POLLIN },
			{ .fd = p->fd, .events = POLLIN },
		};

		if (o.ours == -EAGAIN)
			o.ours = ktls_session_handshake(s);
		if (pending(o.theirs))
			o.theirs = peer_step(p);
		if (o.ours != -EAGAIN)
			pfd[0].fd = -1;
		if (!pending(o.theirs))
			pfd[1].fd = -1;
		/* Both may have been served by what the other just sent. */
		if (pfd[0].fd >= 0 || pfd[1].fd >= 0)
			poll(pfd, 2, i < 4 ? 0 : 1000);
	}
	if (o.ours)
		listen_on(p, &o);
	return o;
}

const char *const priorities[2] = {
	"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3",
};

void end_close(struct end *e)
{
	ktls_session_free(e->s);
	ktls_config_put(e->config);
	peer_close(&e->p);
	if (e->fd >= 0)
		close(e->fd);
}

void pin_of(const char *name, char hex[65])
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t pem;
	unsigned char id[32];
	size_t len = sizeof(id);
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	gnutls_load_file(pki(file), &pem);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
	gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &len);
	gnutls_x509_crt_deinit(crt);
	gnutls_free(pem.data);
	for (size_t i = 0; i < sizeof(id); i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
}
