/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue: every row says all that it has to, and is found. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/fault/fault.h"
#include "ctap/status.h"

#define FAULTS_MIN	120

static char msg[FAULT_MESSAGE_LEN];

static void
assert_sentence(const struct fault *f, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len < 10 || text[len - 1] != '.' || strchr(text, '\n') != NULL)
		fail_msg("%s: \"%s\" is no sentence", f->name, text);
}

static void
assert_phrase(const struct fault *f, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0 || text[len - 1] == '.' || text[len - 1] == ' ' ||
	    strchr(text, '\n') != NULL)
		fail_msg("%s: \"%s\" is no phrase", f->name, text);
}

/* What hooks it has, and how many. */
static unsigned
hooks_of(const struct fault *f, enum fault_stage stage)
{
	switch (stage) {
	case FAULT_REGISTRATION:
		return (f->mc.kinds != 0) + (f->mc.request != NULL) +
		    (f->mc.plan != NULL) + (f->mc.sign != NULL) +
		    (f->mc.frame != NULL);
	case FAULT_AUTHENTICATION:
		return (f->ga.plan != NULL) + (f->ga.sign != NULL) +
		    (f->ga.frame != NULL);
	case FAULT_CLIENT:
		return (f->client.create != NULL) + (f->client.get != NULL);
	case FAULT_TRANSPORT:
		return f->transport != FAULT_TRANSPORT_NONE;
	case FAULT_METADATA:
		return f->metadata != 0;
	}
	return 0;
}

static void
every_row_is_whole(void **state)
{
	const struct fault *f;
	size_t i;

	(void)state;
	for (i = 0; (f = fault_at(i)) != NULL; i++) {
		assert_true(strspn(f->name, "abcdefghijklmnopqrstuvwxyz"
		    "0123456789.-=_") == strlen(f->name));
		assert_true(strlen(f->name) < FAULT_NAME_MAX - 24);
		assert_sentence(f, f->breaks);
		assert_phrase(f, f->check);
		assert_phrase(f, f->section);
		if (f->references != NULL)
			assert_phrase(f, f->references);
		assert_true(f->needs < 1U << FAULT_NEEDS);
	}
	assert_true(i >= FAULTS_MIN);
}

/* A hook of another stage would never be called. */
static void
every_row_does_something_at_its_stage(void **state)
{
	const struct fault *f;

	(void)state;
	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		unsigned all = 0;

		for (int s = FAULT_REGISTRATION; s <= FAULT_METADATA; s++)
			all += hooks_of(f, (enum fault_stage)s);
		if (hooks_of(f, f->stage) == 0 || hooks_of(f, f->stage) != all)
			fail_msg("%s has wrong hooks", f->name);
	}
}

static void
every_name_is_one_row(void **state)
{
	const struct fault *f;

	(void)state;
	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		char name[FAULT_NAME_MAX];
		struct fault_choice choice;

		assert_ptr_equal(fault_find(f->name), f);
		assert_int_equal(fault_choose(f->name, &choice, msg,
		    sizeof(msg)), 0);
		assert_ptr_equal(choice.fault, f);
		assert_int_equal(choice.value, f->usual);
		/* there and back */
		fault_choice_name(choice, name);
		assert_int_equal(fault_choose(name, &choice, msg,
		    sizeof(msg)), 0);
		assert_ptr_equal(choice.fault, f);
		assert_int_equal(choice.value, f->usual);
	}
	assert_null(fault_find("reg"));
	assert_null(fault_find("reg.rpidhashes"));
	assert_null(fault_find(""));
}

static void
assert_value(const char *text, uint32_t value, const char *name)
{
	struct fault_choice choice;
	char back[FAULT_NAME_MAX];

	assert_int_equal(fault_choose(text, &choice, msg, sizeof(msg)), 0);
	assert_int_equal(choice.value, value);
	fault_choice_name(choice, back);
	assert_string_equal(back, name);
}

