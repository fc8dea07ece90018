/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PIN, retries and built-in user verification (CTAP 2.3, 6.5.1, 6.5.3,
 * 6.5.5). A retry is spent on disk before anything is compared, so that
 * cutting the power at the right moment never gives one back. A key provider
 * that has the PIN does both by itself (KEY_PIN_CHECK), and its count is the
 * one that counts: au->state follows it, on disk whenever it is next written.
 */
#include "authenticator/engine/impl.h"

#include <openssl/crypto.h>

unsigned
pin_retries(const struct auth *au)
{
	return au->state.pin_failures < PIN_RETRIES ?
	    PIN_RETRIES - au->state.pin_failures : 0;
}

/* One that was set when this was another kind of key does not count. */
static bool
pin_counts(const struct auth *au)
{
	return has(au, FEATURE_CLIENT_PIN) && au->state.pin_set;
}

/* 6.5.3.1: who has no PIN retries left has none of these either */
unsigned
uv_retries(const struct auth *au)
{
	if (pin_counts(au) && pin_retries(au) == 0)
		return 0;
	return au->state.uv_failures < UV_RETRIES ?
	    UV_RETRIES - au->state.uv_failures : 0;
}

unsigned
pin_min_length(const struct auth *au)
{
	return au->state.min_pin_length > au->cfg.min_pin_length ?
	    au->state.min_pin_length : au->cfg.min_pin_length;
}

unsigned
pin_max_length(const struct auth *au)
{
	unsigned min = pin_min_length(au);

	/* there is always a length that a PIN can have */
	return au->cfg.max_pin_length > min ? au->cfg.max_pin_length : min;
}

/* bio.11 */
bool
uv_ready(const struct auth *au)
{
	if (has(au, FEATURE_BIO_ENROLL))
		return au->state.bio_count > 0;
	return has(au, FEATURE_UV_READY);
}

/* "Protected by some form of user verification", 6.1.2 */
bool
is_protected(const struct auth *au)
{
	return pin_counts(au) || uv_ready(au);
}

bool
always_uv(const struct auth *au)
{
	return has(au, FEATURE_ALWAYS_UV) &&
	    au->cfg.always_uv != au->state.always_uv_toggled;
}

/* What a host is told that has to bring a token, if a PIN can give one. */
enum ctap_status
token_required(const struct auth *au)
{
	return has(au, FEATURE_CLIENT_PIN) &&
	    !has(au, FEATURE_NO_MC_GA_WITH_PIN) ?
	    CTAP2_ERR_PUAT_REQUIRED : CTAP2_ERR_OPERATION_DENIED;
}

/* pin.11: before a retry is spent, in the order of the standard */
enum ctap_status
pin_usable(const struct auth *au)
{
	if (!au->state.pin_set)
		return CTAP2_ERR_PIN_NOT_SET;
	if (pin_retries(au) == 0)
		return CTAP2_ERR_PIN_BLOCKED;
	if (au->pin_mismatches >= PIN_MISMATCHES_MAX)
		return CTAP2_ERR_PIN_AUTH_BLOCKED;
	return CTAP2_OK;
}

/* What pinHashEnc holds, into op->pin_hash; false: that is no hash. */
static bool
take_pin_hash(struct auth_op *op)
{
	uint8_t hash[PIN_HASH_LEN + 16];
	size_t len = 0;
	bool good;

	good = pin_decrypt(&op->secret, op->req.pin.pin_hash_enc, hash,
	    sizeof(hash), &len) && len == PIN_HASH_LEN;
	if (good)
		memcpy(op->pin_hash, hash, PIN_HASH_LEN);
	explicit_bzero(hash, sizeof(hash));
	return good;
}

bool
pin_is_asked(const struct auth_op *op)
{
	return op->want == AUTH_KEY && (op->key.verb == KEY_PIN_CHECK ||
	    op->key.verb == KEY_PIN_SET || op->key.verb == KEY_PIN_CLEAR);
}

enum auth_want
pin_spend(struct auth *au, struct auth_op *op)
{
	op->pin_spent = true;
	if (au->cfg.pin_in_keys) {
		/* pin.12: what is no hash is a wrong PIN like any other */
		if (!take_pin_hash(op))
			auth_random(au, op->pin_hash, PIN_HASH_LEN);
		op->key.data[0] = span(op->pin_hash, PIN_HASH_LEN);
		return ask_key(au, op, KEY_PIN_CHECK);
	}
	op->state = au->state;
	op->state.pin_failures++;
	op->change = (struct auth_change){ .state = &op->state };
	return ask_commit(op);
}

