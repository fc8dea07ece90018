/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/parse.h"

#define BACKLOG	64

static bool
parse_port(const char *s, in_port_t *out)
{
	uint64_t port;

	if (!parse_number(s, 0, UINT16_MAX, &port))
		return false;
	*out = htons((in_port_t)port);
	return true;
}

/* 127.0.0.0/8 */
static bool
parse_v4(const char *host, struct in_addr *out)
{
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	return inet_pton(AF_INET, host, out) == 1 &&
	    ntohl(out->s_addr) >> 24 == IN_LOOPBACKNET;
}

bool
loopback_parse(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	const char *colon = strrchr(text, ':');
	char host[LOOPBACK_TEXT_LEN] = "127.0.0.1";

	if (colon != NULL && snprintf(host, sizeof(host), "%.*s",
	    (int)(colon - text), text) >= (int)sizeof(host))
		return false;
	memset(out, 0, sizeof(*out));
	if (strcmp(host, "[::1]") == 0) {
		six->sin6_family = AF_INET6;
		six->sin6_addr = in6addr_loopback;
		*len = sizeof(*six);
		return parse_port(colon + 1, &six->sin6_port);
	}
	four->sin_family = AF_INET;
	*len = sizeof(*four);
	return parse_v4(host, &four->sin_addr) &&
	    parse_port(colon != NULL ? colon + 1 : text, &four->sin_port);
}

void
loopback_text(const struct sockaddr_storage *addr,
    char out[static LOOPBACK_TEXT_LEN])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *four = (const struct sockaddr_in *)addr;
	char host[INET_ADDRSTRLEN] = "127.0.0.1";

	if (addr->ss_family == AF_INET6) {
		snprintf(out, LOOPBACK_TEXT_LEN, "[::1]:%u",
		    ntohs(six->sin6_port));
		return;
	}
	(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
	snprintf(out, LOOPBACK_TEXT_LEN, "%s:%u", host, ntohs(four->sin_port));
}

int
loopback_listen(struct sockaddr_storage *addr, socklen_t len)
{
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	int on = 1, error;

	if (fd == -1)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)addr, len) == 0 &&
	    listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)addr, &len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

bool
loopback_is_host(const char *host)
{
	struct in_addr addr;
	char name[LOOPBACK_TEXT_LEN];
	size_t len;

	if (host == NULL)
		return false;
	len = strcspn(host, host[0] == '[' ? "]" : ":");
	if (host[0] == '[')
		return strncmp(host, "[::1]", 5) == 0 &&
		    (host[5] == '\0' || host[5] == ':');
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return strcasecmp(name, "localhost") == 0 || parse_v4(name, &addr);
}
