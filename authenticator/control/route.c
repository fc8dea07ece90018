/* SPDX-License-Identifier: Apache-2.0 */
/* From a URL to its handler, and what handlers share: see route.h. */
#include "authenticator/control/route.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/parse.h"
#include "ctap/cbor.h"

#define SEGMENTS_MAX	8
#define SEGMENT_MAX	1400	/* bytes; a credential ID in base64url */

/* Tables of the daemon have whole paths, those of a key what is behind. */
static const struct {
	const struct route *rows;
	bool		 of_key;
} tables[] = {
	{ routes_hub,		false },
	{ routes_events,	false },
	{ routes_webdriver,	false },
	{ routes_cdp,		false },
	{ routes_key,		true },
	{ routes_user,		true },
	{ routes_secrets,	true },
	{ routes_power,		true },
	{ routes_audit,		true },
	{ routes_key_events,	true },
	{ routes_faults,	true },
	{ routes_profile,	true },
};

/* The components of a URL's path. */
struct path {
	char		*copy;
	const char	*part[SEGMENTS_MAX];
	size_t		 count;
};

/*
 * What a line quotes may be cut within a code point; JSON has no such text. Nor
 * is it one line with what somebody may have put into a name.
 */
static json_t *
line_json(const char *line)
{
	char *copy = strdup(line);
	size_t at = 0, len = strlen(line);
	json_t *text = NULL;

	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	while (copy != NULL && (at += cbor_utf8_cut(span(copy + at, len - at),
	    len - at)) < len)
		copy[at++] = '?';
	if (copy != NULL)
		text = json_stringn(copy, len);
	free(copy);
	return text;
}

struct answer
answer_failure(unsigned status, const char *error, const char *message)
{
	return (struct answer){ .status = status, .body = json_pack(
	    "{s:s, s:o}", "error", error, "message", line_json(message)) };
}

struct answer
answer_success(json_t *body)
{
	if (body == NULL)
		return answer_failure(500, "unknown error", "out of memory, "
		    "or the store cannot be read");
	return (struct answer){ .status = 200, .body = body };
}

struct answer
answer_invalid(const char *message)
{
	return answer_failure(400, "invalid argument", message);
}

struct answer
answer_error(int error, const char *line)
{
	switch (error) {
	case -EBUSY:
		return answer_failure(409, "busy", line);
	case -EEXIST:
		return answer_failure(409, "exists already", line);
	case -ENOSPC:
		return answer_failure(409, "full", line);
	case -EINVAL:
		return answer_failure(400, "invalid argument", line);
	case -ENOTSUP:
		return answer_failure(500, "unsupported operation", line);
	default:
		return answer_failure(500, "unknown error", line);
	}
}

struct answer
answer_store_error(struct request *rq, int error)
{
	switch (error) {
	case -EBUSY:
		return answer_error(error, "the key is answering a request; "
		    "try again");
	case -ENOENT:
		return answer_failure(404, "no such credential", "there is no "
		    "credential with this ID");
	case -EINVAL:
		return answer_error(error, "not a credential ID in "
		    "base64url");
	default:
		return answer_error(-EIO,
		    store_strerror(device_store(rq->key->device)));
	}
}

struct answer
answer_asleep(void)
{
	return (struct answer){ .status = 0 };
}

bool
request_object(struct request *rq, bool may_be_empty, json_t **out,
    struct answer *failed)
{
	char line[96];
	json_error_t error;
	json_t *json;

	if (rq->body_len == 0 && may_be_empty) {
		*out = json_object();
		if (*out == NULL)
			*failed = answer_success(NULL);
		return *out != NULL;
	}
	json = json_loadb(rq->body, rq->body_len, JSON_REJECT_DUPLICATES,
	    &error);
	if (json_is_object(json)) {
		*out = json;
		return true;
	}
	/* the place alone: what stands there may be a PIN */
	snprintf(line, sizeof(line), "the body has to be a JSON object");
	if (json == NULL && rq->body_len > 0)
		snprintf(line, sizeof(line), "the body has to be a JSON "
		    "object, and is no JSON at line %d, column %d", error.line,
		    error.column);
	json_decref(json);
	*failed = answer_invalid(line);
	return false;
}

const char *
request_query(struct request *rq, const char *name)
{
	return MHD_lookup_connection_value(rq->connection,
	    MHD_GET_ARGUMENT_KIND, name);
}

bool
request_query_number(struct request *rq, const char *name, uint64_t *out)
{
	const char *s = request_query(rq, name);

	return s == NULL || parse_number(s, 0, UINT64_MAX, out);
}

static bool
split(const char *url, struct path *path)
{
	char *at, *slash;

	path->count = 0;
	path->copy = url[0] == '/' ? strdup(url + 1) : NULL;
	for (at = path->copy; at != NULL; at = slash) {
		slash = strchr(at, '/');
		if (slash != NULL)
			*slash++ = '\0';
		if (path->count == SEGMENTS_MAX || at[0] == '\0' ||
		    strlen(at) > SEGMENT_MAX)
			return false;
		path->part[path->count++] = at;
	}
	return path->count > 0;
}

