/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others answer us: a relying party that is audited, and the driver that
 * the WebDriver proxy is in front of. An input's first line says which, and
 * what is asked; an answer is "STATUS BODY", where a status of none of HTTP is
 * an answer that does not come. What must hold for every input:
 *
 *  url, program	CEREMONY FAULT, and two answers: about options, a line,
 *		and the verdict, the rest.
 *	1. A ceremony is accepted if the relying party says so, and in no
 *	   other way; if not, there is a reason. None fails for a reason of
 *	   our own.
 *	2. The reason is in every form that results are told in, as one line
 *	   of text that no form takes for anything else.
 *  proxy	METHOD URI, BODY and an answer, a line each; and so on.
 *	1. A request is answered, once: as it was answered, but for what a new
 *	   session can do; or with an error of WebDriver's.
 *	2. The key's process is asked about virtual authenticators, and about
 *	   nothing else, whatever the driver calls its sessions; the driver
 *	   about everything else, as it was asked.
 *
 * HTTP, both sides of it, and programs are what is done here.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <string.h>

#include "authenticator/http_client.h"
#include "authenticator/rpaudit/bench.h"
#include "authenticator/rpaudit/peer_program.h"
#include "authenticator/webdriver/proxy.h"
#include "tests/fake_token.h"
#include "tests/fuzz/fuzz.h"

#define ORIGIN		"https://login.example.com"
#define DRIVER		"http://127.0.0.1:4444"
#define CONTROL		"http://localhost"
#define STATUS_MAX	999
#define SESSION_MAX	127	/* bytes of an ID; longer ones are the driver's
				 * to refuse */
#define SILENT		1	/* statuses that HTTP does not have */
#define TOO_LONG	2

static struct reply {
	unsigned	status;		/* 0: none, it is gone */
	struct span	body;
} replies[2];
static size_t next_reply;

/*
 * Inputs
 */

static struct span
take_until(struct span *from, char end)
{
	const uint8_t *at = from->len > 0 ? memchr(from->p, end, from->len) :
	    NULL;
	size_t len = at != NULL ? (size_t)(at - from->p) : from->len;
	struct span taken = span(from->p, len);

	len += at != NULL;
	*from = span(from->p + len, from->len - len);
	return taken;
}

/* Up to a NUL, if there is one; to be freed. */
static char *
text_of(struct span s)
{
	char *text = strndup((const char *)s.p, s.len);

	CHECK(text != NULL);
	return text;
}

static struct reply
reply_of(struct span line)
{
	char *word = text_of(take_until(&line, ' '));
	unsigned long status = strtoul(word, NULL, 10);

	free(word);
	return (struct reply){ status <= STATUS_MAX ? (unsigned)status : 0,
	    line };
}

/*
 * Programs
 */

int
peer_program_init(struct peer_program *p, const char *command)
{
	*p = (struct peer_program){ .command = command };
	return 0;
}

void
peer_program_done(struct peer_program *p)
{
	free(p->line);
	p->line = NULL;
}

/* A line has no line end in it, and ends where its memory does. */
static void
keep(char **out, struct span text, size_t more)
{
	free(*out);
	*out = malloc(text.len + more);
	CHECK(*out != NULL || text.len + more == 0);
	if (text.len > 0)
		memcpy(*out, text.p, text.len);
	memset(*out + text.len, 0, more);
}

enum peer_result
peer_program_ask(struct peer_program *p, struct span line,
    unsigned timeout_ms, struct span *out, char *why, size_t size)
{
	struct reply reply = { .status = 0 };

	(void)timeout_ms;
	CHECK(line.len > 1 && line.p[line.len - 1] == '\n');
	CHECK(memchr(line.p, '\n', line.len - 1) == NULL);
	if (next_reply < 2)
		reply = replies[next_reply++];
	snprintf(why, size, "it is not there");
	if (reply.status == 0)
		return PEER_CRASHED;
	if (reply.status == SILENT)
		return PEER_SILENT;
	reply.body = take_until(&reply.body, '\n');
	keep(&p->line, reply.body, 0);
	*out = span(p->line, reply.body.len);
	return PEER_ANSWERED;
}

