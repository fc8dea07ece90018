/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine with keys in a TPM, want by want: a PIN that is kept, compared
 * and counted there, and attestation that is made there. The TPM is made up
 * (engine_rig.h); what it does can fail, and the power can go, at any want.
 *
 * covers att.4 att.7 att.9 pin.12 rst.5
 */
/* fail() is a macro of cmocka's, and a function of the engine */
#include "tests/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include <openssl/sha.h>

#define COUNT(t)	(sizeof(t) / sizeof((t)[0]))
#define LONG_PIN	"one that is longer than both"

/* --- PINs ----------------------------------------------------------------- */

static struct rig *
pin_rig(void)
{
	struct rig *r = rig_new();

	r->cfg.pin_in_keys = true;
	rig_restart(r);
	return r;
}

static struct rig *
rig_with_pin(void)
{
	struct rig *r = pin_rig();

	set_pin(r);
	return r;
}

static uint8_t
token_by(struct rig *r, const char *pin)
{
	return rig_pin(r, &(struct pin_ask){ .subcommand = 5, .pin = pin });
}

static uint8_t
change_pin(struct rig *r, const char *from, const char *to)
{
	return rig_pin(r, &(struct pin_ask){ .subcommand = 4, .pin = from,
	    .new_pin = to });
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* The PIN is in the keys, and nothing of it anywhere else. */
static void
assert_pin_is(struct rig *r, const char *pin)
{
	uint8_t hash[32];

	SHA256((const uint8_t *)pin, strlen(pin), hash);
	assert_true(r->pin.set);
	assert_memory_equal(r->pin.hash, hash, PIN_HASH_LEN);
	assert_true(r->state.pin_set);
	assert_true(is_zero(r->state.pin_hash, PIN_HASH_LEN));
	assert_int_equal(r->state.pin_length, strlen(pin));
	assert_null(memmem(r->au, auth_size(), hash, PIN_HASH_LEN));
	assert_null(memmem(&r->state, sizeof(r->state), hash, PIN_HASH_LEN));
}

/* pin.03, pin.04, pin.05 with keys that have the PIN */
static void
what_is_asked_of_keys(void **state)
{
	struct rig *r = pin_rig();

	(void)state;
	set_pin(r);
	assert_string_equal(r->trace, "KC");
	assert_pin_is(r, PIN);
	/* nothing to keep */
	assert_int_equal(token_by(r, PIN), CTAP2_OK);
	assert_string_equal(r->trace, "K");
	assert_int_equal(change_pin(r, PIN, OTHER_PIN), CTAP2_OK);
	assert_string_equal(r->trace, "KCKC");
	assert_pin_is(r, OTHER_PIN);
	assert_int_equal(token_by(r, PIN), CTAP2_ERR_PIN_INVALID);
	assert_string_equal(r->trace, "K");
	assert_int_equal(token_by(r, OTHER_PIN), CTAP2_OK);
	assert_string_equal(r->trace, "KC");
	assert_int_equal(rig_byte(r, CTAP_RESET), CTAP2_OK);
	assert_string_equal(r->trace, "UCK");
	assert_false(r->pin.set);
	rig_free(r);
}

static void
keys_count_and_the_engine_follows(void **state)
{
	static const uint8_t want[] = {
		CTAP2_ERR_PIN_INVALID, CTAP2_ERR_PIN_INVALID,
		CTAP2_ERR_PIN_AUTH_BLOCKED, CTAP2_ERR_PIN_INVALID,
		CTAP2_ERR_PIN_INVALID, CTAP2_ERR_PIN_AUTH_BLOCKED,
		CTAP2_ERR_PIN_INVALID, CTAP2_ERR_PIN_BLOCKED,
	};

	struct rig *r = rig_with_pin();
	struct rig before;

	(void)state;
	for (size_t i = 0; i < COUNT(want); i++) {
		r->commits = 0;
		assert_int_equal(token_by(r, WRONG_PIN), want[i]);
		assert_int_equal(r->commits, 0);
		assert_int_equal(r->pin.failures, i + 1);
		assert_int_equal(pin_retries(r->au), 7 - i);
		if (want[i] != CTAP2_ERR_PIN_AUTH_BLOCKED)
			continue;
		assert_int_equal(token_by(r, PIN), want[i]);
		assert_string_equal(r->trace, "");
		rig_restart(r);
	}
	/* whoever restores an older state gets nothing back */
	before = *r;
	r->state.pin_failures = 0;
	rig_restart(r);
	assert_int_equal(token_by(r, PIN), CTAP2_ERR_PIN_BLOCKED);
	assert_string_equal(r->trace, "");
	assert_memory_equal(&r->pin, &before.pin, sizeof(r->pin));
	rig_free(r);
}

/* Another process had the keys for a while: their count is what counts. */
static void
failures_that_happened_elsewhere(void **state)
{
	struct rig *r = rig_with_pin();

	(void)state;
	r->pin.failures = 5;
	assert_int_equal(pin_retries(r->au), 8);
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(pin_retries(r->au), 2);
	r->pin.failures = 8;
	assert_int_equal(token_by(r, PIN), CTAP2_ERR_PIN_BLOCKED);
	assert_int_equal(pin_retries(r->au), 0);
	rig_free(r);
}

static void
the_right_pin_brings_everything_back(void **state)
{
	struct rig *r = rig_with_pin();

	(void)state;
	r->state.uv_failures = 3;
	rig_restart(r);
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(token_by(r, PIN), CTAP2_OK);
	assert_string_equal(r->trace, "KC");
	assert_int_equal(r->state.pin_failures, 0);
	assert_int_equal(r->state.uv_failures, 0);
	assert_int_equal(r->au->pin_mismatches, 0);
	assert_int_equal(pin_retries(r->au), 8);
	rig_free(r);
}

/* Of what there is no PIN for, a hash: it costs a retry, as it has to. */
static void
what_is_no_hash_is_a_wrong_pin(void **state)
{
	struct rig *r = rig_with_pin();
	struct platform p;
	struct cbor_out out;

	(void)state;
	agree(r, &p);
	r->msg[0] = CTAP_CLIENT_PIN;
	cbor_out_init(&out, r->msg + 1, sizeof(r->msg) - 1);
	cbor_put_map(&out, 4);
	cbor_put_uint(&out, 1);
	cbor_put_uint(&out, 2);
	cbor_put_uint(&out, 2);
	cbor_put_uint(&out, 5);
	cbor_put_uint(&out, 3);
	cbor_put_raw(&out, span(p.cose, p.cose_len));
	cbor_put_uint(&out, 6);
	cbor_put_bytes(&out, span_str("no hash"));
	assert_int_equal(rig_send(r, span(r->msg, 1 + out.len)),
	    CTAP2_ERR_PIN_INVALID);
	assert_string_equal(r->trace, "K");
	assert_int_equal(pin_retries(r->au), 7);
	rig_free(r);
}

/* A device that is gone has not seen a wrong PIN. */
static void
a_device_that_fails_is_no_wrong_pin(void **state)
{
	struct rig *r = rig_with_pin();
	const struct pin_agreement *key;

	(void)state;
	r->fault_at = 0;
	for (r->fault = FAULT_ERROR; r->fault <= FAULT_FULL; r->fault++) {
		key = r->au->agreement[1];
		assert_int_equal(token_by(r, WRONG_PIN), CTAP1_ERR_OTHER);
		assert_int_equal(r->au->pin_mismatches, 0);
		assert_ptr_equal(r->au->agreement[1], key);
	}
	r->fault_at = SIZE_MAX;
	/* and learns of it from the next one that it has seen */
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(pin_retries(r->au), 6);
	rig_free(r);
}

static void
a_new_pin_that_is_none_changes_nothing(void **state)
{
	struct rig *r = rig_with_pin();

	(void)state;
	assert_int_equal(change_pin(r, PIN, "abc"),
	    CTAP2_ERR_PIN_POLICY_VIOLATION);
	assert_string_equal(r->trace, "K");
	assert_int_equal(change_pin(r, WRONG_PIN, OTHER_PIN),
	    CTAP2_ERR_PIN_INVALID);
	assert_string_equal(r->trace, "K");
	assert_int_equal(rig_pin(r, &(struct pin_ask){ .subcommand = 3,
	    .new_pin = OTHER_PIN }), CTAP2_ERR_PIN_AUTH_INVALID);
	assert_string_equal(r->trace, "");
	assert_pin_is(r, PIN);
	rig_free(r);
}

static void
a_change_that_is_forced_is_one(void **state)
{
	struct rig *r = rig_with_pin();
	uint32_t tokens;

	(void)state;
	r->state.force_pin_change = true;
	rig_restart(r);
	tokens = r->state.ppuat_generation;
	assert_int_equal(change_pin(r, PIN, PIN),
	    CTAP2_ERR_PIN_POLICY_VIOLATION);
	assert_true(r->state.force_pin_change);
	assert_int_equal(r->state.ppuat_generation, tokens);
	assert_int_equal(change_pin(r, PIN, OTHER_PIN), CTAP2_OK);
	assert_false(r->state.force_pin_change);
	assert_true(r->state.ppuat_generation != tokens);
	assert_pin_is(r, OTHER_PIN);
	rig_free(r);
}

/* --- a PIN is changed: what is left when it fails, or the power goes ------ */

struct change {
	const char	*from, *to;
};

static const struct change changes[] = {
	{ PIN, LONG_PIN }, { LONG_PIN, PIN },
};

static struct span
begin(const struct change *c, struct rig **out)
{
	struct rig *r = pin_rig();
	struct platform p;

	assert_int_equal(rig_pin(r, &(struct pin_ask){ .subcommand = 3,
	    .new_pin = c->from }), CTAP2_OK);
	agree(r, &p);
	*out = r;
	return pin_msg(r->msg, &p, &(struct pin_ask){ .subcommand = 4,
	    .pin = c->from, .new_pin = c->to });
}

/* One of the two is the PIN, and what is known of it is true of it. */
static void
assert_one_of(struct rig *r, const struct change *c)
{
	uint8_t from = token_by(r, c->from), to = token_by(r, c->to);
	const char *now = from == CTAP2_OK ? c->from : c->to;

	assert_int_equal(from == CTAP2_OK, to != CTAP2_OK);
	assert_int_equal(from == CTAP2_OK ? to : from, CTAP2_ERR_PIN_INVALID);
	assert_true(r->state.pin_set);
	assert_true(r->state.pin_length >= PIN_MIN_LENGTH);
	assert_true(r->state.pin_length <= strlen(now));
	assert_int_equal(change_pin(r, now, OTHER_PIN), CTAP2_OK);
	assert_pin_is(r, OTHER_PIN);
}

static void
try_change_fault(const struct change *c, size_t at, enum fault fault)
{
	uint32_t tokens;
	struct span msg;
	struct rig *r;

	for (int restart = 0; restart < 2; restart++) {
		msg = begin(c, &r);
		tokens = r->state.ppuat_generation;
		r->fault_at = at;
		r->fault = fault;
		assert_int_equal(rig_send(r, msg), CTAP1_ERR_OTHER);
		assert_int_equal(r->wants, at + 1);
		r->fault_at = SIZE_MAX;
		/* no new PIN while a token of the old one is good */
		assert_true(at < 2 || r->state.ppuat_generation != tokens);
		if (restart)
			rig_restart(r);
		assert_one_of(r, c);
		rig_free(r);
	}
}

static void
a_change_that_fails_leaves_one_pin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++)
		for (size_t at = 0; at < strlen("KCKC"); at++)
			for (int f = FAULT_ERROR; f <= FAULT_FULL; f++)
				try_change_fault(&changes[i], at,
				    (enum fault)f);
}

