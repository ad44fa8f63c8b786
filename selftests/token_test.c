// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys in a PKCS#11 token, which is SoftHSM's: a handshake with one, a row for
 * each thing that can be wrong with its URL, and which modules get loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "kselftest_harness.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PATH "?module-path=" MODULE
#define EC "pkcs11:token=ktls;object=ec;type=private"
#define RSA "pkcs11:token=ktls;object=rsa;type=private"

static int put(const char *name, const char *text)
{
	FILE *f = fopen(pki(name), "w");

	if (!f)
		return -errno;
	fputs(text, f);
	return fclose(f) ? -errno : 0;
}

static int run(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	return system(command);
}

#define INIT "softhsm2-util --init-token --free --label ktls --pin 1234 " \
	"--so-pin 123456 > /dev/null"
#define IMPORT "softhsm2-util --token ktls --pin 1234 --label %s --id %s " \
	"--import %s/%s.key > /dev/null"

/* A token with the keys of pki.sh's "ec" and "rsa". */
static int make_token(void)
{
	char text[400];

	snprintf(text, sizeof(text),
		 "directories.tokendir = %s/tokens\nlog.level = ERROR\n",
		 pki_dir());
	setenv("SOFTHSM2_CONF", pki("softhsm.conf"), 1);
	if (put("softhsm.conf", text) || put("pin", "1234") ||
	    run("rm -rf %s/tokens; mkdir %s/tokens", pki_dir(), pki_dir()) ||
	    run(INIT) ||
	    run(IMPORT, "ec", "01", pki_dir(), "ec") ||
	    run(IMPORT, "rsa", "02", pki_dir(), "rsa"))
		return -EIO;
	return 0;
}

static int load(struct ktls_config **out, const char *certificate,
		const char *url, struct ktls_error *err)
{
	char full[512];
	const struct ktls_pair pair = { pki(certificate), full, NULL };
	const struct ktls_options o = {
		.pairs = &pair, .pairs_count = 1,
		.offload = KTLS_OFFLOAD_PREFER,
	};

	snprintf(full, sizeof(full), url, pki_dir());
	return ktls_config_load(out, &o, err);
}

static bool loaded(const char *module)
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");
	bool found = false;

	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, module);
	fclose(f);
	return found;
}

FIXTURE(token) {
	struct ktls_config *config;
	struct ktls_error err;
};
FIXTURE_VARIANT(token) {
	const char *certificate, *url;	/* NULL: ec.pem */
	int ret;
	const char *says;
};

