/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authenticatorClientPIN (CTAP 2.3, 6.5.5): key agreement, PIN, and tokens
 * by PIN or by built-in user verification.
 *
 *	pin_run      checks; spends a retry where a PIN is to be compared
 *	pin_compare  compares; the outcome goes to disk
 *	pin_provide  gives a new PIN to the key provider, if that has it
 *	pin_keep     a new PIN goes to disk
 *	uv_perform   verifies the user, for tokens by verification
 *	pin_done     answers
 */
#include "authenticator/engine/impl.h"

#include <errno.h>

/* What a subcommand has to bring; protocol first, where it is needed. */
enum needs {
	NEEDS_PROTOCOL = 0x01,
	NEEDS_PEER = 0x02,
	NEEDS_PARAM = 0x04,
	NEEDS_NEW_PIN = 0x08,
	NEEDS_PIN_HASH = 0x10,
	NEEDS_PERMISSIONS = 0x20,
};

struct subcommand {
	uint8_t	code;
	uint8_t	needs;
	uint64_t features;	/* it takes all of them */
	enum auth_want (*run)(struct auth *au, struct auth_op *op);
};

/* pin.1: mandatory parameters, then the protocol */
static enum ctap_status
check_needs(const struct auth *au, const struct ctap_client_pin *req,
    unsigned needs)
{
	bool missing = false;

	if (needs & NEEDS_PROTOCOL)
		missing |= !req->protocol.there;
	if (needs & NEEDS_PEER)
		missing |= !req->peer.there;
	if (needs & NEEDS_PARAM)
		missing |= req->auth_param.p == NULL;
	if (needs & NEEDS_NEW_PIN)
		missing |= req->new_pin_enc.p == NULL;
	if (needs & NEEDS_PIN_HASH)
		missing |= req->pin_hash_enc.p == NULL;
	if (needs & NEEDS_PERMISSIONS)
		missing |= !req->permissions.there;
	if (missing)
		return CTAP2_ERR_MISSING_PARAMETER;
	if ((needs & NEEDS_PROTOCOL) &&
	    !token_protocol_known(au, req->protocol.v))
		return CTAP1_ERR_INVALID_PARAMETER;
	return CTAP2_OK;
}

/* decapsulate(), into op->secret */
static enum ctap_status
agree(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	int protocol = (int)req->protocol.v;
	struct pin_agreement *a = key_agreement(au, protocol);

	if (a == NULL)
		return CTAP1_ERR_OTHER;
	if (!req->peer.valid || !pin_agreement_secret(a, protocol,
	    req->peer.x.p, req->peer.y.p, &op->secret))
		return CTAP1_ERR_INVALID_PARAMETER;
	return CTAP2_OK;
}

/* pin.01: getPINRetries */
static enum auth_want
pin_retries_reply(struct auth *au, struct auth_op *op)
{
	bool latched = au->pin_mismatches >= PIN_MISMATCHES_MAX;
	struct cbor_out out = reply_begin(au);

	(void)op;
	cbor_put_map(&out, latched ? 2 : 1);
	cbor_put_uint(&out, 0x03);
	cbor_put_uint(&out, pin_retries(au));
	if (latched) {
		cbor_put_uint(&out, 0x04);
		cbor_put_bool(&out, true);
	}
	return reply(au, &out);
}

/* pin.02: getKeyAgreement */
static enum auth_want
agreement_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);
	struct pin_agreement *a;
	uint8_t cose[COSE_KEY_MAX];
	size_t len;

	a = key_agreement(au, (int)op->req.pin.protocol.v);
	len = a != NULL ? pin_agreement_public(a, cose) : 0;
	if (len == 0)
		return fail(au, CTAP1_ERR_OTHER);
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x01);
	cbor_put_raw(&out, span(cose, len));
	return reply(au, &out);
}

