// SPDX-License-Identifier: GPL-2.0-only
/* What becomes of the keys: no nonce is used twice, no copy stays with us. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/tls.h>

#include "peer.h"
#include "kselftest_harness.h"

FIXTURE(nonce) {
	struct pair pair;
};
FIXTURE_VARIANT(nonce) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(nonce, aes_128_gcm) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",
};
FIXTURE_VARIANT_ADD(nonce, aes_256_gcm) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM",
};
FIXTURE_VARIANT_ADD(nonce, aes_128_ccm) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CCM",
};

FIXTURE_SETUP(nonce)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority, 0));
}

FIXTURE_TEARDOWN(nonce)
{
	pair_close(&self->pair);
}

/* TLS 1.2 shows its nonces. Number 0 was Finished's: twice would be fatal. */
TEST_F(nonce, of_finished_is_not_used_again)
{
	static const unsigned char two[8] = { 0, 0, 0, 0, 0, 0, 0, 2 };
	struct pollfd pfd = { .fd = self->pair.p.fd, .events = POLLIN };
	unsigned char head[5 + 8];

	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(0, pair_install(&self->pair));
	ASSERT_EQ(1, peer_write(self->pair.fd, "x", 1));
	ASSERT_EQ(1, peer_recv(&self->pair.p, head, 1));	/* reads Finished too */
	ASSERT_EQ(1, peer_write(self->pair.fd, "x", 1));
	ASSERT_EQ(1, poll(&pfd, 1, PEER_MS));
	ASSERT_EQ(sizeof(head), recv(self->pair.p.fd, head, sizeof(head), MSG_PEEK));
	EXPECT_EQ(23, head[0]);
	EXPECT_EQ(0, memcmp(two, head + 5, sizeof(two)));
}

/* How often @needle, each byte inverted, stands in memory we can write to. */
static int count_in_memory(const unsigned char *inverted, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], mode[5];
	int found = 0;

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, mode) != 3 ||
		    strncmp(mode, "rw", 2) || strstr(line, "[v"))
			continue;
		for (unsigned char *p = (void *)start;
		     p + len <= (unsigned char *)end; p++) {
			size_t i = 0;

			while (i < len && p[i] == (unsigned char)~inverted[i])
				i++;
			found += i == len;
		}
	}
	fclose(maps);
	return found;
}

/* The kernel's copy of a key, inverted, so that ours is not found. */
static int fetch_key(int fd, int direction, unsigned char *inverted, size_t len)
{
	struct tls12_crypto_info_aes_gcm_128 c;
	socklen_t size = sizeof(c);

	if (getsockopt(fd, SOL_TLS, direction, &c, &size))
		return -errno;
	for (size_t i = 0; i < len; i++)
		inverted[i] = ~c.key[i];
	explicit_bzero(&c, sizeof(c));
	return 0;
}

FIXTURE(memory) {
	struct pair pair;
};
FIXTURE_VARIANT(memory) {
	const char *priority;
};
FIXTURE_VARIANT_ADD(memory, 12) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM",
};
FIXTURE_VARIANT_ADD(memory, 13) {
	.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM",
};

FIXTURE_SETUP(memory)
{
	if (!peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, pair_open(&self->pair, variant->priority, 0));
}

FIXTURE_TEARDOWN(memory)
{
	pair_close(&self->pair);
}

TEST_F(memory, no_key_stays_in_memory)
{
	unsigned char rx[16], tx[16], control[16];
	unsigned char *copy = malloc(16);

#ifdef __SANITIZE_ADDRESS__
	SKIP(return, "the sanitizer keeps what was freed");
#endif
	ASSERT_EQ(0, peer_shake(&self->pair.p, self->pair.s, self->pair.fd));
	ASSERT_EQ(0, pair_install(&self->pair));
	peer_close(&self->pair.p);		/* the client has the same keys */
	ASSERT_EQ(0, fetch_key(self->pair.fd, TLS_RX, rx, sizeof(rx)));
	ASSERT_EQ(0, fetch_key(self->pair.fd, TLS_TX, tx, sizeof(tx)));
	EXPECT_EQ(0, count_in_memory(rx, sizeof(rx)));
	EXPECT_EQ(0, count_in_memory(tx, sizeof(tx)));
	/* And that the search finds what is there. */
	for (int i = 0; i < 16; i++) {
		copy[i] = 0x51 + 3 * i;
		control[i] = ~copy[i];
	}
	EXPECT_LE(1, count_in_memory(control, sizeof(control)));
	free(copy);
}

TEST_HARNESS_MAIN
