/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinUvAuthTokens (CTAP 2.3, 6.5.2.1). A token is asked whether it is still
 * good whenever it is used; the sweep of engine.c wipes those that nobody
 * uses any more.
 */
#include "authenticator/engine/impl.h"

bool
token_protocol_known(const struct auth *au, uint64_t protocol)
{
	return protocol != 0 && (protocol == au->cfg.protocols[0] ||
	    protocol == au->cfg.protocols[1]);
}

struct pin_agreement *
key_agreement(struct auth *au, int protocol)
{
	struct pin_agreement **a = &au->agreement[protocol - 1];

	/* made when first asked for: most starts never need it */
	if (*a == NULL)
		*a = pin_agreement_new(au->cfg.random, au->cfg.random_arg);
	return *a;
}

void
key_agreement_renew(struct auth *au, int protocol)
{
	pin_agreement_free(au->agreement[protocol - 1]);
	au->agreement[protocol - 1] = NULL;
}

void
derive(const struct auth *au, const char *label, uint32_t generation,
    uint8_t out[static 32])
{
	uint8_t number[4] = { (uint8_t)(generation >> 24),
	    (uint8_t)(generation >> 16), (uint8_t)(generation >> 8),
	    (uint8_t)generation };

	/* without memory, a value that nothing will ever match */
	if (!pin_hmac(au->state.epoch, span_str(label),
	    span(number, sizeof(number)), out))
		auth_random(au, out, 32);
}

void
persistent_token(const struct auth *au, uint8_t out[static PIN_TOKEN_LEN])
{
	derive(au, "persistent token", au->state.ppuat_generation, out);
}

void
tokens_end(struct auth *au)
{
	for (size_t i = 0; i < HOSTS_MAX; i++) {
		struct auth_session *ses = &au->session[i];

		explicit_bzero(ses->token, sizeof(ses->token));
		if (ses->next.token != 0)
			remembered_forget(ses);
	}
}

void
tokens_reset(struct auth *au, struct auth_session *ses)
{
	for (int i = 0; i < PIN_PROTOCOL_MAX; i++) {
		memset(&ses->token[i], 0, sizeof(ses->token[i]));
		auth_random(au, ses->token[i].token, PIN_TOKEN_LEN);
	}
	if (ses->next.token != 0 && ses->next.token != TOKEN_PERSISTENT)
		remembered_forget(ses);
}

void
token_begin(struct auth *au, struct auth_op *op, int protocol,
    uint8_t permissions, const uint8_t *rp_id_hash, bool by_pin)
{
	struct auth_session *ses = session_open(au, op,
	    op->now_ms + TOKEN_FIRST_USE_MS);
	struct auth_token *t = &ses->token[protocol - 1];

	/* tok.6 */
	tokens_reset(au, ses);
	t->in_use = true;
	t->user_verified = true;
	t->user_present = !by_pin;
	t->by_pin = by_pin;
	t->permissions = permissions;
	t->begun_ms = op->now_ms;
	t->has_rp_id = rp_id_hash != NULL;
	if (rp_id_hash != NULL)
		memcpy(t->rp_id_hash, rp_id_hash, sizeof(t->rp_id_hash));
}

const uint8_t *
token_bytes(const struct auth_op *op, int protocol)
{
	return op->session->token[protocol - 1].token;
}

/* tok.1, tok.2 */
static uint64_t
token_end(const struct auth_token *t)
{
	return t->begun_ms + (t->used ? TOKEN_MAX_MS : TOKEN_FIRST_USE_MS);
}

/* stopUsing(), if its time is over. */
static bool
token_alive(struct auth_token *t, uint64_t now_ms)
{
	if (t->in_use && now_ms >= token_end(t))
		explicit_bzero(t, sizeof(*t));
	return t->in_use;
}

uint64_t
tokens_expire(struct auth_session *ses, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;

	for (int i = 0; i < PIN_PROTOCOL_MAX; i++)
		if (token_alive(&ses->token[i], now_ms) &&
		    token_end(&ses->token[i]) < next)
			next = token_end(&ses->token[i]);
	return next;
}