static void
values_come_behind_the_name(void **state)
{
	(void)state;
	assert_value("ctap.error:NO_CREDENTIALS", CTAP2_ERR_NO_CREDENTIALS,
	    "ctap.error:NO_CREDENTIALS");
	assert_value("ctap.error:0x2E", CTAP2_ERR_NO_CREDENTIALS,
	    "ctap.error:NO_CREDENTIALS");
	assert_value("ctap.error:46", CTAP2_ERR_NO_CREDENTIALS,
	    "ctap.error:NO_CREDENTIALS");
	/* one that the standard does not have */
	assert_value("ctap.error:0xf1", 0xf1, "ctap.error:241");
	assert_value("hid.slow:20", 20, "hid.slow:20");
	assert_value("hid.slow:3600000", 3600000, "hid.slow:3600000");
}

static void
assert_wrong(const char *text, const char *why)
{
	struct fault_choice choice = { .value = 4711 };

	msg[0] = '\0';
	assert_int_equal(fault_choose(text, &choice, msg, sizeof(msg)),
	    -EINVAL);
	assert_string_equal(msg, why);
	assert_int_equal(choice.value, 4711);
}

static void
wrong_values_are_refused(void **state)
{
	static const char status[] = "the fault ctap.error takes a CTAP "
	    "status, 1 to 255 or a name such as NO_CREDENTIALS, as NAME:STATUS";
	static const char *const statuses[] = { "ctap.error:", "ctap.error:0",
		"ctap.error:OK", "ctap.error:256", "ctap.error:-1",
		"ctap.error:0x", "ctap.error:no_credentials",
		"ctap.error:4294967342", "ctap.error:46 ", "ctap.error: 46",
		"ctap.error:NO_CREDENTIALS:1", "ctap.error:0x100000000" };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		assert_wrong(statuses[i], status);
	assert_wrong("hid.slow:3600001", "the fault hid.slow takes "
	    "milliseconds, at most an hour, as NAME:MS");
	assert_wrong("reg.rpidhash:1", "the fault reg.rpidhash takes nothing "
	    "behind its name");
	assert_wrong("nothing.of-the-kind", "there is no such fault; "
	    "\"sealkey fault list\" lists them");
	assert_wrong("", "there is no such fault; \"sealkey fault list\" lists "
	    "them");
	assert_wrong(":1", "there is no such fault; \"sealkey fault list\" "
	    "lists them");
}

static const char *
warning(const char *name, enum fault_browser browser)
{
	return fault_warning(fault_find(name), browser);
}

static void
browsers_that_stop_it_are_named(void **state)
{
	(void)state;
	assert_null(warning("reg.up-clear", FAULT_ANY_BROWSER));
	assert_string_equal(warning("reg.rpidhash", FAULT_ANY_BROWSER),
	    "this fault does not reach a page through Chromium; use Firefox, "
	    "or sealkey webauthn --fault");
	assert_string_equal(warning("key.reordered", FAULT_ANY_BROWSER),
	    "this fault reaches a page through neither Chromium nor Firefox; "
	    "use sealkey webauthn --fault");
	assert_string_equal(warning("tpm.magic", FAULT_ANY_BROWSER),
	    "this fault is not expected to reach a page through Firefox; try "
	    "Chromium, or sealkey webauthn --fault");
	assert_string_equal(warning("key.x-long", FAULT_ANY_BROWSER),
	    "this fault is not expected to reach a page through Chromium; try "
	    "Firefox, or sealkey webauthn --fault");
	assert_string_equal(warning("reg.challenge", FAULT_ANY_BROWSER),
	    "this fault is expected to reach a page through neither Chromium "
	    "nor Firefox; use sealkey webauthn --fault");
	assert_null(warning("key.alg-text", FAULT_ANY_BROWSER));
	/* the page has nothing to do with it, or is what is tested */
	assert_null(warning("hid.timeout", FAULT_ANY_BROWSER));
	/* the other one is nobody's concern */
	assert_null(warning("reg.rpidhash", FAULT_FIREFOX));
	assert_non_null(warning("reg.rpidhash", FAULT_CHROMIUM));
	assert_null(warning("tpm.magic", FAULT_CHROMIUM));
	assert_non_null(warning("tpm.magic", FAULT_FIREFOX));
	assert_non_null(warning("key.reordered", FAULT_CHROMIUM));
	assert_non_null(warning("key.reordered", FAULT_FIREFOX));
	for (int i = FAULT_CHROMIUM; i <= FAULT_FIREFOX; i++)
		assert_int_equal(fault_browser_named(fault_browser_name(i)), i);
	assert_int_equal(fault_browser_named("safari"), -1);
}

