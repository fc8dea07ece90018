/* SPDX-License-Identifier: Apache-2.0 */
/*
 * U2F tokens as a client sees them: a token of a few lines answers, honestly
 * or not, and counts what it was asked; its clock is ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/client/token_cbor.h"
#include "authenticator/client/token_u2f.h"
#include "ctap/apdu.h"
#include "ctap/cose.h"

#define HANDLE	"handle of this token"
#define HANDLES	20	/* bytes */

/* What it answers, and what it was asked. */
struct fake {
	struct u2f_token u2f;
	uint64_t	 now_ms;
	unsigned	 touched_at;	/* the question that is answered */
	unsigned	 asked;		/* of those that want a touch */
	unsigned	 registers, checks, signs;
	uint8_t		 last[300];	/* the body of the last question */
	size_t		 last_len;
	uint8_t		 answer[600];	/* to register, without its status */
	size_t		 answer_len;
	int		 sw;		/* instead; 0: none */
	size_t		 cut;		/* off its assertion's end */
	int		 check_sw;	/* of its own handle */
	uint8_t		 presence;	/* what it says of whoever signs */
	int		 error;		/* of the wire */
};

static struct fake f;

static int
reply(struct span data, unsigned sw)
{
	memcpy(f.u2f.reply, data.p, data.len);
	f.u2f.reply[data.len] = (uint8_t)(sw >> 8);
	f.u2f.reply[data.len + 1] = (uint8_t)sw;
	return (int)data.len + 2;
}

static bool
is_own(const struct span data)
{
	return data.len == 65 + HANDLES && data.p[64] == HANDLES &&
	    memcmp(data.p + 65, HANDLE, HANDLES) == 0;
}

static int
authenticate(const struct apdu *apdu, struct span data)
{
	const uint8_t assertion[] = { f.presence, 0, 0, 0, 7, 0x30, 0x00 };

	if (!is_own(data))
		return reply(span("", 0), SW_WRONG_DATA);
	if (apdu->p1 == 0x07) {
		f.checks++;
		return reply(span("", 0), (unsigned)f.check_sw);
	}
	assert_int_equal(apdu->p1, 0x03);
	if (++f.asked < f.touched_at)
		return reply(span("", 0), SW_CONDITIONS_NOT_SATISFIED);
	f.signs++;
	return reply(span(assertion, sizeof(assertion) - f.cut), SW_NO_ERROR);
}

static int
fake_transact(struct u2f_token *t, size_t len)
{
	struct span data = span("", 0);
	struct apdu apdu;

	assert_ptr_equal(t, &f.u2f);
	if (f.error != 0)
		return f.error;
	assert_true(apdu_header(span(t->request, len), &apdu));
	assert_true(apdu_data(&apdu, &data));
	assert_true(data.len <= sizeof(f.last));
	memcpy(f.last, data.p, data.len);
	f.last_len = data.len;
	if (f.sw != 0)
		return reply(span("", 0), (unsigned)f.sw);
	if (apdu.ins == 0x02)
		return authenticate(&apdu, data);
	assert_int_equal(apdu.ins, 0x01);
	assert_int_equal(data.len, 64);
	if (++f.asked < f.touched_at)
		return reply(span("", 0), SW_CONDITIONS_NOT_SATISFIED);
	f.registers++;
	return reply(span(f.answer, f.answer_len), SW_NO_ERROR);
}

static void
fake_pause(struct u2f_token *t)
{
	(void)t;
	f.now_ms += U2F_POLL_MS;
}

static uint64_t
fake_now_ms(struct u2f_token *t)
{
	(void)t;
	return f.now_ms;
}

static void
fake_close(struct u2f_token *t)
{
	(void)t;
}

static const struct u2f_wire wire = {
	.transact = fake_transact,
	.pause = fake_pause,
	.now_ms = fake_now_ms,
	.close = fake_close,
};

