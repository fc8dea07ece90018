/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of the control interface: see control.h. libmicrohttpd parses
 * HTTP, without threads, once for each socket.
 *
 * A request that sleeps is not looked at by libmicrohttpd; whether its client
 * has hung up, our own epoll tells.
 */
#include "authenticator/control/control.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/control/control_tcp.h"
#include "authenticator/control/route.h"
#include "authenticator/event_ring.h"
#include "authenticator/http_server.h"
#include "authenticator/watch.h"
#include "uhid/unix.h"

#define CONNECTIONS_MAX	64	/* on each socket */
#define WAITING_MAX	48	/* of them all, that take their time */
#define HEADERS_MAX	40960	/* bytes; above 32 KiB libmicrohttpd unmaps the
				 * memory, which bodies pass through */
#define BODY_FIRST	1024	/* bytes, room to begin with */
#define ARRIVE_MAX_MS	2000	/* for a request to be there as a whole */
#define ANSWER_MAX_MS	15000	/* from then on; a press waits 10 s */
#define LAST_ROUNDS	4	/* until a reply that is there is sent, and its
				 * end, too */
#define SERVERS		2	/* UNIX, TCP */

struct control {
	struct hub	*hub;
	struct MHD_Daemon *mhd[SERVERS];	/* NULL: is not there */
	int		 epfd;		/* libmicrohttpd's, and who sleeps */
	struct http_clients clients;
	char		*path;
	char		*token;
	char		 tcp[LOOPBACK_TEXT_LEN];	/* "": not there */
	struct unix_name name;
	uint64_t	 now_ms;
	struct request	*sleeping;
	unsigned	 waiting_count;	/* that sleep, did so or will */
	bool		 woken;		/* one of them; nobody else wakes us */
};

/* Others have to get through while all that may are waiting. */
bool
request_may_sleep(struct request *rq)
{
	struct control *c = rq->control;

	if (!rq->waits && c->waiting_count >= WAITING_MAX)
		return false;
	c->waiting_count += !rq->waits;
	rq->waits = true;
	return true;
}

bool
request_sleep(struct request *rq)
{
	struct control *c = rq->control;
	/* hanging up is not masked; on TCP it is that nothing more comes */
	struct epoll_event ev = { .events = rq->tcp ? EPOLLRDHUP : 0,
	    .data.ptr = rq };

	if (!request_may_sleep(rq))
		return false;
	rq->next = c->sleeping;
	rq->prev = &c->sleeping;
	if (rq->next != NULL)
		rq->next->prev = &rq->next;
	c->sleeping = rq;
	rq->asleep = true;
	if (rq->unhurried)
		http_client_until(rq->connection, UINT64_MAX);
	(void)epoll_ctl(c->epfd, EPOLL_CTL_ADD,
	    http_connection_fd(rq->connection), &ev);
	MHD_suspend_connection(rq->connection);
	return true;
}

static void
end_sleep(struct request *rq)
{
	struct control *c = rq->control;

	*rq->prev = rq->next;
	if (rq->next != NULL)
		rq->next->prev = rq->prev;
	rq->asleep = false;
	(void)epoll_ctl(c->epfd, EPOLL_CTL_DEL,
	    http_connection_fd(rq->connection), NULL);
}

void
request_wake(struct request *rq)
{
	if (!rq->asleep)
		return;
	end_sleep(rq);
	MHD_resume_connection(rq->connection);
	rq->control->woken = true;
}

bool
request_lasts(struct request *rq)
{
	if (!request_may_sleep(rq))
		return false;
	http_client_until(rq->connection, UINT64_MAX);
	(void)MHD_set_connection_option(rq->connection,
	    MHD_CONNECTION_OPTION_TIMEOUT, 0U);
	return true;
}

/* Those that wait for events; each looks whether it is one of theirs. */
static void
on_event(void *arg)
{
	struct control *c = arg;
	struct request *rq, *next;

	for (rq = c->sleeping; rq != NULL; rq = next) {
		next = rq->next;
		if (rq->streams)
			request_wake(rq);
	}
}