static void
a_change_without_power_leaves_one_pin(void **state)
{
	struct span msg;
	struct rig *r;

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++)
		for (size_t at = 0; at < 2 * strlen("KCKC"); at++) {
			msg = begin(&changes[i], &r);
			rig_crash(r, msg, at / 2, at % 2);
			assert_one_of(r, &changes[i]);
			rig_free(r);
		}
}

/*
 * A first PIN of which no answer came: it is there after a restart, and before
 * that as soon as somebody asks for another one.
 */
static void
a_first_pin_that_nobody_heard_of(void **state)
{
	static const struct pin_ask q = { .subcommand = 3, .new_pin = PIN };

	(void)state;
	for (int restart = 0; restart < 2; restart++)
		for (size_t at = 0; at < strlen("KC"); at++) {
			struct rig *r = pin_rig();

			r->fault_at = at;
			r->fault = FAULT_ERROR;
			assert_int_equal(rig_pin(r, &q), CTAP1_ERR_OTHER);
			r->fault_at = SIZE_MAX;
			assert_true(r->pin.set);
			assert_false(r->state.pin_set);
			if (restart)
				rig_restart(r);
			assert_int_equal(rig_pin(r, &q),
			    CTAP2_ERR_PIN_AUTH_INVALID);
			assert_true(r->au->state.pin_set);
			assert_int_equal(token_by(r, PIN), CTAP2_OK);
			assert_int_equal(change_pin(r, PIN, OTHER_PIN),
			    CTAP2_OK);
			assert_pin_is(r, OTHER_PIN);
			rig_free(r);
		}
}

