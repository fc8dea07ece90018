/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request at a time, to whoever a URL names or to a UNIX socket.
 * Waits for the reply; a thread may have a client of its own.
 *
 * libcurl does it, and is loaded when the first client is made: only few
 * commands speak HTTP to others, and what libcurl brings along (some thirty
 * libraries) has no place in the process of a key.
 *
 * Redirects are not followed, and no proxy of the environment is asked: what
 * is wanted is the reply of that very server.
 */
#ifndef AUTHENTICATOR_HTTP_CLIENT_H
#define AUTHENTICATOR_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MESSAGE_LEN	256	/* bytes, room for msg */
#define HTTP_REPLY_MAX		(256U * 1024 * 1024)	/* bytes of a body */

struct http_client;

struct http_request {
	const char	*method;
	const char	*url;		/* http: or https: */
	const char	*socket_path;	/* of a UNIX one; NULL: as url says */
	const char	*const *headers; /* "Name: value", ended by NULL; NULL:
					 * none; Host comes from url, or is
					 * here */
	const char	*body;		/* NULL: none */
	size_t		 body_len;
	long		 timeout_ms;	/* for all of it; 0: as long as it
					 * takes */
	bool		(*stops)(void *arg);	/* given up within a second
					 * once it says so; NULL: never */
	void		*stops_arg;
};

/* The memory is the client's, until the next request or its end. */
struct http_reply {
	long		 status;
	const char	*content_type;	/* "": not said */
	const char	*body;		/* and a NUL behind it */
	size_t		 body_len;
};

/* -ENOMEM, or -ELIBACC: there is no libcurl; and one line in msg. */
int http_client_new(struct http_client **out, char *msg, size_t msglen);
/* Accepts NULL. */
void http_client_free(struct http_client *c);

/*
 * 0 whatever the status of the reply is. -EINVAL (not such a URL),
 * -ECONNREFUSED, -ETIMEDOUT, -ECANCELED (stops), -EMSGSIZE (longer than
 * HTTP_REPLY_MAX), -ENOMEM or -EIO, with one line in msg.
 */
int http_client_do(struct http_client *c, const struct http_request *rq,
    struct http_reply *out, char *msg, size_t msglen);

#endif
