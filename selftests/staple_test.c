// SPDX-License-Identifier: GPL-2.0-only
/* OCSP responses that a server sends along, and what becomes of their file. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "server.h"
#include "kselftest_harness.h"

#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static atomic_int ahead;

/* The library's clock, in place of libc's. */
time_t time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += ahead;
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

/* As whoever fetches responses should do it: all at once. */
static int put(const char *file, const char *from)
{
	char command[600], path[256];

	strcpy(path, pki(file));
	snprintf(command, sizeof(command), "cp %s %s.new && mv %s.new %s",
		 pki(from), path, path, path);
	return system(command);
}

static int load(struct ktls_config **out, const char *pair, const char *staple,
		struct ktls_error *err)
{
	char pem[128], key[128];
	struct ktls_pair p = { pem, key, pki(staple) };
	struct ktls_options o = {
		.pairs = &p, .pairs_count = 1, .offload = KTLS_OFFLOAD_PREFER,
	};

	snprintf(pem, sizeof(pem), "%s/%s.pem", pki_dir(), pair);
	snprintf(key, sizeof(key), "%s/%s.key", pki_dir(), pair);
	return ktls_config_load(out, &o, err);
}

/* What a client gets that asks for it: length, 0: nothing, -1: no handshake. */
static ssize_t ask(struct ktls_config *c, const char *priority,
		   unsigned char out[4096])
{
	struct ktls_session *s = NULL;
	gnutls_datum_t response;
	struct outcome o;
	ssize_t got = -1;
	struct peer p;
	int fds[2];

	if (peer_tcp(fds) || ktls_session_new(&s, c, fds[0], NULL))
		return -1;
	peer_open(&p, fds[1], priority, 0);
	gnutls_ocsp_status_request_enable_client(p.tls, NULL, 0, NULL);
	o = meet(&p, s, fds[0]);
	if (!o.ours && !o.theirs) {
		got = 0;
		if (!gnutls_ocsp_status_request_get(p.tls, &response)) {
			got = response.size;
			memcpy(out, response.data, response.size);
		}
	}
	ktls_session_free(s);
	peer_close(&p);
	close(fds[0]);
	return got;
}

/* Is it the one in pki.sh's @file? NULL: there is none. */
static bool sends(struct ktls_config *c, const char *priority, const char *file)
{
	unsigned char got[4096], want[4096];
	ssize_t n = ask(c, priority, got), len = 0;
	int fd;

	if (file) {
		fd = open(pki(file), O_RDONLY);
		len = read(fd, want, sizeof(want));
		close(fd);
	}
	return n == len && !memcmp(got, want, len);
}

FIXTURE(staple) {
	struct ktls_config *config;
	struct ktls_error err;
};
FIXTURE_VARIANT(staple) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(staple, 12) { .priority = V12 };
FIXTURE_VARIANT_ADD(staple, 13) { .priority = V13 };

FIXTURE_SETUP(staple)
{
	ASSERT_EQ(0, put("now", "ec.ocsp-good.der"));
	ASSERT_EQ(0, load(&self->config, "ec", "now", &self->err))
		TH_LOG("%s", self->err.text);
}

FIXTURE_TEARDOWN(staple)
{
	ktls_config_put(self->config);
}

#define SENDS(file) \
	EXPECT_TRUE(sends(self->config, variant->priority, file))

/* The file is looked at once a second. */
#define A_MOMENT_LATER() usleep(1100000)

TEST_F(staple, is_sent)
{
	SENDS("ec.ocsp-good.der");
	SENDS("ec.ocsp-good.der");
}