/*
 * The proxy's bindings: one request, and what came back
 */

static struct {
	const char	*method, *uri;
	struct span	body;
	bool		asked;		/* somebody */
	bool		given;		/* replies[0] was */
	struct MHD_Response *answer;
	unsigned	status;
	unsigned	answers;
} binding;

/* What is there of libmicrohttpd. */
static struct {
	MHD_AccessHandlerCallback request;
	void		*arg;
	void		*(*uri)(void *arg, const char *uri,
			    struct MHD_Connection *connection);
	MHD_RequestCompletedCallback completed;
} server;

/* "/session/ID/webauthn/...": whose ID is of one component. */
static bool
is_about_authenticators(const char *uri)
{
	size_t id;

	if (strncmp(uri, "/session/", 9) != 0)
		return false;
	id = strcspn(uri + 9, "/?#");
	return id > 0 && id <= SESSION_MAX &&
	    strncmp(uri + 9 + id, "/webauthn/", 10) == 0;
}

/*
 * HTTP, as a client
 */

struct http_client {
	char	*body;
};

int
http_client_new(struct http_client **out, char *msg, size_t msglen)
{
	(void)msg;
	(void)msglen;
	*out = calloc(1, sizeof(**out));
	CHECK(*out != NULL);
	return 0;
}

void
http_client_free(struct http_client *c)
{
	if (c != NULL)
		free(c->body);
	free(c);
}

/* Sessions that nobody ended are ended by the proxy, of its own accord. */
static struct reply
ask_key(const struct http_request *rq)
{
	static const char nothing[] = "{\"value\":null}";

	CHECK(strncmp(rq->url, CONTROL, strlen(CONTROL)) == 0);
	CHECK(is_about_authenticators(rq->url + strlen(CONTROL)));
	if (binding.method == NULL || strcmp(binding.method, "DELETE") == 0)
		return (struct reply){ 200, span(nothing,
		    sizeof(nothing) - 1) };
	CHECK(strcmp(rq->url + strlen(CONTROL), binding.uri) == 0);
	return replies[0];
}

/* The proxy asks about sessions that it does not know: they are there. */
static bool
asks_for_session(const struct http_request *rq)
{
	const char *path = rq->url + strlen(DRIVER);
	size_t id = 9 + strcspn(path + 9, "/");

	if (rq->socket_path != NULL || !is_about_authenticators(binding.uri))
		return false;
	CHECK(strcmp(rq->method, "GET") == 0 && rq->body == NULL);
	CHECK(strncmp(path, binding.uri, id) == 0 &&
	    strcmp(path + id, "/timeouts") == 0);
	return true;
}

static struct reply
ask_driver(const struct http_request *rq)
{
	bool session = strcmp(binding.method, "POST") == 0 &&
	    strcmp(binding.uri, "/session") == 0;

	CHECK(strcmp(rq->url + strlen(DRIVER), binding.uri) == 0);
	CHECK(!is_about_authenticators(binding.uri));
	CHECK(strcmp(rq->method, binding.method) == 0);
	if (!session && binding.body.len > 0)
		CHECK(span_eq(span(rq->body, rq->body_len), binding.body));
	return replies[0];
}

/* Whose request it is shows where it goes. */
static struct reply
reply_to(const struct http_request *rq)
{
	static const char nothing[] = "{\"value\":{}}";
	struct reply reply = { .status = 0 };

	if (rq->socket_path == NULL && strncmp(rq->url, DRIVER,
	    strlen(DRIVER)) != 0) {
		if (next_reply < 2)
			reply = replies[next_reply++];
		return reply;
	}
	if (binding.method != NULL && asks_for_session(rq))
		return (struct reply){ 200, span(nothing,
		    sizeof(nothing) - 1) };
	reply = rq->socket_path != NULL ? ask_key(rq) : ask_driver(rq);
	/* the driver first: what it answers is the answer */
	if (!binding.asked)
		binding.given = reply.status > TOO_LONG;
	binding.asked = true;
	return reply;
}

