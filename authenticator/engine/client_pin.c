/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorClientPIN (CTAP 2.3, 6.5.5): the key agreement, and tokens
 * by built-in user verification. There is no PIN, so the sub-commands that
 * deal with one do not exist (INVALID_SUBCOMMAND).
 */
#include "authenticator/engine/impl.h"

enum subcommand {
	GET_KEY_AGREEMENT = 0x02,
	GET_TOKEN_USING_UV = 0x06,
	GET_UV_RETRIES = 0x07,
};

#define UV_RETRIES	8	/* 1 to 25; whoever verifies the user counts */

static enum ctap_status
check_protocol(const struct ctap_client_pin *req)
{
	if (!req->protocol.there)
		return CTAP2_ERR_MISSING_PARAMETER;
	if (!token_protocol_known(req->protocol.v))
		return CTAP1_ERR_INVALID_PARAMETER;
	return CTAP2_OK;
}

/* pin.02: getKeyAgreement */
static enum auth_want
agreement_reply(struct auth *au, const struct ctap_client_pin *req)
{
	enum ctap_status status = check_protocol(req);
	struct cbor_out out = reply_begin(au);
	struct pin_agreement *a;
	uint8_t cose[COSE_KEY_MAX];
	size_t len;

	if (status != CTAP2_OK)
		return fail(au, status);
	a = key_agreement(au, (int)req->protocol.v);
	len = a != NULL ? pin_agreement_public(a, cose) : 0;
	if (len == 0)
		return fail(au, CTAP1_ERR_OTHER);
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x01);
	cbor_put_raw(&out, span(cose, len));
	return reply(au, &out);
}

/*
 * pin.07: getUVRetries. Chromium asks before it trusts built-in verification.
 * Attempts are the verification provider's to count and to stop, so here the
 * number never falls.
 */
static enum auth_want
uv_retries(struct auth *au)
{
	struct cbor_out out = reply_begin(au);

	if (!au->cfg.uv)
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x05);
	cbor_put_uint(&out, UV_RETRIES);
	return reply(au, &out);
}

/*
 * pin.06.1 to pin.06.4: what is there, which protocol, and whether what is
 * asked for can be granted. Undefined bits are ignored; those of features
 * that this key lacks are not.
 */
static enum ctap_status
check_token_request(const struct auth *au, const struct ctap_client_pin *req)
{
	uint64_t denied = PERMISSION_CM | PERMISSION_BE | PERMISSION_LBW |
	    PERMISSION_ACFG | PERMISSION_PCMR;
	uint64_t of_rp = PERMISSION_MC | PERMISSION_GA;
	uint64_t permissions = req->permissions.v;

	if (!req->protocol.there || !req->peer.there ||
	    !req->permissions.there)
		return CTAP2_ERR_MISSING_PARAMETER;
	if (!token_protocol_known(req->protocol.v))
		return CTAP1_ERR_INVALID_PARAMETER;
	if (permissions == 0)
		return CTAP1_ERR_INVALID_PARAMETER;
	if ((permissions & of_rp) != 0 && req->rp_id.p == NULL)
		return CTAP2_ERR_MISSING_PARAMETER;
	if ((permissions & denied) != 0)
		return CTAP2_ERR_UNAUTHORIZED_PERMISSION;
	if (!au->cfg.uv)
		return CTAP2_ERR_NOT_ALLOWED;
	return CTAP2_OK;
}

/* pin.06.5: decapsulate, then ask the user */
static enum auth_want
ask_token(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	enum ctap_status status = check_token_request(au, req);
	int protocol = (int)req->protocol.v;
	struct pin_agreement *a;

	if (status != CTAP2_OK)
		return fail(au, status);
	a = key_agreement(au, protocol);
	if (a == NULL)
		return fail(au, CTAP1_ERR_OTHER);
	if (!req->peer.valid || !pin_agreement_secret(a, protocol,
	    req->peer.x.p, req->peer.y.p, &op->secret))
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	return ask_user(op, PROMPT_VERIFICATION, REASON_TOKEN, req->rp_id,
	    span(NULL, 0));
}

enum auth_want
pin_run(struct auth *au, struct auth_op *op)
{
	switch (op->req.pin.subcommand) {
	case GET_KEY_AGREEMENT:
		return agreement_reply(au, &op->req.pin);
	case GET_TOKEN_USING_UV:
		return ask_token(au, op);
	case GET_UV_RETRIES:
		return uv_retries(au);
	default:
		/* pin.0 */
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	}
}

/* pin.06.6: verified, by a gesture that shows presence */
enum auth_want
pin_token(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	struct cbor_out out = reply_begin(au);
	uint8_t sealed[PIN_IV_LEN + PIN_TOKEN_LEN], iv[PIN_IV_LEN];
	uint8_t rp_id_hash[32];
	size_t len;

	if (!auth_sha256(au, req->rp_id, rp_id_hash))
		return fail(au, CTAP1_ERR_OTHER);
	token_begin(au, op, op->secret.protocol,
	    (uint8_t)req->permissions.v,
	    req->rp_id.p != NULL ? rp_id_hash : NULL, true);
	auth_random(au, iv, sizeof(iv));
	len = pin_encrypt(&op->secret, iv,
	    token_bytes(op, op->secret.protocol), PIN_TOKEN_LEN, sealed);
	if (len == 0) {
		tokens_reset(au, op->session);
		return fail(au, CTAP1_ERR_OTHER);
	}
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x02);
	cbor_put_bytes(&out, span(sealed, len));
	return reply(au, &out);
}
