/* SPDX-License-Identifier: Apache-2.0 */
/* Who touches the key: what is done comes out as it went in, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/presence.h"

struct counts {
	unsigned	answered;
	unsigned	in_vain;
};

static void
done(struct press *p, bool answered)
{
	struct counts *c = p->arg;

	if (answered)
		c->answered++;
	else
		c->in_vain++;
}

static struct press
by_finger(struct counts *c, uint8_t number, enum sample_status status)
{
	return (struct press){ .done = done, .arg = c,
	    .touch.finger = { .number = number, .status = (uint8_t)status } };
}

static void
assert_touch(struct touch t, bool deny, uint8_t number, uint8_t status)
{
	assert_int_equal(t.deny, deny);
	assert_int_equal(t.finger.number, number);
	assert_int_equal(t.finger.status, status);
}

static void
auto_is_the_finger_that_fits(void **state)
{
	struct touch t = { .deny = true, .finger = { .number = 7,
	    .status = 7 } };
	struct presence p;

	(void)state;
	presence_init(&p, PRESENCE_AUTO);
	assert_true(presence_ask(&p, 0, &t));
	assert_touch(t, false, 0, SAMPLE_GOOD);
	/* long enough for whatever is asked */
	assert_true(t.finger.long_touch);
}

static void
nobody_touches(void **state)
{
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_NEVER);
	assert_false(presence_ask(&p, 0, &t));
	assert_int_equal(presence_deadline(&p), UINT64_MAX);
}

static void
a_press_answers_with_its_finger(void **state)
{
	struct counts c = { 0, 0 };
	struct press press = by_finger(&c, 2, SAMPLE_TOO_HIGH);
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_MANUAL);
	assert_false(presence_ask(&p, 0, &t));
	assert_true(presence_press(&p, &press, 1, &t));
	assert_touch(t, false, 2, SAMPLE_TOO_HIGH);
	assert_int_equal(c.answered, 1);
	/* one request */
	assert_false(presence_ask(&p, 2, &t));
}

static void
kept_fingers_answer_in_order(void **state)
{
	struct counts c = { 0, 0 };
	struct press first = by_finger(&c, 1, SAMPLE_GOOD);
	struct press second = by_finger(&c, 2, SAMPLE_POOR_QUALITY);
	struct press no = { .touch.deny = true, .done = done, .arg = &c };
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_MANUAL);
	assert_false(presence_press(&p, &first, 0, &t));
	assert_false(presence_press(&p, &second, 0, &t));
	assert_false(presence_press(&p, &no, 0, &t));
	assert_true(presence_ask(&p, 1, &t));
	assert_touch(t, false, 1, SAMPLE_GOOD);
	assert_true(presence_ask(&p, 1, &t));
	assert_touch(t, false, 2, SAMPLE_POOR_QUALITY);
	assert_true(presence_ask(&p, 1, &t));
	assert_true(t.deny);
	assert_int_equal(c.answered, 3);
}

static void
a_finger_is_kept_for_10_s(void **state)
{
	struct counts c = { 0, 0 };
	struct press press = by_finger(&c, 2, SAMPLE_GOOD);
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_MANUAL);
	assert_false(presence_press(&p, &press, 5, &t));
	assert_int_equal(presence_deadline(&p), 5 + PRESS_KEPT_MS);
	assert_false(presence_ask(&p, 5 + PRESS_KEPT_MS, &t));
	assert_int_equal(c.answered, 0);
	assert_int_equal(c.in_vain, 1);
}

static void
a_finger_taken_off_answers_nothing(void **state)
{
	struct counts c = { 0, 0 };
	struct press press = by_finger(&c, 2, SAMPLE_GOOD);
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_MANUAL);
	assert_false(presence_press(&p, &press, 0, &t));
	presence_withdraw(&p, &press);
	assert_false(presence_ask(&p, 1, &t));
	assert_int_equal(c.answered + c.in_vain, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_is_the_finger_that_fits),
		cmocka_unit_test(nobody_touches),
		cmocka_unit_test(a_press_answers_with_its_finger),
		cmocka_unit_test(kept_fingers_answer_in_order),
		cmocka_unit_test(a_finger_is_kept_for_10_s),
		cmocka_unit_test(a_finger_taken_off_answers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
