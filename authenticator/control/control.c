/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control interface: see control.h and control.md. libmicrohttpd parses
 * HTTP, without threads; a request is a row of the table at the end.
 */
#include "authenticator/control/control.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "authenticator/base64url.h"
#include "authenticator/control/describe.h"
#include "uhid/unix.h"

#define CONNECTIONS_MAX	64
#define PRESSES_MAX	16	/* that wait for a request */
#define HEADERS_MAX	16384	/* bytes */
#define BODY_MAX	4096	/* bytes */
#define ARRIVE_MAX_MS	2000	/* for a request to be there as a whole */
#define ANSWER_MAX_MS	15000	/* from then on; a press waits 10 s */
#define PAGE_MAX	250	/* credentials in one reply; some 120 kB */

struct control {
	struct loop	*loop;
	struct control_facts facts;
	struct MHD_Daemon *mhd;
	int		 epfd;		/* libmicrohttpd's, and who presses */
	struct client	*clients;
	unsigned	 pressing_count;
	char		*path;
	struct unix_name name;
	uint64_t	 now_ms;
	struct request	*pressing;	/* those that wait for a request */
	bool		 resumed;	/* one of them; nobody else wakes us */
};

/*
 * A connection, which is good for one request. libmicrohttpd only ends those
 * that say nothing; one that says a byte a second would keep its place.
 */
struct client {
	int		 fd;
	uint64_t	 deadline_ms;	/* UINT64_MAX: it was told to go */
	struct client	*next;
};

enum press_state {
	PRESS_NONE,
	PRESS_WAITING,
	PRESS_ANSWERED,
	PRESS_IN_VAIN,
};

/* One HTTP request, from its first line to the end of its reply. */
struct request {
	struct control	*control;
	struct MHD_Connection *connection;
	const char	*rest;		/* of the path, after the route's */
	char		 body[BODY_MAX];
	size_t		 body_len;
	struct press	 press;
	enum press_state state;
	bool		 suspended;
	struct request	*next;		/* in control->pressing */
	struct request	**prev;
};

/* What comes back: a JSON body, to be consumed; NULL: not yet. */
struct answer {
	unsigned	 status;
	json_t		*body;
};

static struct answer
failure(unsigned status, const char *error, const char *message)
{
	return (struct answer){ status, json_pack("{s:s, s:s}",
	    "error", error, "message", message) };
}

static struct answer
success(json_t *body)
{
	if (body == NULL)
		return failure(500, "unknown error", "out of memory, or the "
		    "store cannot be read");
	return (struct answer){ 200, body };
}

static struct answer
explained(int error, const char *line)
{
	switch (error) {
	case -EBUSY:
		return failure(409, "busy", "the key is answering a request; "
		    "try again");
	case -ENOENT:
		return failure(404, "no such credential", "there is no "
		    "credential with this ID");
	case -EINVAL:
		return failure(400, "invalid argument", "not a credential ID "
		    "in base64url");
	default:
		return failure(500, "unknown error", line);
	}
}

static struct answer
store_failure(struct control *c, int error)
{
	struct device *d = loop_device(c->loop);

	return explained(error, store_strerror(device_store(d)));
}

static struct answer
get_info(struct control *c, struct request *rq)
{
	json_t *json = describe_device(loop_device(c->loop));
	json_t *more;

	(void)rq;
	if (json == NULL)
		return success(NULL);
	more = json_pack("{s:b, s:i, s:s, s:i, s:i, s:s, s:s, s:s}",
	    "running", 1,
	    "pid", (int)getpid(),
	    "transport", loop_transport_name(c->loop),
	    "hosts", (int)loop_host_count(c->loop),
	    "presses", (int)c->pressing_count,
	    "presence", c->facts.presence,
	    "attestation", c->facts.attestation,
	    "accountChoice", c->facts.account_choice);
	json_object_update(json, more);
	json_decref(more);
	return success(json);
}