static void
find_hung_up(struct control *c)
{
	struct epoll_event ev[WAITING_MAX + SERVERS];
	int n = epoll_wait(c->epfd, ev, WAITING_MAX + SERVERS, 0);
	struct request *rq;

	while (n-- > 0) {
		rq = ev[n].data.ptr;
		if (rq == NULL)		/* libmicrohttpd's own */
			continue;
		rq->hung_up = true;
		request_wake(rq);
	}
}

/* Consumes body. What WebDriver calls an error has a shape of its own. */
static json_t *
shape(const struct request *rq, unsigned status, json_t *body)
{
	if (status < 400 || body == NULL || !route_is_webdriver(rq->url))
		return body;
	json_object_set_new(body, "stacktrace", json_string(""));
	return json_pack("{s:o}", "value", body);
}

/* It may have been a private key. */
static void
free_text(void *text)
{
	explicit_bzero(text, strlen(text));
	free(text);
}

/* Consumes body; NULL: out of memory. */
static struct MHD_Response *
to_response(const struct request *rq, unsigned status, json_t *body)
{
	struct MHD_Response *rp;
	char *text = NULL;

	body = shape(rq, status, body);
	if (body != NULL)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (text == NULL)
		return NULL;
	rp = MHD_create_response_from_buffer_with_free_callback(strlen(text),
	    text, free_text);
	if (rp == NULL) {
		free_text(text);
		return NULL;
	}
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONTENT_TYPE,
	    "application/json; charset=utf-8");
	return rp;
}

static enum MHD_Result
send_answer(struct request *rq, struct answer answer)
{
	struct MHD_Response *rp = answer.response;
	enum MHD_Result r;

	if (rp == NULL)
		rp = to_response(rq, answer.status, answer.body);
	if (rp == NULL)
		return MHD_NO;
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONNECTION, "close");
	r = MHD_queue_response(rq->connection, answer.status, rp);
	MHD_destroy_response(rp);
	return r;
}

/* It may have a private key in it, or a PIN. */
static void
free_body(struct request *rq)
{
	if (rq->buffer != NULL)
		explicit_bzero(rq->buffer, rq->size);
	free(rq->buffer);
}

/* What is too long is read and dropped, so that the answer is read as well. */
static bool
take_body(struct request *rq, const char *data, size_t len)
{
	size_t size = rq->size;
	char *grown;

	if (rq->too_long || len > REQUEST_BODY_MAX - rq->body_len) {
		rq->too_long = true;
		return true;
	}
	while (size < rq->body_len + len)
		size = size > 0 ? size * 2 : BODY_FIRST;
	if (size != rq->size) {
		grown = malloc(size);	/* realloc() would leave a copy */
		if (grown == NULL)
			return false;
		if (rq->body_len > 0)
			memcpy(grown, rq->buffer, rq->body_len);
		free_body(rq);
		rq->buffer = grown;
		rq->body = grown;
		rq->size = size;
	}
	memcpy(rq->buffer + rq->body_len, data, len);
	rq->body_len += len;
	return true;
}

static struct answer
too_long(void)
{
	return answer_failure(413, "invalid argument", "the body is longer "
	    "than 64 KiB");
}

static struct request *
new_request(struct control *c, struct MHD_Connection *connection,
    const char *url, bool tcp)
{
	struct request *rq = calloc(1, sizeof(*rq));

	if (rq == NULL)
		return NULL;
	rq->url = strdup(url);
	if (rq->url == NULL) {
		free(rq);
		return NULL;
	}
	rq->control = c;
	rq->hub = c->hub;
	rq->connection = connection;
	rq->body = "";
	rq->tcp = tcp;
	return rq;
}

