/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the control interface, from the URL on: an input is lines of
 * "METHOD URL BODY", one request each, to a daemon that has a key; '$' is the
 * newest one's ID. What must hold for every input:
 *
 *  1. A request is answered, sleeps, or streams; one that sleeps is answered
 *     when it is woken.
 *  2. An answer has a status and JSON that can be sent; one that says no has an
 *     error and a message of one line.
 *  3. What says no has changed nothing: GET tells the same as before. GET
 *     itself never does. So an input finds what every other found, and breaks
 *     by itself what it breaks.
 *
 * The daemon has no sockets and no hosts: what control.c, the kernel and the
 * transports do is done here. Requests that would open files by name are left
 * out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <sanitizer/lsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/control/route.h"
#include "tests/fuzz/fuzz.h"
#include "tests/scratch.h"
#include "uhid/transport.h"

#define REQUESTS_MAX	8	/* of one input */
#define LINE_MAX_LEN	4096	/* bytes */

static struct scratch runtime;
static struct reactor reactor;
static struct hub *hub;		/* NULL: to be made anew */
static json_t *known;		/* what GET told of it */
static const char *query;	/* of the URL, behind '?' */
static char query_value[LINE_MAX_LEN];

/*
 * What control.c and libmicrohttpd would do
 */

bool
request_sleep(struct request *rq)
{
	rq->asleep = true;
	return true;
}

bool
request_may_sleep(struct request *rq)
{
	(void)rq;
	return true;
}

void
request_wake(struct request *rq)
{
	rq->asleep = false;
}

bool
request_lasts(struct request *rq)
{
	(void)rq;
	return true;
}

const char *
MHD_lookup_connection_value(struct MHD_Connection *connection,
    enum MHD_ValueKind kind, const char *key)
{
	size_t len = strlen(key), n;

	(void)connection;
	(void)kind;
	for (const char *at = query; at != NULL; at = strchr(at, '&')) {
		at += *at == '&';
		if (strncmp(at, key, len) != 0 || at[len] != '=')
			continue;
		n = strcspn(at + len + 1, "&");
		memcpy(query_value, at + len + 1, n);
		query_value[n] = '\0';
		return query_value;
	}
	return NULL;
}

/* The names alone: nobody asks this way for more. */
int
MHD_get_connection_values(struct MHD_Connection *connection,
    enum MHD_ValueKind kind, MHD_KeyValueIterator iterator, void *cls)
{
	char name[LINE_MAX_LEN];
	int count = 0;
	size_t n;

	(void)connection;
	for (const char *at = query; at != NULL; at = strchr(at, '&')) {
		at += *at == '&';
		n = strcspn(at, "=&");
		memcpy(name, at, n);
		name[n] = '\0';
		count++;
		if (iterator(cls, kind, name, NULL) == MHD_NO)
			break;
	}
	return count;
}

/*
 * A transport that no host is at
 */

static int
no_fd(const struct transport *t)
{
	(void)t;
	return -1;
}

static void
no_time(struct transport *t, uint64_t now_ms)
{
	(void)t;
	(void)now_ms;
}

static int
no_send(struct transport *t, struct host *h,
    const uint8_t report[static TRANSPORT_REPORT_LEN], uint64_t now_ms)
{
	(void)t;
	(void)h;
	(void)report;
	(void)now_ms;
	return 0;
}

static void
no_pause(struct transport *t, struct host *h, bool paused)
{
	(void)t;
	(void)h;
	(void)paused;
}

static uint64_t
no_deadline(const struct transport *t)
{
	(void)t;
	return UINT64_MAX;
}

static void
free_nothing(struct transport *t)
{
	free(t);
}

static int
open_nothing(const struct transport_events *events, void *arg,
    struct transport **out)
{
	static const struct transport_ops ops = { "fuzz", no_fd, no_time,
	    no_send, no_pause, no_deadline, no_time, free_nothing };
	struct transport *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	*t = (struct transport){ &ops, events, arg };
	*out = t;
	return 0;
}

