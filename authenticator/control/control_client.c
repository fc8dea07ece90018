/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a running key: see control_client.h. HTTP/1.1 with
 * "Connection: close", so that the reply ends where the stream does.
 */
#include "authenticator/control/control_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/clock.h"
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
send_all(int fd, const char *text, size_t len)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < len) {
		n = send(fd, text + sent, len - sent, MSG_NOSIGNAL);
		if (n == -1 && errno != EINTR)
			return -errno;
		if (n > 0)
			sent += n;
	}
	return 0;
}

static int
send_request(int fd, const char *method, const char *target,
    const char *body)
{
	char *text;
	int len, r;

	len = asprintf(&text, "%s %s HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n\r\n%s", method, target, strlen(body),
	    body);
	if (len < 0)
		return -ENOMEM;
	r = send_all(fd, text, (size_t)len);
	explicit_bzero(text, (size_t)len);	/* it may have a PIN, or keys */
	free(text);
	return r;
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
		*body = NULL;
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

/* WebDriver has its errors one deeper. */
static int
judge(int status, const json_t *body, char *msg, size_t msglen)
{
	const json_t *value = json_object_get(body, "value");
	const char *why = json_string_value(json_object_get(
	    json_is_object(value) ? value : body, "message"));
	int r = status_error(status);

	if (r < 0)
		snprintf(msg, msglen, "%s", why != NULL ? why :
		    "the key refused");
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
	json_t *body;
	int r = control_call_reply(socket_path, method, target, text, &body,
	    msg, msglen);

	if (r == 0)
		*out = body;
	else
		json_decref(body);
	return r;
}

int
control_call_reply(const char *socket_path, const char *method,
    const char *target, const char *text, json_t **out, char *msg,
    size_t msglen)
{
	struct reply reply = { NULL, 0, 0 };
	int status;
	int r;

	*out = NULL;
	r = exchange(socket_path, method, target, text, &reply);
	if (r == -ENOENT)
		r = -ECONNREFUSED;	/* -ENOENT is the key's to say */
	if (r == 0)
		r = parse_reply(&reply, &status, out);
	free(reply.text);
	if (r < 0) {
		snprintf(msg, msglen, "%s: %s", socket_path, r == -EPROTO ?
		    "that is not a key's control socket" : strerror(-r));
		return r;
	}
	return judge(status, *out, msg, msglen);
}

/* More of the reply; 0: it is over. */
static int
read_more(int fd, struct reply *reply, uint64_t deadline_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t left = -1;
	ssize_t n;
	int r = grow(reply);

	if (r < 0)
		return r;
	if (deadline_ms != UINT64_MAX) {
		left = (int64_t)(deadline_ms - clock_ms());
		if (left <= 0)
			return -ETIMEDOUT;
	}
	r = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
	if (r == 0)
		return -ETIMEDOUT;
	n = r > 0 ? recv(fd, reply->text + reply->len,
	    reply->size - reply->len - 1, 0) : -1;
	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	reply->len += (size_t)n;
	reply->text[reply->len] = '\0';
	return n > 0;
}

/* Whole lines out of the reply, which keeps the rest. */
static int
give_lines(struct reply *reply, const struct control_lines *lines)
{
	char *at = reply->text, *end;
	int r = 0;

	while (r == 0 && (end = strchr(at, '\n')) != NULL) {
		*end = '\0';
		r = lines->each(lines->arg, at);
		at = end + 1;
	}
	reply->len -= (size_t)(at - reply->text);
	memmove(reply->text, at, reply->len + 1);
	return r;
}

/* The headers of a reply that is lines are taken off; 1: it is another. */
static int
read_headers(int fd, struct reply *reply, uint64_t deadline_ms)
{
	char *end;
	int r;

	do {
		r = read_more(fd, reply, deadline_ms);
		if (r <= 0)
			return r < 0 ? r : -EPROTO;
		end = strstr(reply->text, "\r\n\r\n");
	} while (end == NULL);
	if (strncmp(reply->text, "HTTP/1.", 7) != 0)
		return -EPROTO;
	if (strncmp(reply->text + 8, " 200 ", 5) != 0)
		return 1;
	end += 4;
	reply->len -= (size_t)(end - reply->text);
	memmove(reply->text, end, reply->len + 1);
	return 0;
}

static int
refused(int fd, struct reply *reply, uint64_t deadline_ms, char *msg,
    size_t msglen)
{
	json_t *body = NULL;
	int status, r;

	while ((r = read_more(fd, reply, deadline_ms)) > 0)
		continue;
	reply->text[7] = '1';	/* HTTP/1.0 is answered as it asks */
	if (r == 0)
		r = parse_reply(reply, &status, &body);
	if (r == 0)
		r = judge(status, body, msg, msglen);
	json_decref(body);
	return r;
}

static int
follow(int fd, struct reply *reply, const struct control_lines *lines,
    uint64_t deadline_ms)
{
	int r = lines->begun != NULL ? lines->begun(lines->arg) : 0;

	while (r == 0) {
		r = give_lines(reply, lines);
		if (r != 0)
			break;
		r = read_more(fd, reply, deadline_ms);
		if (r == 0)
			return -EPIPE;
		r = r < 0 ? r : 0;
	}
	return r;
}

/* HTTP/1.0, so that lines come as they are, without chunks around them. */
int
control_lines(const char *socket_path, const char *target,
    const struct control_lines *lines, int64_t timeout_ms, char *msg,
    size_t msglen)
{
	uint64_t deadline_ms = timeout_ms < 0 ? UINT64_MAX :
	    clock_ms() + (uint64_t)timeout_ms;
	struct reply reply = { NULL, 0, 0 };
	int fd = unix_connect(socket_path, SOCK_STREAM);
	char request[1024];
	int r = fd;

	snprintf(msg, msglen, "%s", "");
	if ((size_t)snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n"
	    "Host: localhost\r\n\r\n", target) >= sizeof(request))
		r = -EINVAL;
	if (r >= 0)
		r = send_all(fd, request, strlen(request));
	if (r >= 0)
		r = read_headers(fd, &reply, deadline_ms);
	if (r == 1)
		r = refused(fd, &reply, deadline_ms, msg, msglen);
	else if (r == 0)
		r = follow(fd, &reply, lines, deadline_ms);
	if (fd >= 0)
		close(fd);
	free(reply.text);
	if (r == -ENOENT && msg[0] == '\0')
		r = -ECONNREFUSED;
	if (r < 0 && msg[0] == '\0')
		snprintf(msg, msglen, "%s: %s", socket_path, r == -EPROTO ?
		    "that is not a key's control socket" : r == -EPIPE ?
		    "the daemon ended" : strerror(-r));
	return r;
}