TEST_F(staple, follows_its_file)
{
	SENDS("ec.ocsp-good.der");
	ASSERT_EQ(0, put("now", "ec.ocsp-revoked.der"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-revoked.der");
	ASSERT_EQ(0, put("now", "ec.ocsp-good.pem"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-good.der");
}

TEST_F(staple, bears_a_bad_file)
{
	static const char *const bad[] = {
		"ec.pem", "localhost.ocsp-good.der", "ec.ocsp-expired.der",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ASSERT_EQ(0, put("now", bad[i]));
		A_MOMENT_LATER();
		SENDS("ec.ocsp-good.der");
	}
	ASSERT_EQ(0, unlink(pki("now")));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-good.der");
	ASSERT_EQ(0, put("now", "ec.ocsp-revoked.der"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-revoked.der");
}

/* A pipe that nobody writes to must not keep the handshake waiting. */
TEST_F(staple, bears_a_pipe_in_its_place)
{
	ASSERT_EQ(0, unlink(pki("now")));
	ASSERT_EQ(0, mkfifo(pki("now"), 0600));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-good.der");
	ASSERT_EQ(0, put("now", "ec.ocsp-revoked.der"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-revoked.der");
}

TEST_F(staple, that_has_expired_waits_for_another)
{
	ktls_config_put(self->config);
	ASSERT_EQ(0, put("now", "ec.ocsp-expired.der"));
	ASSERT_EQ(0, load(&self->config, "ec", "now", &self->err))
		TH_LOG("%s", self->err.text);
	SENDS(NULL);
	ASSERT_EQ(0, put("now", "ec.ocsp-good.der"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-good.der");
}

TEST_F(staple, that_is_not_valid_yet_waits_for_its_time)
{
	ASSERT_EQ(0, put("now", "ec.ocsp-early.der"));
	A_MOMENT_LATER();
	SENDS("ec.ocsp-good.der");
	ahead = 2 * 3600;
	A_MOMENT_LATER();
	SENDS("ec.ocsp-early.der");
}

TEST_F(staple, that_could_not_be_read_is_read_again)
{
	struct staple *s = self->config->certificates[0].staple;
	struct rlimit limit, none;
	gnutls_datum_t got = {};

	ASSERT_EQ(0, put("now", "ec.ocsp-revoked.der"));
	A_MOMENT_LATER();
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(0, staple_give(NULL, s, &got));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	gnutls_free(got.data);
	A_MOMENT_LATER();
	SENDS("ec.ocsp-revoked.der");
}

TEST_F(staple, satisfies_must_staple)
{
	ktls_config_put(self->config);
	ASSERT_EQ(0, load(&self->config, "must-staple",
			  "must-staple.ocsp-good.pem", &self->err))
		TH_LOG("%s", self->err.text);
	SENDS("must-staple.ocsp-good.der");
}

/* --- many at once, while the file changes --- */

struct crowd {
	struct ktls_config *config;
	const char *priority;
	atomic_bool stop;
	atomic_int good, bad;
};

static void *visitor(void *arg)
{
	struct crowd *c = arg;
	unsigned char got[4096];

	while (!c->stop)
		if (ask(c->config, c->priority, got) > 100)
			c->good++;
		else
			c->bad++;
	return NULL;
}

TEST_F(staple, changes_under_a_crowd)
{
	static const char *const files[] = {
		"ec.ocsp-revoked.der", "ec.pem", "ec.ocsp-good.der",
	};
	struct crowd c = { .config = self->config,
			   .priority = variant->priority };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, visitor, &c));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		EXPECT_EQ(0, put("now", files[i]));
		A_MOMENT_LATER();
	}
	c.stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LT(10, atomic_load(&c.good));
	EXPECT_EQ(0, atomic_load(&c.bad));
	SENDS("ec.ocsp-good.der");
}

/* --- at load a wrong file is an error --- */

FIXTURE(wrong) {
	int unused;
};
FIXTURE_VARIANT(wrong) {
	const char *pair, *staple;
	int ret;
	const char *says;
};
FIXTURE_VARIANT_ADD(wrong, missing) {
	"ec", "nowhere", -ENOENT, "No such file",
};
FIXTURE_VARIANT_ADD(wrong, pipe) {
	"ec", "pipe", -EINVAL, "it is no regular file",
};
FIXTURE_VARIANT_ADD(wrong, directory) {
	"ec", ".", -EINVAL, "it is no regular file",
};
FIXTURE_VARIANT_ADD(wrong, no_response) {
	"ec", "ec.pem", -EINVAL, "it is no OCSP response",
};
FIXTURE_VARIANT_ADD(wrong, another_certificate) {
	"ec", "localhost.ocsp-good.der", -EINVAL, "about another certificate",
};
FIXTURE_VARIANT_ADD(wrong, forged) {
	"ec-chain", "ec.ocsp-forged.der", -EINVAL, "not signed by",
};
FIXTURE_VARIANT_ADD(wrong, but_true) {
	"ec-chain", "ec.ocsp-good.der", 0, "",
};

FIXTURE_SETUP(wrong)
{
	char command[800];

	ASSERT_TRUE(!mkfifo(pki("pipe"), 0600) || errno == EEXIST);
	/* With the root the signature can be checked. */
	snprintf(command, sizeof(command),
		 "cat %s %s > %s; cp %s %s", pki("ec.pem"), pki("ca.pem"),
		 pki("ec-chain.pem"), pki("ec.key"), pki("ec-chain.key"));
	ASSERT_EQ(0, system(command));
}

FIXTURE_TEARDOWN(wrong)
{
}

TEST_F(wrong, is_said_at_load)
{
	struct ktls_config *config = NULL;
	struct ktls_error err;

	EXPECT_EQ(variant->ret, load(&config, variant->pair, variant->staple,
				     &err));
	EXPECT_NE(NULL, strstr(err.text, variant->says))
		TH_LOG("said: %s", err.text);
	ktls_config_put(config);
}

TEST_HARNESS_MAIN
