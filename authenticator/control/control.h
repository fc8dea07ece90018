/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control interface of a running key: HTTP/1.1 and JSON on a UNIX socket
 * that only the key's user can open (format: control.md).
 *
 * Limits: 64 connections at once, of one request each; 16 presses that wait;
 * 4096 bytes of request body, 16 KiB of request headers, 2 s for a request
 * to arrive and 15 s to answer it.
 *
 * It owns the socket and its file. It never waits: whoever waits watches
 * control_fd() and control_deadline().
 */
#ifndef AUTHENTICATOR_CONTROL_H
#define AUTHENTICATOR_CONTROL_H

#include "authenticator/loop.h"

struct control;

/* Settings of the key that only its starter knows, for GET /v1/info. */
struct control_facts {
	const char	*presence;
	const char	*attestation;
	const char	*account_choice;
};

/* On error, -errno and one line in msg. l must outlive it. */
int control_open(const char *path, struct loop *l,
    const struct control_facts *facts, struct control **out,
    char *msg, size_t msglen);
/* Accepts NULL. Presses that wait are answered: no request came. */
void control_close(struct control *c);

int control_fd(const struct control *c);
void control_dispatch(struct control *c, uint64_t now_ms);
uint64_t control_deadline(const struct control *c, uint64_t now_ms);

#endif
