/* SPDX-License-Identifier: Apache-2.0 */
/* auth_facts(): what whoever runs the engine learns about a reply. */
/* fail() is a macro of cmocka's, and a function of the engine */
#include "tests/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* As rig_send(), but the reply is not taken. */
static uint8_t
send(struct rig *r, struct span msg, struct auth_facts *f)
{
	enum auth_want want;

	memset(r->trace, 0, sizeof(r->trace));
	r->wants = 0;
	want = auth_command(r->au, r->channel, msg, r->now_ms);
	while (want != AUTH_REPLY)
		want = perform(r, want);
	/* the message may go */
	memset(r->msg, 0xee, sizeof(r->msg));
	assert_true(auth_facts(r->au, f));
	assert_int_equal(f->channel, r->channel);
	assert_int_equal(f->status, auth_reply(r->au).p[0]);
	return auth_reply(r->au).p[0];
}

static void
assert_text(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.p, text, s.len);
}

static void
nothing_is_told_without_a_reply(void **state)
{
	struct rig *r = rig_new();
	struct ask a = { .rk = true, .uv = true };
	struct auth_facts f;

	(void)state;
	assert_false(auth_facts(r->au, &f));
	assert_int_equal(auth_command(r->au, r->channel, create_msg(r->msg,
	    &a), r->now_ms), AUTH_USER);
	assert_false(auth_facts(r->au, &f));
	assert_int_equal(auth_cancel(r->au, r->channel), AUTH_REPLY);
	assert_true(auth_facts(r->au, &f));
	assert_int_equal(f.status, CTAP2_ERR_KEEPALIVE_CANCEL);
	assert_text(f.rp_id, "example.com");
	assert_null(f.cred);
	assert_null(f.auth_data.p);
	auth_replied(r->au);
	assert_false(auth_facts(r->au, &f));
	rig_free(r);
}

static void
of_a_registration(void **state)
{
	struct rig *r = rig_new();
	struct ask a = { .rk = true, .uv = true, .user = 7 };
	struct auth_facts f;

	(void)state;
	assert_int_equal(send(r, create_msg(r->msg, &a), &f), CTAP2_OK);
	assert_int_equal(f.command, CTAP_MAKE_CREDENTIAL);
	assert_false(f.u2f);
	assert_text(f.rp_id, "example.com");
	assert_memory_equal(f.client_data_hash.p, client_data_hash, 32);
	assert_int_equal(f.user_id.p[0], 7);
	assert_true(f.cred->discoverable);
	assert_memory_equal(f.rp_id_hash, f.auth_data.p, 32);
	assert_true(span_eq(id_in(f.auth_data), span(f.cred->id,
	    f.cred->id_len)));
	assert_true(span_eq(f.epoch, span(r->state.epoch, KEY_EPOCH_LEN)));
	assert_int_equal(f.attestation, ATTESTATION_PACKED);
	assert_null(f.replaced);
	auth_replied(r->au);
	/* the same account again */
	assert_int_equal(send(r, create_msg(r->msg, &a), &f), CTAP2_OK);
	assert_non_null(f.replaced);
	assert_memory_not_equal(f.replaced->id, f.cred->id, f.cred->id_len);
	auth_replied(r->au);
	rig_free(r);
}

static void
of_sign_ins_one_after_the_other(void **state)
{
	struct rig *r = rig_new();
	uint8_t next[] = { CTAP_GET_NEXT_ASSERTION };
	struct ask a = { .rk = true, .uv = true };
	struct auth_facts f;

	(void)state;
	r->au->cfg.choice = CHOICE_HOST;
	for (a.user = 1; a.user <= 2; a.user++)
		assert_int_equal(rig_create(r, &a), CTAP2_OK);
	a.rk = false;
	assert_int_equal(send(r, get_msg(r->msg, &a), &f), CTAP2_OK);
	assert_int_equal(f.assertions, 2);
	assert_int_equal(f.user_id.p[0], 2);
	assert_int_equal(f.auth_data.p[32], AUTHDATA_UP | AUTHDATA_UV);
	auth_replied(r->au);
	assert_int_equal(send(r, span(next, sizeof(next)), &f), CTAP2_OK);
	assert_int_equal(f.command, CTAP_GET_NEXT_ASSERTION);
	assert_int_equal(f.user_id.p[0], 1);
	assert_text(f.rp_id, "example.com");
	assert_memory_equal(f.client_data_hash.p, client_data_hash, 32);
	auth_replied(r->au);
	assert_int_equal(send(r, span(next, sizeof(next)), &f),
	    CTAP2_ERR_NOT_ALLOWED);
	assert_null(f.cred);
	assert_null(f.rp_id.p);
	assert_null(f.client_data_hash.p);
	auth_replied(r->au);
	rig_free(r);
}

static void
of_errors(void **state)
{
	static const uint8_t unknown[] = { 0x7e };
	static const uint8_t retries[] = { CTAP_CLIENT_PIN, 0xa1, 0x02, 0x01 };
	static const uint8_t preview[] = { 0x41, 0xa1, 0x01, 0x01 };
	struct rig *r = rig_new();
	struct ask a = { .rp_id = "other.example" };
	struct auth_facts f;

	(void)state;
	assert_int_equal(send(r, get_msg(r->msg, &a), &f),
	    CTAP2_ERR_NO_CREDENTIALS);
	assert_text(f.rp_id, "other.example");
	assert_non_null(f.rp_id_hash);
	assert_null(f.cred);
	auth_replied(r->au);
	assert_int_equal(send(r, span(unknown, sizeof(unknown)), &f),
	    CTAP1_ERR_INVALID_COMMAND);
	assert_int_equal(f.command, 0x7e);
	auth_replied(r->au);
	assert_int_equal(send(r, span(retries, sizeof(retries)), &f), CTAP2_OK);
	assert_int_equal(f.command, CTAP_CLIENT_PIN);
	assert_int_equal(f.subcommand, 1);
	assert_null(f.rp_id.p);
	auth_replied(r->au);
	assert_int_equal(send(r, span(preview, sizeof(preview)), &f),
	    CTAP2_ERR_PUAT_REQUIRED);
	assert_int_equal(f.command, CTAP_CREDENTIAL_MANAGEMENT);
	assert_int_equal(f.subcommand, 1);
	auth_replied(r->au);
	rig_free(r);
}

