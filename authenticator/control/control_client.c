/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a running key: see control_client.h. HTTP/1.1 with
 * "Connection: close", so that the reply ends where the stream does.
 */
#include "authenticator/control/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uhid/unix.h"

#define REPLY_MAX	(8 << 20)	/* bytes */
#define REPLY_FIRST	16384		/* bytes, room to begin with */
#define TIMEOUT_S	20

struct reply {
	char	*text;		/* NUL-terminated */
	size_t	 len;
	size_t	 size;
};

static int
send_request(int fd, const char *method, const char *target,
    const char *body)
{
	char text[2048];
	size_t sent = 0;
	ssize_t n;
	int len;

	len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n%s", method, target, strlen(body),
	    body);
	if (len >= (int)sizeof(text))
		return -EINVAL;
	while (sent < (size_t)len) {
		n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += n;
	}
	return 0;
}

static int
grow(struct reply *reply)
{
	size_t size = reply->size > 0 ? reply->size * 2 : REPLY_FIRST;
	char *text;

	if (reply->len + 1 < reply->size)
		return 0;
	if (size > REPLY_MAX)
		return -EPROTO;
	text = realloc(reply->text, size);
	if (text == NULL)
		return -ENOMEM;
	reply->text = text;
	reply->size = size;
	return 0;
}

static int
read_reply(int fd, struct reply *reply)
{
	ssize_t n;
	int r;

	for (;;) {
		r = grow(reply);
		if (r < 0)
			return r;
		n = recv(fd, reply->text + reply->len,
		    reply->size - reply->len - 1, 0);
		if (n == 0)
			break;
		if (n == -1 && errno == EAGAIN)
			return -ETIMEDOUT;
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n > 0)
			reply->len += n;
	}
	reply->text[reply->len] = '\0';
	return 0;
}

static int
begin(const char *socket_path, const char *method, const char *target,
    const char *body)
{
	static const struct timeval limit = { .tv_sec = TIMEOUT_S };
	int fd = unix_connect(socket_path, SOCK_STREAM);
	int r = 0;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		r = -errno;
	if (r == 0)
		r = send_request(fd, method, target, body);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int
control_begin(const char *socket_path, const char *method,
    const char *target)
{
	return begin(socket_path, method, target, "");
}

static int
exchange(const char *socket_path, const char *method, const char *target,
    const char *body, struct reply *reply)
{
	int fd = begin(socket_path, method, target, body);
	int r;

	if (fd < 0)
		return fd;
	r = read_reply(fd, reply);
	close(fd);
	return r;
}

/* The status, and the body as JSON; -EPROTO if it is anything else. */
static int
parse_reply(const struct reply *reply, int *status, json_t **body)
{
	const char *end;

	if (sscanf(reply->text, "HTTP/1.1 %3d ", status) != 1)
		return -EPROTO;
	end = strstr(reply->text, "\r\n\r\n");
	if (end == NULL)
		return -EPROTO;
	end += 4;
	*body = json_loadb(end, reply->len - (end - reply->text),
	    JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*body)) {
		json_decref(*body);
		return -EPROTO;
	}
	return 0;
}

static int
status_error(int status)
{
	switch (status) {
	case 200:
		return 0;
	case 400:
		return -EINVAL;
	case 404:
		return -ENOENT;
	case 405:
		return -ENOTSUP;
	case 409:
		return -EBUSY;
	default:
		return -EREMOTEIO;
	}
}

static int
judge(int status, json_t *body, json_t **out, char *msg, size_t msglen)
{
	const char *why = json_string_value(json_object_get(body, "message"));
	int r = status_error(status);

	if (r == 0) {
		*out = body;
		return 0;
	}
	snprintf(msg, msglen, "%s", why != NULL ? why : "the key refused");
	json_decref(body);
	return r;
}

int
control_call(const char *socket_path, const char *method,
    const char *target, json_t **out, char *msg, size_t msglen)
{
	return control_call_with(socket_path, method, target, "", out, msg,
	    msglen);
}

int
control_call_with(const char *socket_path, const char *method,
    const char *target, const char *text, json_t **out, char *msg,
    size_t msglen)
{
	struct reply reply = { NULL, 0, 0 };
	json_t *body = NULL;
	int status;
	int r;

	r = exchange(socket_path, method, target, text, &reply);
	if (r == -ENOENT)
		r = -ECONNREFUSED;	/* -ENOENT is the key's to say */
	if (r == 0)
		r = parse_reply(&reply, &status, &body);
	free(reply.text);
	if (r < 0) {
		snprintf(msg, msglen, "%s: %s", socket_path, r == -EPROTO ?
		    "that is not a key's control socket" : strerror(-r));
		return r;
	}
	return judge(status, body, out, msg, msglen);
}
