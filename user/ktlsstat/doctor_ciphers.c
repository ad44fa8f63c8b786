// SPDX-License-Identifier: GPL-2.0-or-later
/* Not what the kernel claims, but what it does: records through both ways. */
#include <errno.h>
#include <linux/tls.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

#define KEY_UPDATE 24			/* RFC 8446, section 4.6.3 */
#define HANDSHAKE 22

static const uint16_t versions[] = { TLS_1_2_VERSION, TLS_1_3_VERSION };

static int open_attached(int fds[2])
{
	int ret = pair_open(fds);

	if (ret)
		return ret;
	ret = pair_attach(fds);
	if (ret)
		pair_close(fds);
	return ret;
}

static int try_cipher(uint16_t version, const struct algorithm *a,
		      const char **stage)
{
	int fds[2], ret;

	*stage = "a connection";
	ret = open_attached(fds);
	if (ret)
		return ret;
	ret = pair_key(fds[0], fds[1], version, a, stage);
	if (!ret)
		ret = pair_key(fds[1], fds[0], version, a, stage);
	if (!ret) {
		*stage = "data";
		ret = pair_pass(fds[0], fds[1]);
		if (!ret)
			ret = pair_pass(fds[1], fds[0]);
	}
	pair_close(fds);
	return ret;
}

static const struct {
	int error;
	const char *found, *advice;
} reasons[] = {
	{ -EINVAL, "not known to this kernel's TLS", "take a newer kernel" },
	{ -ENOENT, "the kernel has no such algorithm",
	  "modprobe gcm, ccm or chacha20poly1305, whichever it needs; else "
	  "another kernel" },
	{ -EBADMSG, "what came out is not what went in",
	  "this kernel is broken: do not use this cipher" },
};

static void report_cipher(struct report *r, uint16_t version,
			  const struct algorithm *a)
{
	const char *stage, *found = NULL, *advice = "look at the kernel's log";
	char name[64], buf[NAME_SIZE];
	int ret = try_cipher(version, a, &stage);

	snprintf(name, sizeof(name), "%s %s", version_name(buf, version),
		 a->name);
	if (!ret)
		return report(r, WELL, name, NULL,
			      "records pass, both ways, byte for byte");
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (reasons[i].error == ret) {
			found = reasons[i].found;
			advice = reasons[i].advice;
		}
	/* What works wrongly is bad, whoever needs it. */
	report(r, ret == -EBADMSG ? FAIL : a->without, name,
	       ret == -EBADMSG || a->without != WELL ? advice : NULL,
	       "%s: %s", stage, found ? found : strerror(-ret));
}

static void report_untried(struct report *r, const char *name)
{
	report(r, WARN, name, "see ulp", "not tried");
}

void check_ciphers(struct report *r)
{
	if (r->no_ulp)
		return report_untried(r, "ciphers");
	for (size_t v = 0; v < ARRAY_SIZE(versions); v++)
		for (size_t i = 0; i < nalgorithms; i++)
			report_cipher(r, versions[v], &algorithms[i]);
}

static int send_key_update(int fd)
{
	unsigned char text[] = { KEY_UPDATE, 0, 0, 1, 0 };
	char space[CMSG_SPACE(1)] = "";
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_TLS;
	c->cmsg_type = TLS_SET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(c) = HANDSHAKE;
	return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int take_key_update(int fd)
{
	unsigned char text[16];
	char space[CMSG_SPACE(1)] = "";
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	ssize_t n = recvmsg(fd, &m, 0);

	if (n < 0)
		return -errno;
	return n == 5 && text[0] == KEY_UPDATE ? 0 : -EBADMSG;
}

/* The first pair of keys, and then a second one. */
static int try_rekey(int fds[2])
{
	const struct algorithm *a = &algorithms[0];
	const char *stage;
	int ret = pair_key(fds[0], fds[1], TLS_1_3_VERSION, a, &stage);

	if (!ret)
		ret = send_key_update(fds[0]);
	if (!ret)
		ret = take_key_update(fds[1]);
	if (!ret)
		ret = pair_key(fds[0], fds[1], TLS_1_3_VERSION, a, &stage);
	return ret ? ret : pair_pass(fds[0], fds[1]);
}

void check_rekey(struct report *r)
{
	static const char advice[] =
		"kernel 6.14 or newer; until then such connections end";
	int fds[2], ret;

	if (r->no_ulp)
		return report_untried(r, "rekey");
	ret = open_attached(fds);
	if (!ret) {
		ret = try_rekey(fds);
		pair_close(fds);
	}
	if (!ret)
		return report(r, WELL, "rekey", NULL,
			      "keys of TLS 1.3 can be changed");
	report(r, WARN, "rekey", advice, "a peer that updates its keys: %s",
	       ret == -EBUSY ? "this kernel cannot" : strerror(-ret));
}

static int try_option(int option, const void *value, size_t size)
{
	const char *stage;
	int fds[2], ret = open_attached(fds);

	if (ret)
		return ret;
	ret = pair_key(fds[0], fds[1], TLS_1_3_VERSION, &algorithms[0],
		       &stage);
	if (!ret)
		ret = pair_key(fds[1], fds[0], TLS_1_3_VERSION,
			       &algorithms[0], &stage);
	if (!ret && setsockopt(fds[0], SOL_TLS, option, value, size))
		ret = -errno;
	if (!ret)
		ret = pair_pass(fds[0], fds[1]);
	if (!ret)
		ret = pair_pass(fds[1], fds[0]);
	pair_close(fds);
	return ret;
}

void check_no_pad(struct report *r)
{
	const int on = 1;
	int ret;

	if (r->no_ulp)
		return report_untried(r, "expect-no-pad");
	ret = try_option(TLS_RX_EXPECT_NO_PAD, &on, sizeof(on));
	if (!ret)
		return report(r, WELL, "expect-no-pad", NULL,
			      "TLS 1.3 can be received without a copy");
	report(r, WARN, "expect-no-pad",
	       "kernel 6.0 or newer receives TLS 1.3 faster",
	       "TLS_RX_EXPECT_NO_PAD: %s", strerror(-ret));
}

void check_payload(struct report *r)
{
	const uint16_t limit = 4096;
	int ret;

	if (r->no_ulp)
		return report_untried(r, "max-payload");
	ret = try_option(TLS_TX_MAX_PAYLOAD_LEN, &limit, sizeof(limit));
	if (!ret)
		return report(r, WELL, "max-payload", NULL,
			      "peers may limit the size of records");
	report(r, WARN, "max-payload",
	       "a newer kernel; until then ktlsd refuses such peers",
	       "peers that limit the size of records: %s",
	       ret == -ENOPROTOOPT ? "this kernel cannot" : strerror(-ret));
}
