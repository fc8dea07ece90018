/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that are armed happen where they are meant to, and as often. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/fault/armed.h"

static const struct fault flag = { .name = "test.flag",
	.stage = FAULT_REGISTRATION };
static const struct fault other = { .name = "test.other",
	.stage = FAULT_REGISTRATION };
static const struct fault count = { .name = "test.count",
	.stage = FAULT_AUTHENTICATION };
static const struct fault origin = { .name = "test.origin",
	.stage = FAULT_CLIENT };
static const struct fault blob = { .name = "test.blob",
	.stage = FAULT_METADATA };

static char msg[FAULT_MESSAGE_LEN];

static struct fault_set *
set_new(void)
{
	struct fault_set *set = fault_set_new(false);

	assert_non_null(set);
	return set;
}

static uint32_t
arm(struct fault_set *set, const struct fault *f, uint32_t uses,
    const char *rp)
{
	struct fault_scope scope = { .uses = uses };
	uint32_t id;

	if (rp != NULL) {
		scope.rp.len = (uint8_t)strlen(rp);
		memcpy(scope.rp.s, rp, strlen(rp));
	}
	assert_int_equal(fault_arm(set, (struct fault_choice){ f, 7 }, &scope,
	    &id, msg, sizeof(msg)), 0);
	return id;
}

static const struct fault *
take(struct fault_set *set, enum fault_stage stage, const char *rp)
{
	struct fault_armed a;
	struct span rp_id = { NULL, 0 };

	if (rp != NULL)
		rp_id = span_str(rp);
	if (!fault_take(set, stage, rp_id, &a))
		return NULL;
	assert_int_equal(a.choice.value, 7);
	return a.choice.fault;
}

static void
assert_refused(struct fault_set *set, const struct fault *f, int error,
    const char *why)
{
	struct fault_scope scope = { .uses = 1 };
	uint32_t id = 4711;

	msg[0] = '\0';
	assert_int_equal(fault_arm(set, (struct fault_choice){ f, 0 }, &scope,
	    &id, msg, sizeof(msg)), error);
	assert_string_equal(msg, why);
	assert_int_equal(id, 4711);
}

static void
an_honest_key_takes_nothing(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	assert_null(take(set, FAULT_REGISTRATION, "example.com"));
	assert_null(fault_armed_at(set, 0));
	assert_false(fault_set_forbidden(set));
	fault_set_free(set);
	fault_set_free(NULL);
}

static void
happens_so_often(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	arm(set, &flag, 2, NULL);
	assert_ptr_equal(take(set, FAULT_REGISTRATION, "a.example"), &flag);
	assert_int_equal(fault_armed_at(set, 0)->scope.uses, 1);
	assert_int_equal(fault_armed_at(set, 0)->used, 1);
	assert_ptr_equal(take(set, FAULT_REGISTRATION, "b.example"), &flag);
	assert_null(take(set, FAULT_REGISTRATION, "a.example"));
	assert_null(fault_armed_at(set, 0));
	fault_set_free(set);
}

static void
happens_until_cleared(void **state)
{
	struct fault_set *set = set_new();
	uint32_t id = arm(set, &flag, 0, NULL);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_ptr_equal(take(set, FAULT_REGISTRATION, "a.example"),
		    &flag);
	assert_int_equal(fault_armed_at(set, 0)->used, 100);
	assert_int_equal(fault_clear(set, id), 0);
	assert_null(take(set, FAULT_REGISTRATION, "a.example"));
	assert_int_equal(fault_clear(set, id), -ENOENT);
	fault_set_free(set);
}

static void
happens_at_its_relying_party(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	arm(set, &flag, 1, "a.example");
	assert_null(take(set, FAULT_REGISTRATION, "b.example"));
	assert_null(take(set, FAULT_REGISTRATION, "a.example.org"));
	/* nobody knows which one it is */
	assert_null(take(set, FAULT_REGISTRATION, NULL));
	assert_ptr_equal(take(set, FAULT_REGISTRATION, "a.example"), &flag);
	arm(set, &flag, 1, NULL);
	assert_ptr_equal(take(set, FAULT_REGISTRATION, NULL), &flag);
	fault_set_free(set);
}

static void
happens_at_its_stage(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	arm(set, &count, 1, NULL);
	assert_null(take(set, FAULT_REGISTRATION, "a.example"));
	assert_null(take(set, FAULT_TRANSPORT, "a.example"));
	assert_ptr_equal(take(set, FAULT_AUTHENTICATION, "a.example"), &count);
	fault_set_free(set);
}

