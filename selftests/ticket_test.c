// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session tickets: that they work, in whichever process or machine has the
 * same master, and data flows afterwards; and that none works where other
 * rules hold than those under which it was issued. A raw GnuTLS client, which
 * offers whatever it has, is the thief.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>

#include "server.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* What a service is like. NULL: "localhost" only. */
struct service {
	const char *pairs[2];
	struct ktls_options o;
	const char *master;	/* file of ticket_test's own; NULL: none */
};

static int load(struct ktls_config **out, const struct service *v,
		struct ktls_error *err)
{
	char paths[4][128], master[128];
	struct ktls_pair pairs[2] = {};
	struct ktls_options o = v->o;

	for (; o.pairs_count < 2 && v->pairs[o.pairs_count]; o.pairs_count++) {
		size_t i = o.pairs_count;

		snprintf(paths[2 * i], 128, "%s/%s.pem", pki_dir(), v->pairs[i]);
		snprintf(paths[2 * i + 1], 128, "%s/%s.key", pki_dir(),
			 v->pairs[i]);
		pairs[i].certificate = paths[2 * i];
		pairs[i].key = paths[2 * i + 1];
	}
	if (!o.pairs_count)
		pairs[o.pairs_count++] = (struct ktls_pair){
			pki("localhost.pem"), pki("localhost.key"), NULL };
	if (v->master) {
		snprintf(master, sizeof(master), "%s/%s", pki_dir(), v->master);
		o.ticket_key = master;
	}
	if (o.auth)
		o.ca = pki("ca.pem");
	o.pairs = pairs;
	o.offload = KTLS_OFFLOAD_PREFER;
	return ktls_config_load(out, &o, err);
}

