/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of control.h: one request to a running key. Waits.
 *
 * Limits: a reply has at most 8 MiB and must come within 20 s, twice the
 * time that a press may take.
 */
#ifndef AUTHENTICATOR_CONTROL_CLIENT_H
#define AUTHENTICATOR_CONTROL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

/*
 * 0: *out is the body of a successful reply, a new reference. Otherwise
 * -errno and one line in msg:
 *	-ECONNREFUSED	nobody listens there
 *	-EPROTO		that was no reply of ours
 *	-EBUSY, -ENOENT, -EINVAL, -ENOTSUP, -EREMOTEIO
 *			the key said no (409, 404, 400, 405, any other)
 *	others		from the socket
 */
int control_call(const char *socket_path, const char *method,
    const char *target, json_t **out, char *msg, size_t msglen);
/* The same with a body. */
int control_call_with(const char *socket_path, const char *method,
    const char *target, const char *text, json_t **out, char *msg,
    size_t msglen);
/* The same; *out is also what the key said no with, or NULL. */
int control_call_reply(const char *socket_path, const char *method,
    const char *target, const char *text, json_t **out, char *msg,
    size_t msglen);

/*
 * Sends a request and does not wait for the reply: the descriptor, to be
 * closed, or -errno. A press is withdrawn by closing it.
 */
int control_begin(const char *socket_path, const char *method,
    const char *target);

/*
 * A reply that is lines, such as GET /v1/events: begun(arg) when it has begun,
 * then each(arg, line, without its line break) for every one, until either
 * returns non-zero, which is returned. Errors as above, and:
 *	-ETIMEDOUT	it took longer than timeout_ms; -1: nothing does
 *	-EPIPE		the other side ended it
 */
struct control_lines {
	int	(*begun)(void *arg);		/* NULL: nothing to do */
	int	(*each)(void *arg, const char *line);
	void	*arg;
};
int control_lines(const char *socket_path, const char *target,
    const struct control_lines *lines, int64_t timeout_ms, char *msg,
    size_t msglen);

#endif