static void
the_oldest_is_first(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	arm(set, &flag, 1, NULL);
	arm(set, &other, 1, NULL);
	assert_ptr_equal(take(set, FAULT_REGISTRATION, "a.example"), &flag);
	assert_ptr_equal(take(set, FAULT_REGISTRATION, "a.example"), &other);
	fault_set_free(set);
}

/* One that does not fit a ceremony leaves it to the next. */
static void
looking_uses_nothing_up(void **state)
{
	struct fault_set *set = set_new();
	uint32_t first = arm(set, &flag, 1, NULL);
	uint32_t second = arm(set, &other, 1, NULL);
	struct span rp = span_str("a.example");
	struct fault_armed a;

	(void)state;
	assert_true(fault_next(set, FAULT_REGISTRATION, rp, 0, &a));
	assert_int_equal(a.id, first);
	assert_true(fault_next(set, FAULT_REGISTRATION, rp, first, &a));
	assert_int_equal(a.id, second);
	assert_false(fault_next(set, FAULT_REGISTRATION, rp, second, &a));
	fault_used(set, second);
	assert_int_equal(fault_armed_at(set, 0)->id, first);
	assert_null(fault_armed_at(set, 1));
	fault_set_free(set);
}

static void
clearing_keeps_the_others(void **state)
{
	struct fault_set *set = set_new();
	uint32_t id[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		id[i] = arm(set, &flag, 1, NULL);
	assert_int_equal(fault_clear(set, id[1]), 0);
	assert_int_equal(fault_armed_at(set, 0)->id, id[0]);
	assert_int_equal(fault_armed_at(set, 1)->id, id[2]);
	assert_null(fault_armed_at(set, 2));
	/* what is gone is not counted, and its id not given again */
	fault_used(set, id[1]);
	assert_int_equal(fault_armed_at(set, 0)->scope.uses, 1);
	fault_clear_all(set);
	assert_null(fault_armed_at(set, 0));
	assert_true(arm(set, &flag, 1, NULL) > id[2]);
	fault_set_free(set);
}

static void
an_rp_id_is_what_hosts_ask_for(void **state)
{
	static const char *const good[] = { "example.com", "localhost",
	    "xn--bcher-kva.example", "ssh:", "ssh:Work at home", "a_b" };
	static const char *const bad[] = { "", "https://example.com", "a b",
	    "Example.com", "a/b", "a:443", "a\n", "\x7f" };
	char longest[RP_ID_KEPT + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(fault_is_rp_id(span_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(fault_is_rp_id(span_str(bad[i])));
	memset(longest, 'a', sizeof(longest));
	assert_true(fault_is_rp_id(span(longest, RP_ID_KEPT)));
	assert_false(fault_is_rp_id(span(longest, RP_ID_KEPT + 1)));
}

static void
a_key_takes_so_many(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	for (int i = 0; i < FAULTS_ARMED_MAX; i++)
		arm(set, &flag, 1, NULL);
	assert_refused(set, &flag, -ENOSPC, "32 faults are armed, which is as "
	    "many as a key takes; clear some");
	assert_ptr_equal(take(set, FAULT_REGISTRATION, NULL), &flag);
	arm(set, &other, 1, NULL);
	fault_set_free(set);
}

static void
not_on_a_key_without_faults(void **state)
{
	struct fault_set *set = fault_set_new(true);

	(void)state;
	assert_true(fault_set_forbidden(set));
	assert_refused(set, &flag, -EPERM, "this key was made with "
	    "--no-faults, and cannot get anything wrong on purpose");
	assert_null(take(set, FAULT_REGISTRATION, NULL));
	fault_set_free(set);
}

static void
not_what_happens_elsewhere(void **state)
{
	struct fault_set *set = set_new();

	(void)state;
	assert_refused(set, &origin, -ENOTSUP, "the fault test.origin is the "
	    "client's, not the key's: sealkey webauthn --fault test.origin");
	assert_refused(set, &blob, -ENOTSUP, "the fault test.blob is one of "
	    "metadata, not the key's: sealkey mds blob --fault test.blob");
	fault_set_free(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_honest_key_takes_nothing),
		cmocka_unit_test(happens_so_often),
		cmocka_unit_test(happens_until_cleared),
		cmocka_unit_test(happens_at_its_relying_party),
		cmocka_unit_test(happens_at_its_stage),
		cmocka_unit_test(the_oldest_is_first),
		cmocka_unit_test(looking_uses_nothing_up),
		cmocka_unit_test(clearing_keeps_the_others),
		cmocka_unit_test(an_rp_id_is_what_hosts_ask_for),
		cmocka_unit_test(a_key_takes_so_many),
		cmocka_unit_test(not_on_a_key_without_faults),
		cmocka_unit_test(not_what_happens_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
