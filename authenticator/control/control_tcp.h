/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control interface on TCP: of this machine, for who knows the token.
 *
 * Any web page can make a browser send requests to a port of this machine,
 * and, with a name that it lets point here (DNS rebinding), read the answers.
 * So besides the token, which no page knows, the Host must be this machine by
 * name or address, and an Origin, which only browsers send, must not be there.
 */
#ifndef AUTHENTICATOR_CONTROL_TCP_H
#define AUTHENTICATOR_CONTROL_TCP_H

#include <stdbool.h>

#include "authenticator/control/route.h"
#include "authenticator/loopback.h"

/*
 * Listens at "127.0.0.1:PORT" or "[::1]:PORT" (loopback.h); at is where, the
 * port as it came to be. The descriptor, or -errno and one line in msg.
 */
int control_tcp_listen(const char *address, char at[static LOOPBACK_TEXT_LEN],
    char *msg, size_t msglen);

/* False: *refusal is the answer. */
bool control_tcp_admits(struct MHD_Connection *connection, const char *token,
    struct answer *refusal);

/*
 * The token: the first line of the file path, 0600 and ours, made with a
 * random one if it is missing. 0, or -errno and one line in msg.
 */
#define CONTROL_TOKEN_LEN	513	/* bytes, with the NUL */
int control_tcp_token(const char *path, char out[static CONTROL_TOKEN_LEN],
    char *msg, size_t msglen);

#endif