static void
a_first_pin_that_was_not_set(void **state)
{
	static const struct pin_ask q = { .subcommand = 3, .new_pin = PIN };
	struct rig *r = pin_rig();

	(void)state;
	r->fault_at = 0;
	r->fault = FAULT_FULL;
	assert_int_equal(rig_pin(r, &q), CTAP1_ERR_OTHER);
	r->fault_at = SIZE_MAX;
	assert_false(r->au->state.pin_set);
	assert_int_equal(rig_pin(r, &q), CTAP2_OK);
	assert_pin_is(r, PIN);
	rig_free(r);
}

/* A current PIN that keys do not take any more: somebody else changed it. */
static void
a_pin_that_was_changed_behind_us(void **state)
{
	struct rig *r = rig_with_pin();
	struct platform p;
	struct span msg;

	(void)state;
	agree(r, &p);
	msg = pin_msg(r->msg, &p, &(struct pin_ask){ .subcommand = 4,
	    .pin = PIN, .new_pin = OTHER_PIN });
	assert_int_equal(auth_command(r->au, CHANNEL, msg, r->now_ms),
	    AUTH_KEY);
	r->wants = 0;
	assert_int_equal(perform(r, AUTH_KEY), AUTH_COMMIT);
	assert_int_equal(perform(r, AUTH_COMMIT), AUTH_KEY);
	r->pin.hash[0] ^= 1;
	assert_int_equal(perform(r, AUTH_KEY), AUTH_REPLY);
	assert_int_equal(auth_reply(r->au).p[0], CTAP1_ERR_OTHER);
	auth_replied(r->au);
	assert_int_equal(pin_retries(r->au), 7);
	rig_free(r);
}

