/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relying party that is audited, as rpaudit.md says: a program that is
 * started once and spoken to by lines of JSON, or a URL that JSON is POSTed
 * to; one for options and one to verify, which may be the same.
 *
 * It may do whatever it likes: end, hang, write nonsense. That is a result of
 * the question it did so on; a program is ended then, and started anew for
 * the next question.
 */
#ifndef AUTHENTICATOR_RPAUDIT_PEER_H
#define AUTHENTICATOR_RPAUDIT_PEER_H

#include <jansson.h>
#include <stddef.h>

#define PEER_ANSWER_MAX	(4 * 1024 * 1024)	/* bytes of a line or body */
#define PEER_WHY_LEN	512			/* bytes, room for why */

enum peer_result {
	PEER_ANSWERED,		/* an object */
	PEER_CRASHED,		/* it ended, or HTTP 5xx */
	PEER_SILENT,		/* nothing in time */
	PEER_NONSENSE,		/* what it answered is no JSON object */
	PEER_FAILED,		/* our own trouble: no memory, no processes,
				 * interrupted */
};

enum peer_question {
	PEER_OPTIONS,
	PEER_VERIFY,
};

struct peer;
struct interrupt;

/*
 * Each is a URL (http: or https:) or a command line for /bin/sh. Programs are
 * started when they are first asked. No answer is waited for any more once
 * interrupt has come (NULL: never). -errno with one line in msg.
 */
int peer_new(const char *options, const char *verify, unsigned timeout_ms,
    struct interrupt *interrupt, struct peer **out, char *msg,
    size_t msglen);
/* Ends the programs; accepts NULL. */
void peer_free(struct peer *p);

/*
 * One question and its answer, *answer, to be given back with json_decref();
 * or why there is none, in one line. A reply of HTTP with status 400 to 499
 * is an answer: {"verified": false, "error": ...}, unless its body is one.
 */
enum peer_result peer_ask(struct peer *p, enum peer_question which,
    const json_t *question, json_t **answer, char *why, size_t size);

#endif
