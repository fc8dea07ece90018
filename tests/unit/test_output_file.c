/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the user has asked for are whole, or what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/output_file.h"
#include "tests/scratch.h"

#define TEXT	"longer than what fits"
#define ROOM	10		/* bytes, of a full disk */

static struct scratch dir;
static char path[512];

static int
setup(void **state)
{
	(void)state;
	scratch_new(&dir);
	snprintf(path, sizeof(path), "%s/out", dir.path);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	scratch_free(&dir);
	return 0;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = openat(dir.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
expect(const char *name, const char *text)
{
	char buf[64];
	int fd = openat(dir.fd, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static struct stat
stat_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir.fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void
expect_files(int want)
{
	DIR *d = opendir(dir.path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	assert_int_equal(n - 2, want);	/* . and .. */
}

static int
write_text(void)
{
	return output_file_write(path, span_str(TEXT));
}

/* The same on a disk that is full after ROOM bytes. */
static int
write_when_full(void)
{
	struct rlimit before, limit = { ROOM, 0 };
	int r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = write_text();
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	return r;
}

static void
test_new_file(void **state)
{
	(void)state;
	assert_int_equal(write_text(), 0);
	expect("out", TEXT);
	expect_files(1);
}

/* Not the process's, which is for its secrets. */
static void
test_new_file_has_the_users_mask(void **state)
{
	(void)state;
	assert_int_equal(write_text(), 0);
	assert_int_equal(stat_of("out").st_mode & 07777, 0600);
	assert_int_equal(unlink(path), 0);
	output_file_set_mask(027);
	assert_int_equal(write_text(), 0);
	output_file_set_mask(077);
	assert_int_equal(stat_of("out").st_mode & 07777, 0640);
}

static void
test_no_new_file_if_full(void **state)
{
	(void)state;
	assert_int_equal(write_when_full(), -EFBIG);
	expect_files(0);
}

static void
test_old_file(void **state)
{
	(void)state;
	put("out", "old and longer than what is written now", 0640);
	assert_int_equal(write_text(), 0);
	expect("out", TEXT);
	assert_int_equal(stat_of("out").st_mode & 07777, 0640);
	expect_files(1);
}

static void
test_old_file_stays_if_full(void **state)
{
	(void)state;
	put("out", "old", 0640);
	assert_int_equal(write_when_full(), -EFBIG);
	expect("out", "old");
	expect_files(1);
}

/* Whoever has it open reads the old one to its end. */
static void
test_readers_are_not_disturbed(void **state)
{
	char buf[8] = "";
	int fd;

	(void)state;
	put("out", "old", 0600);
	fd = openat(dir.fd, "out", O_RDONLY);
	assert_int_equal(write_text(), 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), 3);
	assert_string_equal(buf, "old");
	close(fd);
}

static void
test_links_stay(void **state)
{
	ino_t inode;

	(void)state;
	put("real", "old", 0600);
	inode = stat_of("real").st_ino;
	assert_int_equal(symlinkat("real", dir.fd, "out"), 0);
	assert_int_equal(write_text(), 0);
	expect("real", TEXT);
	assert_true(stat_of("real").st_ino == inode);
	assert_true(S_ISLNK(stat_of("out").st_mode));
	assert_int_equal(write_when_full(), -EFBIG);
	expect("real", "");
	expect_files(2);
}

static void
test_a_link_to_nothing_makes_it(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("real", dir.fd, "out"), 0);
	assert_int_equal(write_text(), 0);
	expect("real", TEXT);
	assert_true(S_ISLNK(stat_of("out").st_mode));
}

static void
test_second_names_stay(void **state)
{
	(void)state;
	put("other", "old", 0600);
	assert_int_equal(linkat(dir.fd, "other", dir.fd, "out", 0), 0);
	assert_int_equal(write_text(), 0);
	expect("other", TEXT);
	expect("out", TEXT);
	assert_int_equal(stat_of("out").st_nlink, 2);
}

/* Nobody gets more of the new one than he had of the old one. */
static void
test_access_control_lists_stay(void **state)
{
	/* user::rw-, user:65533:rw-, group::---, mask::rw-, other::--- */
	static const uint8_t acl[] = { 2, 0, 0, 0,
	    0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	    0x02, 0, 6, 0, 0xfd, 0xff, 0x00, 0x00,
	    0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
	    0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
	    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
	static const char name[] = "system.posix_acl_access";
	uint8_t now[sizeof(acl)];

	(void)state;
	put("out", "old", 0600);
	if (setxattr(path, name, acl, sizeof(acl), 0) == -1)
		skip();
	assert_int_equal(write_text(), 0);
	expect("out", TEXT);
	assert_int_equal(getxattr(path, name, now, sizeof(now)), sizeof(acl));
	assert_memory_equal(now, acl, sizeof(acl));
}

/* As /dev/stdout is, if it is redirected. */
static void
test_open_descriptors(void **state)
{
	int fd;

	(void)state;
	put("log", "", 0600);
	fd = openat(dir.fd, "log", O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(write_text(), 0);
	assert_int_equal(write(fd, "\nmore", 5), 5);
	close(fd);
	expect("log", TEXT "\nmore");
	expect_files(1);
}

static void
test_pipes(void **state)
{
	char buf[64] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifoat(dir.fd, "out", 0600), 0);
	fd = openat(dir.fd, "out", O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(write_text(), 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(TEXT));
	assert_string_equal(buf, TEXT);
	close(fd);
	assert_true(S_ISFIFO(stat_of("out").st_mode));
}

static void
test_full_device(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/full");
	assert_int_equal(write_text(), -ENOSPC);
	assert_int_equal(access("/dev/full", F_OK), 0);
}

/* No room for a name beside it. */
static void
test_longest_name(void **state)
{
	size_t len = strlen(dir.path);

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path, dir.path, len);
	path[len] = '/';
	path[len + 1 + NAME_MAX] = '\0';
	assert_int_equal(write_text(), 0);
	expect(path + len + 1, TEXT);
	assert_int_equal(write_when_full(), -EFBIG);
	expect(path + len + 1, "");
}

static void
test_directories(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir.fd, "out", 0700), 0);
	assert_int_equal(write_text(), -EISDIR);
	unlinkat(dir.fd, "out", AT_REMOVEDIR);
	snprintf(path, sizeof(path), "%s/none/out", dir.path);
	assert_int_equal(write_text(), -ENOENT);
}

static void
test_printed(void **state)
{
	struct output_file o;

	(void)state;
	assert_int_equal(output_file_begin(&o), 0);
	fprintf(o.f, "%d and ", 1);
	fprintf(o.f, "%d", 2);
	expect_files(0);
	assert_int_equal(output_file_end(&o, path), 0);
	expect("out", "1 and 2");
	assert_int_equal(output_file_begin(&o), 0);
	assert_int_equal(output_file_end(&o, path), 0);
	expect("out", "");
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_file),
		TEST(test_new_file_has_the_users_mask),
		TEST(test_no_new_file_if_full),
		TEST(test_old_file),
		TEST(test_old_file_stays_if_full),
		TEST(test_readers_are_not_disturbed),
		TEST(test_links_stay),
		TEST(test_a_link_to_nothing_makes_it),
		TEST(test_second_names_stay),
		TEST(test_access_control_lists_stay),
		TEST(test_open_descriptors),
		TEST(test_pipes),
		TEST(test_full_device),
		TEST(test_longest_name),
		TEST(test_directories),
		TEST(test_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
