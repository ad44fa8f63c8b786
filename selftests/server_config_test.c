// SPDX-License-Identifier: GPL-2.0-only
/* Servers' configurations that cannot work: said when they are loaded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

#define PAIRS_MAX 2	/* of one test */

/* @o's pairs are pki.sh's @names. */
FIXTURE(config) {
	struct ktls_config *config;
	struct ktls_error err;
};
FIXTURE_VARIANT(config) {
	const char *const pairs[PAIRS_MAX + 1];
	struct ktls_options o;
	const char *says;
};

#define LOADING(row, text, ...)						\
	FIXTURE_VARIANT_ADD(config, row) { .says = text, ##__VA_ARGS__ }

LOADING(no_pair, "needs a certificate", .pairs = { NULL });
LOADING(must_staple, "must-staple.pem must be sent with an OCSP response",
	.pairs = { "localhost", "must-staple" });
LOADING(transport_without_rsa, "needs a certificate with an RSA key",
	.pairs = { "ec" }, .o.rsa_key_transport = true);
LOADING(transport_for_signing_only, "lacks keyEncipherment",
	.pairs = { "rsa-sign" }, .o.rsa_key_transport = true);
LOADING(alpn_long, "is longer than the 31 bytes", .pairs = { "ec" },
	.o.alpn = "h2 12345678901234567890123456789012");
LOADING(alpn_many, "more than 8 ALPN protocols", .pairs = { "ec" },
	.o.alpn = "1 2 3 4 5 6 7 8 9");
LOADING(alpn_empty, "is empty", .pairs = { "ec" }, .o.alpn = " ");
LOADING(versions, "the lowest version is above the highest", .pairs = { "ec" },
	.o.min_version = 0x0304, .o.max_version = 0x0303);
/* So many that the bans behind them would not fit into GnuTLS's string. */
#define TEN(w) w w w w w w w w w w
LOADING(ciphers_without_end, "cipher \"AES-128-GCM\" is given twice",
	.pairs = { "ec" }, .o.ciphers = TEN(TEN("AES-128-GCM ")));
LOADING(groups_without_end, "group \"P-256\" is given twice",
	.pairs = { "ec" }, .o.groups = TEN(TEN("P-256 ")));
LOADING(cipher_in_two_cases, "cipher \"aes-128-gcm\" is given twice",
	.pairs = { "ec" }, .o.ciphers = "AES-128-GCM AES-256-GCM aes-128-gcm");
LOADING(lifetime, "604800 seconds at most", .pairs = { "ec" },
	.o.ticket_lifetime = 604801);

FIXTURE_SETUP(config)
{
}

FIXTURE_TEARDOWN(config)
{
}

TEST_F(config, is_refused)
{
	EXPECT_EQ(-EINVAL, pki_config(&self->config, variant->pairs, variant->o,
				      &self->err));
	EXPECT_NE(NULL, strstr(self->err.text, variant->says))
		TH_LOG("said: %s", self->err.text);
}

/* As a shell gives it to a program: --key <(decrypt key). */
TEST(key_may_come_through_a_pipe)
{
	char path[32], key[4096];
	const struct ktls_pair pair = { pki("ec.pem"), path, NULL };
	const struct ktls_options o = { .pairs = &pair, .pairs_count = 1 };
	struct ktls_config *config = NULL;
	struct ktls_error err;
	int fd, fds[2];
	ssize_t len;

	fd = open(pki("ec.key"), O_RDONLY);
	len = read(fd, key, sizeof(key));
	ASSERT_LT(0, len);
	ASSERT_EQ(0, pipe(fds));
	ASSERT_EQ(len, write(fds[1], key, len));
	close(fds[1]);
	close(fd);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	EXPECT_EQ(0, ktls_config_load(&config, &o, &err))
		TH_LOG("%s", err.text);
	ktls_config_put(config);
	close(fds[0]);
}

TEST_HARNESS_MAIN
