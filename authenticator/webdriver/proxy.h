/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebDriver server in front of another one: what concerns virtual
 * authenticators (WebAuthn Level 3, 11) is answered by a running sealkey,
 * through its control interface, everything else by the driver upstream. So
 * bindings that know the commands have them in browsers whose drivers do not.
 *
 *	bindings --HTTP--> proxy --/session/ID/webauthn/...--> control socket
 *	                     `-----everything else-----------> driver
 *
 * A thread for each connection, as the driver may take minutes to answer.
 * Only loopback is listened to; a request with an Origin, or for a host that
 * is not this one, comes from a web page, and is refused, as drivers do.
 */
#ifndef AUTHENTICATOR_WEBDRIVER_PROXY_H
#define AUTHENTICATOR_WEBDRIVER_PROXY_H

#include <stddef.h>

#include "authenticator/loopback.h"

#define PROXY_BODY_MAX		(64U * 1024 * 1024)	/* bytes of a request */
#define PROXY_CONNECTIONS_MAX	64
#define PROXY_SESSIONS_MAX	256

struct proxy;

struct proxy_config {
	int		 listen_fd;	/* the proxy's from here on */
	const char	*upstream;	/* "http://127.0.0.1:9515" */
	const char	*control;	/* the socket of sealkey run */
};

/* -errno and one line in msg. The strings must live as long. Closes the
 * descriptor if it fails. */
int proxy_start(const struct proxy_config *cfg, struct proxy **out, char *msg,
    size_t msglen);
/*
 * Takes the authenticators of sessions that nobody ended out of the key's
 * process. Requests that the driver has not answered are given up. Accepts
 * NULL.
 */
void proxy_stop(struct proxy *p);

#endif