int
transport_open_uhid(const struct transport_identity *id,
    const struct transport_events *events, void *arg, struct transport **out,
    char *msg, size_t msglen)
{
	(void)id;
	(void)msg;
	(void)msglen;
	return open_nothing(events, arg, out);
}

int
transport_open_socket(const char *path, const struct transport_events *events,
    void *arg, struct transport **out, char *msg, size_t msglen)
{
	(void)path;
	(void)msg;
	(void)msglen;
	return open_nothing(events, arg, out);
}

/*
 * The daemon
 */

/* made and imported: one each */
static const char first_credential[] = "{\"credentialId\": "
    "\"AAECAwQFBgcICQoLDA0ODw\", \"isResidentCredential\": true, "
    "\"rpId\": \"example.com\", \"userHandle\": \"AQ\", \"signCount\": 1, "
    "\"privateKey\": \"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTqvy"
    "vBNdQI5VVtrj4GwI4cQAJyebQyIb4f-ld6_X1GahRANCAAROsmE-U6qgDpyK5Qp-XG"
    "thCjdd6Qcn-J0fRWovJeSvOQVQrgonibcod4L2EmBjwavc372ORNgs_ryaY40SDus7\"}";

/* With what happens aside; it may sleep for something else. */
static struct answer
ask(struct request *rq, const char *method, const char *url,
    const char *body)
{
	struct answer a;

	*rq = (struct request){ .hub = hub, .now_ms = 1000, .body = body,
	    .body_len = strlen(body), .url = (char *)(uintptr_t)url };
	a = route_dispatch(rq, method);
	hub_settle(hub);
	return a.status == 0 && !rq->asleep ? route_dispatch(rq, method) : a;
}

static void
finish(struct request *rq, struct answer a)
{
	if (rq->done != NULL && a.response == NULL)
		rq->done(rq->own);
	json_decref(a.body);
	if (a.response != NULL)
		MHD_destroy_response(a.response);
	if (rq->done != NULL && a.response != NULL)
		rq->done(rq->own);
}

static void
check_done(const struct answer *a)
{
	if (a->status != 200)
		json_dumpf(a->body, stderr, 0);
	CHECK(a->status == 200);
}

/* What can be known of all keys, and of the first in particular. */
static json_t *
look(void)
{
	static const char *const urls[] = { "/v1/keys", "/v1/info",
	    "/v1/credentials", "/v1/faults", "/v1/clock", "/v1/profile",
	    "/v1/pin", "/v1/presence", "/v1/verification" };
	json_t *told = json_array();
	struct request rq;
	struct answer a;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		a = ask(&rq, "GET", urls[i], "");
		CHECK(a.body != NULL);
		CHECK(json_array_append(told, a.body) == 0);
		finish(&rq, a);
	}
	return told;
}

/* Its keys are in memory where the leak checker does not look for pointers. It
 * is told so for one thread: this one, not the hub's other. */
static void
hub_begin(void)
{
	struct hub_options o = { .id = "a", .presence = PRESENCE_MANUAL,
	    .tpm.target = "none", .audit = AUDIT_SEALED };
	struct device_config defaults;
	char msg[DEVICE_MESSAGE_LEN];
	struct hub_key *k;
	struct request rq;
	struct answer a;

	__lsan_disable();
	device_config_default(&defaults);
	o.auth = defaults.auth;
	o.auth.choice = CHOICE_HOST;
	CHECK(hub_new(&reactor, &hub) == 0);
	CHECK(hub_add(hub, &o, 1000, &k, msg, sizeof(msg)) == 0);
	a = ask(&rq, "POST", "/v1/credentials", first_credential);
	check_done(&a);
	finish(&rq, a);
	known = look();
	__lsan_enable();
}

static void
hub_end(void)
{
	json_decref(known);
	known = NULL;
	hub_free(hub);
	hub = NULL;
}

static void
end(void)
{
	hub_end();
	reactor_done(&reactor);
	(void)unlinkat(runtime.fd, "sealkey", AT_REMOVEDIR);
	scratch_free(&runtime);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	scratch_new(&runtime);
	CHECK(setenv("XDG_RUNTIME_DIR", runtime.path, 1) == 0);
	CHECK(setenv("XDG_CONFIG_HOME", runtime.path, 1) == 0);
	CHECK(reactor_init(&reactor) == 0);
	hub_begin();
	return atexit(end);	/* after OpenSSL's own, so before it */
}