/* With Chromium 156 and Firefox ESR 153; of no other row it is claimed. */
static const char *const measured[] = {
	"reg.rpidhash", "reg.up-clear", "reg.uv-clear", "reg.bs-without-be",
	"reg.be-bs", "reg.rfu-flags", "reg.at-clear", "reg.ed-without-data",
	"reg.trailing", "reg.counter-max", "reg.aaguid-unknown",
	"reg.aaguid-zero", "reg.aaguid-unapproved", "reg.aaguid-vs-cert",
	"reg.credid-1024", "reg.credid-1023", "reg.credid-0",
	"key.alg-kty-confusion", "key.off-curve", "key.noncanonical",
	"key.reordered", "att.sig-bad", "att.sig-empty", "att.sig-raw-rs",
	"att.alg-mismatch-basic", "att.alg-unknown", "att.x5c-empty",
	"att.x5c-garbage", "att.self-when-basic-required",
	"att.fmt-none-with-stmt", "att.stmt-empty", "att.stmt-extra-key",
	"att.fmt-unknown", "att.fmt-compound", "att.fmt-android-key",
	"auth.sig-bad", "auth.sig-empty", "auth.sig-zero",
	"auth.sig-der-trailing", "auth.counter-zero", "auth.counter-max",
	"auth.up-clear", "auth.uv-clear", "auth.be-flip",
	"auth.bs-without-be", "auth.rpidhash", "auth.trailing", "auth.at-set",
	"auth.ed-set", "auth.credid-other", "auth.revoked-credential",
	"auth.userhandle-other", "auth.userhandle-absent",
};

static bool
is_measured(enum fault_reach reach)
{
	return reach >= FAULT_PASSES && reach <= FAULT_HANGS;
}

static void
what_was_not_measured_is_not_said_to_be(void **state)
{
	const struct fault *f;

	(void)state;
	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		bool was = false;

		for (size_t m = 0; m < sizeof(measured) / sizeof(measured[0]);
		    m++)
			was = was || strcmp(f->name, measured[m]) == 0;
		if (was != is_measured(f->chromium) ||
		    was != is_measured(f->firefox))
			fail_msg("%s", f->name);
	}
}

static void
words_are_there_and_back(void **state)
{
	(void)state;
	for (int s = FAULT_REGISTRATION; s <= FAULT_METADATA; s++)
		assert_int_equal(fault_stage_named(fault_stage_name(
		    (enum fault_stage)s)), s);
	assert_int_equal(fault_stage_named("stage"), -1);
	for (unsigned i = 0; i < FAULT_NEEDS; i++)
		assert_true(strlen(fault_need_name(1U << i)) > 5);
	assert_string_equal(fault_need_name(1U << FAULT_NEEDS), "");
	assert_string_equal(fault_verdict_name(FAULT_TOLERATE), "tolerate");
	assert_string_equal(fault_reach_name(FAULT_HANGS), "hangs");
	assert_string_equal(fault_reach_name(FAULT_LIKELY),
	    "expected to pass");
	assert_string_equal(fault_reach_name(FAULT_UNLIKELY),
	    "expected to be blocked");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(every_row_does_something_at_its_stage),
		cmocka_unit_test(every_name_is_one_row),
		cmocka_unit_test(values_come_behind_the_name),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(browsers_that_stop_it_are_named),
		cmocka_unit_test(what_was_not_measured_is_not_said_to_be),
		cmocka_unit_test(words_are_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