/* pin.12 */
static bool
is_pin(struct auth *au, struct auth_op *op)
{
	if (!au->cfg.pin_in_keys)
		return take_pin_hash(op) && CRYPTO_memcmp(op->pin_hash,
		    au->state.pin_hash, PIN_HASH_LEN) == 0;
	if (op->key.result != 0)
		au->state.pin_failures = op->key.pin_failures;
	return op->key.result == 0;
}

/*
 * Compares what pinHashEnc holds with the PIN, whose retry has been spent.
 * Not equal: a fresh key agreement key, so that the next guess costs a new
 * agreement, and the status that the count of failures demands. Equal: the
 * counters, uv.4 included, are back in op->state, to be committed.
 */
enum ctap_status
pin_compare_hash(struct auth *au, struct auth_op *op)
{
	bool same = is_pin(au, op);

	op->state = au->state;
	if (same) {
		au->pin_mismatches = 0;
		op->state.pin_failures = 0;
		op->state.uv_failures = 0;
		return CTAP2_OK;
	}
	key_agreement_renew(au, op->secret.protocol);
	au->pin_mismatches++;
	if (pin_retries(au) == 0)
		return CTAP2_ERR_PIN_BLOCKED;
	return au->pin_mismatches >= PIN_MISMATCHES_MAX ?
	    CTAP2_ERR_PIN_AUTH_BLOCKED : CTAP2_ERR_PIN_INVALID;
}

