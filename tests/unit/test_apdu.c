/* SPDX-License-Identifier: Apache-2.0 */
/* APDUs of every length, right and wrong. covers uf.1 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "ctap/apdu.h"

/* In memory of exactly that length, so that a sanitizer sees every slip. */
static bool
parse(const uint8_t *body, size_t len, size_t *data_len, size_t *offset)
{
	uint8_t *msg = malloc(APDU_HEADER_LEN + len);
	struct apdu apdu;
	struct span data;
	bool ok;

	assert_non_null(msg);
	memcpy(msg, "\x00\x01\x02\x03", APDU_HEADER_LEN);
	if (len > 0)
		memcpy(msg + APDU_HEADER_LEN, body, len);
	assert_true(apdu_header(span(msg, APDU_HEADER_LEN + len), &apdu));
	assert_int_equal(apdu.cla, 0);
	assert_int_equal(apdu.ins, 1);
	assert_int_equal(apdu.p1, 2);
	assert_int_equal(apdu.p2, 3);
	ok = apdu_data(&apdu, &data);
	if (ok) {
		assert_non_null(data.p);
		*data_len = data.len;
		*offset = (size_t)(data.p - msg) - APDU_HEADER_LEN;
		assert_true(*offset + data.len <= len);
	}
	free(msg);
	return ok;
}

static void
less_than_a_header_is_refused(void **state)
{
	struct apdu apdu = { .ins = 0x55 };

	(void)state;
	for (size_t len = 0; len < APDU_HEADER_LEN; len++) {
		uint8_t *msg = calloc(1, len + (len == 0));

		assert_false(apdu_header(span(msg, len), &apdu));
		assert_int_equal(apdu.ins, 0x55);
		free(msg);
	}
}

static void
no_body_and_short_le_are_no_data(void **state)
{
	size_t len = 1, at = 1;
	uint8_t le = 0;

	(void)state;
	assert_true(parse(NULL, 0, &len, &at));
	assert_int_equal(len, 0);
	do {
		len = 1;
		assert_true(parse(&le, 1, &len, &at));
		assert_int_equal(len, 0);
	} while (++le != 0);
}

static void
short_data_is_as_long_as_it_says(void **state)
{
	uint8_t body[260] = { 0 };
	size_t len, at;

	(void)state;
	for (size_t lc = 1; lc <= 255; lc++)
		for (size_t rest = 1; rest < sizeof(body); rest++) {
			bool right = rest == lc || rest == lc + 1;

			body[0] = (uint8_t)lc;
			assert_int_equal(parse(body, 1 + rest, &len, &at),
			    right);
			if (!right)
				continue;
			assert_int_equal(len, lc);
			assert_int_equal(at, 1);
		}
}

static void
a_cut_extended_length_is_refused(void **state)
{
	static const uint8_t body[] = { 0, 0 };
	size_t len, at;

	(void)state;
	assert_false(parse(body, 2, &len, &at));
}

static void
an_extended_le_alone_is_no_data(void **state)
{
	uint8_t body[3] = { 0 };
	size_t len, at;

	(void)state;
	for (unsigned le = 0; le <= UINT16_MAX; le += 257) {
		body[1] = (uint8_t)(le >> 8);
		body[2] = (uint8_t)le;
		assert_true(parse(body, sizeof(body), &len, &at));
		assert_int_equal(len, 0);
	}
}

static void
check_extended(size_t lc, size_t rest, uint8_t filling)
{
	uint8_t body[3 + 310];
	size_t len, at, le = rest - lc;
	bool right = rest >= lc && (le < 3 || (le == 3 && filling == 0));

	memset(body, filling, sizeof(body));
	body[0] = 0;
	body[1] = (uint8_t)(lc >> 8);
	body[2] = (uint8_t)lc;
	assert_int_equal(parse(body, 3 + rest, &len, &at), right);
	if (!right)
		return;
	assert_int_equal(len, lc);
	assert_int_equal(at, 3);
}

static void
extended_data_is_as_long_as_it_says(void **state)
{
	(void)state;
	for (size_t lc = 0; lc <= 300; lc += 1 + (lc > 66) * 37)
		for (size_t rest = 1; rest <= 310; rest++) {
			check_extended(lc, rest, 0);
			check_extended(lc, rest, 0xff);
		}
	check_extended(0xffff, 310, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(less_than_a_header_is_refused),
		cmocka_unit_test(no_body_and_short_le_are_no_data),
		cmocka_unit_test(short_data_is_as_long_as_it_says),
		cmocka_unit_test(a_cut_extended_length_is_refused),
		cmocka_unit_test(an_extended_le_alone_is_no_data),
		cmocka_unit_test(extended_data_is_as_long_as_it_says),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