/* 05, point, handle, a certificate of 4 bytes, a signature of 6 */
static int
setup(void **state)
{
	static const uint8_t rest[] = { 0x30, 0x02, 0x05, 0x00, 0x30, 0x04,
	    0x02, 0x00, 0x02, 0x00 };
	uint8_t *p = f.answer;

	(void)state;
	memset(&f, 0, sizeof(f));
	u2f_token_init(&f.u2f, &wire);
	f.check_sw = SW_CONDITIONS_NOT_SATISFIED;
	f.presence = 0x01;
	*p++ = 0x05;
	*p++ = 0x04;
	memset(p, 0xab, 64);
	p += 64;
	*p++ = HANDLES;
	memcpy(p, HANDLE, HANDLES);
	p += HANDLES;
	memcpy(p, rest, sizeof(rest));
	f.answer_len = (size_t)(p - f.answer) + sizeof(rest);
	return 0;
}

static const uint8_t challenge[32] = { 1, 2, 3 };
static const int es256[] = { COSE_RS256, COSE_ES256 };
static const int rs256[] = { COSE_RS256 };

static struct token_make
make_request(void)
{
	return (struct token_make){
		.client_data_hash = span(challenge, 32),
		.rp_id = span_str("example.com"),
		.algs = es256, .alg_count = 2,
	};
}

static struct token_get
get_request(const struct span *allow, size_t count)
{
	return (struct token_get){
		.client_data_hash = span(challenge, 32),
		.rp_id = span_str("example.com"),
		.allow = allow, .allow_count = count,
	};
}

static int
make(const struct token_make *req, struct token_credential *out)
{
	return f.u2f.token.ops->make(&f.u2f.token, req, out);
}

static int
get(const struct token_get *req, struct token_assertion *out)
{
	return f.u2f.token.ops->get(&f.u2f.token, req, out);
}

/* --- registration -------------------------------------------------------- */

static void
a_registration_is_a_credential(void **state)
{
	static const uint8_t zero[16];
	static const uint8_t stmt[] = { 0xa2, 0x63, 's', 'i', 'g', 0x46, 0x30,
	    0x04, 0x02, 0x00, 0x02, 0x00, 0x63, 'x', '5', 'c', 0x81, 0x44,
	    0x30, 0x02, 0x05, 0x00 };
	struct token_make req = make_request();
	struct token_credential cred;
	struct token_auth_data ad;

	(void)state;
	f.touched_at = 4;
	assert_int_equal(make(&req, &cred), 0);
	assert_int_equal(f.registers, 1);
	assert_int_equal(f.now_ms, 3 * U2F_POLL_MS);
	assert_true(span_eq(cred.fmt, span_str("fido-u2f")));
	assert_true(span_eq(cred.att_stmt, span(stmt, sizeof(stmt))));
	assert_true(token_decode_auth_data(cred.auth_data, &ad));
	assert_int_equal(ad.flags, 0x41);
	assert_memory_equal(ad.aaguid.p, zero, 16);
	assert_true(span_eq(ad.credential_id, span(HANDLE, HANDLES)));
	assert_memory_equal(f.last, challenge, 32);
	/* SHA-256("example.com") */
	assert_int_equal(f.last[32], 0xa3);
	assert_memory_equal(cred.auth_data.p, f.last + 32, 32);
	assert_memory_equal(cred.auth_data.p + 33, zero, 4);
}

static void
what_u2f_cannot_is_refused(void **state)
{
	struct token_make req = make_request();
	struct token_credential cred;

	(void)state;
	req.uv = true;
	assert_int_equal(make(&req, &cred), CTAP2_ERR_UNSUPPORTED_OPTION);
	req = make_request();
	req.rk = true;
	assert_int_equal(make(&req, &cred), CTAP2_ERR_UNSUPPORTED_OPTION);
	req = make_request();
	req.algs = rs256;
	req.alg_count = 1;
	assert_int_equal(make(&req, &cred), CTAP2_ERR_UNSUPPORTED_ALGORITHM);
	assert_int_equal(f.asked, 0);
}

/* A touch that the user gives for nothing, so that nobody can ask unseen. */
static void
an_excluded_one_takes_a_touch(void **state)
{
	const struct span ids[] = { span("other", 5), span(HANDLE, HANDLES) };
	struct token_make req = make_request();
	struct token_credential cred;

	(void)state;
	req.exclude = ids;
	req.exclude_count = 1;
	assert_int_equal(make(&req, &cred), 0);
	req.exclude_count = 2;
	f.touched_at = f.asked + 3;
	assert_int_equal(make(&req, &cred), CTAP2_ERR_CREDENTIAL_EXCLUDED);
	assert_int_equal(f.registers, 2);
	assert_int_equal(f.last[32], 'A');	/* for no site that there is */
}