/* Code points of s, 0 if it is not UTF-8. */
static size_t
code_points(struct span s)
{
	size_t n = 0;

	if (cbor_utf8_cut(s, s.len) != s.len)
		return 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

/* Takes the first code point off s, which is UTF-8 and not empty. */
static uint32_t
take_code_point(struct span *s)
{
	size_t len = 1;
	uint32_t c = s->p[0];

	while (len < s->len && (s->p[len] & 0xc0) == 0x80)
		c = c << 6 | (s->p[len++] & 0x3f);
	*s = span(s->p + len, s->len - len);
	/* the marks of the first byte that went up with its bits */
	return len == 1 ? c : c & ((UINT32_C(1) << (5 * len + 1)) - 1);
}

/*
 * What a PIN must have while the complexity policy is on: more than one
 * different code point, and not a run like 1234 or 4321.
 */
static bool
is_complex(struct span pin)
{
	bool same = true, up = true, down = true;
	uint32_t c, before = take_code_point(&pin);

	while (pin.len > 0) {
		c = take_code_point(&pin);
		same = same && c == before;
		up = up && c == before + 1;
		down = down && c + 1 == before;
		before = c;
	}
	return !same && !up && !down;
}

static enum ctap_status
check_new_pin(const struct auth *au, struct span pin)
{
	size_t points = code_points(pin);

	if (points < pin_min_length(au) || points > pin_max_length(au))
		return CTAP2_ERR_PIN_POLICY_VIOLATION;
	if (au->state.pin_complexity && !is_complex(pin))
		return CTAP2_ERR_PIN_POLICY_VIOLATION;
	return CTAP2_OK;
}

enum ctap_status
auth_check_pin(const struct auth *au, struct span pin, uint8_t *points)
{
	enum ctap_status status = CTAP2_ERR_PIN_POLICY_VIOLATION;

	if (pin.len <= PIN_BYTES_MAX && cbor_utf8_cut(pin, pin.len) == pin.len)
		status = check_new_pin(au, pin);
	if (status == CTAP2_OK)
		*points = (uint8_t)code_points(pin);
	return status;
}

unsigned
auth_pin_retries(const struct auth *au, bool *power_cycle)
{
	*power_cycle = au->pin_mismatches >= PIN_MISMATCHES_MAX;
	return pin_retries(au);
}

unsigned
auth_pin_min_length(const struct auth *au)
{
	return pin_min_length(au);
}

/*
 * pin.03, pin.04: what is told if newPinEnc did not decrypt. Whole blocks do
 * decrypt, if only to another length than a PIN has: no block, or too many.
 */
static enum ctap_status
not_decrypted(const struct auth_op *op)
{
	size_t len = op->req.pin.new_pin_enc.len;
	size_t iv_len = op->secret.protocol == 1 ? 0 : PIN_IV_LEN;

	if (len == iv_len)
		return CTAP1_ERR_INVALID_PARAMETER;
	return len % 16 == 0 && len > PIN_BLOCK_MAX ?
	    CTAP2_ERR_PIN_POLICY_VIOLATION : CTAP2_ERR_PIN_AUTH_INVALID;
}

/*
 * pin.10: takes the new PIN out of newPinEnc, which has been verified. A block
 * that is too short is no PIN; one that is too long, or full, is one that is
 * too long (certification run, pin1-11 and pin2-17).
 */
enum ctap_status
pin_take_new(struct auth *au, struct auth_op *op)
{
	uint8_t block[PIN_BLOCK_MAX], hash[32];
	enum ctap_status status;
	size_t len = 0, pin_len;

	if (!pin_decrypt(&op->secret, op->req.pin.new_pin_enc, block,
	    sizeof(block), &len))
		return not_decrypted(op);
	pin_len = len;
	while (pin_len > 0 && block[pin_len - 1] == 0)
		pin_len--;
	if (len < PIN_PADDED_LEN)
		status = CTAP1_ERR_INVALID_PARAMETER;
	else if (len > PIN_PADDED_LEN || pin_len > PIN_BYTES_MAX)
		status = CTAP2_ERR_PIN_POLICY_VIOLATION;
	else
		status = check_new_pin(au, span(block, pin_len));
	if (!auth_sha256(au, span(block, pin_len), hash))
		status = CTAP1_ERR_OTHER;
	if (status == CTAP2_OK && au->state.force_pin_change &&
	    CRYPTO_memcmp(hash, op->pin_hash, PIN_HASH_LEN) == 0)
		status = CTAP2_ERR_PIN_POLICY_VIOLATION;
	if (status == CTAP2_OK) {
		op->pin_new = true;
		memcpy(op->new_hash, hash, PIN_HASH_LEN);
		op->new_length = (uint8_t)code_points(span(block, pin_len));
	}
	explicit_bzero(block, sizeof(block));
	explicit_bzero(hash, sizeof(hash));
	return status;
}

void
pin_put_new(const struct auth *au, struct auth_op *op)
{
	op->state.pin_set = true;
	op->state.force_pin_change = false;
	op->state.pin_length = op->new_length;
	op->state.pin_failures = 0;
	if (!au->cfg.pin_in_keys)
		memcpy(op->state.pin_hash, op->new_hash, PIN_HASH_LEN);
}

/* uv.3: what the host learns when verification did not succeed */
static enum ctap_status
uv_failed(const struct auth *au, const struct auth_op *op)
{
	if (op->row->cmd == CTAP_CLIENT_PIN)
		return uv_retries(au) == 0 ? CTAP2_ERR_UV_BLOCKED :
		    CTAP2_ERR_UV_INVALID;
	/* mc.11.2, ga.6.2: a PIN that only manages is no other way */
	if (au->state.pin_set && token_required(au) == CTAP2_ERR_PUAT_REQUIRED)
		return CTAP2_ERR_PUAT_REQUIRED;
	return uv_retries(au) == 0 ? CTAP2_ERR_PIN_BLOCKED :
	    CTAP2_ERR_OPERATION_DENIED;
}

void
uv_want(struct auth_op *op, enum prompt_reason reason, struct span rp_id,
    struct span user_name)
{
	op->uv_phase = UV_WANTED;
	op->uv_reason = reason;
	op->uv_rp_id = rp_id;
	op->uv_user = user_name;
}

static enum auth_want
uv_ask(struct auth *au, struct auth_op *op)
{
	/* 6.5.3: a platform that repeats by itself gets one attempt */
	unsigned attempts = op->row->cmd == CTAP_CLIENT_PIN &&
	    au->cfg.uv_attempts > 1 ? 1 : UV_INTERNAL_RETRIES;

	if (uv_retries(au) == 0 || op->uv_attempts == attempts)
		return fail(au, uv_failed(au, op));
	op->uv_phase = UV_ASKED;
	op->uv_attempts++;
	return again(op, ask_user(op, PROMPT_VERIFICATION, op->uv_reason,
	    op->uv_rp_id, op->uv_user));
}

/*
 * uv.1: a failed attempt is on disk before anybody learns of it. Unlike a PIN's
 * retry it is not spent beforehand: the host has no part in a gesture, so
 * it cannot cut the power between the answer and the count, and a
 * verification that was refused, cancelled or not tried has failed nothing.
 */
static enum auth_want
uv_judge(struct auth *au, struct auth_op *op)
{
	bool failed = op->answer == USER_MISMATCH;

	op->uv_phase = failed ? UV_WANTED : UV_DONE;
	op->uv = op->up = !failed;
	if (!failed && au->state.uv_failures == 0)
		return AUTH_NEXT;
	op->state = au->state;
	op->state.uv_failures = failed ? au->state.uv_failures + 1 : 0;
	op->change = (struct auth_change){ .state = &op->state };
	return failed ? again(op, ask_commit(op)) : ask_commit(op);
}

/* mc.4, ga.3, ga.8, uv.2: performBuiltInUv(internalRetry true), if uv_phase */
enum auth_want
uv_perform(struct auth *au, struct auth_op *op)
{
	switch (op->uv_phase) {
	case UV_WANTED:
		return uv_ask(au, op);
	case UV_ASKED:
		return uv_judge(au, op);
	default:
		return AUTH_NEXT;
	}
}
