/* SPDX-License-Identifier: Apache-2.0 */
/* What people write is a number, or one of some names, or it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authenticator/parse.h"

static void
takes_numbers(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 min, max, want;
	} rows[] = {
		{ "0", 0, UINT64_MAX, 0 },
		{ "1", 1, 1, 1 },
		{ "007", 1, 10, 7 },
		{ "65535", 0, UINT16_MAX, 65535 },
		{ "18446744073709551615", 0, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t n = rows[i].want + 1;

		assert_true(parse_number(rows[i].text, rows[i].min,
		    rows[i].max, &n));
		assert_int_equal(n, rows[i].want);
	}
}

/* And then *out is what it was. */
static void
refuses_what_is_none(void **state)
{
	static const char *const wrong[] = { "", " 1", "1 ", "+1", "-1", "1x",
	    "0x1", "x", "1.0", "1\n", "18446744073709551616",
	    "99999999999999999999999999" };
	uint64_t n = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(parse_number(wrong[i], 0, UINT64_MAX, &n));
	assert_false(parse_number("4", 5, 10, &n));
	assert_false(parse_number("11", 5, 10, &n));
	assert_int_equal(n, 42);
}

static void
finds_names(void **state)
{
	static const char *const names[] = { "auto", "manual", NULL };

	(void)state;
	assert_int_equal(parse_choice("auto", names), 0);
	assert_int_equal(parse_choice("manual", names), 1);
	assert_int_equal(parse_choice("man", names), -1);
	assert_int_equal(parse_choice("Auto", names), -1);
	assert_int_equal(parse_choice("", names), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_numbers),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(finds_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
