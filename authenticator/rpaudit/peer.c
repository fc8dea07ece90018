/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/rpaudit/peer.h"

#include "authenticator/cmd/cli.h"
#include "authenticator/http_client.h"
#include "authenticator/interrupt.h"
#include "authenticator/rpaudit/peer_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer {
	unsigned	 timeout_ms;
	const char	*where[2];	/* by enum peer_question */
	struct peer_program program[2];
	unsigned	 programs;	/* 1: both are the same */
	struct http_client *http;	/* NULL: no URL */
	struct interrupt *interrupt;	/* the caller's; NULL */
};

static bool
is_url(const char *where)
{
	return strncmp(where, "http://", 7) == 0 ||
	    strncmp(where, "https://", 8) == 0;
}

/* The same command twice is one program, which remembers what it offered. */
static int
prepare_programs(struct peer *p)
{
	int r = 0;

	if (!is_url(p->where[0]))
		r = peer_program_init(&p->program[p->programs++],
		    p->where[0]);
	if (r == 0 && !is_url(p->where[1]) &&
	    strcmp(p->where[0], p->where[1]) != 0)
		r = peer_program_init(&p->program[p->programs++],
		    p->where[1]);
	return r;
}

int
peer_new(const char *options, const char *verify, unsigned timeout_ms,
    struct interrupt *interrupt, struct peer **out, char *msg, size_t msglen)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r = -ENOMEM;

	snprintf(msg, msglen, "out of memory");
	if (p == NULL)
		return r;
	p->timeout_ms = timeout_ms;
	p->interrupt = interrupt;
	p->where[PEER_OPTIONS] = options;
	p->where[PEER_VERIFY] = verify;
	r = prepare_programs(p);
	for (unsigned i = 0; i < p->programs; i++)
		p->program[i].interrupt = interrupt;
	if (r == 0 && (is_url(options) || is_url(verify)))
		r = http_client_new(&p->http, msg, msglen);
	if (r < 0) {
		peer_free(p);
		return r;
	}
	*out = p;
	return 0;
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->programs; i++)
		peer_program_done(&p->program[i]);
	http_client_free(p->http);
	free(p);
}

static enum peer_result
nonsense(struct span text, char *why, size_t size)
{
	char start[64];

	cli_clean((const char *)text.p, text.len, start, sizeof(start));
	snprintf(why, size, "its answer is no JSON object: %s", start);
	return PEER_NONSENSE;
}

static enum peer_result
take_json(struct span text, json_t **answer, char *why, size_t size)
{
	json_t *json = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(json)) {
		json_decref(json);
		return nonsense(text, why, size);
	}
	*answer = json;
	return PEER_ANSWERED;
}

static enum peer_result
ask_program(struct peer *p, enum peer_question which, char *text, size_t len,
    json_t **answer, char *why, size_t size)
{
	bool first = strcmp(p->where[which], p->program[0].command != NULL ?
	    p->program[0].command : "") == 0;
	struct peer_program *program = &p->program[first ? 0 : 1];
	enum peer_result r;
	struct span line;

	text[len] = '\n';	/* where the NUL was */
	r = peer_program_ask(program, span(text, len + 1), p->timeout_ms,
	    &line, why, size);
	text[len] = '\0';
	return r == PEER_ANSWERED ? take_json(line, answer, why, size) : r;
}

/* A refusal by status; what its body says, if that is an answer. */
static enum peer_result
take_refusal(const struct http_reply *reply, json_t **answer)
{
	json_t *body = json_loadb(reply->body, reply->body_len, 0, NULL);
	const char *said;

	said = json_string_value(json_object_get(body, "error"));
	*answer = said != NULL ?
	    json_pack("{s:b, s:s}", "verified", 0, "error", said) :
	    json_pack("{s:b, s:o}", "verified", 0, "error",
		json_sprintf("HTTP status %ld", reply->status));
	json_decref(body);
	return *answer != NULL ? PEER_ANSWERED : PEER_FAILED;
}

static bool
is_interrupted(void *arg)
{
	return interrupt_came(arg);
}

static enum peer_result
ask_url(struct peer *p, enum peer_question which, const char *text,
    size_t len, json_t **answer, char *why, size_t size)
{
	static const char *const headers[] = {
		"Content-Type: application/json",
		"Accept: application/json", NULL
	};
	const struct http_request rq = {
		.method = "POST",
		.url = p->where[which],
		.headers = headers,
		.body = text,
		.body_len = len,
		.timeout_ms = (long)p->timeout_ms,
		.stops = is_interrupted,
		.stops_arg = p->interrupt,
	};
	struct http_reply reply;
	int r = http_client_do(p->http, &rq, &reply, why, size);

	if (r < 0)
		return r == -ETIMEDOUT ? PEER_SILENT :
		    r == -ENOMEM || r == -ECANCELED ? PEER_FAILED :
		    PEER_CRASHED;
	if (reply.status >= 400 && reply.status < 500)
		return take_refusal(&reply, answer);
	if (reply.status < 200 || reply.status >= 300) {
		snprintf(why, size, "HTTP status %ld", reply.status);
		return PEER_CRASHED;
	}
	return take_json(span(reply.body, reply.body_len), answer, why, size);
}

enum peer_result
peer_ask(struct peer *p, enum peer_question which, const json_t *question,
    json_t **answer, char *why, size_t size)
{
	char *text = json_dumps(question, JSON_COMPACT);
	enum peer_result r;

	*answer = NULL;
	if (text == NULL) {
		snprintf(why, size, "out of memory");
		return PEER_FAILED;
	}
	if (is_url(p->where[which]))
		r = ask_url(p, which, text, strlen(text), answer, why, size);
	else
		r = ask_program(p, which, text, strlen(text), answer, why,
		    size);
	free(text);
	return r;
}