int
http_client_do(struct http_client *c, const struct http_request *rq,
    struct http_reply *out, char *msg, size_t msglen)
{
	struct reply reply = reply_to(rq);

	snprintf(msg, msglen, "%s: it is not there", rq->url);
	if (reply.status <= TOO_LONG)
		return reply.status == 0 ? -ECONNREFUSED :
		    reply.status == SILENT ? -ETIMEDOUT : -EMSGSIZE;
	keep(&c->body, reply.body, 1);
	*out = (struct http_reply){ .status = (long)reply.status,
	    .content_type = "application/json", .body = c->body,
	    .body_len = reply.body.len };
	return 0;
}

/*
 * HTTP, as a server
 */

struct MHD_Response {
	char	*text;
	size_t	 len;
};

struct MHD_Daemon *
MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback apc,
    void *apc_arg, MHD_AccessHandlerCallback request, void *arg, ...)
{
	static char daemon;
	enum MHD_OPTION option;
	va_list ap;

	(void)flags;
	(void)port;
	(void)apc;
	(void)apc_arg;
	server.request = request;
	server.arg = arg;
	va_start(ap, arg);
	while ((option = va_arg(ap, enum MHD_OPTION)) != MHD_OPTION_END) {
		if (option == MHD_OPTION_URI_LOG_CALLBACK) {
			server.uri = va_arg(ap, void *(*)(void *,
			    const char *, struct MHD_Connection *));
			CHECK(va_arg(ap, void *) == arg);
		} else if (option == MHD_OPTION_NOTIFY_COMPLETED) {
			server.completed = va_arg(ap,
			    MHD_RequestCompletedCallback);
			CHECK(va_arg(ap, void *) == arg);
		} else {
			(void)va_arg(ap, int);
		}
	}
	va_end(ap);
	return (struct MHD_Daemon *)&daemon;
}

void
MHD_stop_daemon(struct MHD_Daemon *daemon)
{
	(void)daemon;
}

const char *
MHD_lookup_connection_value(struct MHD_Connection *connection,
    enum MHD_ValueKind kind, const char *key)
{
	(void)connection;
	(void)kind;
	return strcmp(key, MHD_HTTP_HEADER_HOST) == 0 ? "localhost" : NULL;
}

struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer,
    enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *rp = malloc(sizeof(*rp));

	CHECK(rp != NULL && mode == MHD_RESPMEM_MUST_FREE);
	*rp = (struct MHD_Response){ buffer, size };
	return rp;
}

enum MHD_Result
MHD_add_response_header(struct MHD_Response *rp, const char *header,
    const char *content)
{
	(void)rp;
	(void)header;
	(void)content;
	return MHD_YES;
}

enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned status,
    struct MHD_Response *rp)
{
	(void)connection;
	binding.answers++;
	binding.status = status;
	binding.answer = rp;
	return MHD_YES;
}

/* It is kept until it was looked at. */
void
MHD_destroy_response(struct MHD_Response *rp)
{
	CHECK(rp == binding.answer);
}

/*
 * The proxy
 */

static void
check_error(const struct MHD_Response *rp)
{
	json_t *json = json_loadb(rp->text, rp->len, 0, NULL);
	json_t *value = json_object_get(json, "value");

	CHECK(json_string_value(json_object_get(value, "error")) != NULL);
	CHECK(json_string_value(json_object_get(value, "message")) != NULL);
	json_decref(json);
}

static const char *
session_of(const json_t *reply)
{
	return json_string_value(json_object_get(json_object_get(reply,
	    "value"), "sessionId"));
}

