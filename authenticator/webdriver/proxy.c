/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/webdriver/proxy.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/http_client.h"
#include "authenticator/webdriver/capabilities.h"

#define SESSION_LEN	128	/* bytes of a session's ID, with the NUL */
#define URL_LEN		4096	/* bytes, with the NUL */
#define CONTROL_MAX_MS	60000L	/* for the key's process to answer */

struct proxy {
	struct proxy_config cfg;
	struct MHD_Daemon *mhd;
	pthread_mutex_t	 lock;		/* of the sessions */
	char		 sessions[PROXY_SESSIONS_MAX][SESSION_LEN];
	size_t		 session_count;	/* the rest is not remembered */
	atomic_bool	 stops;		/* nobody waits for the driver */
};

struct request {
	char		*uri;		/* raw, with its query */
	char		*body;
	size_t		 body_len;
	size_t		 body_cap;
	bool		 begun;		/* its headers were seen */
	bool		 too_long;
	struct http_client *client;
};

/* What goes back: text is malloc()ed; NULL: out of memory. */
struct answer {
	unsigned	 status;
	char		*text;
	size_t		 len;
	char		 type[64];
};

/* WebDriver 6.6: the body of an error. Messages may quote what is no text. */
static struct answer
failure(unsigned status, const char *error, const char *message)
{
	struct answer a = { .status = status, .type = "application/json; "
	    "charset=utf-8" };
	char line[HTTP_MESSAGE_LEN];
	json_t *json;

	cli_clean(message, strlen(message), line, sizeof(line));
	json = json_pack("{s:{s:s, s:s, s:s}}", "value",
	    "error", error, "message", line, "stacktrace", "");
	a.text = json_dumps(json, JSON_COMPACT);
	a.len = a.text != NULL ? strlen(a.text) : 0;
	json_decref(json);
	return a;
}

static bool
make_room(struct request *rq, size_t more)
{
	size_t cap = rq->body_cap > 0 ? rq->body_cap : 4096;
	char *p;

	if (more > PROXY_BODY_MAX - rq->body_len) {
		rq->too_long = true;
		return false;
	}
	while (cap <= rq->body_len + more)
		cap *= 2;
	if (cap == rq->body_cap)
		return true;
	p = realloc(rq->body, cap);
	if (p == NULL)
		return false;
	rq->body = p;
	rq->body_cap = cap;
	return true;
}

/* The ID in "/session/ID", and what follows; false: another path. */
static bool
parse_session(const char *uri, char id[static SESSION_LEN], const char **rest)
{
	static const char prefix[] = "/session/";
	size_t len;

	if (strncmp(uri, prefix, sizeof(prefix) - 1) != 0)
		return false;
	uri += sizeof(prefix) - 1;
	len = strcspn(uri, "/?#");
	if (len == 0 || len >= SESSION_LEN)
		return false;
	memcpy(id, uri, len);
	id[len] = '\0';
	*rest = uri + len;
	return true;
}

static bool
is_webauthn(const char *uri)
{
	char id[SESSION_LEN];
	const char *rest;

	return parse_session(uri, id, &rest) &&
	    strncmp(rest, "/webauthn/", strlen("/webauthn/")) == 0;
}

/* One component of a path, as it is: the driver may call it anything. */
static bool
is_session_id(const char *id)
{
	size_t len = 0;

	for (; id[len] != '\0'; len++)
		if (id[len] <= ' ' || id[len] >= 0x7f ||
		    strchr("/?#%", id[len]) != NULL)
			return false;
	return len > 0 && len < SESSION_LEN;
}

/* Under the lock; session_count if it is none of them. */
static size_t
find_session(const struct proxy *p, const char *id)
{
	size_t i = 0;

	while (i < p->session_count && strcmp(p->sessions[i], id) != 0)
		i++;
	return i;
}

