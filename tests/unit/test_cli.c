/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others, made fit for a line of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <jansson.h>

#include "authenticator/cmd/cli.h"

static const char *
clean(const char *text, size_t size)
{
	static char out[64];

	memset(out, 'x', sizeof(out));
	cli_clean(text, strlen(text), out, size);
	assert_true(strlen(out) < size);
	return out;
}

static void
nothing_steers_a_terminal(void **state)
{
	(void)state;
	assert_string_equal(clean("a\033[2Jb\r\nc\177", 64), "a?[2Jb??c?");
	/* C1, as UTF-8 has it, and as ISO 8859 */
	assert_string_equal(clean("a\302\233b\302\240c", 64), "a?b\302\240c");
	assert_string_equal(clean("a\233b", 64), "a?b");
}

static void
what_is_no_utf8_is_told(void **state)
{
	static const char *const bad[] = { "\200", "\303", "\340\200\200",
	    "\355\240\200", "\360\237\230", "\364\220\200\200", "\377" };

	(void)state;
	assert_string_equal(clean("\303\244\342\202\254\360\237\230\200", 64),
	    "\303\244\342\202\254\360\237\230\200");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *out = clean(bad[i], 64);

		assert_int_equal(strlen(out), strlen(bad[i]));
		assert_int_equal(strspn(out, "?"), strlen(out));
	}
}

/* What is too long is cut between characters: JSON has no half ones. */
static void
no_character_is_cut(void **state)
{
	static const char text[] = "\303\244\342\202\254\360\237\230\200";
	json_t *json;

	(void)state;
	for (size_t size = 1; size <= sizeof(text); size++) {
		json = json_string(clean(text, size));
		assert_non_null(json);
		json_decref(json);
	}
	assert_string_equal(clean(text, sizeof(text)), text);
	assert_string_equal(clean(text, sizeof(text) - 1),
	    "\303\244\342\202\254");
	assert_string_equal(clean(text, 5), "\303\244");
	assert_string_equal(clean("abc", 1), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_steers_a_terminal),
		cmocka_unit_test(what_is_no_utf8_is_told),
		cmocka_unit_test(no_character_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