/* 64 bytes, each @fill, as a file in the directory of the certificates. */
static int write_master(const char *name, int fill, size_t len)
{
	char bytes[200];
	int fd = open(pki(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	memset(bytes, fill, sizeof(bytes));
	n = write(fd, bytes, len);
	close(fd);
	return n == len ? 0 : -EIO;
}

/* A client's visit to a service. */
struct call {
	struct ktls_session *s;
	struct ktls_conn *c;
	int fd;
	struct peer p;
	struct outcome o;
	struct ktls_error err;
	struct ktls_info info;
	bool data_flows;
};

static bool data_flows(struct call *v)
{
	static char out[20000], in[20000];
	size_t got = 0;

	memset(out, 'o', sizeof(out));
	if (ktls_session_install(v->s, &v->c))
		return false;
	for (int i = 0; i < 3; i++) {
		if (ktls_send(v->c, out, 1000, 0) != 1000 ||
		    peer_recv(&v->p, in, 1000) != 1000 || memcmp(in, out, 1000))
			return false;
	}
	if (peer_send(&v->p, out, sizeof(out)) != sizeof(out))
		return false;
	while (got < sizeof(in)) {
		ssize_t n = peer_ktls_recv(v->c, in + got, sizeof(in) - got);

		if (n <= 0)
			return false;
		got += n;
	}
	return !memcmp(in, out, sizeof(in));
}

static const char *shown;	/* the client's certificate, or NULL */

static void pay(struct call *v, struct ktls_config *c, const char *priority,
		const char *sni, const gnutls_datum_t *ticket)
{
	int fds[2];

	memset(v, 0, sizeof(*v));
	v->fd = -1;
	if (peer_tcp(fds))
		return;
	v->fd = fds[0];
	if (ktls_session_new(&v->s, c, v->fd, NULL))
		return;
	peer_open(&v->p, fds[1], priority, 0);
	if (shown && client_show(&v->p, shown))
		return;
	gnutls_server_name_set(v->p.tls, GNUTLS_NAME_DNS, sni ?: "",
			       sni ? strlen(sni) : 0);
	if (ticket)
		gnutls_session_set_data(v->p.tls, ticket->data, ticket->size);
	v->o = meet(&v->p, v->s, v->fd);
	v->err = *ktls_session_error(v->s);
	v->info = *ktls_session_info(v->s);
	if (!v->o.ours && !v->o.theirs)
		v->data_flows = data_flows(v);
}

static void end(struct call *v)
{
	ktls_session_free(v->s);
	peer_close(&v->p);
	if (v->c)
		ktls_conn_close(v->c);
	else
		close(v->fd);
}

static bool take_ticket(struct call *v, gnutls_datum_t *out)
{
	return gnutls_session_get_flags(v->p.tls) &
	       GNUTLS_SFLAGS_SESSION_TICKET &&
	       !gnutls_session_get_data2(v->p.tls, out);
}

/* --- a ticket from one service, shown to another --- */

FIXTURE(ticket) {
	struct ktls_config *from, *to;
	gnutls_datum_t ticket;
	struct call first, second;
};
FIXTURE_VARIANT(ticket) {
	struct service from, to;
	const char *from_sni, *to_sni;
	bool resumes, not_in_12;
	enum ktls_reason reason;	/* why @to refuses even to begin anew */
};

#define TICKETS(row, ...) FIXTURE_VARIANT_ADD(ticket, row) { __VA_ARGS__ }

TICKETS(same, .resumes = true);
TICKETS(same_name, .resumes = true, .from_sni = "localhost",
	.to_sni = "localhost");
/* In TLS 1.2 GnuTLS compares them too, and byte by byte. */
TICKETS(name_in_capitals, .resumes = true, .not_in_12 = true,
	.from_sni = "localhost", .to_sni = "LOCALHOST");
TICKETS(file, .resumes = true, .from.master = "one", .to.master = "one");
TICKETS(another_machine, .resumes = true, .from.master = "one",
	.to.master = "one-copy");
TICKETS(another_master, .from.master = "one", .to.master = "two");
TICKETS(file_then_none, .from.master = "one");
TICKETS(other_lifetime_is_another_key, .from.o.ticket_lifetime = 3600);
TICKETS(name_to_none, .from_sni = "localhost");
TICKETS(none_to_name, .to_sni = "localhost");
TICKETS(unknown_names, .from_sni = "a.example", .to_sni = "b.example");
TICKETS(name_to_name_of_one_certificate, .from_sni = "www.example.org",
	.to_sni = "example.org", .from.pairs = { "ec" }, .to.pairs = { "ec" });
TICKETS(name_to_name_of_one_wildcard, .from_sni = "a.example.org",
	.to_sni = "b.example.org", .from.pairs = { "wild" },
	.to.pairs = { "wild" });
TICKETS(certificate_to_certificate, .from_sni = "www.example.org",
	.to_sni = "www.example.net", .from.pairs = { "ec", "net" },
	.to.pairs = { "ec", "net" });
TICKETS(one_name_of_two_certificates, .from_sni = "www.example.org",
	.to_sni = "www.example.org", .from.pairs = { "ec" },
	.to.pairs = { "wild" });
TICKETS(renewed_certificate, .resumes = true, .from_sni = "www.example.org",
	.to_sni = "www.example.org", .from.pairs = { "ec" },
	.to.pairs = { "rsa" });
TICKETS(strict, .resumes = true, .from.o.strict_sni = true,
	.from_sni = "localhost", .to_sni = "localhost");
TICKETS(other_protocols, .to.o.alpn = "h2");
TICKETS(other_ciphers, .to.o.ciphers = "AES-256-GCM AES-128-GCM");
TICKETS(key_transport, .from.pairs = { "rsa" }, .to.pairs = { "rsa" },
	.from.o.rsa_key_transport = true);
TICKETS(other_versions, .to.o.min_version = 0x0303);
TICKETS(turned_off, .to.o.no_tickets = true);
TICKETS(none_to_request, .to.o.auth = KTLS_AUTH_REQUEST);
TICKETS(none_to_require, .to.o.auth = KTLS_AUTH_REQUIRE,
	.reason = KTLS_NO_CERTIFICATE);
TICKETS(request_to_require, .from.o.auth = KTLS_AUTH_REQUEST,
	.to.o.auth = KTLS_AUTH_REQUIRE, .reason = KTLS_NO_CERTIFICATE);
TICKETS(require_shares_its_master, .from.master = "one", .to.master = "one",
	.to.o.auth = KTLS_AUTH_REQUIRE, .reason = KTLS_NO_CERTIFICATE);

FIXTURE_SETUP(ticket)
{
	struct ktls_error err;

	ASSERT_EQ(0, write_master("one", 1, 64));
	ASSERT_EQ(0, write_master("one-copy", 1, 64));
	ASSERT_EQ(0, write_master("two", 2, 64));
	ASSERT_EQ(0, load(&self->from, &variant->from, &err))
		TH_LOG("%s", err.text);
	ASSERT_EQ(0, load(&self->to, &variant->to, &err))
		TH_LOG("%s", err.text);
}

FIXTURE_TEARDOWN(ticket)
{
	end(&self->first);
	end(&self->second);
	ktls_config_put(self->from);
	ktls_config_put(self->to);
	gnutls_free(self->ticket.data);
}

/* A ticket from @from, shown to @to: has it resumed, and does data flow? */
static void go(struct __test_metadata *const _metadata,
	       FIXTURE_DATA(ticket) *self, const FIXTURE_VARIANT(ticket) *variant,
	       const char *priority, bool resumes)
{
	struct call *v = &self->second;

	pay(&self->first, self->from, priority, variant->from_sni, NULL);
	ASSERT_TRUE(self->first.data_flows)
		TH_LOG("%s", self->first.err.text);
	EXPECT_EQ(0, self->first.info.resumed);
	ASSERT_TRUE(take_ticket(&self->first, &self->ticket));

	pay(v, self->to, priority, variant->to_sni, &self->ticket);
	EXPECT_EQ(variant->reason, v->err.reason) TH_LOG("%s", v->err.text);
	EXPECT_EQ(resumes, v->info.resumed);
	if (variant->reason) {
		EXPECT_GT(0, v->o.ours);
		return;
	}
	EXPECT_EQ(resumes, gnutls_session_is_resumed(v->p.tls));
	EXPECT_TRUE(v->data_flows);
}

TEST_F(ticket, of_12_works_only_where_it_may)
{
	go(_metadata, self, variant, V12, variant->resumes &&
	   !variant->not_in_12);
}

TEST_F(ticket, of_13_works_only_where_it_may)
{
	go(_metadata, self, variant, V13, variant->resumes);
}

/* --- what else can happen to them --- */

FIXTURE(version) {
	struct ktls_config *config;
	struct call v;
	gnutls_datum_t ticket;
};
FIXTURE_VARIANT(version) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(version, 12) { .priority = V12 };
FIXTURE_VARIANT_ADD(version, 13) { .priority = V13 };

FIXTURE_SETUP(version)
{
	struct ktls_error err;
	const struct service plain = {};

	ASSERT_EQ(0, load(&self->config, &plain, &err));
}

FIXTURE_TEARDOWN(version)
{
	end(&self->v);
	ktls_config_put(self->config);
	gnutls_free(self->ticket.data);
}

/* A visit with the ticket of a visit with a ticket, and so on. */
TEST_F(version, begets_another)
{
	gnutls_datum_t next = {};

	pay(&self->v, self->config, variant->priority, "localhost", NULL);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	for (int i = 0; i < 3; i++) {
		end(&self->v);
		pay(&self->v, self->config, variant->priority, "localhost",
		    &self->ticket);
		ASSERT_EQ(1, self->v.info.resumed);
		ASSERT_TRUE(self->v.data_flows);
		if (!take_ticket(&self->v, &next))
			continue;
		gnutls_free(self->ticket.data);
		self->ticket = next;
	}
}

/* A configuration loaded anew has the master of the old one. */
TEST_F(version, survives_a_reload)
{
	const struct service plain = {};
	struct ktls_error err;

	pay(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	end(&self->v);
	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &plain, &err));
	pay(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

TEST_F(version, is_not_offered_when_turned_off)
{
	const struct service off = { .o.no_tickets = true };
	struct ktls_error err;

	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &off, &err));
	pay(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(self->v.data_flows);
	EXPECT_FALSE(take_ticket(&self->v, &self->ticket));
}

TEST_F(version, ends_with_its_lifetime)
{
	const struct service brief = { .o.ticket_lifetime = 1 };
	struct ktls_error err;

	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &brief, &err));
	pay(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	end(&self->v);
	sleep(3);
	pay(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

/* A ticket of which one bit is another, or nonsense: a full handshake. */
TEST_F(version, damaged_is_ignored)
{
	struct ktls_config *other;
	struct ktls_error err;
	const struct service two = { .master = "two" };

	ASSERT_EQ(0, write_master("two", 2, 64));
	ASSERT_EQ(0, load(&other, &two, &err));
	pay(&self->v, other, variant->priority, NULL, NULL);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	end(&self->v);
	ktls_config_put(other);
	pay(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows);
}

/* The client asks for a HelloRetryRequest: two hellos, one ticket key. */
TEST_F(version, works_through_a_second_hello)
{
	const struct service p384 = { .o.groups = "P-384" };
	char priority[128];
	struct ktls_error err;

	snprintf(priority, sizeof(priority),
		 "%s:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP384R1",
		 variant->priority);
	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &p384, &err));
	pay(&self->v, self->config, priority, "localhost", NULL);
	ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	end(&self->v);
	pay(&self->v, self->config, priority, "localhost", &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
}

static time_t in_two_hours(time_t *out)
{
	time_t t = time(NULL) + 2 * 3600;

	return out ? *out = t : t;
}

/* No certificate is shown again, but what it was is judged again. */
TEST_F(version, ends_with_the_certificate)
{
	const struct service require = { .o.auth = KTLS_AUTH_REQUIRE };
	struct ktls_error err;

	shown = "client-brief";
	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &require, &err));
	for (int i = 0; i < 2; i++) {
		pay(&self->v, self->config, variant->priority, NULL,
		    i ? &self->ticket : NULL);
		ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
		EXPECT_EQ(i, self->v.info.resumed);
		if (!i)
			ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
		end(&self->v);
	}
	gnutls_global_set_time_function(in_two_hours);
	pay(&self->v, self->config, variant->priority, NULL, &self->ticket);
	EXPECT_EQ(1, self->v.info.resumed);
	EXPECT_EQ(-EKEYREJECTED, self->v.o.ours);
	EXPECT_EQ(KTLS_EXPIRED, self->v.err.reason)
		TH_LOG("%s", self->v.err.text);
	EXPECT_EQ(45, self->v.o.alert);
}

