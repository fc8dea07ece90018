/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: lines, whatever was there before. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/audit.h"
#include "tests/store_fixture.h"

static int
setup(void **state)
{
	struct scratch *dir = calloc(1, sizeof(*dir));

	assert_non_null(dir);
	scratch_new(dir);
	*state = dir;
	return 0;
}

static int
teardown(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

static void
write_log(struct scratch *dir, const char *text)
{
	int fd = openat(dir->fd, AUDIT_NAME, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Line number n, from 0; to be released. */
static json_t *
line(struct scratch *dir, int n)
{
	char text[4096], *at = text, *end;
	int fd = openat(dir->fd, AUDIT_NAME, O_RDONLY);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, text, sizeof(text) - 1);
	assert_true(len > 0);
	close(fd);
	text[len] = '\0';
	while ((end = strchr(at, '\n')) != NULL && n-- > 0)
		at = end + 1;
	assert_non_null(end);
	*end = '\0';
	return json_loads(at, 0, NULL);
}

static void
assert_event(struct scratch *dir, int n, const char *event)
{
	json_t *json = line(dir, n);

	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "event")),
	    event);
	assert_int_equal(json_integer_value(json_object_get(json, "uid")),
	    getuid());
	assert_int_equal(json_string_length(json_object_get(json, "time")),
	    strlen("2026-01-01T00:00:00Z"));
	json_decref(json);
}

static int
append(struct scratch *dir, const char *event)
{
	return audit_append(dir->fd, json_pack("{s:s}", "event", event));
}

static void
lines_are_appended(void **state)
{
	struct scratch *dir = *state;
	struct stat sb;

	assert_int_equal(append(dir, "one"), 0);
	assert_int_equal(append(dir, "two"), 0);
	assert_event(dir, 0, "one");
	assert_event(dir, 1, "two");
	assert_int_equal(fstatat(dir->fd, AUDIT_NAME, &sb, 0), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
}

static void
half_a_line_stays_by_itself(void **state)
{
	struct scratch *dir = *state;

	write_log(dir, "{\"event\": \"hal");
	assert_int_equal(append(dir, "whole"), 0);
	assert_null(line(dir, 0));
	assert_event(dir, 1, "whole");
}

/* What somebody else had put there for us to write to. */
static void
links_are_not_followed(void **state)
{
	struct scratch *dir = *state;

	assert_int_equal(symlinkat("elsewhere", dir->fd, AUDIT_NAME), 0);
	assert_int_equal(append(dir, "one"), -ELOOP);
	assert_int_equal(faccessat(dir->fd, "elsewhere", F_OK, 0), -1);
}

static void
what_is_too_long_is_not_written(void **state)
{
	static char text[5000];
	struct scratch *dir = *state;
	struct stat sb;

	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(append(dir, text), -EMSGSIZE);
	assert_int_equal(fstatat(dir->fd, AUDIT_NAME, &sb, 0), 0);
	assert_int_equal(sb.st_size, 0);
	assert_int_equal(audit_append(dir->fd, NULL), -ENOMEM);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_appended),
		TEST(half_a_line_stays_by_itself),
		TEST(links_are_not_followed),
		TEST(what_is_too_long_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