static void
no_part_of_an_answer_is_an_answer(void **state)
{
	struct token_make req = make_request();
	struct token_credential cred;
	size_t len = f.answer_len;

	(void)state;
	/* up to the signature */
	for (f.answer_len = 0; f.answer_len < len - 6; f.answer_len++)
		assert_int_equal(make(&req, &cred), -EPROTO);
	f.answer_len = len;
	f.answer[1] = 0x02;		/* a compressed point */
	assert_int_equal(make(&req, &cred), -EPROTO);
	f.answer[1] = 0x04;
	f.answer[66] = 0xff;		/* a handle beyond the end */
	assert_int_equal(make(&req, &cred), -EPROTO);
	f.answer[66] = HANDLES;
	f.answer[68 + HANDLES] = 0x80;	/* a length without an end */
	assert_int_equal(make(&req, &cred), -EPROTO);
}

/* What a relying party has to notice reaches it. */
static void
an_answer_is_not_judged(void **state)
{
	static const uint8_t none[] = { 0xa2, 0x63, 's', 'i', 'g', 0x40 };
	struct token_make req = make_request();
	struct token_credential cred;
	struct token_auth_data parts;
	size_t len = f.answer_len;

	(void)state;
	f.answer_len = len - 6;		/* no signature */
	assert_int_equal(make(&req, &cred), 0);
	assert_memory_equal(cred.att_stmt.p, none, sizeof(none));
	f.answer_len = len - 1;		/* part of one */
	assert_int_equal(make(&req, &cred), 0);
	assert_int_equal(cred.att_stmt.p[5], 0x45);
	f.answer_len = len + 1;		/* one, and something behind it */
	assert_int_equal(make(&req, &cred), 0);
	assert_int_equal(cred.att_stmt.p[5], 0x47);
	/* no handle */
	f.answer[66] = 0;
	memmove(f.answer + 67, f.answer + 67 + HANDLES, len - 67 - HANDLES);
	f.answer_len = len - HANDLES;
	assert_int_equal(make(&req, &cred), 0);
	assert_true(token_decode_auth_data(cred.auth_data, &parts));
	assert_int_equal(parts.credential_id.len, 0);
}

/* --- authentication ------------------------------------------------------ */

static void
the_first_that_it_knows_signs(void **state)
{
	uint8_t much[256] = { 0 };
	const struct span ids[] = { span(much, 256), span("", 0),
	    span("other", 5), span(HANDLE, HANDLES), span(HANDLE, HANDLES) };
	struct token_get req = get_request(ids, 5);
	struct token_assertion got;

	(void)state;
	f.touched_at = 2;
	assert_int_equal(get(&req, &got), 0);
	assert_int_equal(f.checks, 1);
	assert_int_equal(f.signs, 1);
	assert_ptr_equal(got.credential_id.p, ids[3].p);
	assert_int_equal(got.auth_data.len, 37);
	assert_int_equal(got.auth_data.p[32], 1);
	assert_int_equal(got.auth_data.p[36], 7);
	assert_int_equal(got.signature.len, 2);
	assert_null(got.user_id.p);
	req = get_request(ids, 3);
	assert_int_equal(get(&req, &got), CTAP2_ERR_NO_CREDENTIALS);
	req = get_request(NULL, 0);
	assert_int_equal(get(&req, &got), CTAP2_ERR_NO_CREDENTIALS);
	req = get_request(ids, 5);
	req.uv = true;
	assert_int_equal(get(&req, &got), CTAP2_ERR_UNSUPPORTED_OPTION);
}

/* CTAP 2.3, 10.3: U2F knows no user that was verified, nor backups. */
static void
presence_is_all_that_it_can_say(void **state)
{
	const struct span ids[] = { span(HANDLE, HANDLES) };
	struct token_get req = get_request(ids, 1);
	struct token_assertion got;

	(void)state;
	f.presence = 0xff;
	assert_int_equal(get(&req, &got), 0);
	assert_int_equal(got.auth_data.p[32], 0x01);
	f.presence = 0xfe;
	assert_int_equal(get(&req, &got), 0);
	assert_int_equal(got.auth_data.p[32], 0x00);
}