static bool
knows_session(struct proxy *p, const char *id)
{
	bool knows;

	pthread_mutex_lock(&p->lock);
	knows = find_session(p, id) < p->session_count;
	pthread_mutex_unlock(&p->lock);
	return knows;
}

static void
remember_session(struct proxy *p, const char *id)
{
	pthread_mutex_lock(&p->lock);
	if (is_session_id(id) && find_session(p, id) == p->session_count &&
	    p->session_count < PROXY_SESSIONS_MAX)
		strcpy(p->sessions[p->session_count++], id);
	pthread_mutex_unlock(&p->lock);
}

/* The last one, and its ID; false: there is none. */
static bool
pop_session(struct proxy *p, char id[static SESSION_LEN])
{
	bool found;

	pthread_mutex_lock(&p->lock);
	found = p->session_count > 0;
	if (found)
		strcpy(id, p->sessions[--p->session_count]);
	pthread_mutex_unlock(&p->lock);
	return found;
}

static void
forget_session(struct proxy *p, const char *id)
{
	size_t i;

	pthread_mutex_lock(&p->lock);
	i = find_session(p, id);
	if (i < p->session_count) {
		p->session_count--;
		memmove(p->sessions[i], p->sessions[p->session_count],
		    SESSION_LEN);
	}
	pthread_mutex_unlock(&p->lock);
}

static struct answer
ask(struct http_client *client, const struct http_request *rq)
{
	char msg[HTTP_MESSAGE_LEN];
	struct http_reply reply;
	struct answer a = { .status = 0 };

	if (http_client_do(client, rq, &reply, msg, sizeof(msg)) < 0)
		return failure(500, "unknown error", msg);
	a.status = (unsigned)reply.status;
	a.len = reply.body_len;
	a.text = malloc(reply.body_len + 1);
	if (a.text != NULL)
		memcpy(a.text, reply.body, reply.body_len + 1);
	snprintf(a.type, sizeof(a.type), "%s", reply.content_type);
	return a;
}

static const char *const json_headers[] = {
	"Content-Type: application/json; charset=utf-8", NULL
};

static struct answer
ask_control(const struct proxy *p, struct http_client *client,
    const char *method, const char *uri, const char *body, size_t body_len)
{
	char url[URL_LEN];
	const struct http_request rq = { .method = method, .url = url,
	    .socket_path = p->cfg.control, .headers = json_headers,
	    .body = body, .body_len = body_len, .timeout_ms = CONTROL_MAX_MS };

	if (snprintf(url, sizeof(url), "http://localhost%s", uri) >=
	    (int)sizeof(url))
		return failure(404, "unknown command", "the path is too long");
	return ask(client, &rq);
}

static bool
stops(void *arg)
{
	return atomic_load((atomic_bool *)arg);
}

static struct answer
ask_driver(struct proxy *p, struct http_client *client,
    const char *method, const char *uri, const char *body, size_t body_len)
{
	char url[URL_LEN];
	const struct http_request rq = { .method = method, .url = url,
	    .headers = json_headers, .body = body, .body_len = body_len,
	    .stops = stops, .stops_arg = &p->stops };

	if (snprintf(url, sizeof(url), "%s%s", p->cfg.upstream, uri) >=
	    (int)sizeof(url))
		return failure(404, "unknown command", "the path is too long");
	return ask(client, &rq);
}

/* A session can be in trouble, and be there; see WebDriver 6.6. */
static bool
is_of_session(const struct answer *a)
{
	json_t *reply;
	const char *error;
	bool there;

	if (a->status == 200 || a->text == NULL)
		return a->status == 200;
	reply = json_loadb(a->text, a->len, 0, NULL);
	error = json_string_value(json_object_get(json_object_get(reply,
	    "value"), "error"));
	there = error != NULL && strcmp(error, "invalid session id") != 0 &&
	    strcmp(error, "unknown error") != 0;
	json_decref(reply);
	return there;
}

/*
 * Whether the driver has it, whose word counts; asked with a command that
 * does nothing and needs no window (WebDriver 9.1). If not, what it says.
 */
