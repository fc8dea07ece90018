/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of one thought: authenticatorReset (CTAP 2.3, 6.6),
 * authenticatorSelection (6.9).
 */
#include "authenticator/engine/impl.h"

/* sel.1 */
enum auth_want
sel_ask(struct auth *au, struct auth_op *op)
{
	(void)au;
	return ask_user(op, PROMPT_PRESENCE, REASON_SELECT, span(NULL, 0),
	    span(NULL, 0));
}

enum auth_want
sel_reply(struct auth *au, struct auth_op *op)
{
	(void)op;
	return reply_empty(au);
}

/* rst.1: only shortly after power-up, and only by hand */
enum auth_want
rst_check(struct auth *au, struct auth_op *op)
{
	unsigned by = au->cfg.transports_for_reset;
	enum auth_want want;

	if (by != 0 && !(by & TRANSPORT_USB))
		return fail(au, CTAP2_ERR_NOT_ALLOWED);
	if (op->now_ms - au->powered_ms > RESET_WINDOW_MS)
		return fail(au, CTAP2_ERR_NOT_ALLOWED);
	/* rst.2 */
	want = ask_user(op, PROMPT_PRESENCE, REASON_RESET, span(NULL, 0),
	    span(NULL, 0));
	/* rst.4: so that nobody resets it by brushing against it */
	op->prompt.long_touch = has(au, FEATURE_LONG_TOUCH) &&
	    au->state.long_touch;
	return want;
}

/*
 * rst.3: a new epoch destroys the keys that live in credential IDs, the
 * store forgets the rest. The signature counter goes on, so that no relying
 * party ever sees it fall.
 */
enum auth_want
rst_commit(struct auth *au, struct auth_op *op)
{
	const struct auth_state *s = &au->state;

	op->kept = (struct kept_pin){ .set = s->pin_set,
	    .force_change = s->force_pin_change, .length = s->pin_length,
	    .failures = s->pin_failures };
	op->state = auth_state_after_reset(s);
	auth_random(au, op->state.epoch, sizeof(op->state.epoch));
	op->change = (struct auth_change){
		.reset = true,
		.state = &op->state,
	};
	return ask_commit(op);
}

/*
 * rst.5: a PIN that the key provider has outlives the credentials, so that
 * nobody gets at them by taking it away. Until the provider has forgotten it,
 * it is there, whatever the disk says.
 */
enum auth_want
rst_clear(struct auth *au, struct auth_op *op)
{
	struct auth_state *s = &au->state;

	sessions_wipe(au);
	if (!au->cfg.pin_in_keys)
		return AUTH_NEXT;
	s->pin_set = op->kept.set;
	s->force_pin_change = op->kept.force_change;
	s->pin_length = op->kept.length;
	s->pin_failures = op->kept.failures;
	/* one that we do not know of is forgotten, too */
	return ask_key(au, op, KEY_PIN_CLEAR);
}

enum auth_want
rst_reply(struct auth *au, struct auth_op *op)
{
	/* the state that was committed: without a PIN */
	au->state = op->state;
	au->pin_mismatches = 0;
	return reply_empty(au);
}