/* Of a new session, what it can do may have become more. */
static void
check_passed_on(const struct MHD_Response *rp)
{
	struct span text = span(rp->text, rp->len), was = replies[0].body;
	json_t *before, *after;

	if (span_eq(text, was))
		return;
	CHECK(strcmp(binding.uri, "/session") == 0 && binding.status == 200);
	before = json_loadb((const char *)was.p, was.len, 0, NULL);
	after = json_loadb(rp->text, rp->len, 0, NULL);
	CHECK(session_of(before) != NULL && session_of(after) != NULL);
	CHECK(strcmp(session_of(before), session_of(after)) == 0);
	json_decref(before);
	json_decref(after);
}

static void
check_answer(void)
{
	CHECK(binding.answers == 1);
	CHECK(binding.status > TOO_LONG && binding.status <= STATUS_MAX);
	if (!binding.given) {
		check_error(binding.answer);
	} else if (strcmp(binding.method, "DELETE") != 0 ||
	    !is_about_authenticators(binding.uri)) {
		CHECK(binding.status == replies[0].status);
		check_passed_on(binding.answer);
	}
	free(binding.answer->text);
	free(binding.answer);
	binding.answer = NULL;
}

/* What libmicrohttpd lets through. */
static bool
is_request(const char *method, const char *uri)
{
	if (*method == '\0' || *uri == '\0')
		return false;
	for (const char *p = uri; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return true;
}

static void
do_request(char *method, char *uri, struct span body)
{
	size_t size = body.len;
	void *ctx;

	binding.method = method;
	binding.uri = uri;
	binding.body = body;
	binding.asked = binding.given = false;
	binding.answers = 0;
	ctx = server.uri(server.arg, uri, NULL);
	for (int i = 0; i < 3; i++) {
		size_t none = 0;
		bool has_body = i == 1;

		CHECK(server.request(server.arg, NULL, uri, method,
		    "HTTP/1.1", (const char *)body.p, has_body ? &size : &none,
		    &ctx) == MHD_YES || i == 2);
		i += i == 0 && size == 0;
	}
	check_answer();
	server.completed(server.arg, NULL, &ctx,
	    MHD_REQUEST_TERMINATED_COMPLETED_OK);
	binding.method = NULL;
}

static void
try_proxy(struct span rest)
{
	struct proxy_config cfg = { .listen_fd = -1, .upstream = DRIVER,
	    .control = "/run/sealkey/control.sock" };
	struct span line, body;
	struct proxy *p;
	char msg[256], *method, *uri;

	CHECK(proxy_start(&cfg, &p, msg, sizeof(msg)) == 0);
	while (rest.len > 0) {
		line = take_until(&rest, '\n');
		method = text_of(take_until(&line, ' '));
		uri = text_of(line);
		body = take_until(&rest, '\n');
		replies[0] = reply_of(take_until(&rest, '\n'));
		if (is_request(method, uri))
			do_request(method, uri, body);
		free(method);
		free(uri);
	}
	proxy_stop(p);
}

/*
 * The audit
 */

static char *
told(struct rp_results *rs, void (*tell)(const struct rp_results *rs,
    FILE *f))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	CHECK(f != NULL);
	tell(rs, f);
	CHECK(fclose(f) == 0 && strlen(text) == len);
	return text;
}

static size_t
count(const char *text, char c)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

/* With whatever reason, it is of the same parts. */
static void
check_form(struct rp_results *rs, void (*tell)(const struct rp_results *rs,
    FILE *f), const char *marks)
{
	char usual[] = "no", *why = rs->rows[0].why;
	char *text = told(rs, tell), *plain;

	rs->rows[0].why = usual;
	plain = told(rs, tell);
	rs->rows[0].why = why;
	for (; *marks != '\0'; marks++)
		CHECK(count(text, *marks) == count(plain, *marks));
	for (const char *p = text; *p != '\0'; p++)
		CHECK((unsigned char)*p >= ' ' || *p == '\n');
	CHECK(strchr(text, 0x7f) == NULL);
	free(text);
	free(plain);
}

static void
tell_json(const struct rp_results *rs, FILE *f)
{
	CHECK(rp_results_json(rs, f));
}

static void
check_json(struct rp_results *rs)
{
	char *text = told(rs, tell_json);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *row = json_array_get(json_object_get(json, "checks"), 0);

	CHECK(json_string_length(json_object_get(row, "why")) > 0);
	json_decref(json);
	free(text);
}

