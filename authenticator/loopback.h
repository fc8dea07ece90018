/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers of ours that speak TCP listen to this machine only, and answer no
 * web page: a browser here would ask on behalf of any site.
 */
#ifndef AUTHENTICATOR_LOOPBACK_H
#define AUTHENTICATOR_LOOPBACK_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#define LOOPBACK_TEXT_LEN	64	/* bytes, with the NUL */

/*
 * "127.0.0.1:8080", "[::1]:8080", "localhost:0", or a port alone, which is
 * at 127.0.0.1. False: it is none of these, as all addresses of other machines
 * and networks.
 */
bool loopback_parse(const char *text, struct sockaddr_storage *out,
    socklen_t *len);

/* "127.0.0.1:8080" */
void loopback_text(const struct sockaddr_storage *addr,
    char out[static LOOPBACK_TEXT_LEN]);

/*
 * A listening socket there, non-blocking. addr gets the port if it was 0. The
 * descriptor, or -errno.
 */
int loopback_listen(struct sockaddr_storage *addr, socklen_t len);

/*
 * Whether the Host of a request names this machine, as it does not when a page
 * has its name resolve to us (DNS rebinding); NULL: it has none, which is no.
 */
bool loopback_is_host(const char *host);

#endif
