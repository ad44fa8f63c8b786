// SPDX-License-Identifier: GPL-2.0-only
/* What becomes of the keys: no nonce is used twice, no copy stays with us. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/tls.h>

#include "rawline.h"
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

/* What nobody shall find, each byte inverted. */
struct hidden {
	unsigned char secret[48], key[32];
	size_t secret_len, key_len;
};

static void hide(struct hidden *h, const struct craft_side *side)
{
	h->secret_len = side->secret_len;
	h->key_len = side->key_len;
	for (size_t i = 0; i < h->secret_len; i++)
		h->secret[i] = ~side->secret[i];
	for (size_t i = 0; i < h->key_len; i++)
		h->key[i] = ~side->key[i];
}

FIXTURE(secret) {
	struct line line;
	struct hidden before[2], after[2];	/* [0] we receive under */
	bool updated;
};
FIXTURE_VARIANT(secret) {
	struct line_options o;
	bool fails;
};
#define SECRET(name, broken, ...)					\
	FIXTURE_VARIANT_ADD(secret, name) {				\
		.o = { .version = 3, __VA_ARGS__ }, .fails = broken,	\
	}
SECRET(aes_128_gcm, false);
SECRET(aes_256_gcm, false, .cipher = "AES-256-GCM");
SECRET(chacha20, false, .cipher = "CHACHA20-POLY1305");
SECRET(client, false, .client = true);
SECRET(failed, true);
SECRET(user, false, .offload = KTLS_OFFLOAD_NEVER);
SECRET(user_failed, true, .offload = KTLS_OFFLOAD_NEVER);

FIXTURE_SETUP(secret)
{
	if (variant->o.offload != KTLS_OFFLOAD_NEVER && !peer_kernel_has_tls())
		SKIP(return, "no TLS in this kernel: modprobe tls");
	ASSERT_EQ(0, line_open(&self->line, &variant->o));
}

FIXTURE_TEARDOWN(secret)
{
	line_close(&self->line);
}

/* One update each way, if this kernel can; and then the peer is no more. */
static void use_up(struct line *l, struct hidden before[2],
		   struct hidden after[2], bool update)
{
	unsigned char type;
	char buf[64];
	size_t len;

	hide(&before[0], &l->craft.out);
	hide(&before[1], &l->craft.in);
	if (update) {
		craft_key_update(&l->craft, 1);
		craft_data(&l->craft, "x", 1);
		line_read(l, buf, sizeof(buf), &len, 500);
		ktls_send(l->pair.c, "x", 1, 0);
		craft_recv(&l->craft, &type, buf, sizeof(buf), PEER_MS);
	}
	hide(&after[0], &l->craft.out);
	hide(&after[1], &l->craft.in);
}

#define FOUND(n, h) do {						\
	EXPECT_EQ(n, count_in_memory((h)->secret, (h)->secret_len));	\
	EXPECT_EQ(0, count_in_memory((h)->key, (h)->key_len));		\
} while (0)

TEST_F_TIMEOUT(secret, lives_as_long_as_it_is_needed, 200)
{
	struct line *l = &self->line;
	bool kernel = line_in_kernel(l), update = line_can_rekey(l);
	char buf[16];
	size_t len;

#ifdef __SANITIZE_ADDRESS__
	SKIP(return, "the sanitizer keeps what was freed");
#endif
	use_up(l, self->before, self->after, update);
	if (update)
		ASSERT_NE(0, memcmp(self->before, self->after,
				    sizeof(self->before)));
	if (variant->fails) {
		craft_send(&l->craft, &(struct craft_record){
			.type = CRAFT_DATA, .data = "x", .len = 1,
			.bad_tag = true });
		EXPECT_EQ(-EBADMSG, line_read(l, buf, sizeof(buf), &len,
					      PEER_MS));
	}
	craft_close(&l->craft);
	peer_close(&l->pair.p);
	for (int i = 0; kernel && i < 2; i++) {
		if (update)
			FOUND(0, &self->before[i]);
		FOUND(1, &self->after[i]);
	}
	ktls_session_free(l->pair.s);
	l->pair.s = NULL;
	ktls_conn_close(l->pair.c);
	l->pair.c = NULL;
	l->pair.fd = -1;
	for (int i = 0; i < 2; i++) {
		FOUND(0, &self->before[i]);
		FOUND(0, &self->after[i]);
	}
}

TEST_HARNESS_MAIN
