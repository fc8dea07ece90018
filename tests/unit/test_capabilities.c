/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of virtual authenticators in a New Session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "authenticator/webdriver/capabilities.h"

#define ALL	"webauthn:virtualAuthenticators"
#define PRF	"webauthn:extension:prf"
#define NONE	"webauthn:extension:none"

static json_t *
parse(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

	assert_non_null(json);
	return json;
}

/* capabilities, as one asks for them, become left and give matched */
static void
takes(const char *asked, const char *left, const char *matched)
{
	json_t *parameters = json_pack("{s:o}", "capabilities", parse(asked));
	json_t *want = json_pack("{s:o}", "capabilities", parse(left));
	json_t *got = NULL, *want_matched = parse(matched);
	const char *error = NULL;

	assert_null(capabilities_take(parameters, &got, &error));
	assert_true(json_equal(parameters, want));
	assert_true(json_equal(got, want_matched));
	json_decref(parameters);
	json_decref(want);
	json_decref(got);
	json_decref(want_matched);
}

static void
refuses(const char *asked, const char *code)
{
	json_t *parameters = json_pack("{s:o}", "capabilities", parse(asked));
	json_t *got = NULL;
	const char *error = NULL;
	const char *why = capabilities_take(parameters, &got, &error);

	assert_non_null(why);
	assert_true(strlen(why) > 0);
	assert_string_equal(error, code);
	assert_null(got);
	json_decref(parameters);
}

static void
test_leaves_what_is_not_ours(void **state)
{
	(void)state;
	takes("{}", "{}", "{}");
	takes("7", "7", "{}");
	takes("{\"alwaysMatch\": []}", "{\"alwaysMatch\": []}", "{}");
	takes("{\"firstMatch\": []}", "{\"firstMatch\": []}", "{}");
	takes("{\"firstMatch\": [7]}", "{\"firstMatch\": [7]}", "{}");
	takes("{\"alwaysMatch\": {\"a:b\": 1}, \"firstMatch\": [{}]}",
	    "{\"alwaysMatch\": {\"a:b\": 1}, \"firstMatch\": [{}]}", "{}");
}

static void
test_takes_ours_out(void **state)
{
	(void)state;
	takes("{\"alwaysMatch\": {\"" ALL "\": true, \"x\": 1}}",
	    "{\"alwaysMatch\": {\"x\": 1}}", "{\"" ALL "\": true}");
	takes("{\"alwaysMatch\": {\"" ALL "\": true}, \"firstMatch\": "
	    "[{\"" PRF "\": true}, {\"" PRF "\": false}]}",
	    "{\"alwaysMatch\": {}, \"firstMatch\": [{}, {}]}",
	    "{\"" ALL "\": true, \"" PRF "\": true}");
	takes("{\"alwaysMatch\": {\"" NONE "\": false}}",
	    "{\"alwaysMatch\": {}}", "{\"" NONE "\": false}");
}

static void
test_leaves_out_what_does_not_fit(void **state)
{
	(void)state;
	takes("{\"firstMatch\": [{\"" NONE "\": true, \"x\": 1}, "
	    "{\"x\": 2}, {\"" NONE "\": true}]}",
	    "{\"firstMatch\": [{\"x\": 2}]}", "{}");
	refuses("{\"firstMatch\": [{\"" NONE "\": true}]}",
	    "session not created");
	refuses("{\"alwaysMatch\": {\"" NONE "\": true}}",
	    "session not created");
	refuses("{\"alwaysMatch\": {\"webauthn:x\": true}}",
	    "session not created");
	refuses("{\"alwaysMatch\": {\"" NONE "\": true}, "
	    "\"firstMatch\": [{}]}", "session not created");
}

static void
test_refuses_other_types(void **state)
{
	static const char *const values[] = { "1", "null", "\"true\"", "[]",
		"{}" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "{\"alwaysMatch\": {\"" ALL
		    "\": %s}}", values[i]);
		refuses(text, "invalid argument");
		snprintf(text, sizeof(text), "{\"firstMatch\": [{}, {\"" PRF
		    "\": %s}]}", values[i]);
		refuses(text, "invalid argument");
	}
}

/* Whatever they say, and whether it fits or not. */
static void
test_refuses_the_same_twice(void **state)
{
	(void)state;
	refuses("{\"alwaysMatch\": {\"" PRF "\": true}, \"firstMatch\": "
	    "[{\"" PRF "\": true}]}", "invalid argument");
	refuses("{\"alwaysMatch\": {\"" PRF "\": true}, \"firstMatch\": "
	    "[{\"" ALL "\": true}, {\"" PRF "\": false}]}",
	    "invalid argument");
	refuses("{\"alwaysMatch\": {\"" NONE "\": true}, \"firstMatch\": "
	    "[{\"" NONE "\": true}]}", "invalid argument");
	/* of one another, those that come first may be */
	takes("{\"alwaysMatch\": {\"" PRF "\": true}, \"firstMatch\": "
	    "[{\"" ALL "\": true}, {\"" ALL "\": false}]}",
	    "{\"alwaysMatch\": {}, \"firstMatch\": [{}, {}]}",
	    "{\"" ALL "\": true, \"" PRF "\": true}");
}

static void
test_puts_them_into_replies(void **state)
{
	json_t *matched = parse("{\"" ALL "\": true}");
	json_t *reply = parse("{\"value\": {\"sessionId\": \"x\", "
	    "\"capabilities\": {\"a\": 1}}}");
	json_t *want = parse("{\"value\": {\"sessionId\": \"x\", "
	    "\"capabilities\": {\"a\": 1, \"" ALL "\": true}}}");
	json_t *other = parse("{\"value\": null}");

	(void)state;
	capabilities_put(reply, matched);
	assert_true(json_equal(reply, want));
	capabilities_put(other, matched);
	assert_true(json_is_null(json_object_get(other, "value")));
	json_decref(matched);
	json_decref(reply);
	json_decref(want);
	json_decref(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves_what_is_not_ours),
		cmocka_unit_test(test_takes_ours_out),
		cmocka_unit_test(test_leaves_out_what_does_not_fit),
		cmocka_unit_test(test_refuses_other_types),
		cmocka_unit_test(test_refuses_the_same_twice),
		cmocka_unit_test(test_puts_them_into_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