/* One that keys have lost, after the state said that there is one. */
static void
a_pin_that_keys_have_lost(void **state)
{
	struct rig *r = rig_with_pin();
	struct platform p;
	struct span msg;

	(void)state;
	agree(r, &p);
	msg = pin_msg(r->msg, &p, &(struct pin_ask){ .subcommand = 4,
	    .pin = PIN, .new_pin = OTHER_PIN });
	assert_int_equal(auth_command(r->au, CHANNEL, msg, r->now_ms),
	    AUTH_KEY);
	r->wants = 0;
	assert_int_equal(perform(r, AUTH_KEY), AUTH_COMMIT);
	assert_int_equal(perform(r, AUTH_COMMIT), AUTH_KEY);
	r->pin.set = false;
	assert_int_equal(perform(r, AUTH_KEY), AUTH_REPLY);
	assert_int_equal(auth_reply(r->au).p[0], CTAP1_ERR_OTHER);
	auth_replied(r->au);
	assert_true(r->au->state.pin_set);
	assert_int_equal(pin_retries(r->au), 8);
	rig_free(r);
}

/* covers can.1: a guess that nobody waits for is one that counts */
static void
nobody_calls_back_a_pin(void **state)
{
	(void)state;
	for (int f = FAULT_CANCEL; f < FAULTS; f++)
		for (size_t at = 0; at < strlen("KCKC"); at++) {
			struct rig *r;
			struct span msg = begin(&changes[0], &r);

			r->fault_at = at;
			r->fault = (enum fault)f;
			assert_int_equal(rig_send(r, msg), CTAP2_OK);
			assert_string_equal(r->trace, "KCKC");
			assert_pin_is(r, changes[0].to);
			rig_free(r);
		}
}

/* --- reset ---------------------------------------------------------------- */

static struct rig *
rig_to_reset(void)
{
	struct rig *r = rig_with_pin();
	struct ask a = { .rk = true, .uv = true };

	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(token_by(r, PIN), CTAP2_OK);
	return r;
}

/* Factory-new, whatever it took. */
static void
assert_reset(struct rig *r)
{
	assert_int_equal(rig_byte(r, CTAP_RESET), CTAP2_OK);
	assert_int_equal(r->count, 0);
	assert_false(r->pin.set);
	assert_false(r->state.pin_set);
	assert_false(r->au->state.pin_set);
	assert_int_equal(r->au->pin_mismatches, 0);
	assert_int_equal(token_by(r, PIN), CTAP2_ERR_PIN_NOT_SET);
	set_pin(r);
	assert_pin_is(r, PIN);
}