/* One page of GET /v1/credentials. */
struct page {
	size_t		 limit;
	json_t		*list;
	uint64_t	 last;		/* seq of the last in list */
	bool		 more;
};

static int
add_to_page(void *arg, const struct credential *cred)
{
	struct page *page = arg;

	if (json_array_size(page->list) >= page->limit) {
		page->more = true;
		return 1;
	}
	page->last = cred->seq;
	return json_array_append_new(page->list, describe_credential(cred))
	    == 0 ? 0 : -ENOMEM;
}

static bool
query_number(struct request *rq, const char *name, uint64_t *out)
{
	const char *s = MHD_lookup_connection_value(rq->connection,
	    MHD_GET_ARGUMENT_KIND, name);
	char *end;

	if (s == NULL)
		return true;
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0';
}

static struct answer
get_credentials(struct control *c, struct request *rq)
{
	struct store *store = device_store(loop_device(c->loop));
	struct page page = { .limit = 0 };
	uint64_t limit = PAGE_MAX;
	uint64_t after = 0;
	json_t *json;
	int r;

	if (!query_number(rq, "after", &after) ||
	    !query_number(rq, "limit", &limit) || limit == 0)
		return failure(400, "invalid argument", "after and limit are "
		    "numbers, limit at least 1");
	page.limit = limit < PAGE_MAX ? limit : PAGE_MAX;
	page.list = json_array();
	if (page.list == NULL)
		return success(NULL);
	r = store_each_after(store, after, add_to_page, &page);
	if (r < 0) {
		json_decref(page.list);
		return store_failure(c, r);
	}
	json = json_pack("{s:o}", "credentials", page.list);
	if (json != NULL && page.more)
		json_object_set_new(json, "next", json_integer(page.last));
	return success(json);
}

static struct answer
get_credential(struct control *c, struct request *rq)
{
	struct credential cred;
	int r = describe_find(loop_device(c->loop), rq->rest, &cred);

	if (r < 0)
		return store_failure(c, r);
	return success(describe_credential(&cred));
}

static struct answer
delete_credential(struct control *c, struct request *rq)
{
	struct device *d = loop_device(c->loop);
	struct credential cred;
	int r = describe_find(d, rq->rest, &cred);

	if (r < 0)
		return store_failure(c, r);
	r = device_delete(d, cred.seq);
	return r < 0 ? explained(r, device_strerror(d)) :
	    success(json_object());
}

static struct answer
post_reset(struct control *c, struct request *rq)
{
	struct device *d = loop_device(c->loop);
	int r = device_reset(d);

	(void)rq;
	return r < 0 ? explained(r, device_strerror(d)) :
	    success(json_object());
}

static struct answer
post_power_cycle(struct control *c, struct request *rq)
{
	int r = loop_power_cycle(c->loop, c->now_ms);

	(void)rq;
	return r < 0 ? store_failure(c, r) : success(json_object());
}

static struct answer
get_roots(struct control *c, struct request *rq)
{
	struct device *d = loop_device(c->loop);
	char *pem = NULL;
	json_t *json;

	(void)rq;
	if (attestation_roots_read(device_store(d), &pem) < 0)
		return success(NULL);
	json = json_pack("{s:s}", "pem", pem);
	free(pem);
	return success(json);
}