static enum MHD_Result
answer(struct request *rq, const char *method)
{
	struct answer reply;

	rq->now_ms = rq->control->now_ms;
	if (!rq->arrived || rq->unhurried)
		http_client_until(rq->connection, rq->now_ms + ANSWER_MAX_MS);
	rq->arrived = true;
	reply = rq->too_long ? too_long() : route_dispatch(rq, method);
	if (reply.status == 0 && rq->asleep)
		return MHD_YES;
	return send_answer(rq, reply);
}

/*
 * libmicrohttpd calls this once for the headers, then for pieces of the
 * body, then, with *size 0, for the reply; and again after a sleep.
 */
static enum MHD_Result
on_request(struct control *c, bool tcp, struct MHD_Connection *connection,
    const char *url, const char *method, const char *upload, size_t *size,
    void **ctx)
{
	struct request *rq = *ctx;
	struct answer refusal;

	if (rq == NULL) {
		rq = new_request(c, connection, url, tcp);
		if (rq == NULL)
			return MHD_NO;
		*ctx = rq;
		if (tcp && !control_tcp_admits(connection, c->token, &refusal))
			return send_answer(rq, refusal);
		return MHD_YES;
	}
	if (*size > 0) {
		if (!take_body(rq, upload, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	return answer(rq, method);
}

static enum MHD_Result
on_unix_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **ctx)
{
	(void)version;
	return on_request(arg, false, connection, url, method, upload, size,
	    ctx);
}

static enum MHD_Result
on_tcp_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **ctx)
{
	(void)version;
	return on_request(arg, true, connection, url, method, upload, size,
	    ctx);
}

static void
on_completed(void *arg, struct MHD_Connection *connection, void **ctx,
    enum MHD_RequestTerminationCode why)
{
	struct control *c = arg;
	struct request *rq = *ctx;

	(void)connection;
	(void)why;
	if (rq == NULL)
		return;
	if (rq->asleep)
		end_sleep(rq);
	c->waiting_count -= rq->waits;
	if (rq->done != NULL)
		rq->done(rq->own);
	free_body(rq);
	free(rq->url);
	free(rq);
	*ctx = NULL;
}

/* It owns listen_fd only if it succeeds. */
static int
start_server(struct control *c, int listen_fd, MHD_AccessHandlerCallback take,
    struct MHD_Daemon **out)
{
	const union MHD_DaemonInfo *info;

	*out = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, take, c,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, c,
	    MHD_OPTION_NOTIFY_CONNECTION, http_clients_notify,
	    &c->clients,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, ANSWER_MAX_MS / 1000U,
	    MHD_OPTION_END);
	if (*out == NULL)
		return -ENOMEM;
	info = MHD_get_daemon_info(*out, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return -ENOTSUP;
	if (epoll_ctl(c->epfd, EPOLL_CTL_ADD, info->epoll_fd,
	    &(struct epoll_event){ .events = EPOLLIN }) == -1)
		return -errno;
	return 0;
}

static int
listen_unix(struct control *c, char *msg, size_t msglen)
{
	int fd = unix_listen(c->path, SOCK_STREAM, &c->name);
	int r = fd;

	if (r >= 0)
		r = start_server(c, fd, on_unix_request, &c->mhd[0]);
	if (r >= 0)
		return 0;
	snprintf(msg, msglen, "%s: cannot listen: %s", c->path,
	    r == -EADDRINUSE ? "another key does" : strerror(-r));
	/* A server that runs owns the socket and closes it. */
	if (fd >= 0 && c->mhd[0] == NULL)
		close(fd);
	if (fd >= 0)
		unix_unlink(c->path, &c->name);
	return r;
}

static int
listen_tcp(struct control *c, const char *address, char *msg, size_t msglen)
{
	int fd = control_tcp_listen(address, c->tcp, msg, msglen);
	int r = fd;

	if (r < 0)
		return r;
	r = start_server(c, fd, on_tcp_request, &c->mhd[1]);
	if (r < 0)
		snprintf(msg, msglen, "%s: cannot listen: %s", address,
		    strerror(-r));
	if (r < 0 && c->mhd[1] == NULL)
		close(fd);
	return r;
}

static void
free_control(struct control *c)
{
	for (int i = 0; i < SERVERS; i++) {
		if (c->mhd[i] != NULL)
			MHD_stop_daemon(c->mhd[i]);	/* and its socket */
	}
	if (c->epfd != -1)
		close(c->epfd);
	if (c->token != NULL)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	free(c->path);
	free(c);
}

static bool
may_listen(const struct control_config *config)
{
	size_t len = config->token != NULL ? strlen(config->token) : 0;

	return config->tcp == NULL || (len >= CONTROL_TOKEN_MIN &&
	    len < CONTROL_TOKEN_MAX);
}

int
control_open(const struct control_config *config, struct control **out,
    char *msg, size_t msglen)
{
	struct control *c;
	int r;

	if (!may_listen(config)) {
		snprintf(msg, msglen, "%s: nothing listens on TCP without a "
		    "token of 16 to 511 characters", config->tcp);
		return -EINVAL;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	c->hub = config->hub;
	c->clients.arrive_ms = ARRIVE_MAX_MS;
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->path = strdup(config->path);
	c->token = strdup(config->token != NULL ? config->token : "");
	if (c->epfd == -1 || c->path == NULL || c->token == NULL) {
		snprintf(msg, msglen, "cannot start the control interface: "
		    "%s", strerror(errno));
		r = -errno;
		free_control(c);
		return r;
	}
	r = listen_unix(c, msg, msglen);
	if (r == 0 && config->tcp != NULL) {
		r = listen_tcp(c, config->tcp, msg, msglen);
		if (r < 0)
			unix_unlink(c->path, &c->name);
	}
	if (r < 0) {
		free_control(c);
		return r;
	}
	event_ring_watch(hub_ring(c->hub), on_event, c);
	*out = c;
	return 0;
}

static void
run_servers(struct control *c)
{
	for (int i = 0; i < SERVERS; i++) {
		if (c->mhd[i] != NULL)
			http_server_run(c->mhd[i]);
	}
}

/* The last line of who reads events. */
static void
tell_ended(struct event_ring *ring)
{
	const struct event e = { .kind = EVENT_ENDED };
	struct event_sink sink = { .event = event_ring_put, .arg = ring };
	struct watch w = { .sinks = &sink };

	watch_tell(&w, &e);
}

void
control_close(struct control *c)
{
	struct request *rq, *next;

	if (c == NULL)
		return;
	event_ring_watch(hub_ring(c->hub), NULL, NULL);
	tell_ended(hub_ring(c->hub));
	for (rq = c->sleeping; rq != NULL; rq = next) {
		next = rq->next;
		rq->ending = true;
		request_wake(rq);
	}
	for (int i = 0; i < LAST_ROUNDS; i++)
		run_servers(c);
	unix_unlink(c->path, &c->name);
	/* libmicrohttpd cannot stop with somebody asleep */
	for (rq = c->sleeping; rq != NULL; rq = next) {
		next = rq->next;
		request_wake(rq);
	}
	free_control(c);
}

const char *
control_tcp(const struct control *c)
{
	return c->tcp;
}

int
control_fd(const struct control *c)
{
	return c->epfd;
}

void
control_dispatch(struct control *c, uint64_t now_ms)
{
	c->now_ms = now_ms;
	c->woken = false;
	find_hung_up(c);
	http_clients_tick(&c->clients, now_ms);
	run_servers(c);
}

uint64_t
control_deadline(const struct control *c, uint64_t now_ms)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	uint64_t first = http_clients_deadline(&c->clients);

	if (c->woken)
		return now_ms;
	for (int i = 0; i < SERVERS; i++) {
		if (c->mhd[i] != NULL &&
		    MHD_get_timeout(c->mhd[i], &timeout_ms) == MHD_YES &&
		    now_ms + timeout_ms < first)
			first = now_ms + timeout_ms;
	}
	return first;
}