static void
a_pin_outlives_the_credentials(void **state)
{
	struct rig *r = rig_to_reset();
	struct auth_state before = r->state;

	(void)state;
	r->fault_at = 2;
	r->fault = FAULT_FULL;
	assert_int_equal(rig_byte(r, CTAP_RESET), CTAP1_ERR_OTHER);
	r->fault_at = SIZE_MAX;
	assert_int_equal(r->count, 0);
	assert_memory_not_equal(r->state.epoch, before.epoch, KEY_EPOCH_LEN);
	assert_memory_equal(r->au->state.epoch, r->state.epoch,
	    KEY_EPOCH_LEN);
	assert_false(r->au->session[0].open);
	/* the PIN is there as it was */
	assert_true(r->au->state.pin_set);
	assert_int_equal(r->au->state.pin_length, before.pin_length);
	assert_int_equal(token_by(r, WRONG_PIN), CTAP2_ERR_PIN_INVALID);
	assert_int_equal(token_by(r, PIN), CTAP2_OK);
	assert_reset(r);
	rig_free(r);
}

static void
a_reset_that_fails_can_be_repeated(void **state)
{
	(void)state;
	for (size_t at = 0; at < strlen("UCK"); at++)
		for (int f = FAULT_ERROR; f <= FAULT_FULL; f++)
			for (int restart = 0; restart < 2; restart++) {
				struct rig *r = rig_to_reset();

				r->fault_at = at;
				r->fault = (enum fault)f;
				assert_int_not_equal(rig_byte(r, CTAP_RESET),
				    CTAP2_OK);
				r->fault_at = SIZE_MAX;
				assert_int_equal(r->count, at < 2);
				if (restart)
					rig_restart(r);
				assert_reset(r);
				rig_free(r);
			}
}

static void
a_reset_without_power(void **state)
{
	static const uint8_t reset = CTAP_RESET;

	(void)state;
	for (size_t at = 0; at < 2 * strlen("UCK"); at++) {
		struct rig *r = rig_to_reset();

		rig_crash(r, span(&reset, 1), at / 2, at % 2);
		/* as long as there are credentials there is their PIN */
		assert_true(r->pin.set || r->count == 0);
		assert_int_equal(r->au->state.pin_set, r->pin.set);
		if (r->pin.set)
			assert_int_equal(token_by(r, PIN), CTAP2_OK);
		assert_reset(r);
		rig_free(r);
	}
}

static void
a_reset_is_called_back_before_it_began(void **state)
{
	(void)state;
	for (size_t at = 0; at < strlen("UCK"); at++) {
		struct rig *r = rig_to_reset();

		r->fault_at = at;
		r->fault = FAULT_CANCEL;
		assert_int_equal(rig_byte(r, CTAP_RESET), at == 0 ?
		    CTAP2_ERR_KEEPALIVE_CANCEL : CTAP2_OK);
		assert_int_equal(r->pin.set, at == 0);
		assert_int_equal(r->count, at == 0);
		rig_free(r);
	}
}

/* One that the state does not know of is forgotten with it. */
static void
a_reset_asks_keys_in_any_case(void **state)
{
	struct rig *r = pin_rig();

	(void)state;
	assert_int_equal(rig_byte(r, CTAP_RESET), CTAP2_OK);
	assert_int_equal(r->pin.clears, 1);
	rig_free(r);
}

/* --- attestation ---------------------------------------------------------- */

static struct rig *
tpm_rig(enum attestation_kind kind)
{
	static const uint8_t leaf[] = { 0x30, 0x01, 0x00 };
	static const uint8_t ca[] = { 0x30, 0x01, 0x01 };
	struct rig *r = rig_new();

	r->cfg.attestation.kind = kind;
	r->cfg.tpm.alg = COSE_ES256;
	r->cfg.tpm.blob = span_str("AK");
	r->cfg.tpm.x5c[0] = span(leaf, sizeof(leaf));
	r->cfg.tpm.x5c[1] = span(ca, sizeof(ca));
	r->cfg.tpm.x5c_count = 2;
	rig_restart(r);
	return r;
}

