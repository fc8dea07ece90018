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
	assert_true(presence_ask(&p, false, 0, &t));
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
	assert_false(presence_ask(&p, false, 0, &t));
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
	assert_false(presence_ask(&p, false, 0, &t));
	assert_true(presence_press(&p, &press, 1, &t));
	assert_touch(t, false, 2, SAMPLE_TOO_HIGH);
	assert_int_equal(c.answered, 1);
	/* one request */
	assert_false(presence_ask(&p, false, 2, &t));
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
	assert_true(presence_ask(&p, false, 1, &t));
	assert_touch(t, false, 1, SAMPLE_GOOD);
	assert_true(presence_ask(&p, false, 1, &t));
	assert_touch(t, false, 2, SAMPLE_POOR_QUALITY);
	assert_true(presence_ask(&p, false, 1, &t));
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
	assert_false(presence_ask(&p, false, 5 + PRESS_KEPT_MS, &t));
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
	assert_false(presence_ask(&p, false, 1, &t));
	assert_int_equal(c.answered + c.in_vain, 0);
}

static void
what_it_was_told_is_text(void **state)
{
	char text[PRESENCE_TEXT_LEN], all[PRESENCE_TEXT_LEN] = "refused ";
	struct presence p;

	(void)state;
	presence_init(&p, PRESENCE_MANUAL);
	presence_text(&p, text);
	assert_string_equal(text, "manual");
	presence_verification_text(&p, text);
	assert_string_equal(text, "verified");
	presence_set(&p, PRESENCE_DENY, PRESENCE_DELAY_MAX_MS, 0);
	presence_text(&p, text);
	assert_string_equal(text, "deny 600000");
	p.verifications.always = VERIFICATION_REFUSED;
	p.verifications.count = VERIFICATIONS_MAX;
	for (int i = 0; i < VERIFICATIONS_MAX; i++) {
		p.verifications.next[i] = VERIFICATION_GOOD;
		strcat(all, i == 0 ? "verified" : ",verified");
	}
	presence_verification_text(&p, text);
	assert_string_equal(text, all);
}

static void
a_delay_answers_late(void **state)
{
	static const enum presence_mode modes[] = { PRESENCE_AUTO,
	    PRESENCE_DENY };
	struct presence p;
	struct touch t;

	(void)state;
	for (int i = 0; i < 2; i++) {
		presence_init(&p, PRESENCE_NEVER);
		presence_set(&p, modes[i], 500, 0);
		assert_int_equal(presence_deadline(&p), UINT64_MAX);
		assert_false(presence_ask(&p, false, 1000, &t));
		assert_int_equal(presence_deadline(&p), 1500);
		assert_false(presence_tick(&p, 1499, &t));
		assert_true(presence_tick(&p, 1500, &t));
		assert_int_equal(t.deny, modes[i] == PRESENCE_DENY);
		assert_false(presence_tick(&p, 9999, &t));
		/* the next one waits as long */
		assert_false(presence_ask(&p, false, 2000, &t));
		presence_unask(&p);
		assert_int_equal(presence_deadline(&p), UINT64_MAX);
		assert_false(presence_ask(&p, false, 3000, &t));
		assert_int_equal(presence_deadline(&p), 3500);
	}
}

/* U2F asks for this moment, and again; CTAP 2.3, 7.2 */
static void
who_polls_finds_what_was_due(void **state)
{
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_NEVER);
	presence_set(&p, PRESENCE_AUTO, 500, 0);
	assert_false(presence_ask(&p, true, 1000, &t));
	presence_unask(&p);
	assert_int_equal(presence_deadline(&p), UINT64_MAX);
	assert_false(presence_ask(&p, true, 1300, &t));
	presence_unask(&p);
	assert_true(presence_ask(&p, true, 1600, &t));
	presence_unask(&p);
	/* but not for ever */
	assert_false(presence_ask(&p, true, 2000, &t));
	presence_unask(&p);
	assert_false(presence_ask(&p, true, 2500 + PRESS_KEPT_MS, &t));
}

static void
a_change_answers_what_is_asked(void **state)
{
	struct counts c = { 0, 0 };
	struct press press = by_finger(&c, 0, SAMPLE_GOOD);
	struct presence p;
	struct touch t;

	(void)state;
	presence_init(&p, PRESENCE_NEVER);
	assert_false(presence_ask(&p, false, 0, &t));
	presence_set(&p, PRESENCE_DENY, 0, 10);
	assert_int_equal(presence_deadline(&p), 10);
	assert_true(presence_tick(&p, 10, &t));
	assert_true(t.deny);
	/* presses end with the button */
	presence_set(&p, PRESENCE_MANUAL, 0, 20);
	assert_false(presence_press(&p, &press, 20, &t));
	assert_int_equal(presence_kept(&p), 1);
	presence_set(&p, PRESENCE_AUTO, 0, 30);
	assert_int_equal(presence_kept(&p), 0);
	assert_int_equal(c.in_vain, 1);
	assert_true(presence_ask(&p, false, 30, &t));
	assert_false(t.deny);
}

static void
verifications_end_as_foretold(void **state)
{
	struct presence p;

	(void)state;
	presence_init(&p, PRESENCE_AUTO);
	assert_int_equal(presence_verification(&p), VERIFICATION_GOOD);
	p.verifications = (struct verifications){
	    .always = VERIFICATION_REFUSED,
	    .count = 3, .next = { VERIFICATION_GOOD, VERIFICATION_MISMATCH,
	    VERIFICATION_GOOD } };
	assert_int_equal(presence_verification(&p), VERIFICATION_GOOD);
	assert_int_equal(presence_verification(&p), VERIFICATION_MISMATCH);
	assert_int_equal(presence_verification(&p), VERIFICATION_GOOD);
	assert_int_equal(presence_verification(&p), VERIFICATION_REFUSED);
	assert_int_equal(presence_verification(&p), VERIFICATION_REFUSED);
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
		cmocka_unit_test(what_it_was_told_is_text),
		cmocka_unit_test(a_delay_answers_late),
		cmocka_unit_test(who_polls_finds_what_was_due),
		cmocka_unit_test(a_change_answers_what_is_asked),
		cmocka_unit_test(verifications_end_as_foretold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