static bool
has_session(struct proxy *p, struct http_client *client, const char *id,
    struct answer *said)
{
	char uri[SESSION_LEN + 32];

	if (knows_session(p, id))
		return true;
	snprintf(uri, sizeof(uri), "/session/%s/timeouts", id);
	*said = ask_driver(p, client, "GET", uri, NULL, 0);
	if (!is_of_session(said))
		return false;
	free(said->text);
	remember_session(p, id);
	return true;
}

/* Its authenticators go with it. */
static void
end_session(struct proxy *p, struct http_client *client, const char *id)
{
	char uri[SESSION_LEN + 32];

	forget_session(p, id);
	snprintf(uri, sizeof(uri), "/session/%s/webauthn/authenticators", id);
	free(ask_control(p, client, "DELETE", uri, NULL, 0).text);
}

static void
note_session(struct proxy *p, struct answer *a, json_t *matched)
{
	json_t *reply = json_loadb(a->text, a->len, 0, NULL);
	const char *id = json_string_value(json_object_get(
	    json_object_get(reply, "value"), "sessionId"));
	char *text;

	if (id != NULL) {
		remember_session(p, id);
		capabilities_put(reply, matched);
		text = json_dumps(reply, JSON_COMPACT);
		if (text != NULL) {
			free(a->text);
			a->text = text;
			a->len = strlen(text);
		}
	}
	json_decref(reply);
}

/* WebDriver 8.1. What is no JSON is the driver's to refuse. */
static struct answer
new_session(struct proxy *p, const struct request *rq)
{
	json_t *parameters = json_loadb(rq->body, rq->body_len, 0, NULL);
	json_t *matched = NULL;
	const char *error, *why;
	struct answer a;
	char *text;

	if (!json_is_object(parameters)) {
		json_decref(parameters);
		return ask_driver(p, rq->client, "POST", rq->uri, rq->body,
		    rq->body_len);
	}
	why = capabilities_take(parameters, &matched, &error);
	text = json_dumps(parameters, JSON_COMPACT);
	json_decref(parameters);
	if (why != NULL)
		a = failure(strcmp(error, "invalid argument") == 0 ? 400 : 500,
		    error, why);
	else if (text == NULL)
		a = (struct answer){ .status = 500 };
	else
		a = ask_driver(p, rq->client, "POST", rq->uri, text,
		    strlen(text));
	if (a.status == 200 && a.text != NULL)
		note_session(p, &a, matched);
	json_decref(matched);
	free(text);
	return a;
}

static struct answer
forward(struct proxy *p, const char *method, struct request *rq)
{
	bool posts = strcmp(method, "POST") == 0;
	const char *body = posts || rq->body_len > 0 ? rq->body : NULL;
	char id[SESSION_LEN];
	const char *rest;
	struct answer a;

	if (posts && strcmp(rq->uri, "/session") == 0)
		return new_session(p, rq);
	if (is_webauthn(rq->uri) && parse_session(rq->uri, id, &rest))
		return has_session(p, rq->client, id, &a) ?
		    ask_control(p, rq->client, method, rq->uri, body,
		    rq->body_len) : a;
	a = ask_driver(p, rq->client, method, rq->uri, body, rq->body_len);
	if (strcmp(method, "DELETE") == 0 &&
	    parse_session(rq->uri, id, &rest) && *rest == '\0')
		end_session(p, rq->client, id);
	return a;
}

