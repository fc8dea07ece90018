/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control interface of a daemon: HTTP/1.1 and JSON on a UNIX socket that
 * only the daemon's user can open, and, if wanted, on TCP of this machine for
 * who knows a token (format: control.md). Here are the server, its
 * connections and their limits; what requests do is in route.h.
 *
 * Limits: 64 connections at once on either socket, of one request each;
 * REQUEST_BODY_MAX bytes of request body, 40 KiB of request headers, 2 s for
 * a request to arrive and 15 s to answer it; 48 requests that wait for
 * something to happen.
 *
 * It owns the sockets and their files. It never waits: whoever waits watches
 * control_fd() and control_deadline().
 */
#ifndef AUTHENTICATOR_CONTROL_H
#define AUTHENTICATOR_CONTROL_H

#include "authenticator/hub.h"

struct control;

struct control_config {
	struct hub	*hub;		/* outlives it */
	const char	*path;		/* of the UNIX socket */
	const char	*tcp;		/* "127.0.0.1:PORT", "[::1]:PORT"; NULL:
					 * not on TCP */
	const char	*token;		/* without which there is no tcp */
};

#define CONTROL_TOKEN_MIN	16	/* bytes */
#define CONTROL_TOKEN_MAX	512	/* with the NUL */

/* On error, -errno and one line in msg; -EINVAL: tcp, and no such token. */
int control_open(const struct control_config *config, struct control **out,
    char *msg, size_t msglen);
/* Accepts NULL. Who waits is answered: nothing came. */
void control_close(struct control *c);

/* Where it is on TCP, the port as it came to be: "127.0.0.1:8080"; "": not. */
const char *control_tcp(const struct control *c);

int control_fd(const struct control *c);
void control_dispatch(struct control *c, uint64_t now_ms);
uint64_t control_deadline(const struct control *c, uint64_t now_ms);

#endif