static void
a_silent_question_signs_nothing(void **state)
{
	const struct span ids[] = { span("other", 5), span(HANDLE, HANDLES) };
	struct token_get req = get_request(ids, 2);
	struct token_assertion got;

	(void)state;
	req.silent = true;
	assert_int_equal(get(&req, &got), 0);
	assert_ptr_equal(got.credential_id.p, ids[1].p);
	assert_int_equal(f.signs, 0);
	/* there are tokens that say so */
	f.check_sw = SW_NO_ERROR;
	assert_int_equal(get(&req, &got), 0);
	f.check_sw = SW_INTERNAL;
	assert_int_equal(get(&req, &got), CTAP2_ERR_NO_CREDENTIALS);
}

static void
nobody_waits_for_ever(void **state)
{
	const struct span id = span(HANDLE, HANDLES);
	struct token_get req = get_request(&id, 1);
	struct token_make make_req = make_request();
	struct token_credential cred;
	struct token_assertion got;

	(void)state;
	f.touched_at = UINT32_MAX;
	assert_int_equal(get(&req, &got), CTAP2_ERR_USER_ACTION_TIMEOUT);
	assert_int_equal(f.now_ms, TOKEN_TIMEOUT_MS);
	assert_int_equal(make(&make_req, &cred),
	    CTAP2_ERR_USER_ACTION_TIMEOUT);
}

static void
a_signature_is_not_judged(void **state)
{
	const struct span id = span(HANDLE, HANDLES);
	struct token_get req = get_request(&id, 1);
	struct token_assertion got;

	(void)state;
	f.cut = 1;
	assert_int_equal(get(&req, &got), 0);
	assert_int_equal(got.signature.len, 1);
	f.cut = 2;
	assert_int_equal(get(&req, &got), 0);
	assert_int_equal(got.auth_data.len, 37);
	assert_int_equal(got.signature.len, 0);
	f.cut = 3;			/* part of the counter */
	assert_int_equal(get(&req, &got), -EPROTO);
}

static void
failures_are_told(void **state)
{
	const struct span id = span(HANDLE, HANDLES);
	struct token_get req = get_request(&id, 1);
	struct token_make make_req = make_request();
	struct token_credential cred;
	struct token_assertion got;

	(void)state;
	f.sw = SW_COMMAND_NOT_ALLOWED;
	assert_int_equal(make(&make_req, &cred), CTAP2_ERR_NOT_ALLOWED);
	f.sw = SW_INS_NOT_SUPPORTED;
	assert_int_equal(make(&make_req, &cred), CTAP1_ERR_OTHER);
	f.error = -EIO;
	assert_int_equal(make(&make_req, &cred), -EIO);
	assert_int_equal(get(&req, &got), -EIO);
	f.error = 1;	/* no status word */
	assert_int_equal(get(&req, &got), -EPROTO);
}

static void
it_says_what_it_is(void **state)
{
	struct token *t = &f.u2f.token;
	struct token_info info;
	struct span blobs;

	(void)state;
	assert_int_equal(t->ops->info(t, &info), 0);
	assert_int_equal(info.alg_count, 1);
	assert_int_equal(info.algs[0], COSE_ES256);
	assert_false(info.rk || info.verifies || info.pin);
	assert_string_equal(info.transports[0], "usb");
	assert_true(t->ops->blobs_read(t, &blobs) > 0);
	assert_true(t->ops->blobs_write(t, span("", 0)) > 0);
	t->ops->set_pin(t, span_str("1234"));
	t->ops->free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_registration_is_a_credential, setup),
		cmocka_unit_test_setup(what_u2f_cannot_is_refused, setup),
		cmocka_unit_test_setup(an_excluded_one_takes_a_touch, setup),
		cmocka_unit_test_setup(an_answer_is_not_judged, setup),
		cmocka_unit_test_setup(a_signature_is_not_judged, setup),
		cmocka_unit_test_setup(no_part_of_an_answer_is_an_answer,
		    setup),
		cmocka_unit_test_setup(the_first_that_it_knows_signs, setup),
		cmocka_unit_test_setup(presence_is_all_that_it_can_say,
		    setup),
		cmocka_unit_test_setup(a_silent_question_signs_nothing,
		    setup),
		cmocka_unit_test_setup(nobody_waits_for_ever, setup),
		cmocka_unit_test_setup(failures_are_told, setup),
		cmocka_unit_test_setup(it_says_what_it_is, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