static struct answer
answer_request(struct proxy *p, struct MHD_Connection *connection,
    const char *method, struct request *rq)
{
	char msg[HTTP_MESSAGE_LEN];

	if (!loopback_is_host(MHD_lookup_connection_value(connection,
	    MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
		return failure(500, "unknown error", "the Host of the request "
		    "is not this machine");
	if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	    MHD_HTTP_HEADER_ORIGIN) != NULL)
		return failure(500, "unknown error", "the request comes from "
		    "a web page");
	if (rq->too_long)
		return failure(400, "invalid argument", "the request is too "
		    "long");
	if (rq->uri[0] != '/')
		return failure(404, "unknown command", "there is no such path");
	if (http_client_new(&rq->client, msg, sizeof(msg)) < 0)
		return failure(500, "unknown error", msg);
	return forward(p, method, rq);
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, struct answer a)
{
	struct MHD_Response *rp;
	enum MHD_Result r;

	if (a.text == NULL)
		return MHD_NO;
	rp = MHD_create_response_from_buffer(a.len, a.text,
	    MHD_RESPMEM_MUST_FREE);
	if (rp == NULL) {
		free(a.text);
		return MHD_NO;
	}
	if (a.type[0] != '\0')
		MHD_add_response_header(rp, MHD_HTTP_HEADER_CONTENT_TYPE,
		    a.type);
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	r = MHD_queue_response(connection, a.status, rp);
	MHD_destroy_response(rp);
	return r;
}

/* The first call for a request: its line, before it is taken apart. */
static void *
on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct request *rq = calloc(1, sizeof(*rq));

	(void)arg;
	(void)connection;
	if (rq != NULL && (rq->uri = strdup(uri)) == NULL) {
		free(rq);
		rq = NULL;
	}
	return rq;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **ctx)
{
	struct request *rq = *ctx;

	(void)url;
	(void)version;
	if (rq == NULL)
		return MHD_NO;
	if (!rq->begun) {
		rq->begun = true;
		return make_room(rq, 0) ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		if (make_room(rq, *size)) {
			memcpy(rq->body + rq->body_len, upload, *size);
			rq->body_len += *size;
		} else if (!rq->too_long) {
			return MHD_NO;
		}
		*size = 0;
		return MHD_YES;
	}
	return send_answer(connection, answer_request(arg, connection, method,
	    rq));
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **ctx,
    enum MHD_RequestTerminationCode why)
{
	struct request *rq = *ctx;

	(void)arg;
	(void)connection;
	(void)why;
	if (rq == NULL)
		return;
	http_client_free(rq->client);
	free(rq->uri);
	free(rq->body);
	free(rq);
	*ctx = NULL;
}

static int
start_daemon(struct proxy *p)
{
	p->mhd = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
	    MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, p,
	    MHD_OPTION_LISTEN_SOCKET, p->cfg.listen_fd,
	    MHD_OPTION_URI_LOG_CALLBACK, on_uri, p,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, p,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)PROXY_CONNECTIONS_MAX,
	    MHD_OPTION_END);
	return p->mhd != NULL ? 0 : -ENOMEM;
}

int
proxy_start(const struct proxy_config *cfg, struct proxy **out, char *msg,
    size_t msglen)
{
	struct http_client *client = NULL;
	struct proxy *p = NULL;
	int r;

	/* rather now than at the first request */
	r = http_client_new(&client, msg, msglen);
	http_client_free(client);
	if (r == 0) {
		snprintf(msg, msglen, "out of memory");
		r = -ENOMEM;
		p = calloc(1, sizeof(*p));
	}
	if (p != NULL) {
		p->cfg = *cfg;
		pthread_mutex_init(&p->lock, NULL);
		r = start_daemon(p);
	}
	if (r < 0) {
		close(cfg->listen_fd);	/* no daemon has it */
		proxy_stop(p);
		return r;
	}
	*out = p;
	return 0;
}

void
proxy_stop(struct proxy *p)
{
	struct http_client *client = NULL;
	char msg[HTTP_MESSAGE_LEN];
	char id[SESSION_LEN];

	if (p == NULL)
		return;
	atomic_store(&p->stops, true);
	if (p->mhd != NULL)
		MHD_stop_daemon(p->mhd);
	if (p->session_count > 0 &&
	    http_client_new(&client, msg, sizeof(msg)) == 0)
		while (pop_session(p, id))
			end_session(p, client, id);
	http_client_free(client);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