/* The members, in order, with what the made-up TPM says. */
static void
put_expected(struct cbor_out *out, size_t sig_len)
{
	uint8_t sig[72], pub_area[86], cert_info[173];

	memset(sig, 0x31, sizeof(sig));
	memset(pub_area, 0x32, sizeof(pub_area));
	memset(cert_info, 0x33, sizeof(cert_info));
	cbor_put_map(out, 6);
	cbor_put_str(out, "alg");
	cbor_put_int(out, COSE_ES256);
	cbor_put_str(out, "sig");
	cbor_put_bytes(out, span(sig, sig_len));
	cbor_put_str(out, "ver");
	cbor_put_str(out, "2.0");
	cbor_put_str(out, "x5c");
	cbor_put_array(out, 2);
	cbor_put_bytes(out, span((const uint8_t[]){ 0x30, 1, 0 }, 3));
	cbor_put_bytes(out, span((const uint8_t[]){ 0x30, 1, 1 }, 3));
	cbor_put_str(out, "pubArea");
	cbor_put_bytes(out, span(pub_area, sizeof(pub_area)));
	cbor_put_str(out, "certInfo");
	cbor_put_bytes(out, span(cert_info, sizeof(cert_info)));
}

static void
assert_statement(const struct rig *r, size_t sig_len)
{
	struct reply got = rig_reply(r);
	struct cbor_out out;
	uint8_t want[512];

	cbor_out_init(&out, want, sizeof(want));
	put_expected(&out, sig_len);
	assert_false(out.overflow);
	assert_true(span_eq(got.fmt, span_str("tpm")));
	assert_true(span_eq(got.signature, span(want, out.len)));
}

/* att.7: the members of WebAuthn Level 3, 8.3, in canonical order */
static void
a_statement_of_the_tpm(void **state)
{
	struct rig *r = tpm_rig(ATTESTATION_TPM);
	struct ask a = { .rk = true, .uv = true };

	(void)state;
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	assert_string_equal(r->trace, "UKLKC");
	assert_statement(r, 71);
	a.rk = false;
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	assert_string_equal(r->trace, "UKK");
	assert_statement(r, 71);
	assert_int_equal(r->shape, 0);
	r->cfg.tpm_strict = true;
	r->cfg.key_shape = KEY_WITH_POLICY;
	rig_restart(r);
	assert_int_equal(rig_create(r, &a), CTAP2_OK);
	assert_statement(r, 72);
	assert_int_equal(r->shape, KEY_WITH_POLICY);
	rig_free(r);
}

/* Format, and how many members its statement has. */
static void
attests(struct rig *r, const struct ask *a, const char *fmt, uint8_t members)
{
	struct reply got;

	assert_int_equal(rig_create(r, a), CTAP2_OK);
	got = rig_reply(r);
	if (!span_eq(got.fmt, span_str(fmt)))
		fail_msg("not %s but %.*s", fmt, (int)got.fmt.len,
		    (const char *)got.fmt.p);
	assert_int_equal(got.signature.p[0], 0xa0 | members);
}

#define PACKED	"packed", 3
#define SELF	"packed", 2
#define TPM	"tpm", 6
#define NONE	"none", 0

