// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which certificates answer to which name. Those that carry the same set of
 * names, such as an ECDSA and an RSA one, are offered together, and GnuTLS
 * takes the one that the client can verify.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "internal.h"

static int no_memory(struct ktls_error *err)
{
	return error_set(err, -ENOMEM, KTLS_INTERNAL, "out of memory");
}

/* The one of @c's names, new if need be; a client has one for all. */
static struct vhost *vhost_of(struct ktls_config *c, const char *names,
			      struct ktls_error *err)
{
	struct vhost *v = c->vhosts;

	while (v < c->vhosts + c->vhosts_count &&
	       !c->o.client && strcmp(v->names, names))
		v++;
	if (v < c->vhosts + c->vhosts_count)
		return v;
	if (gnutls_certificate_allocate_credentials(&v->x509)) {
		no_memory(err);
		return NULL;
	}
	c->vhosts_count++;
	if (trust_use(c, v->x509, err))
		return NULL;
	/* Makes set_key() return the index that stapling needs. */
	gnutls_certificate_set_flags(v->x509, GNUTLS_CERTIFICATE_API_V2);
	v->names = names;
	return v;
}

/* GnuTLS takes the list and the key over: it gets copies, and our key. */
static int add(struct vhost *v, struct certificate *one)
{
	gnutls_pcert_st *copy = gnutls_calloc(one->length, sizeof(*copy));
	int ret = copy ? 0 : GNUTLS_E_MEMORY_ERROR;

	for (unsigned int i = 0; i < one->length && !ret; i++)
		ret = gnutls_pcert_import_x509(&copy[i], one->chain[i], 0);
	if (!ret)
		ret = gnutls_certificate_set_key(v->x509, NULL, 0, copy,
						 one->length, one->key);
	if (ret >= 0)
		one->key = NULL;
	for (unsigned int i = 0; i < one->length && ret < 0 && copy; i++)
		gnutls_pcert_deinit(&copy[i]);
	gnutls_free(copy);
	if (ret >= 0 && one->staple)
		ret = gnutls_certificate_set_ocsp_status_request_function2
			(v->x509, ret, staple_give, one->staple);
	v->kinds |= offer_kind(one->algorithm);
	return ret < 0 ? ret : 0;
}

static int count_names(const char *names)
{
	int n = 0;

	for (; (names = strchr(names, '\n')); names++)
		n++;
	return n;
}

/* By name, and where two have the same the first of them. */
static int compare(const void *one, const void *other)
{
	const struct served *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->vhost > b->vhost) - (a->vhost < b->vhost);
}

static int serve(struct ktls_config *c, const struct vhost *v)
{
	const char *end;

	for (const char *name = v->names; *name; name = end + 1) {
		struct served *s = &c->served[c->served_count];

		end = strchr(name, '\n');
		s->name = strndup(name, end - name);
		if (!s->name)
			return -ENOMEM;
		s->vhost = v;
		c->served_count++;
	}
	return 0;
}

static int make_index(struct ktls_config *c)
{
	size_t count = 1, kept = 0;

	for (size_t i = 0; i < c->vhosts_count; i++)
		count += count_names(c->vhosts[i].names);
	c->served = calloc(count, sizeof(*c->served));
	if (!c->served)
		return -ENOMEM;
	for (size_t i = 0; i < c->vhosts_count; i++)
		if (serve(c, &c->vhosts[i]))
			return -ENOMEM;
	qsort(c->served, c->served_count, sizeof(*c->served), compare);
	for (size_t i = 0; i < c->served_count; i++)
		if (kept && !strcmp(c->served[i].name, c->served[kept - 1].name))
			free(c->served[i].name);
		else
			c->served[kept++] = c->served[i];
	c->served_count = kept;
	return 0;
}

static int make_client(struct ktls_config *c, struct ktls_error *err)
{
	struct vhost *v = vhost_of(c, "", err);

	if (!v)
		return -EINVAL;
	client_offer(v->x509);
	return 0;
}

static int make_server(struct ktls_config *c, struct ktls_error *err)
{
	for (size_t i = 0; i < c->certificates_count; i++) {
		struct certificate *one = &c->certificates[i];
		struct vhost *v = vhost_of(c, one->names, err);
		int ret;

		if (!v)
			return -EINVAL;
		ret = add(v, one);
		if (ret)
			return error_set(err, -EINVAL, KTLS_INTERNAL,
					 "certificate %zu: %s", i + 1,
					 gnutls_strerror(ret));
	}
	return make_index(c) ? no_memory(err) : 0;
}

int vhosts_make(struct ktls_config *c, struct ktls_error *err)
{
	c->vhosts = calloc(c->certificates_count + 1, sizeof(*c->vhosts));
	if (!c->vhosts)
		return no_memory(err);
	return c->o.client ? make_client(c, err) : make_server(c, err);
}

void vhosts_free(struct ktls_config *c)
{
	for (size_t i = 0; i < c->vhosts_count; i++)
		gnutls_certificate_free_credentials(c->vhosts[i].x509);
	free(c->vhosts);
	for (size_t i = 0; i < c->served_count; i++)
		free(c->served[i].name);
	free(c->served);
}