static int
connection_fd(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void
stop_pressing(struct request *rq)
{
	if (rq->prev == NULL)
		return;
	*rq->prev = rq->next;
	if (rq->next != NULL)
		rq->next->prev = rq->prev;
	rq->prev = NULL;
	rq->control->pressing_count--;
	(void)epoll_ctl(rq->control->epfd, EPOLL_CTL_DEL,
	    connection_fd(rq->connection), NULL);
}

static void
on_press_done(struct press *p, bool answered)
{
	struct request *rq = p->arg;

	rq->state = answered ? PRESS_ANSWERED : PRESS_IN_VAIN;
	stop_pressing(rq);
	if (rq->suspended) {
		MHD_resume_connection(rq->connection);
		rq->control->resumed = true;
	}
	rq->suspended = false;
}

/*
 * The request waits, at most PRESS_KEPT_MS, until it has answered something.
 * libmicrohttpd calls again for it when it was resumed.
 */
static struct answer
start_press(struct control *c, struct request *rq, struct touch touch)
{
	rq->press = (struct press){ .touch = touch, .done = on_press_done,
	    .arg = rq };
	if (c->pressing_count >= PRESSES_MAX)
		return failure(409, "busy", "too many presses wait for a "
		    "request");
	rq->state = PRESS_WAITING;
	if (loop_press(c->loop, &rq->press, c->now_ms) < 0)
		return failure(409, "not manual", "this key asks nobody: it "
		    "does not run with --presence manual");
	if (rq->state != PRESS_WAITING)
		return (struct answer){ 0, NULL };
	rq->next = c->pressing;
	rq->prev = &c->pressing;
	if (rq->next != NULL)
		rq->next->prev = &rq->next;
	c->pressing = rq;
	c->pressing_count++;
	/* libmicrohttpd looks away meanwhile; events 0: only hanging up */
	(void)epoll_ctl(c->epfd, EPOLL_CTL_ADD, connection_fd(rq->connection),
	    &(struct epoll_event){ .data.ptr = rq });
	rq->suspended = true;
	MHD_suspend_connection(rq->connection);
	return (struct answer){ 0, NULL };
}

/* Whoever took the finger off has not pressed. */
static void
find_hung_up(struct control *c)
{
	struct epoll_event ev[CONNECTIONS_MAX + 1];
	int n = epoll_wait(c->epfd, ev, CONNECTIONS_MAX + 1, 0);
	struct request *rq;

	while (n-- > 0) {
		rq = ev[n].data.ptr;
		if (rq == NULL)		/* libmicrohttpd's own */
			continue;
		loop_withdraw(c->loop, &rq->press);
		on_press_done(&rq->press, false);
	}
}

static struct answer
press(struct control *c, struct request *rq, struct touch touch)
{
	struct answer answer = { 0, NULL };

	if (rq->state == PRESS_NONE)
		answer = start_press(c, rq, touch);
	if (rq->state == PRESS_ANSWERED)
		return success(json_object());
	if (rq->state == PRESS_IN_VAIN)
		return failure(404, "no such request", "the key did not ask "
		    "for its user within 10 s");
	return answer;
}

/* {"finger": 2, "sample": "too-high", "long": true}, any of them */
static bool
take_touch(json_t *json, struct touch *touch)
{
	const char *sample = "good";
	json_int_t finger = 0;
	int status, long_touch = 0;

	if (json_unpack(json, "{s?I, s?s, s?b !}", "finger", &finger,
	    "sample", &sample, "long", &long_touch) == -1)
		return false;
	status = describe_sample_named(sample);
	if (finger < 0 || finger > FINGERS_MAX || status == -1)
		return false;
	*touch = (struct touch){ .finger = { .number = (uint8_t)finger,
	    .status = (uint8_t)status, .long_touch = long_touch != 0 } };
	return true;
}

static struct answer
post_press(struct control *c, struct request *rq)
{
	struct touch touch = { .deny = false };
	json_t *json;
	bool ok;

	if (rq->body_len == 0)
		return press(c, rq, touch);
	json = json_loadb(rq->body, rq->body_len, JSON_REJECT_DUPLICATES,
	    NULL);
	ok = json != NULL && take_touch(json, &touch);
	json_decref(json);
	if (!ok)
		return failure(400, "invalid argument", "a press is a JSON "
		    "object: finger, a number from 1 to 10 or 0, sample, how "
		    "well it is held, and long, true or false");
	return press(c, rq, touch);
}

static struct answer
post_deny(struct control *c, struct request *rq)
{
	return press(c, rq, (struct touch){ .deny = true });
}

/* A path that ends with '/' has one more component, in rq->rest. */
static const struct route {
	const char	*method;
	const char	*path;
	struct answer	(*handle)(struct control *c, struct request *rq);
} routes[] = {
	{ "GET",	"/v1/info",			get_info },
	{ "GET",	"/v1/credentials",		get_credentials },
	{ "GET",	"/v1/credentials/",		get_credential },
	{ "DELETE",	"/v1/credentials/",		delete_credential },
	{ "POST",	"/v1/reset",			post_reset },
	{ "POST",	"/v1/power-cycle",		post_power_cycle },
	{ "GET",	"/v1/attestation/roots",	get_roots },
	{ "POST",	"/v1/press",			post_press },
	{ "POST",	"/v1/deny",			post_deny },
};

static const char *
match(const struct route *route, const char *url)
{
	size_t len = strlen(route->path);

	if (route->path[len - 1] != '/')
		return strcmp(url, route->path) == 0 ? "" : NULL;
	if (strncmp(url, route->path, len) != 0 || url[len] == '\0' ||
	    strchr(url + len, '/') != NULL)
		return NULL;
	return url + len;
}

static struct answer
dispatch(struct control *c, struct request *rq, const char *method,
    const char *url)
{
	bool known = false;
	const char *rest;
	size_t i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		rest = match(&routes[i], url);
		if (rest == NULL)
			continue;
		known = true;
		if (strcmp(method, routes[i].method) != 0)
			continue;
		rq->rest = rest;
		return routes[i].handle(c, rq);
	}
	if (known)
		return failure(405, "unknown method", "this path knows other "
		    "methods");
	return failure(404, "unknown command", "there is no such path");
}