static void
a_host_prefers_a_format(void **state)
{
	static const struct {
		enum attestation_kind kind;
		const char	*formats[4];
		const char	*fmt;
		uint8_t		 members;
	} cases[] = {
		{ ATTESTATION_PACKED, { NULL }, PACKED },
		{ ATTESTATION_PACKED, { "tpm" }, TPM },
		{ ATTESTATION_PACKED, { "tpm", "packed" }, TPM },
		{ ATTESTATION_PACKED, { "packed", "tpm" }, PACKED },
		{ ATTESTATION_PACKED, { "apple", "tpm" }, TPM },
		{ ATTESTATION_PACKED, { "none", "tpm" }, TPM },
		{ ATTESTATION_PACKED, { "fido-u2f" }, PACKED },
		{ ATTESTATION_PACKED, { "none" }, NONE },
		{ ATTESTATION_TPM, { NULL }, TPM },
		{ ATTESTATION_TPM, { "packed", "tpm" }, PACKED },
		{ ATTESTATION_TPM, { "fido-u2f", "none" }, TPM },
		{ ATTESTATION_TPM, { "none" }, NONE },
		{ ATTESTATION_SELF, { NULL }, SELF },
		{ ATTESTATION_SELF, { "tpm" }, TPM },
		{ ATTESTATION_SELF, { "packed" }, SELF },
		{ ATTESTATION_NONE, { "tpm", "packed" }, NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rig *r = tpm_rig(cases[i].kind);
		struct ask a = { .uv = true };

		memcpy(a.formats, cases[i].formats, sizeof(a.formats));
		attests(r, &a, cases[i].fmt, cases[i].members);
		rig_free(r);
	}
}

/* att.9 */
static void
a_key_outside_the_tpm(void **state)
{
	struct rig *r = tpm_rig(ATTESTATION_TPM);
	struct ask a = { .uv = true, .rk = true };

	(void)state;
	r->outside = true;
	attests(r, &a, PACKED);
	assert_string_equal(r->trace, "UKLKKC");
	a.rk = false;
	attests(r, &a, PACKED);
	assert_string_equal(r->trace, "UKKK");
	rig_free(r);
	r = tpm_rig(ATTESTATION_SELF);
	r->outside = true;
	a.formats[0] = "tpm";
	attests(r, &a, SELF);
	rig_free(r);
}

static void
without_a_key_that_certifies(void **state)
{
	struct rig *r = tpm_rig(ATTESTATION_TPM);
	struct ask a = { .uv = true };

	(void)state;
	r->cfg.tpm.x5c_count = 0;
	rig_restart(r);
	attests(r, &a, PACKED);
	assert_string_equal(r->trace, "UKK");
	a.formats[0] = "tpm";
	attests(r, &a, PACKED);
	rig_free(r);
}

static void
list(struct rig *r, size_t i, const char *rp_id, enum attestation_kind kind)
{
	r->cfg.format_rp[i].kind = kind;
	keep_rp_id(&r->cfg.format_rp[i].rp, span_str(rp_id));
}

static void
rps_that_get_another_kind(void **state)
{
	struct rig *r = tpm_rig(ATTESTATION_PACKED);
	struct ask tpm = { .uv = true, .rp_id = "tpm.example" };
	struct ask none = { .uv = true, .rp_id = "none.example" };
	struct ask self = { .uv = true, .rp_id = "self.example" };
	struct ask other = { .uv = true, .rp_id = "a.tpm.example" };

	(void)state;
	list(r, 0, tpm.rp_id, ATTESTATION_TPM);
	list(r, 1, none.rp_id, ATTESTATION_NONE);
	list(r, 2, self.rp_id, ATTESTATION_SELF);
	rig_restart(r);
	attests(r, &tpm, TPM);
	attests(r, &none, NONE);
	attests(r, &self, SELF);
	attests(r, &other, PACKED);
	/* what a host prefers comes before what the key would do */
	tpm.formats[0] = "packed";
	none.formats[0] = "packed";
	self.formats[0] = "tpm";
	attests(r, &tpm, PACKED);
	attests(r, &none, NONE);
	attests(r, &self, TPM);
	/* a full list ends with its last one */
	for (size_t i = 3; i < AUTH_FORMAT_RPS_MAX; i++)
		list(r, i, "x", ATTESTATION_NONE);
	list(r, AUTH_FORMAT_RPS_MAX - 1, other.rp_id, ATTESTATION_TPM);
	rig_restart(r);
	attests(r, &other, TPM);
	rig_free(r);
}

/* att.5, att.7 */
static void
enterprise_is_packed(void **state)
{
	static const uint8_t leaf[] = { 0x30, 0x01, 0x02 };
	struct rig *r = tpm_rig(ATTESTATION_TPM);
	struct ask a = { .uv = true, .enterprise = 2 };

	(void)state;
	r->cfg.features |= FEATURE_EP;
	r->cfg.enterprise = r->cfg.attestation;
	r->cfg.enterprise.x5c[0] = span(leaf, sizeof(leaf));
	r->state.enterprise = true;
	rig_restart(r);
	attests(r, &a, PACKED);
	assert_non_null(memmem(r->reply, r->reply_len, leaf, sizeof(leaf)));
	a.enterprise = 0;
	attests(r, &a, TPM);
	rig_free(r);
}

/* att.4: member 16 of getInfo, or nothing */
static void
lists(struct rig *r, const char *first, const char *second)
{
	uint8_t want[32];
	struct cbor_out out;

	cbor_out_init(&out, want, sizeof(want));
	cbor_put_uint(&out, 0x16);
	cbor_put_array(&out, (size_t)1 + (second != NULL));
	cbor_put_str(&out, first);
	if (second != NULL)
		cbor_put_str(&out, second);
	rig_restart(r);
	assert_int_equal(rig_byte(r, CTAP_GET_INFO), CTAP2_OK);
	assert_non_null(memmem(r->reply, r->reply_len, want, out.len));
	rig_free(r);
}

static void
info_lists_the_formats(void **state)
{
	struct rig *r;

	(void)state;
	lists(tpm_rig(ATTESTATION_TPM), "tpm", "packed");
	lists(tpm_rig(ATTESTATION_PACKED), "packed", "tpm");
	lists(tpm_rig(ATTESTATION_SELF), "packed", "tpm");
	r = tpm_rig(ATTESTATION_NONE);
	list(r, 0, "example.com", ATTESTATION_TPM);
	lists(r, "packed", "tpm");
	r = tpm_rig(ATTESTATION_NONE);
	r->cfg.features |= FEATURE_EP;
	lists(r, "packed", NULL);
	r = tpm_rig(ATTESTATION_NONE);
	list(r, 0, "example.com", ATTESTATION_NONE);
	rig_restart(r);
	assert_int_equal(rig_byte(r, CTAP_GET_INFO), CTAP2_OK);
	assert_null(memmem(r->reply, r->reply_len, "packed", 6));
	assert_null(memmem(r->reply, r->reply_len, "tpm", 3));
	rig_free(r);
}

/* covers can.1 */
static void
certifying_fails_or_is_called_back(void **state)
{
	static const uint8_t want[FAULTS] = {
		[FAULT_ERROR] = CTAP1_ERR_OTHER,
		[FAULT_FULL] = CTAP1_ERR_OTHER,
		[FAULT_CANCEL] = CTAP2_ERR_KEEPALIVE_CANCEL,
		[FAULT_ABORT] = CTAP2_ERR_KEEPALIVE_CANCEL,
		[FAULT_STRANGER] = CTAP2_OK,
	};
	struct ask a = { .rk = true, .uv = true };

	(void)state;
	for (int outside = 0; outside < 2; outside++)
		for (int f = FAULT_ERROR; f < FAULTS; f++) {
			struct rig *r = tpm_rig(ATTESTATION_TPM);

			/* the signature of the other kind, or the statement */
			r->outside = outside;
			r->fault_at = (size_t)3 + outside;
			r->fault = (enum fault)f;
			assert_int_equal(rig_create(r, &a), want[f]);
			assert_int_equal(r->count, want[f] == CTAP2_OK);
			assert_int_equal(r->commits, want[f] == CTAP2_OK);
			r->fault_at = SIZE_MAX;
			assert_int_equal(rig_create(r, &a), CTAP2_OK);
			rig_free(r);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_of_keys),
		cmocka_unit_test(keys_count_and_the_engine_follows),
		cmocka_unit_test(failures_that_happened_elsewhere),
		cmocka_unit_test(the_right_pin_brings_everything_back),
		cmocka_unit_test(what_is_no_hash_is_a_wrong_pin),
		cmocka_unit_test(a_device_that_fails_is_no_wrong_pin),
		cmocka_unit_test(a_new_pin_that_is_none_changes_nothing),
		cmocka_unit_test(a_change_that_is_forced_is_one),
		cmocka_unit_test(a_change_that_fails_leaves_one_pin),
		cmocka_unit_test(a_change_without_power_leaves_one_pin),
		cmocka_unit_test(a_first_pin_that_nobody_heard_of),
		cmocka_unit_test(a_first_pin_that_was_not_set),
		cmocka_unit_test(a_pin_that_was_changed_behind_us),
		cmocka_unit_test(a_pin_that_keys_have_lost),
		cmocka_unit_test(nobody_calls_back_a_pin),
		cmocka_unit_test(a_pin_outlives_the_credentials),
		cmocka_unit_test(a_reset_that_fails_can_be_repeated),
		cmocka_unit_test(a_reset_without_power),
		cmocka_unit_test(a_reset_is_called_back_before_it_began),
		cmocka_unit_test(a_reset_asks_keys_in_any_case),
		cmocka_unit_test(a_statement_of_the_tpm),
		cmocka_unit_test(a_host_prefers_a_format),
		cmocka_unit_test(a_key_outside_the_tpm),
		cmocka_unit_test(without_a_key_that_certifies),
		cmocka_unit_test(rps_that_get_another_kind),
		cmocka_unit_test(enterprise_is_packed),
		cmocka_unit_test(info_lists_the_formats),
		cmocka_unit_test(certifying_fails_or_is_called_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