/*
 * Lifetime, age_add, a nonce of four bytes: with another age_add the age that
 * a client tells of its ticket is wrong.
 */
static int make_stale(gnutls_datum_t *session)
{
	static const unsigned char lifetime[4] = { 0, 0, 21600 >> 8, 21600 & 255 };
	int found = 0;

	for (unsigned int i = 0; i + 8 < session->size; i++)
		if (!memcmp(session->data + i, lifetime, sizeof(lifetime)) &&
		    session->data[i + 8] == 4) {
			session->data[i + 4] ^= 0x80;
			found++;
		}
	return found;
}

/* Who has nothing but a ticket, which anybody on the way can see. */
TEST_F(version, lends_nobody_its_certificate)
{
	const struct service request = { .o.auth = KTLS_AUTH_REQUEST };
	const struct ktls_identity *id;
	struct ktls_error err;
	char priority[128];

	shown = "client";
	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, &request, &err));
	pay(&self->v, self->config, variant->priority, NULL, NULL);
	ASSERT_TRUE(self->v.data_flows) TH_LOG("%s", self->v.err.text);
	ASSERT_TRUE(take_ticket(&self->v, &self->ticket));
	end(&self->v);
	shown = NULL;
	if (self->v.info.version == 0x0304)
		ASSERT_EQ(1, make_stale(&self->ticket));
	/* In 1.2 it is not resumed with another rule for the master secret. */
	snprintf(priority, sizeof(priority), "%s:%%NO_SESSION_HASH",
		 variant->priority);
	pay(&self->v, self->config, priority, NULL, &self->ticket);
	id = ktls_session_identity(self->v.s);
	EXPECT_EQ(0, self->v.info.resumed);
	EXPECT_FALSE(id && id->verified);
	EXPECT_EQ(-EKEYREJECTED, self->v.o.ours);
	EXPECT_EQ(KTLS_NO_CERTIFICATE, self->v.err.reason)
		TH_LOG("%s", self->v.err.text);
	EXPECT_EQ(47, self->v.o.alert);
}

