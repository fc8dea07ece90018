/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a device open, by a /proc of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/hidraw.h"

#define DEVICE	"/dev/hidraw7"

static char proc[64];

static int
setup(void **state)
{
	(void)state;
	strcpy(proc, "/tmp/sealkey-proc-XXXXXX");
	assert_non_null(mkdtemp(proc));
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	return nftw(proc, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A process by that name, with a descriptor of what it has open. */
static void
process(const char *name, const char *exe, const char *open)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/exe", proc, name);
	assert_int_equal(symlink(exe, path), 0);
	snprintf(path, sizeof(path), "%s/%s/fd", proc, name);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/fd/0", proc, name);
	assert_int_equal(symlink("/dev/null", path), 0);
	snprintf(path, sizeof(path), "%s/%s/fd/31", proc, name);
	assert_int_equal(symlink(open, path), 0);
}

static void
nobody_has_it(void **state)
{
	char path[128];

	(void)state;
	process("10", "/usr/lib/firefox-esr/firefox-esr", "/dev/hidraw77");
	process("11", "/usr/bin/fido2-token", DEVICE);
	process("12", "/usr/bin/chromedriver", DEVICE);
	process("self", "/usr/lib/chromium/chromium", DEVICE);
	/* another user's */
	snprintf(path, sizeof(path), "%s/13", proc);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(hidraw_browser(proc, DEVICE));
	assert_null(hidraw_browser("/nonexistent", DEVICE));
}

static void
one_browser_has_it(void **state)
{
	(void)state;
	process("10", "/usr/lib/firefox-esr/firefox-esr", "/dev/hidraw8");
	process("11", "/opt/google/chrome/chrome (deleted)", DEVICE);
	process("12", "/usr/bin/fido2-token", DEVICE);
	assert_string_equal(hidraw_browser(proc, DEVICE), "chromium");
	assert_string_equal(hidraw_browser(proc, "/dev/hidraw8"), "firefox");
}

static void
both_have_it(void **state)
{
	(void)state;
	process("10", "/usr/lib/firefox-esr/firefox-esr", DEVICE);
	process("11", "/usr/lib/firefox-esr/firefox-esr", DEVICE);
	assert_string_equal(hidraw_browser(proc, DEVICE), "firefox");
	process("12", "/usr/lib/chromium/chromium", DEVICE);
	assert_null(hidraw_browser(proc, DEVICE));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_has_it),
		TEST(one_browser_has_it),
		TEST(both_have_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
