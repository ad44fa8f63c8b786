// SPDX-License-Identifier: GPL-2.0-or-later
/* What ethtool -k shows of TLS. Most devices have none of it, which is fine. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"

static int ask(int fd, const char *device, void *request)
{
	struct ifreq ifr = { .ifr_data = request };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

static unsigned int count(int fd, const char *device)
{
	union {			/* one number behind it, for the one bit */
		struct ethtool_sset_info info;
		unsigned char room[sizeof(struct ethtool_sset_info) +
				   sizeof(uint32_t)];
	} q = { .info = { .cmd = ETHTOOL_GSSET_INFO,
			  .sset_mask = 1ULL << ETH_SS_FEATURES } };
	uint32_t n;

	if (ask(fd, device, &q) || !q.info.sset_mask)
		return 0;
	memcpy(&n, q.room + sizeof(q.info), sizeof(n));
	return n;
}

/* Two answers with the same order: names, and the bits of their states. */
struct features {
	struct ethtool_gstrings *names;
	struct ethtool_gfeatures *states;
	unsigned int n;
};

static int read_features(struct features *f, int fd, const char *device)
{
	unsigned int blocks;
	int ret;

	f->n = count(fd, device);
	blocks = (f->n + 31) / 32;
	f->names = calloc(1, sizeof(*f->names) + f->n * ETH_GSTRING_LEN);
	f->states = calloc(1, sizeof(*f->states) +
			   blocks * sizeof(*f->states->features));
	if (!f->names || !f->states)
		return -ENOMEM;
	f->names->cmd = ETHTOOL_GSTRINGS;
	f->names->string_set = ETH_SS_FEATURES;
	f->names->len = f->n;
	f->states->cmd = ETHTOOL_GFEATURES;
	f->states->size = blocks;
	ret = ask(fd, device, f->names);
	return ret ? ret : ask(fd, device, f->states);
}

/* Those that the device has, as words; how many. */
static unsigned int describe(const struct features *f, char *out, size_t size)
{
	unsigned int found = 0;
	size_t len = 0;

	for (unsigned int i = 0; i < f->n; i++) {
		const char *name = (char *)f->names->data + i * ETH_GSTRING_LEN;
		const struct ethtool_get_features_block *b =
			&f->states->features[i / 32];
		bool on = b->active >> i % 32 & 1;

		if (strncmp(name, "tls-hw-", 7) ||
		    (!on && !(b->available >> i % 32 & 1)))
			continue;
		found++;
		if (len < size)
			len += snprintf(out + len, size - len, " %.*s %s",
					ETH_GSTRING_LEN, name,
					on ? "on" : "off");
	}
	return found;
}

static unsigned int report_device(struct report *r, int fd, const char *device)
{
	struct features f = { 0 };
	char words[256] = "";
	unsigned int found = 0;

	if (!read_features(&f, fd, device))
		found = describe(&f, words, sizeof(words));
	if (found)
		report(r, WELL, "nic", NULL, "%s:%s (ethtool -K changes it)",
		       device, words);
	free(f.names);
	free(f.states);
	return found;
}

void check_nic(struct report *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct if_nameindex *all = if_nameindex();
	unsigned int able = 0, n = 0;

	for (; fd >= 0 && all && all[n].if_index; n++)
		able += report_device(r, fd, all[n].if_name);
	if (!able)
		report(r, WELL, "nic", NULL,
		       "none of %u does TLS: the CPU does, as usual", n);
	if (all)
		if_freenameindex(all);
	if (fd >= 0)
		close(fd);
}