/* Whether pattern fits the components from at on; what '*' is, into arg. */
static bool
fits(const char *pattern, const struct path *path, size_t at,
    const char *arg[static ROUTE_ARGS_MAX])
{
	size_t args = 0, len;

	for (; at < path->count; at++) {
		len = strcspn(pattern, "/");
		if (len == 1 && pattern[0] == '*')
			arg[args++] = path->part[at];
		else if (len == 0 || strlen(path->part[at]) != len ||
		    memcmp(path->part[at], pattern, len) != 0)
			return false;
		pattern += len;
		if (pattern[0] == '/')
			pattern++;
	}
	return pattern[0] == '\0';
}

/*
 * How many components name the key: /v1/keys/ID/, or /v1/ for the first; 0:
 * this is none of a key's paths.
 */
static size_t
key_prefix(const struct path *path)
{
	if (path->count < 2 || strcmp(path->part[0], "v1") != 0)
		return 0;
	if (strcmp(path->part[1], "keys") != 0)
		return 1;
	return path->count > 3 ? 3 : 0;
}

static struct hub_key *
find_key(const struct request *rq, const struct path *path, size_t prefix)
{
	return prefix == 3 ? hub_find(rq->hub, path->part[2]) :
	    hub_first(rq->hub);
}

/* Of the names that a route knows, which were there: bits, by place. */
struct query {
	const char	*known;
	uint64_t	 seen;
	const char	*wrong;		/* NULL: nothing */
};

static enum MHD_Result
take_query(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct query *q = arg;
	const char *at = q->known;
	size_t len = strlen(name);

	(void)kind;
	(void)value;
	while (at != NULL && (strncmp(at, name, len) != 0 ||
	    (at[len] != ',' && at[len] != '\0'))) {
		at = strchr(at, ',');
		if (at != NULL)
			at++;
	}
	if (at == NULL || len == 0 || strchr(name, ',') != NULL)
		q->wrong = q->known == NULL ? "this request has no query" :
		    "this request has no query of that name";
	else if (q->seen & UINT64_C(1) << (at - q->known))
		q->wrong = "a query of one name comes once";
	else
		q->seen |= UINT64_C(1) << (at - q->known);
	return q->wrong == NULL ? MHD_YES : MHD_NO;
}

static bool
is_nothing(const char *body, size_t len)
{
	json_t *json;
	bool empty;

	if (len == 0)
		return true;
	json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	empty = json_is_object(json) && json_object_size(json) == 0;
	json_decref(json);
	return empty;
}

/* NULL: rq says no more than its route will hear. */
static const char *
what_is_too_much(struct request *rq, const struct route *route)
{
	bool body = route->takes != NULL && strcmp(route->takes, "{}") == 0;
	struct query q = { .known = body ? NULL : route->takes };

	/* WebDriver reads no bodies but those of POST, and no queries */
	if (route_is_webdriver(rq->url))
		return NULL;
	if (!body && !is_nothing(rq->body, rq->body_len))
		return "this request has no body";
	MHD_get_connection_values(rq->connection, MHD_GET_ARGUMENT_KIND,
	    take_query, &q);
	return q.wrong;
}

static struct answer
call(struct request *rq, const struct route *route, const struct path *path,
    size_t prefix)
{
	const char *wrong = what_is_too_much(rq, route);

	if (wrong != NULL)
		return answer_invalid(wrong);
	rq->key = NULL;
	if (prefix > 0) {
		rq->key = find_key(rq, path, prefix);
		if (rq->key == NULL)
			return answer_failure(404, "no such key",
			    prefix == 1 ? "the daemon has no key" :
			    "there is no key with this ID");
	}
	return route->handle(rq);
}

static struct answer
find(struct request *rq, const char *method, const struct path *path)
{
	size_t prefix = key_prefix(path);
	const struct route *route;
	bool known = false;
	size_t i, at;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		at = tables[i].of_key ? prefix : 0;
		if (tables[i].of_key && prefix == 0)
			continue;
		for (route = tables[i].rows; route->method != NULL; route++) {
			if (!fits(route->path, path, at, rq->arg))
				continue;
			known = true;
			if (strcmp(method, route->method) == 0)
				return call(rq, route, path, at);
		}
	}
	if (known)
		return answer_failure(405, "unknown method", "this path knows "
		    "other methods");
	return answer_failure(404, "unknown command", "there is no such path");
}

struct answer
route_dispatch(struct request *rq, const char *method)
{
	struct path path;
	struct answer answer;

	if (split(rq->url, &path))
		answer = find(rq, method, &path);
	else
		answer = answer_failure(404, "unknown command", "there is no "
		    "such path");
	free(path.copy);
	return answer;
}

bool
route_is_webdriver(const char *url)
{
	return strncmp(url, "/session/", 9) == 0;
}