/* mc.11.1, ga.6.1: which token the RP may be served with. */
static bool
token_permits(const struct auth_token *t, uint8_t permission,
    const uint8_t rp_id_hash[static 32])
{
	if (!(t->permissions & permission) || !t->user_verified)
		return false;
	return !t->has_rp_id ||
	    memcmp(t->rp_id_hash, rp_id_hash, sizeof(t->rp_id_hash)) == 0;
}

enum ctap_status
token_check(struct auth_op *op, const struct ctap_auth *param,
    struct span client_data_hash, uint8_t permission)
{
	int protocol = (int)param->protocol.v;
	struct auth_token *t;

	if (op->session == NULL)
		return CTAP2_ERR_PIN_AUTH_INVALID;
	t = &op->session->token[protocol - 1];
	if (!token_alive(t, op->now_ms) ||
	    !pin_verify(protocol, t->token, client_data_hash, span(NULL, 0),
	    param->param))
		return CTAP2_ERR_PIN_AUTH_INVALID;
	if (!token_permits(t, permission, op->ga.rp_id_hash))
		return CTAP2_ERR_PIN_AUTH_INVALID;
	t->used = true;
	op->by_pin = t->by_pin;
	/* tok.5 */
	t->has_rp_id = true;
	memcpy(t->rp_id_hash, op->ga.rp_id_hash, sizeof(t->rp_id_hash));
	return CTAP2_OK;
}

enum ctap_status
token_authorize(const struct auth *au, struct auth_op *op,
    const struct ctap_auth *param, struct span a, struct span b,
    uint8_t permission)
{
	struct auth_token *t;
	int protocol;

	if (param->param.p == NULL)
		return CTAP2_ERR_PUAT_REQUIRED;
	if (!param->protocol.there)
		return CTAP2_ERR_MISSING_PARAMETER;
	if (!token_protocol_known(au, param->protocol.v))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (op->session == NULL)
		return CTAP2_ERR_PIN_AUTH_INVALID;
	protocol = (int)param->protocol.v;
	t = &op->session->token[protocol - 1];
	if (!token_alive(t, op->now_ms) ||
	    !pin_verify(protocol, t->token, a, b, param->param) ||
	    !(t->permissions & permission))
		return CTAP2_ERR_PIN_AUTH_INVALID;
	t->used = true;
	return CTAP2_OK;
}

bool
token_authorize_persistent(const struct auth *au,
    const struct ctap_auth *param, struct span a, struct span b)
{
	uint8_t token[PIN_TOKEN_LEN];
	bool ok;

	if (!au->state.ppuat_pcmr || param->param.p == NULL ||
	    !param->protocol.there ||
	    !token_protocol_known(au, param->protocol.v))
		return false;
	persistent_token(au, token);
	ok = pin_verify((int)param->protocol.v, token, a, b, param->param);
	explicit_bzero(token, sizeof(token));
	return ok;
}

const uint8_t *
token_rp_id_hash(const struct auth_op *op, int protocol)
{
	const struct auth_token *t;

	if (op->session == NULL)
		return NULL;
	t = &op->session->token[protocol - 1];
	return t->has_rp_id ? t->rp_id_hash : NULL;
}

bool
token_in_use(const struct auth_op *op, int protocol)
{
	return op->session != NULL &&
	    token_alive(&op->session->token[protocol - 1], op->now_ms);
}

/* tok.3 */
bool
token_present(const struct auth_op *op)
{
	for (int i = 0; op->session != NULL && i < PIN_PROTOCOL_MAX; i++) {
		const struct auth_token *t = &op->session->token[i];

		if (t->in_use && t->user_present &&
		    op->now_ms - t->begun_ms < TOKEN_PRESENCE_MS)
			return true;
	}
	return false;
}

/* tok.4: an lbw permission alone survives */
void
token_spend(struct auth_op *op)
{
	for (int i = 0; op->session != NULL && i < PIN_PROTOCOL_MAX; i++) {
		struct auth_token *t = &op->session->token[i];

		t->user_present = false;
		t->user_verified = false;
		t->permissions &= PERMISSION_LBW;
	}
}