/* pin.03: setPIN */
static enum auth_want
set_pin(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	enum ctap_status status;

	if (au->state.pin_set)
		return fail(au, CTAP2_ERR_PIN_AUTH_INVALID);
	status = agree(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	if (!pin_verify(op->secret.protocol, op->secret.key,
	    req->new_pin_enc, span(NULL, 0), req->auth_param))
		return fail(au, CTAP2_ERR_PIN_AUTH_INVALID);
	status = pin_take_new(au, op);
	return status == CTAP2_OK ? AUTH_NEXT : fail(au, status);
}

/* pin.04: changePIN, as far as the retry */
static enum auth_want
change_pin(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	enum ctap_status status = pin_usable(au);

	if (status == CTAP2_OK)
		status = agree(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	if (!pin_verify(op->secret.protocol, op->secret.key,
	    req->new_pin_enc, req->pin_hash_enc, req->auth_param))
		return fail(au, CTAP2_ERR_PIN_AUTH_INVALID);
	return pin_spend(au, op);
}

/*
 * What this key can grant, by verification or by PIN (6.5.5.7). A row that
 * needs nothing is always granted.
 */
static uint64_t
grantable(const struct auth *au, bool by_uv)
{
	uint64_t of_rp = PERMISSION_MC | PERMISSION_GA;
	uint64_t granted = 0;

	if (by_uv || !has(au, FEATURE_NO_MC_GA_WITH_PIN))
		granted |= of_rp;
	if (has(au, FEATURE_CRED_MGMT))
		granted |= PERMISSION_CM;
	if (has(au, by_uv ? FEATURE_UV_BIO_ENROLL : FEATURE_BIO_ENROLL))
		granted |= PERMISSION_BE;
	if (has(au, FEATURE_LARGE_BLOBS))
		granted |= PERMISSION_LBW;
	if (has(au, by_uv ? FEATURE_UV_ACFG : FEATURE_AUTHNR_CFG))
		granted |= PERMISSION_ACFG;
	if (has(au, FEATURE_PER_CRED_MGMT_RO))
		granted |= PERMISSION_PCMR;
	return granted;
}

/*
 * Permissions of features that this key lacks cannot be granted; undefined
 * bits are ignored. The persistent token stands alone.
 */
static enum ctap_status
check_permissions(const struct auth *au, struct ctap_client_pin *req,
    bool by_uv)
{
	uint64_t of_rp = PERMISSION_MC | PERMISSION_GA;
	uint64_t permissions = req->permissions.v &= PERMISSIONS;

	if (permissions == 0)
		return CTAP1_ERR_INVALID_PARAMETER;
	if ((permissions & of_rp) != 0 && req->rp_id.p == NULL)
		return CTAP2_ERR_MISSING_PARAMETER;
	if ((permissions & ~grantable(au, by_uv)) != 0)
		return CTAP2_ERR_UNAUTHORIZED_PERMISSION;
	if ((permissions & PERMISSION_PCMR) != 0 &&
	    permissions != PERMISSION_PCMR)
		return CTAP2_ERR_UNAUTHORIZED_PERMISSION;
	return CTAP2_OK;
}

/* pin.05: getPinToken, as far as the retry; it knows no permissions */
static enum auth_want
get_pin_token(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	enum ctap_status status;

	if (req->permissions.there || req->rp_id.p != NULL)
		return fail(au, CTAP1_ERR_INVALID_PARAMETER);
	status = pin_usable(au);
	if (status == CTAP2_OK)
		status = agree(au, op);
	return status == CTAP2_OK ? pin_spend(au, op) : fail(au, status);
}

/* pin.09: getPinUvAuthTokenUsingPinWithPermissions, as far as the retry */
static enum auth_want
get_token_by_pin(struct auth *au, struct auth_op *op)
{
	enum ctap_status status = check_permissions(au, &op->req.pin, false);

	if (status == CTAP2_OK)
		status = pin_usable(au);
	if (status == CTAP2_OK)
		status = agree(au, op);
	return status == CTAP2_OK ? pin_spend(au, op) : fail(au, status);
}

/*
 * pin.06: getPinUvAuthTokenUsingUvWithPermissions, as far as the user; its
 * steps are pin.06.1 to pin.06.5
 */
static enum auth_want
get_token_by_uv(struct auth *au, struct auth_op *op)
{
	struct ctap_client_pin *req = &op->req.pin;
	enum ctap_status status = check_permissions(au, req, true);

	if (status != CTAP2_OK)
		return fail(au, status);
	if (!uv_ready(au))
		return fail(au, CTAP2_ERR_NOT_ALLOWED);
	if (uv_retries(au) == 0)
		return fail(au, CTAP2_ERR_UV_BLOCKED);
	status = agree(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	uv_want(op, REASON_TOKEN, req->rp_id, span(NULL, 0));
	return AUTH_NEXT;
}

/* pin.07: getUVRetries; Chromium asks before it trusts verification */
static enum auth_want
uv_retries_reply(struct auth *au, struct auth_op *op)
{
	struct cbor_out out = reply_begin(au);

	(void)op;
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x05);
	cbor_put_uint(&out, uv_retries(au));
	return reply(au, &out);
}

#define BY_PIN		FEATURE_CLIENT_PIN
#define NEW_TOKENS	FEATURE_PIN_UV_AUTH_TOKEN

static const struct subcommand subcommands[] = {
	{ 0x01, 0, BY_PIN, pin_retries_reply },
	{ 0x02, NEEDS_PROTOCOL, 0, agreement_reply },
	{ 0x03, NEEDS_PROTOCOL | NEEDS_PEER | NEEDS_PARAM | NEEDS_NEW_PIN,
	    BY_PIN, set_pin },
	{ 0x04, NEEDS_PROTOCOL | NEEDS_PEER | NEEDS_PARAM | NEEDS_NEW_PIN |
	    NEEDS_PIN_HASH, BY_PIN, change_pin },
	{ 0x05, NEEDS_PROTOCOL | NEEDS_PEER | NEEDS_PIN_HASH, BY_PIN,
	    get_pin_token },
	{ 0x06, NEEDS_PROTOCOL | NEEDS_PEER | NEEDS_PERMISSIONS,
	    FEATURE_UV | NEW_TOKENS, get_token_by_uv },
	{ 0x07, 0, FEATURE_UV, uv_retries_reply },
	{ 0x09, NEEDS_PROTOCOL | NEEDS_PEER | NEEDS_PIN_HASH |
	    NEEDS_PERMISSIONS, BY_PIN | NEW_TOKENS, get_token_by_pin },
};

enum auth_want
pin_run(struct auth *au, struct auth_op *op)
{
	size_t n = sizeof(subcommands) / sizeof(subcommands[0]);
	const struct subcommand *s = subcommands;
	enum ctap_status status;

	while (n > 0 && s->code != op->req.pin.subcommand)
		s++, n--;
	/* pin.0 */
	if (n == 0 || (s->features & ~au->features) != 0)
		return fail(au, CTAP2_ERR_INVALID_SUBCOMMAND);
	status = check_needs(au, &op->req.pin, s->needs);
	if (status != CTAP2_OK)
		return fail(au, status);
	return s->run(au, op);
}

/* What is granted, with the outcome of the comparison, in one commit. */
static enum ctap_status
after_match(struct auth *au, struct auth_op *op)
{
	switch (op->req.pin.subcommand) {
	case 0x04:
		return pin_take_new(au, op);
	case 0x05:
		return au->state.force_pin_change ? CTAP2_ERR_PIN_INVALID :
		    CTAP2_OK;
	case 0x09:
		return au->state.force_pin_change ?
		    CTAP2_ERR_PIN_POLICY_VIOLATION : CTAP2_OK;
	default:
		return CTAP1_ERR_OTHER;
	}
}

/*
 * A PIN that is compared gets a new one beside it: in the commit of the
 * outcome, or by the key provider after that. Then what is on disk has to be
 * true of both, whichever it will be after a loss of power: a length that is
 * not above that of either, and no token that only the old one may have.
 */
static void
begin_change(struct auth *au, struct auth_op *op)
{
	/* changePIN ends every token that the old PIN gave */
	op->state.ppuat_generation++;
	op->state.ppuat_pcmr = false;
	if (au->cfg.pin_in_keys) {
		if (op->new_length < op->state.pin_length)
			op->state.pin_length = op->new_length;
		return;
	}
	pin_put_new(au, op);
	op->pin_new = false;
}

/*
 * Whether the comparison has to go to disk. A retry that was spent there has
 * to come back; a key provider has seen to that, and most of the time there
 * is nothing else.
 */
static bool
has_outcome(const struct auth *au, const struct auth_op *op)
{
	const struct auth_state *a = &au->state, *b = &op->state;

	return !au->cfg.pin_in_keys || a->pin_failures != b->pin_failures ||
	    a->uv_failures != b->uv_failures ||
	    a->ppuat_pcmr != b->ppuat_pcmr ||
	    a->ppuat_generation != b->ppuat_generation;
}

/* pin.04, pin.05, pin.09: the retry is spent; compare */
enum auth_want
pin_compare(struct auth *au, struct auth_op *op)
{
	enum ctap_status status;

	if (!op->pin_spent)
		return AUTH_NEXT;
	status = pin_compare_hash(au, op);
	if (status != CTAP2_OK)
		return fail(au, status);
	op->status = after_match(au, op);
	if (op->pin_new)
		begin_change(au, op);
	if (op->req.pin.subcommand == 0x09 &&
	    op->req.pin.permissions.v == PERMISSION_PCMR &&
	    op->status == CTAP2_OK)
		op->state.ppuat_pcmr = true;
	if (!has_outcome(au, op))
		return AUTH_NEXT;
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

/* pin.12 */
enum auth_want
pin_provide(struct auth *au, struct auth_op *op)
{
	if (!op->pin_new || !au->cfg.pin_in_keys)
		return AUTH_NEXT;
	op->key.data[0] = span(op->new_hash, PIN_HASH_LEN);
	op->key.data[1] = span(NULL, 0);
	if (au->state.pin_set)
		op->key.data[1] = span(op->pin_hash, PIN_HASH_LEN);
	return ask_key(au, op, KEY_PIN_SET);
}

/*
 * The key provider has another PIN than was said (-EACCES), or none. If none
 * was said, it has one of which its answer never came; whoever knows that may
 * go on with it.
 */
static enum auth_want
not_provided(struct auth *au, struct auth_op *op)
{
	if (op->key.result == -EACCES)
		au->state.pin_failures = op->key.pin_failures;
	if (au->state.pin_set)
		return fail(au, CTAP1_ERR_OTHER);
	au->state.pin_set = true;
	au->state.pin_length = PIN_MIN_LENGTH;
	return fail(au, CTAP2_ERR_PIN_AUTH_INVALID);
}

/* pin.03, pin.12 */
enum auth_want
pin_keep(struct auth *au, struct auth_op *op)
{
	if (!op->pin_new)
		return AUTH_NEXT;
	if (au->cfg.pin_in_keys && op->key.result != 0)
		return not_provided(au, op);
	op->state = au->state;
	pin_put_new(au, op);
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

/* A persistent token by verification has yet to be given its permission. */
enum auth_want
pin_grant(struct auth *au, struct auth_op *op)
{
	if (op->req.pin.subcommand != 0x06 || au->state.ppuat_pcmr ||
	    op->req.pin.permissions.v != PERMISSION_PCMR)
		return AUTH_NEXT;
	op->state = au->state;
	op->state.ppuat_pcmr = true;
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

static enum auth_want
token_reply(struct auth *au, struct auth_op *op, const uint8_t *token)
{
	struct cbor_out out = reply_begin(au);
	uint8_t sealed[PIN_IV_LEN + PIN_TOKEN_LEN], iv[PIN_IV_LEN];
	size_t len;

	auth_random(au, iv, sizeof(iv));
	len = pin_encrypt(&op->secret, iv, token, PIN_TOKEN_LEN, sealed);
	if (len == 0)
		return fail(au, CTAP1_ERR_OTHER);
	cbor_put_map(&out, 1);
	cbor_put_uint(&out, 0x02);
	cbor_put_bytes(&out, span(sealed, len));
	return reply(au, &out);
}

/*
 * pin.05: what a token may do whose request names nothing. cm.13: on a key
 * of the time before permissions, it is the only one that there is.
 */
static uint8_t
default_permissions(const struct auth *au)
{
	uint8_t permissions = grantable(au, false) &
	    (PERMISSION_MC | PERMISSION_GA);

	if (has(au, FEATURE_CRED_MGMT_PREVIEW) &&
	    !has(au, FEATURE_PIN_UV_AUTH_TOKEN))
		permissions |= PERMISSION_CM;
	return permissions;
}

/* pin.05, pin.06.6, pin.09: the token */
static enum auth_want
give_token(struct auth *au, struct auth_op *op)
{
	const struct ctap_client_pin *req = &op->req.pin;
	uint8_t permissions = req->permissions.there ?
	    (uint8_t)req->permissions.v : default_permissions(au);
	uint8_t rp_id_hash[32], persistent[PIN_TOKEN_LEN];
	enum auth_want want;

	if (permissions == PERMISSION_PCMR) {
		persistent_token(au, persistent);
		want = token_reply(au, op, persistent);
		explicit_bzero(persistent, sizeof(persistent));
		return want;
	}
	if (!auth_sha256(au, req->rp_id, rp_id_hash))
		return fail(au, CTAP1_ERR_OTHER);
	token_begin(au, op, op->secret.protocol, permissions,
	    req->rp_id.p != NULL ? rp_id_hash : NULL,
	    req->subcommand != 0x06);
	want = token_reply(au, op, token_bytes(op, op->secret.protocol));
	/* a token that nobody got is not in use */
	if (au->work->reply[0] != CTAP2_OK)
		tokens_reset(au, op->session);
	return want;
}

enum auth_want
pin_done(struct auth *au, struct auth_op *op)
{
	if (op->status != CTAP2_OK)
		return fail(au, op->status);
	switch (op->req.pin.subcommand) {
	case 0x04:
		tokens_end(au);
		return reply_empty(au);
	case 0x03:
		return reply_empty(au);
	default:
		return give_token(au, op);
	}
}