/* In every form, why it is what it is. */
static void
check_told(const struct bench *b, enum bench_step step)
{
	struct rp_results rs = { .target = "fuzz" };
	struct rp_check check;
	struct rp_row row;

	CHECK(rp_check_at(0, &check));
	rp_check_row(&check, &row);
	row.outcome = step == BENCH_REFUSED ? RP_REFUSED :
	    step == BENCH_BROKEN ? b->broken : RP_NOT_APPLICABLE;
	row.why = strdup(b->why);
	CHECK(row.why != NULL && rp_results_add(&rs, &row) == 0);
	check_json(&rs);
	check_form(&rs, rp_results_print, "\n");
	check_form(&rs, rp_results_junit, "\n<>\"");
	check_form(&rs, rp_results_html, "\n<>\"");
	rp_results_done(&rs);
}

/* What it said last, as whoever reads rpaudit.md takes it. */
static bool
says_yes(bool url)
{
	struct reply last = replies[1];
	json_t *json;
	bool yes;

	if (url && (last.status < 200 || last.status > 299))
		return false;
	if (!url)
		last.body = take_until(&last.body, '\n');
	json = json_loadb((const char *)last.body.p, last.body.len,
	    JSON_REJECT_DUPLICATES, NULL);
	yes = json_is_true(json_object_get(json, "verified"));
	json_decref(json);
	return last.status > SILENT && yes;
}

static const struct fault *
fault_named(struct span name)
{
	char *text = text_of(name), msg[FAULT_MESSAGE_LEN];
	struct fault_choice choice = { .fault = NULL };
	bool known = fault_choose(text, &choice, msg, sizeof(msg)) == 0;

	free(text);
	return known && choice.fault->stage == FAULT_CLIENT ? choice.fault :
	    NULL;
}

static void
try_ceremony(bool url, bool create, const struct fault *fault)
{
	static const struct bench_user user = { "sixteen bytes ..", "a user" };
	static struct fake_token token;
	const struct rp_audit audit = { .timeout_ms = 1,
	    .options = url ? "http://rp.example/options" : "options",
	    .verify = url ? "http://rp.example/verify" : "verify" };
	struct bench b = { .audit = &audit, .token = &token.token,
	    .name = "honest.packed", .anchors = json_array() };
	struct rp_check check;
	struct origin origin;
	enum bench_step step;
	const char *why;

	CHECK(rp_check_at(0, &check));
	b.kind = check.honest;
	fake_token_init(&token);
	json_out_init(&b.out);
	CHECK(origin_parse(ORIGIN, &origin, &why));
	CHECK(webauthn_client_init(&b.client, &origin, false,
	    b.token) == 0);
	CHECK(peer_new(audit.options, audit.verify, audit.timeout_ms, NULL,
	    &b.peer, b.why, sizeof(b.why)) == 0);
	b.why[0] = '\0';
	step = bench_ceremony(&b, create, &user, fault, NULL);
	CHECK(step != BENCH_FAILED);
	CHECK((step == BENCH_ACCEPTED) == (next_reply == 2 && says_yes(url)));
	if (step != BENCH_ACCEPTED)
		check_told(&b, step);
	peer_free(b.peer);
	webauthn_client_done(&b.client);
	json_out_done(&b.out);
	json_decref(b.anchors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span(data, size), line = take_until(&rest, '\n');
	struct span kind = take_until(&line, ' ');
	bool url = span_eq(kind, span_str("url")), create;

	if (span_eq(kind, span_str("proxy"))) {
		try_proxy(rest);
		return 0;
	}
	if (!url && !span_eq(kind, span_str("program")))
		return -1;
	next_reply = 0;
	create = span_eq(take_until(&line, ' '), span_str("create"));
	replies[0] = reply_of(take_until(&rest, '\n'));
	replies[1] = reply_of(rest);
	try_ceremony(url, create, fault_named(line));
	return 0;
}
