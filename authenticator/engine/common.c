/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/engine/impl.h"

/* The attestation key does not belong to any epoch: reset keeps it. */
static const uint8_t no_epoch[KEY_EPOCH_LEN];

#define META_VERSION		1
#define META_LEN		3	/* version, protect, flags */
#define META_HMAC		0x01
#define META_STORED		0x02
#define META_PAYMENT		0x04
#define META_BACKUP_ELIGIBLE	0x08
#define META_BACKED_UP		0x10
#define META_FLAGS		0x1f

/* mc.1, ga.1: of a key without tokens it is a parameter like any other */
static bool
is_blink(const struct auth *au, const struct ctap_auth *param)
{
	return param->param.p != NULL && param->param.len == 0 &&
	    has(au, FEATURE_CLIENT_PIN | FEATURE_PIN_UV_AUTH_TOKEN);
}

/*
 * mc.1, ga.1: an empty pinUvAuthParam asks the user to pick this key by a
 * touch; what the host learns then is in check_auth_protocol().
 */
enum auth_want
ask_blink(const struct auth *au, struct auth_op *op,
    const struct ctap_auth *param)
{
	if (!is_blink(au, param))
		return AUTH_NEXT;
	return ask_user(op, PROMPT_PRESENCE, REASON_SELECT, span(NULL, 0),
	    span(NULL, 0));
}

enum ctap_status
check_auth_protocol(const struct auth *au, const struct ctap_auth *param)
{
	if (param->param.p == NULL)
		return CTAP2_OK;
	/* mc.1, ga.1: touched */
	if (is_blink(au, param))
		return au->state.pin_set ? CTAP2_ERR_PIN_INVALID :
		    CTAP2_ERR_PIN_NOT_SET;
	/* mc.2, ga.2 */
	if (!param->protocol.there)
		return CTAP2_ERR_MISSING_PARAMETER;
	if (!token_protocol_known(au, param->protocol.v))
		return CTAP1_ERR_INVALID_PARAMETER;
	return CTAP2_OK;
}

uint8_t
backup_flags(const struct credential *cred)
{
	return (cred->backup_eligible ? AUTHDATA_BE : 0) |
	    (cred->backup_eligible && cred->backup_state ? AUTHDATA_BS : 0);
}

/* keep.1, cnt.2 */
void
cred_begin(const struct auth *au, struct auth_op *op)
{
	op->stored = op->cred.discoverable || au->cfg.keep_all;
	if (op->stored && au->cfg.counter == COUNTER_CREDENTIAL)
		op->cred.counting = COUNT_ITSELF;
}

/* cnt.1 */
static enum cred_counting
counting_of(const struct auth *au, const struct credential *cred)
{
	return au->cfg.counter == COUNTER_ZERO ? COUNT_NOTHING :
	    (enum cred_counting)cred->counting;
}

uint32_t
first_counter(const struct auth *au, const struct credential *cred)
{
	return counting_of(au, cred) == COUNT_WITH_KEY ? au->counter : 0;
}

/* A counter at its end stays there: it never goes back to zero. */
static uint32_t
after(uint32_t counter)
{
	return counter < UINT32_MAX ? counter + 1 : UINT32_MAX;
}

/* cnt.1 to cnt.3 */
void
count_assertion(const struct auth *au, struct auth_op *op)
{
	op->counting = counting_of(au, &op->cred);
	switch (op->counting) {
	case COUNT_WITH_KEY:
		op->counter = after(au->counter);
		break;
	case COUNT_ITSELF:
		op->counter = after(op->cred.counter);
		break;
	case COUNT_NOTHING:
		op->counter = 0;
		break;
	}
}

void
count_done(struct auth *au, const struct auth_op *op)
{
	if (op->counting == COUNT_WITH_KEY)
		au->counter = op->counter;
}

void
sign_with_attestation(struct auth_op *op, const struct auth_attestation *att)
{
	op->key.blob = att->blob;
	op->key.bound = span_str(AUTH_ATTESTATION_BOUND);
	op->key.epoch = span(no_epoch, sizeof(no_epoch));
}

void
cred_keep_key(struct auth_op *op)
{
	struct credential *cred = &op->cred;

	cred->alg = op->key.alg;
	memcpy(cred->rp_id_hash, op->ga.rp_id_hash, sizeof(cred->rp_id_hash));
	memcpy(cred->blob, op->key.out_blob, op->key.out_blob_len);
	cred->blob_len = (uint16_t)op->key.out_blob_len;
	memcpy(cred->pub, op->key.out_pub, op->key.out_pub_len);
	cred->pub_len = (uint16_t)op->key.out_pub_len;
}

void
cred_name(const struct auth *au, struct auth_op *op)
{
	struct credential *cred = &op->cred;

	if (op->stored) {
		auth_random(au, cred->id, CREDENTIAL_ID_STORED);
		cred->id_len = CREDENTIAL_ID_STORED;
		return;
	}
	memcpy(cred->id, cred->blob, cred->blob_len);
	cred->id_len = cred->blob_len;
}

