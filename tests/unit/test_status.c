/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and their names, against CTAP 2.3, 8.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctap/status.h"

#include <string.h>

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

/* written down from the standard, not from the header */
static const struct {
	unsigned	 code;
	const char	*name;
} names[] = {
	{ 0x00, "OK" },
	{ 0x01, "INVALID_COMMAND" },
	{ 0x02, "INVALID_PARAMETER" },
	{ 0x03, "INVALID_LENGTH" },
	{ 0x04, "INVALID_SEQ" },
	{ 0x11, "CBOR_UNEXPECTED_TYPE" },
	{ 0x12, "INVALID_CBOR" },
	{ 0x14, "MISSING_PARAMETER" },
	{ 0x15, "LIMIT_EXCEEDED" },
	{ 0x17, "FP_DATABASE_FULL" },
	{ 0x18, "LARGE_BLOB_STORAGE_FULL" },
	{ 0x19, "CREDENTIAL_EXCLUDED" },
	{ 0x22, "INVALID_CREDENTIAL" },
	{ 0x26, "UNSUPPORTED_ALGORITHM" },
	{ 0x27, "OPERATION_DENIED" },
	{ 0x28, "KEY_STORE_FULL" },
	{ 0x2b, "UNSUPPORTED_OPTION" },
	{ 0x2c, "INVALID_OPTION" },
	{ 0x2d, "KEEPALIVE_CANCEL" },
	{ 0x2e, "NO_CREDENTIALS" },
	{ 0x2f, "USER_ACTION_TIMEOUT" },
	{ 0x30, "NOT_ALLOWED" },
	{ 0x31, "PIN_INVALID" },
	{ 0x32, "PIN_BLOCKED" },
	{ 0x33, "PIN_AUTH_INVALID" },
	{ 0x34, "PIN_AUTH_BLOCKED" },
	{ 0x35, "PIN_NOT_SET" },
	{ 0x36, "PUAT_REQUIRED" },
	{ 0x37, "PIN_POLICY_VIOLATION" },
	{ 0x39, "REQUEST_TOO_LARGE" },
	{ 0x3b, "UP_REQUIRED" },
	{ 0x3c, "UV_BLOCKED" },
	{ 0x3d, "INTEGRITY_FAILURE" },
	{ 0x3e, "INVALID_SUBCOMMAND" },
	{ 0x3f, "UV_INVALID" },
	{ 0x40, "UNAUTHORIZED_PERMISSION" },
	{ 0x7f, "OTHER" },
};

static void
every_code_has_its_name_or_none(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		const char *name = ctap_status_name((uint8_t)code);
		size_t i;

		for (i = 0; i < COUNT(names) && names[i].code != code; i++)
			continue;
		if (i == COUNT(names)) {
			assert_null(name);
			continue;
		}
		assert_non_null(name);
		assert_string_equal(name, names[i].name);
	}
}

static void
constants_are_those_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(CTAP1_ERR_INVALID_LENGTH, 0x03);
	assert_int_equal(CTAP2_ERR_CBOR_UNEXPECTED_TYPE, 0x11);
	assert_int_equal(CTAP2_ERR_INVALID_CBOR, 0x12);
	assert_int_equal(CTAP2_ERR_MISSING_PARAMETER, 0x14);
	assert_int_equal(CTAP2_ERR_KEEPALIVE_CANCEL, 0x2d);
	assert_int_equal(CTAP2_ERR_NO_CREDENTIALS, 0x2e);
	assert_int_equal(CTAP2_ERR_PIN_AUTH_INVALID, 0x33);
	assert_int_equal(CTAP1_ERR_OTHER, 0x7f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_name_or_none),
		cmocka_unit_test(constants_are_those_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