/*
 * Answers
 */

static void
check_line(const json_t *text)
{
	const char *line = json_string_value(text);

	CHECK(line != NULL && line[0] != '\0');
	for (; *line != '\0'; line++)
		CHECK((unsigned char)*line >= ' ' && *line != 0x7f);
}

static void
check_answer(const struct answer *a)
{
	char *text;

	CHECK(a->status >= 200 && a->status <= 599);
	CHECK((a->body == NULL) != (a->response == NULL));
	if (a->body == NULL)
		return;
	text = json_dumps(a->body, JSON_COMPACT | JSON_ENCODE_ANY);
	CHECK(text != NULL);
	free(text);
	if (a->status == 200)
		return;
	check_line(json_object_get(a->body, "error"));
	check_line(json_object_get(a->body, "message"));
}

/* Names files, or other processes, somewhere in it. */
static bool
leads_out(const json_t *json)
{
	static const char *const names[] = { "state", "socket", "tpm" };
	const char *name;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)json, name, v) {
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(name, names[i]) == 0)
				return true;
		if (leads_out(v))
			return true;
	}
	json_array_foreach(json, i, v) {
		if (leads_out(v))
			return true;
	}
	return false;
}

static void
check_state(bool may_differ)
{
	json_t *now = look();

	if (!may_differ)
		CHECK(json_equal(now, known));
	json_decref(known);
	known = now;
}

/* True: the daemon may not be what it was. */
static bool
perform(const char *method, char *url, const char *body)
{
	bool changes = strcmp(method, "GET") != 0;
	char *mark = strchr(url, '?');
	struct request rq;
	struct answer a;

	query = mark != NULL ? mark + 1 : NULL;
	if (mark != NULL)
		*mark = '\0';
	a = ask(&rq, method, url, body);
	for (int i = 0; a.status == 0; i++) {
		CHECK(i < 2 && a.body == NULL && a.response == NULL);
		rq.ending = true;	/* nothing else comes */
		a = route_dispatch(&rq, method);
	}
	check_answer(&a);
	changes = changes && a.status == 200;
	finish(&rq, a);
	query = NULL;		/* it is the caller's */
	check_state(changes);
	return changes;
}

/* '$' is the ID of the newest key: those of virtual authenticators are random.
 * False: it becomes too long. */
static bool
name_newest(const char *line, char out[static LINE_MAX_LEN + 1])
{
	struct hub_key *k, *newest = NULL;
	size_t n = 0;

	for (k = hub_first(hub); k != NULL; k = hub_next(k))
		newest = k;
	for (; *line != '\0' && n + HUB_ID_MAX < LINE_MAX_LEN; line++) {
		if (*line == '$' && newest != NULL)
			n += strlen(strcpy(out + n, newest->id));
		else
			out[n++] = *line;
	}
	out[n] = '\0';
	return *line == '\0';
}

static bool
perform_line(const char *given)
{
	char text[LINE_MAX_LEN + 1], *line = text;
	char *method, *url;
	json_t *json;
	bool out;

	if (!name_newest(given, text))
		return false;
	method = strsep(&line, " ");
	url = strsep(&line, " ");
	if (url == NULL)
		return false;
	json = line != NULL ? json_loads(line, 0, NULL) : NULL;
	out = leads_out(json);
	json_decref(json);
	return !out && perform(method, url, line != NULL ? line : "");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[LINE_MAX_LEN + 1], *at = text;
	bool changed = false;

	if (size > LINE_MAX_LEN || memchr(data, '\0', size) != NULL)
		return -1;
	memcpy(text, data, size);
	text[size] = '\0';
	if (hub == NULL)
		hub_begin();
	for (int i = 0; i < REQUESTS_MAX && at != NULL; i++)
		changed |= perform_line(strsep(&at, "\n"));
	if (changed)
		hub_end();
	return 0;
}