size_t
meta_encode(const struct credential *cred, bool stored,
    uint8_t out[static KEY_META_MAX])
{
	out[0] = META_VERSION;
	out[1] = cred->protect;
	out[2] = (cred->hmac_secret ? META_HMAC : 0) |
	    (stored ? META_STORED : 0) |
	    (cred->third_party_payment ? META_PAYMENT : 0) |
	    (cred->backup_eligible ? META_BACKUP_ELIGIBLE : 0) |
	    (cred->backup_state ? META_BACKED_UP : 0);
	return META_LEN;
}

size_t
auth_stored_meta(const struct credential *cred,
    uint8_t out[static KEY_META_MAX])
{
	return meta_encode(cred, true, out);
}

static bool
meta_decode(struct span meta, struct credential *cred)
{
	if (meta.len != META_LEN || meta.p[0] != META_VERSION)
		return false;
	if (meta.p[1] < PROTECT_OPTIONAL || meta.p[1] > PROTECT_REQUIRED)
		return false;
	if ((meta.p[2] & ~META_FLAGS) != 0)
		return false;
	cred->protect = meta.p[1];
	/* that one lives in the store, or is gone: its key is no ID */
	if (meta.p[2] & META_STORED)
		return false;
	cred->hmac_secret = (meta.p[2] & META_HMAC) != 0;
	/* tpp.1 */
	cred->third_party_payment = (meta.p[2] & META_PAYMENT) != 0;
	/* bk.1 */
	cred->backup_eligible = (meta.p[2] & META_BACKUP_ELIGIBLE) != 0;
	cred->backup_state = (meta.p[2] & META_BACKED_UP) != 0;
	return cred->backup_eligible || !cred->backup_state;
}

void
put_descriptor(struct cbor_out *out, const struct credential *cred)
{
	cbor_put_map(out, 2);
	cbor_put_str(out, "id");
	cbor_put_bytes(out, span(cred->id, cred->id_len));
	cbor_put_str(out, "type");
	cbor_put_str(out, CREDENTIAL_TYPE);
}

void
put_user(struct cbor_out *out, const struct user_entity *user, bool names)
{
	bool name = names && user->name.len > 0;
	bool display = names && user->display_name.len > 0;

	cbor_put_map(out, 1 + name + display);
	cbor_put_str(out, "id");
	cbor_put_bytes(out, span(user->id, user->id_len));
	if (name) {
		cbor_put_str(out, "name");
		cbor_put_text(out, span(user->name.s, user->name.len));
	}
	if (display) {
		cbor_put_str(out, "displayName");
		cbor_put_text(out, span(user->display_name.s,
		    user->display_name.len));
	}
}

/*
 * imp.1: an ID as long as those that we make for rows, or no longer than a key
 * can be, is one of a row. Any other one holds its key, or came from elsewhere
 * with its credential, and then has a row as well.
 */
static bool
can_hold_key(struct span id)
{
	return id.len > CREDENTIAL_ID_STORED && id.len <= KEY_BLOB_MAX;
}

void
set_candidate(struct auth_op *op, struct span id)
{
	op->candidate = id;
	op->as_key = can_hold_key(id);
}

bool
retry_candidate(struct auth_op *op)
{
	bool again = op->as_key;

	op->as_key = false;
	return again;
}

bool
next_candidate(struct auth_op *op)
{
	struct ctap_descriptor d;

	if (retry_candidate(op))
		return true;
	while (ctap_next_descriptor(&op->list, &d)) {
		if (!span_eq(d.type, span_str(CREDENTIAL_TYPE)))
			continue;
		if (d.id.len == 0 || d.id.len > CREDENTIAL_ID_MAX)
			continue;
		set_candidate(op, d.id);
		return true;
	}
	op->candidate = span(NULL, 0);
	return false;
}

enum auth_want
ask_candidate(struct auth *au, struct auth_op *op, uint8_t protect_max)
{
	if (!op->as_key) {
		op->lookup.id = op->candidate;
		op->lookup.protect_max = protect_max;
		op->lookup.cred = &op->cred;
		return ask_lookup(op, LOOKUP_ID);
	}
	op->key.blob = op->candidate;
	op->key.bound = span(op->ga.rp_id_hash, sizeof(op->ga.rp_id_hash));
	return ask_key(au, op, KEY_OPEN);
}

static bool
cred_from_blob(struct auth_op *op)
{
	struct credential *cred = &op->cred;

	if (op->key.result != 0)
		return false;
	memset(cred, 0, sizeof(*cred));
	if (!meta_decode(span(op->key.out_meta, op->key.out_meta_len), cred))
		return false;
	memcpy(cred->rp_id_hash, op->ga.rp_id_hash,
	    sizeof(cred->rp_id_hash));
	memcpy(cred->id, op->candidate.p, op->candidate.len);
	cred->id_len = (uint16_t)op->candidate.len;
	memcpy(cred->blob, op->candidate.p, op->candidate.len);
	cred->blob_len = (uint16_t)op->candidate.len;
	cred->alg = op->key.alg;
	return true;
}

bool
found_candidate(struct auth_op *op)
{
	if (op->candidate.p == NULL)
		return false;
	return op->as_key ? cred_from_blob(op) : op->lookup.found;
}
