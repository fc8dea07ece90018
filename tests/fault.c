/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY	"/libtss2-tcti-fault.so"

/* It is beside the folder that this program is in. */
static void
find_library(char out[static 256])
{
	ssize_t n = readlink("/proc/self/exe", out, 255);

	assert_true(n > 0 && n < 200);
	out[n] = '\0';
	*strrchr(out, '/') = '\0';
	*strrchr(out, '/') = '\0';
	strcat(out, LIBRARY);
	if (access(out, R_OK) == -1)
		fail_msg("%s: %s", out, strerror(errno));
}

void
fault_target(char out[static FAULT_TARGET_MAX], const char *dir,
    const char *inner)
{
	char library[256];
	int n;

	find_library(library);
	n = snprintf(out, FAULT_TARGET_MAX,
	    "%s:script=%s/script,trace=%s/trace,inner=%s", library, dir, dir,
	    inner);
	assert_true(n > 0 && n < FAULT_TARGET_MAX);
}

static FILE *
open_in(const char *dir, const char *name, const char *mode)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, mode);
}

static void
unlink_in(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) == -1)
		assert_int_equal(errno, ENOENT);
}

void
fault_script(const char *dir, const char *text)
{
	char from[256], to[256];
	FILE *f = open_in(dir, "script.new", "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	snprintf(from, sizeof(from), "%s/script.new", dir);
	snprintf(to, sizeof(to), "%s/script", dir);
	assert_int_equal(rename(from, to), 0);
}

unsigned
fault_count(const char *dir, const char *command)
{
	char line[128];
	unsigned count = 0;
	FILE *f = open_in(dir, "trace", "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		size_t n = strcspn(line, " ");

		if (command == NULL || (strlen(command) == n &&
		    strncmp(line, command, n) == 0))
			count++;
	}
	fclose(f);
	return count;
}

void
fault_forget(const char *dir)
{
	unlink_in(dir, "trace");
}

void
fault_remove(const char *dir)
{
	unlink_in(dir, "script");
	unlink_in(dir, "script.new");
	unlink_in(dir, "trace");
}