/* Consumes answer.body. */
static enum MHD_Result
send_answer(struct request *rq, struct answer answer)
{
	struct MHD_Response *rp = NULL;
	enum MHD_Result r = MHD_NO;
	char *text = NULL;

	if (answer.body != NULL)
		text = json_dumps(answer.body, JSON_COMPACT);
	json_decref(answer.body);
	if (text == NULL)
		return MHD_NO;
	rp = MHD_create_response_from_buffer(strlen(text), text,
	    MHD_RESPMEM_MUST_FREE);
	if (rp == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONTENT_TYPE,
	    "application/json; charset=utf-8");
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
	MHD_add_response_header(rp, MHD_HTTP_HEADER_CONNECTION, "close");
	r = MHD_queue_response(rq->connection, answer.status, rp);
	MHD_destroy_response(rp);
	return r;
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **ctx,
    enum MHD_ConnectionNotificationCode what)
{
	struct control *c = arg;
	struct client **at = &c->clients;
	struct client *client = *ctx;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*ctx = client = calloc(1, sizeof(*client));
		if (client == NULL)
			return;		/* it has libmicrohttpd's limits */
		client->fd = connection_fd(connection);
		client->deadline_ms = c->now_ms + ARRIVE_MAX_MS;
		client->next = c->clients;
		c->clients = client;
		return;
	}
	while (*at != NULL && *at != client)
		at = &(*at)->next;
	if (*at != NULL)
		*at = client->next;
	free(client);
	*ctx = NULL;
}