/* --- a file that is no key --- */

FIXTURE(file) {
	int unused;
};
FIXTURE_VARIANT(file) {
	size_t len;
	int ret;
	const char *says;
};
FIXTURE_VARIANT_ADD(file, empty) { 0, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, short) { 63, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, right) { 64, 0, "" };
FIXTURE_VARIANT_ADD(file, long) { 65, -EINVAL, "must be 64 random bytes" };
FIXTURE_VARIANT_ADD(file, longer) { 150, -EINVAL, "must be 64 random bytes" };

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, write_master("length", 3, variant->len));
}

FIXTURE_TEARDOWN(file)
{
}

TEST_F(file, has_64_bytes)
{
	const struct service v = { .master = "length" };
	struct ktls_config *config = NULL;
	struct ktls_error err;

	EXPECT_EQ(variant->ret, load(&config, &v, &err));
	EXPECT_NE(NULL, strstr(err.text, variant->says))
		TH_LOG("said: %s", err.text);
	ktls_config_put(config);
}

TEST(a_key_file_that_is_not_there)
{
	const struct service v = { .master = "nowhere" };
	struct ktls_config *config = NULL;
	struct ktls_error err;

	EXPECT_EQ(-ENOENT, load(&config, &v, &err));
	EXPECT_NE(NULL, strstr(err.text, "nowhere")) TH_LOG("%s", err.text);
}

TEST_HARNESS_MAIN
