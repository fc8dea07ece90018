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
	explicit_bzero(&ses->next, sizeof(ses->next));
}

bool
remembered_is_for(const struct auth_session *ses, uint8_t cmd)
{
	switch (ses->next.what) {
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
remember(struct auth_op *op, enum continuation what, uint32_t left)
{
	struct auth_remembered *next = &op->session->next;

	if (left == 0) {
		if (next->channel == op->channel)
			remembered_forget(op->session);
		return NULL;
	}
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
	struct auth_remembered *next = &op->session->next;

	if (next->channel != op->channel)
		return NULL;
	if (next->what == what && op->now_ms - next->last_ms <= CONTINUE_MS &&
	    token_lives(op, next->token))
		return next;
	remembered_forget(op->session);
	return NULL;
}
