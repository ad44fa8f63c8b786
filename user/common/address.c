// SPDX-License-Identifier: GPL-2.0-or-later
/* ADDR:PORT and [ADDR]:PORT, both ways. Numbers only: no resolver here. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

static int parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (*end || n > 65535)
		return -EINVAL;
	*port = htons(n);
	return 0;
}

int address_parse(struct sockaddr_storage *out, const char *text)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *found;
	const char *colon = strrchr(text, ':');
	size_t len = colon ? colon - text : 0;
	in_port_t port;
	char host[64];

	hints.ai_family = *text == '[' ? AF_INET6 : AF_INET;
	if (!len || len >= sizeof(host) || parse_port(colon + 1, &port))
		return -EINVAL;
	if (*text == '[') {
		if (len < 2 || text[len - 1] != ']')
			return -EINVAL;
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, NULL, &hints, &found))
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	memcpy(out, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (out->ss_family == AF_INET6)
		((struct sockaddr_in6 *)out)->sin6_port = port;
	else
		((struct sockaddr_in *)out)->sin_port = port;
	return 0;
}

/* An IPv4 client of a dual-stack socket is shown as what it is. */
static const char *text_v6(char *out, size_t size, const struct sockaddr_in6 *a)
{
	char host[INET6_ADDRSTRLEN];
	const unsigned char *b = a->sin6_addr.s6_addr;

	if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr)) {
		snprintf(out, size, "%u.%u.%u.%u:%u", b[12], b[13], b[14],
			 b[15], ntohs(a->sin6_port));
		return out;
	}
	inet_ntop(AF_INET6, b, host, sizeof(host));
	snprintf(out, size, "[%s]:%u", host, ntohs(a->sin6_port));
	return out;
}

const char *address_text(char *out, size_t size,
			 const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	char host[INET_ADDRSTRLEN];

	if (address->ss_family == AF_INET6)
		return text_v6(out, size, (const struct sockaddr_in6 *)address);
	inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
	return out;
}

socklen_t address_size(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						sizeof(struct sockaddr_in);
}

static bool is_any(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;

	return a->ss_family == AF_INET6 ?
	       IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) :
	       v4->sin_addr.s_addr == INADDR_ANY;
}

static in_port_t port_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ?
	       ((const struct sockaddr_in6 *)a)->sin6_port :
	       ((const struct sockaddr_in *)a)->sin_port;
}

bool address_overlap(const struct sockaddr_storage *one,
		     const struct sockaddr_storage *other)
{
	if (port_of(one) != port_of(other) || !port_of(one))
		return false;
	if (is_any(one) && (one->ss_family == AF_INET6 ||
			    other->ss_family == AF_INET))
		return true;
	if (is_any(other) && (other->ss_family == AF_INET6 ||
			      one->ss_family == AF_INET))
		return true;
	return address_equal(one, other);
}

bool address_equal(const struct sockaddr_storage *one,
		   const struct sockaddr_storage *other)
{
	return !memcmp(one, other, sizeof(*one));
}