/* An RP ID as long as a message. */
static void
of_a_long_name(void **state)
{
	struct rig *r = rig_new();
	char name[2000];
	struct ask a = { .rp_id = name };
	struct auth_facts f;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(send(r, get_msg(r->msg, &a), &f),
	    CTAP2_ERR_NO_CREDENTIALS);
	assert_true(f.rp_id.len > 200 && f.rp_id.len <= RP_ID_KEPT);
	auth_replied(r->au);
	rig_free(r);
}

/* covers att.10 */
static void
of_formats_that_others_make(void **state)
{
	static const enum attestation_kind kinds[] = { ATTESTATION_FIDO_U2F,
		ATTESTATION_ANDROID_KEY, ATTESTATION_APPLE,
		ATTESTATION_COMPOUND, ATTESTATION_SAFETYNET };
	struct rig *r = rig_new();
	struct ask a = { .uv = true };
	struct auth_facts f;
	struct reply out;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		r->au->cfg.attestation.kind = kinds[i];
		a.formats[0] = a.formats[1] = NULL;
		assert_int_equal(send(r, create_msg(r->msg, &a), &f),
		    CTAP2_OK);
		assert_int_equal(f.attestation, kinds[i]);
		out = parse(auth_reply(r->au));
		assert_text(out.fmt, "none");
		assert_int_equal(out.signature.len, 1);
		auth_replied(r->au);
		a.formats[0] = "none";
		assert_int_equal(send(r, create_msg(r->msg, &a), &f),
		    CTAP2_OK);
		assert_int_equal(f.attestation, ATTESTATION_NONE);
		auth_replied(r->au);
		a.formats[1] = "packed";
		assert_int_equal(send(r, create_msg(r->msg, &a), &f),
		    CTAP2_OK);
		assert_int_equal(f.attestation, ATTESTATION_PACKED);
		auth_replied(r->au);
		a.formats[0] = auth_attestation_format(kinds[i]);
		assert_int_equal(send(r, create_msg(r->msg, &a), &f),
		    CTAP2_OK);
		assert_int_equal(f.attestation, kinds[i]);
		auth_replied(r->au);
	}
	rig_free(r);
}

static uint8_t
send_apdu(struct rig *r, struct span msg, struct auth_facts *f)
{
	enum auth_want want;

	r->wants = 0;
	want = auth_apdu(r->au, r->channel, msg, r->now_ms);
	while (want != AUTH_REPLY)
		want = perform(r, want);
	assert_true(auth_facts(r->au, f));
	assert_true(f->u2f);
	return f->status;
}

static void
of_u2f(void **state)
{
	uint8_t reg[7 + 64] = { 0, 1, 0, 0, 0, 0, 64 };
	uint8_t sign[7 + 65 + 255] = { 0, 2, 3, 0, 0, 0 };
	struct rig *r = rig_new();
	struct auth_facts f;
	size_t len;

	(void)state;
	memset(reg + 7, 0x31, 32);
	memset(reg + 39, 0x32, 32);
	assert_int_equal(send_apdu(r, span(reg, sizeof(reg)), &f), CTAP2_OK);
	assert_int_equal(f.command, 1);
	assert_int_equal(f.attestation, ATTESTATION_FIDO_U2F);
	assert_memory_equal(f.client_data_hash.p, reg + 7, 32);
	assert_memory_equal(f.rp_id_hash, reg + 39, 32);
	assert_null(f.rp_id.p);
	assert_null(f.auth_data.p);
	len = f.cred->id_len;
	assert_true(len > 0 && len <= 255);
	assert_true(f.cred->pub_len > 0);
	sign[6] = (uint8_t)(65 + len);
	memcpy(sign + 7, reg + 7, 64);
	sign[7 + 64] = (uint8_t)len;
	memcpy(sign + 7 + 65, f.cred->id, len);
	auth_replied(r->au);
	assert_int_equal(send_apdu(r, span(sign, 7 + 65 + len), &f), CTAP2_OK);
	assert_int_equal(f.auth_data.len, 37);
	assert_memory_equal(f.cred->id, sign + 7 + 65, len);
	auth_replied(r->au);
	sign[2] = 7;	/* check only */
	assert_int_equal(send_apdu(r, span(sign, 7 + 65 + len), &f),
	    CTAP2_ERR_UP_REQUIRED);
	assert_null(f.cred);
	auth_replied(r->au);
	assert_int_equal(send_apdu(r, span(sign, 3), &f),
	    CTAP1_ERR_INVALID_LENGTH);
	auth_replied(r->au);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_told_without_a_reply),
		cmocka_unit_test(of_a_registration),
		cmocka_unit_test(of_sign_ins_one_after_the_other),
		cmocka_unit_test(of_errors),
		cmocka_unit_test(of_a_long_name),
		cmocka_unit_test(of_formats_that_others_make),
		cmocka_unit_test(of_u2f),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
