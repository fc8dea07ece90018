/* SPDX-License-Identifier: Apache-2.0 */
/* What a load test's verdict is computed from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/histogram.h"

static void
test_empty(void **state)
{
	static const struct histogram h;

	(void)state;
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_percentile(&h, 99), 0);
}

static void
test_percentiles(void **state)
{
	static struct histogram h;
	uint64_t p;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i * 1000);
	for (unsigned percent = 1; percent <= 100; percent++) {
		p = histogram_percentile(&h, percent);
		assert_in_range(p, percent * UINT64_C(1000000),
		    percent * UINT64_C(1032000));
	}
	assert_int_equal(h.max, 100000000);
	assert_int_equal(histogram_percentile(&h, 100), 100000000);
}

static void
test_one_slow_one(void **state)
{
	static struct histogram h;

	(void)state;
	for (int i = 0; i < 99; i++)
		histogram_add(&h, 7);
	histogram_add(&h, UINT64_MAX);
	assert_int_equal(histogram_percentile(&h, 99), 7);
	assert_true(histogram_percentile(&h, 100) == UINT64_MAX);
}

static void
test_merge(void **state)
{
	static struct histogram a, b;

	(void)state;
	histogram_add(&a, 10);
	histogram_add(&b, 20);
	histogram_add(&b, 30);
	histogram_merge(&a, &b);
	assert_int_equal(a.count, 3);
	assert_int_equal(a.max, 30);
	assert_int_equal(histogram_percentile(&a, 50), 20);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_one_slow_one),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
