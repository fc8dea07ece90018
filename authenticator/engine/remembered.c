/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that are told one by one (CTAP 2.3, 6, stateful commands): what is
 * left to tell, from one command of a channel to its next. One for each
 * host; a new list takes the place of the old one, and so ends it.
 */
#include "authenticator/engine/impl.h"

void
remembered_forget(struct auth_session *ses)
{
	if (ses != NULL)
		explicit_bzero(&ses->next, sizeof(ses->next));
}

void
remembered_end(struct auth_session *ses, uint64_t channel)
{
	if (ses != NULL && ses->next.channel == channel)
		remembered_forget(ses);
}

uint64_t
remembered_expire(struct auth_session *ses, uint64_t now_ms)
{
	if (ses->next.what == NEXT_NOTHING)
		return UINT64_MAX;
	if (now_ms - ses->next.last_ms <= CONTINUE_MS)
		return ses->next.last_ms + CONTINUE_MS + 1;
	remembered_forget(ses);
	return UINT64_MAX;
}

bool
remembered_is_for(const struct auth_session *ses, uint8_t cmd)
{
	switch (ses != NULL ? ses->next.what : NEXT_NOTHING) {
	case NEXT_ASSERTION:
		return cmd == CTAP_GET_NEXT_ASSERTION;
	case NEXT_RP:
	case NEXT_CREDENTIAL:
		return cmd == CTAP_CREDENTIAL_MANAGEMENT;
	default:
		return false;
	}
}

struct auth_remembered *
remember(struct auth *au, struct auth_op *op, enum continuation what,
    uint32_t left)
{
	struct auth_remembered *next;

	if (left == 0) {
		remembered_end(op->session, op->channel);
		return NULL;
	}
	next = &session_open(au, op, op->now_ms + CONTINUE_MS + 1)->next;
	if (next->what != what || next->channel != op->channel)
		remembered_forget(op->session);
	next->what = what;
	next->channel = op->channel;
	next->last_ms = op->now_ms;
	next->left = left;
	return next;
}

/* A list that a token opened ends with it. */
static bool
token_lives(const struct auth_op *op, int token)
{
	if (token == 0 || token == TOKEN_PERSISTENT)
		return true;
	return token_in_use(op, token);
}

/* gn.1 to gn.3, cm.9 */
struct auth_remembered *
recall(struct auth_op *op, enum continuation what)
{
	struct auth_remembered *next;

	if (op->session == NULL || op->session->next.channel != op->channel)
		return NULL;
	next = &op->session->next;
	if (next->what == what && op->now_ms - next->last_ms <= CONTINUE_MS &&
	    token_lives(op, next->token))
		return next;
	remembered_forget(op->session);
	return NULL;
}