static void
allow_more_time(struct control *c, struct MHD_Connection *connection)
{
	struct client *client = MHD_get_connection_info(connection,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	if (client != NULL)
		client->deadline_ms = c->now_ms + ANSWER_MAX_MS;
}

/* libmicrohttpd closes what it finds shut. */
static void
end_slow_clients(struct control *c)
{
	struct client *client;

	for (client = c->clients; client != NULL; client = client->next) {
		if (client->deadline_ms > c->now_ms)
			continue;
		client->deadline_ms = UINT64_MAX;
		(void)shutdown(client->fd, SHUT_RDWR);
	}
}

/*
 * libmicrohttpd calls this once for the headers, then for pieces of the
 * body, then, with *size 0, for the reply; and again after a suspension.
 */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *size, void **ctx)
{
	struct control *c = arg;
	struct request *rq = *ctx;
	struct answer answer;

	(void)version;
	if (rq == NULL) {
		rq = calloc(1, sizeof(*rq));
		if (rq == NULL)
			return MHD_NO;
		rq->control = arg;
		rq->connection = connection;
		*ctx = rq;
		return MHD_YES;
	}
	if (*size > BODY_MAX - rq->body_len)
		return MHD_NO;
	if (*size > 0) {
		memcpy(rq->body + rq->body_len, upload, *size);
		rq->body_len += *size;
		*size = 0;
		return MHD_YES;
	}
	if (rq->state == PRESS_NONE)
		allow_more_time(c, connection);
	answer = dispatch(c, rq, method, url);
	if (answer.body == NULL && rq->suspended)
		return MHD_YES;
	return send_answer(rq, answer);
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
	if (rq->state == PRESS_WAITING)
		loop_withdraw(c->loop, &rq->press);
	stop_pressing(rq);
	free(rq);
	*ctx = NULL;
}

static int
start_daemon(struct control *c, int listen_fd)
{
	const union MHD_DaemonInfo *info;

	c->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, on_request, c,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, c,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, c,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, ANSWER_MAX_MS / 1000U,
	    MHD_OPTION_END);
	if (c->mhd == NULL)
		return -ENOMEM;
	info = MHD_get_daemon_info(c->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return -ENOTSUP;
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (c->epfd == -1 || epoll_ctl(c->epfd, EPOLL_CTL_ADD, info->epoll_fd,
	    &(struct epoll_event){ .events = EPOLLIN }) == -1)
		return -errno;
	return 0;
}

int
control_open(const char *path, struct loop *l,
    const struct control_facts *facts, struct control **out,
    char *msg, size_t msglen)
{
	struct control *c = calloc(1, sizeof(*c));
	int fd = -1;
	int r = -ENOMEM;

	if (c == NULL)
		goto out;
	c->epfd = -1;
	c->loop = l;
	c->facts = *facts;
	c->path = strdup(path);
	if (c->path == NULL)
		goto out;
	r = fd = unix_listen(path, SOCK_STREAM, &c->name);
	if (r >= 0)
		r = start_daemon(c, fd);
out:
	if (r < 0) {
		snprintf(msg, msglen, "%s: cannot listen: %s", path,
		    r == -EADDRINUSE ? "another key does" : strerror(-r));
		/* A daemon that runs owns the socket and closes it. */
		if (fd >= 0 && c->mhd == NULL)
			close(fd);
		if (fd >= 0)
			unix_unlink(path, &c->name);
		if (c != NULL && c->mhd != NULL)
			MHD_stop_daemon(c->mhd);
		if (c != NULL && c->epfd != -1)
			close(c->epfd);
		if (c != NULL)
			free(c->path);
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

void
control_close(struct control *c)
{
	if (c == NULL)
		return;
	while (c->pressing != NULL) {
		struct request *rq = c->pressing;

		loop_withdraw(c->loop, &rq->press);
		on_press_done(&rq->press, false);
	}
	(void)MHD_run(c->mhd);
	unix_unlink(c->path, &c->name);
	MHD_stop_daemon(c->mhd);	/* closes the socket */
	close(c->epfd);
	free(c->path);
	free(c);
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
	c->resumed = false;
	find_hung_up(c);
	end_slow_clients(c);
	(void)MHD_run(c->mhd);
}

uint64_t
control_deadline(const struct control *c, uint64_t now_ms)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms;
	const struct client *client;
	uint64_t first = UINT64_MAX;

	if (c->resumed)
		return now_ms;
	if (MHD_get_timeout(c->mhd, &timeout_ms) == MHD_YES)
		first = now_ms + timeout_ms;
	for (client = c->clients; client != NULL; client = client->next) {
		if (client->deadline_ms < first)
			first = client->deadline_ms;
	}
	return first;
}
