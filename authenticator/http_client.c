/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY		"libcurl.so.4"
#define CONNECT_MAX_MS	10000L

/* What of libcurl we use. Never unloaded: it has registered itself. */
static struct {
	void		*handle;
	char		 why[HTTP_MESSAGE_LEN];	/* it is not there */
	__typeof__(curl_global_init)	*global_init;
	__typeof__(curl_easy_init)	*init;
	__typeof__(curl_easy_setopt)	*setopt;
	__typeof__(curl_easy_perform)	*perform;
	__typeof__(curl_easy_getinfo)	*getinfo;
	__typeof__(curl_easy_strerror)	*strerror;
	__typeof__(curl_easy_reset)	*reset;
	__typeof__(curl_easy_cleanup)	*cleanup;
	__typeof__(curl_slist_append)	*append;
	__typeof__(curl_slist_free_all)	*free_all;
} lib;
static pthread_once_t lib_once = PTHREAD_ONCE_INIT;

struct http_client {
	CURL		*easy;
	char		*body;
	size_t		 len;
	size_t		 cap;
	bool		 too_long;
};

static void
load_library(void)
{
	static const struct {
		const char *name;
		void *where;
	} symbols[] = {
		{ "curl_global_init", &lib.global_init },
		{ "curl_easy_init", &lib.init },
		{ "curl_easy_setopt", &lib.setopt },
		{ "curl_easy_perform", &lib.perform },
		{ "curl_easy_getinfo", &lib.getinfo },
		{ "curl_easy_strerror", &lib.strerror },
		{ "curl_easy_reset", &lib.reset },
		{ "curl_easy_cleanup", &lib.cleanup },
		{ "curl_slist_append", &lib.append },
		{ "curl_slist_free_all", &lib.free_all },
	};
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	void *symbol = handle;

	for (size_t i = 0; symbol != NULL &&
	    i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		symbol = dlsym(handle, symbols[i].name);
		memcpy(symbols[i].where, &symbol, sizeof(symbol));
	}
	if (symbol == NULL)
		snprintf(lib.why, sizeof(lib.why), "libcurl cannot be loaded "
		    "(apt install libcurl4): %s", dlerror());
	else if (lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		snprintf(lib.why, sizeof(lib.why), "libcurl does not start");
	else
		lib.handle = handle;
}

int
http_client_new(struct http_client **out, char *msg, size_t msglen)
{
	struct http_client *c;

	pthread_once(&lib_once, load_library);
	if (lib.handle == NULL) {
		snprintf(msg, msglen, "%s", lib.why);
		return -ELIBACC;
	}
	c = calloc(1, sizeof(*c));
	if (c != NULL)
		c->easy = lib.init();
	if (c == NULL || c->easy == NULL) {
		free(c);
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	lib.cleanup(c->easy);
	free(c->body);
	free(c);
}

static bool
make_room(struct http_client *c, size_t more)
{
	size_t want = c->len + more + 1;
	size_t cap = c->cap > 0 ? c->cap : 4096;
	char *p;

	if (more > HTTP_REPLY_MAX - c->len) {
		c->too_long = true;
		return false;
	}
	while (cap < want)
		cap *= 2;
	if (cap == c->cap)
		return true;
	p = realloc(c->body, cap);
	if (p == NULL)
		return false;
	c->body = p;
	c->cap = cap;
	return true;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_client *c = arg;
	size_t len = size * count;

	if (!make_room(c, len))
		return 0;
	memcpy(c->body + c->len, data, len);
	c->len += len;
	return len;
}

/* libcurl asks at least once a second; anything but 0 is the end. */
static int
on_progress(void *arg, curl_off_t down_total, curl_off_t down,
    curl_off_t up_total, curl_off_t up)
{
	const struct http_request *rq = arg;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	return rq->stops(rq->stops_arg);
}

static int
error_of(const struct http_client *c, CURLcode code)
{
	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_ABORTED_BY_CALLBACK:
		return -ECANCELED;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_WRITE_ERROR:
		return c->too_long ? -EMSGSIZE : -ENOMEM;
	default:
		return -EIO;
	}
}

/*
 * No "Expect", which makes servers that do not know it wait. A method of our
 * own choice with a body is what POSTFIELDS and CUSTOMREQUEST together are.
 */
static bool
set_up(struct http_client *c, const struct http_request *rq,
    struct curl_slist **headers)
{
	struct curl_slist *list = lib.append(NULL, "Expect:");

	for (size_t i = 0; list != NULL && rq->headers != NULL &&
	    rq->headers[i] != NULL; i++) {
		*headers = list;
		list = lib.append(list, rq->headers[i]);
	}
	if (list == NULL)
		return false;
	*headers = list;
	lib.reset(c->easy);
	lib.setopt(c->easy, CURLOPT_URL, rq->url);
	/* else "/a/../b" is not what is asked for, but "/b" */
	lib.setopt(c->easy, CURLOPT_PATH_AS_IS, 1L);
	lib.setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	lib.setopt(c->easy, CURLOPT_PROXY, "");
	lib.setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
	lib.setopt(c->easy, CURLOPT_HTTPHEADER, list);
	lib.setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MAX_MS);
	lib.setopt(c->easy, CURLOPT_TIMEOUT_MS, rq->timeout_ms);
	lib.setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	lib.setopt(c->easy, CURLOPT_WRITEDATA, c);
	if (rq->stops != NULL) {
		lib.setopt(c->easy, CURLOPT_NOPROGRESS, 0L);
		lib.setopt(c->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
		lib.setopt(c->easy, CURLOPT_XFERINFODATA, rq);
	}
	if (rq->socket_path != NULL)
		lib.setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, rq->socket_path);
	if (rq->body != NULL) {
		lib.setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)rq->body_len);
		lib.setopt(c->easy, CURLOPT_POSTFIELDS, rq->body);
	}
	if (strcmp(rq->method, "HEAD") == 0)
		lib.setopt(c->easy, CURLOPT_NOBODY, 1L);
	else
		lib.setopt(c->easy, CURLOPT_CUSTOMREQUEST, rq->method);
	return true;
}

int
http_client_do(struct http_client *c, const struct http_request *rq,
    struct http_reply *out, char *msg, size_t msglen)
{
	struct curl_slist *headers = NULL;
	char *content_type = NULL;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	c->len = 0;
	c->too_long = false;
	if (set_up(c, rq, &headers))
		code = lib.perform(c->easy);
	lib.free_all(headers);
	if (code == CURLE_OK && !make_room(c, 0))
		code = CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK) {
		snprintf(msg, msglen, "%s: %s", rq->socket_path != NULL ?
		    rq->socket_path : rq->url, c->too_long ?
		    "the reply is too long" : lib.strerror(code));
		return error_of(c, code);
	}
	c->body[c->len] = '\0';
	*out = (struct http_reply){ .content_type = "", .body = c->body,
	    .body_len = c->len };
	lib.getinfo(c->easy, CURLINFO_RESPONSE_CODE, &out->status);
	lib.getinfo(c->easy, CURLINFO_CONTENT_TYPE, &content_type);
	if (content_type != NULL)
		out->content_type = content_type;
	return 0;
}