#define ACCEPTS(row, ...) FIXTURE_VARIANT_ADD(token, row) { __VA_ARGS__ }
#define REJECTS(row, number, text, ...)					\
	FIXTURE_VARIANT_ADD(token, row) { .ret = -number, .says = text,	\
		##__VA_ARGS__ }

ACCEPTS(ec, .url = EC PATH "&pin-value=1234");
ACCEPTS(rsa, .certificate = "rsa.pem", .url = RSA PATH "&pin-value=1234");
ACCEPTS(pin_source, .url = EC PATH "&pin-source=%s/pin");
ACCEPTS(module_last, .url = EC "?pin-value=1234&module-path=" MODULE);
ACCEPTS(module_encoded, .url = EC
	"?module-path=%%2fusr%%2Flib/softhsm/libsofthsm2.so&pin-value=1234");
ACCEPTS(module_of_the_system, .url = EC "?pin-value=1234");
REJECTS(no_pin, EACCES, "no PIN, or a wrong one", .url = EC PATH);
REJECTS(wrong_pin, EACCES, "no PIN, or a wrong one",
	.url = EC PATH "&pin-value=4321");
REJECTS(no_pin_file, EACCES, "no PIN, or a wrong one",
	.url = EC PATH "&pin-source=%s/nowhere");
REJECTS(no_such_token, ENOENT, "no such token",
	.url = "pkcs11:token=other;object=ec;type=private" PATH
	"&pin-value=1234");
REJECTS(no_such_object, ENOENT, "has no such private key",
	.url = "pkcs11:token=ktls;object=ed;type=private" PATH
	"&pin-value=1234");
REJECTS(no_url, EINVAL, "not a PKCS#11 URL", .url = "pkcs11:%%zz;;=");
REJECTS(no_such_module, ENOENT, "module cannot be loaded",
	.url = EC "?module-path=/nowhere.so&pin-value=1234");
REJECTS(module_that_is_none, ENOENT, "module cannot be loaded",
	.url = EC "?module-path=%s/pin&pin-value=1234");
REJECTS(key_of_another, EINVAL, "does not belong to certificate",
	.url = RSA PATH "&pin-value=1234");

FIXTURE_SETUP(token)
{
	if (access(MODULE, R_OK))
		SKIP(return, "no SoftHSM here: apt-get install softhsm2");
	ASSERT_EQ(0, make_token());
}

FIXTURE_TEARDOWN(token)
{
	ktls_config_put(self->config);
}

TEST_F(token, signs_or_says_why_not)
{
	const char *certificate = variant->certificate ?: "ec.pem";
	struct outcome o;
	struct end e = {};
	int fds[2];

	EXPECT_EQ(variant->ret, load(&self->config, certificate, variant->url,
				     &self->err));
	/* A PIN is a secret: no message may show it. */
	EXPECT_EQ(NULL, strstr(self->err.text, "1234"));
	EXPECT_EQ(NULL, strstr(self->err.text, "4321"));
	if (variant->says)
		EXPECT_NE(NULL, strstr(self->err.text, variant->says));
	if (self->err.text[0])
		TH_LOG("%s", self->err.text);
	if (variant->ret || !self->config)
		return;
	ASSERT_EQ(0, peer_tcp(fds));
	e.fd = fds[0];
	ASSERT_EQ(0, ktls_session_new(&e.s, self->config, e.fd, NULL));
	ASSERT_EQ(0, peer_open(&e.p, fds[1], "NORMAL", 0));
	o = meet(&e.p, e.s, e.fd);
	EXPECT_EQ(0, o.ours) TH_LOG("%s", ktls_session_error(e.s)->text);
	EXPECT_EQ(0, o.theirs);
	end_close(&e);
}

/* --- what is loaded into a process that did not ask for it --- */

FIXTURE(module) {
	struct ktls_config *config;
	struct ktls_error err;
};

FIXTURE_SETUP(module)
{
	if (access(MODULE, R_OK))
		SKIP(return, "no SoftHSM here: apt-get install softhsm2");
	ASSERT_EQ(0, make_token());
}

FIXTURE_TEARDOWN(module)
{
	ktls_config_put(self->config);
}

TEST_F(module, none_without_a_url)
{
	char key[256];
	const struct ktls_pair pair = { pki("ec.pem"), key, NULL };
	const struct ktls_options o = { .pairs = &pair, .pairs_count = 1 };

	strcpy(key, pki("ec.key"));
	ASSERT_EQ(0, ktls_config_load(&self->config, &o, &self->err));
	EXPECT_FALSE(loaded("softhsm"));
}

TEST_F(module, no_other_than_the_one_named)
{
	EXPECT_EQ(-ENOENT, load(&self->config, "ec.pem",
				EC "?module-path=/nowhere.so&pin-value=1234",
				&self->err));
	EXPECT_FALSE(loaded("softhsm"));
	EXPECT_EQ(0, load(&self->config, "ec.pem", EC PATH "&pin-value=1234",
			  &self->err)) TH_LOG("%s", self->err.text);
	EXPECT_TRUE(loaded("softhsm"));
}

/* Two pairs of one module, and a reload: it is there already, once. */
TEST_F(module, twice)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, load(&self->config, "ec.pem",
				  EC PATH "&pin-value=1234", &self->err))
			TH_LOG("%s", self->err.text);
		ktls_config_put(self->config);
		self->config = NULL;
	}
}

TEST_HARNESS_MAIN
