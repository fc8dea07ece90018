/* SPDX-License-Identifier: Apache-2.0 */
/* Where the state directory and the control socket are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/paths.h"

static const char *const variables[] = { "STATE_DIRECTORY",
    "XDG_STATE_HOME", "HOME", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR" };

static char root[64];
static char out[PATH_MAX];
static char msg[256];

static int
setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	strcpy(root, "/tmp/sealkey-test-XXXXXX");
	assert_non_null(mkdtemp(root));
	msg[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static const char *
in_root(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void
set_all(void)
{
	setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("HOME", "/home/joe", 1);
}

static void
expect(const char *option, const char *path)
{
	assert_int_equal(paths_state(option, out, msg, sizeof(msg)), 0);
	assert_string_equal(out, path);
}

static void
the_option_comes_first(void **state)
{
	(void)state;
	set_all();
	expect("/some/where", "/some/where");
}

static void
then_the_first_state_directory_of_systemd(void **state)
{
	(void)state;
	set_all();
	expect(NULL, "/var/lib/one");
}

static void
then_xdg_state_home(void **state)
{
	(void)state;
	set_all();
	unsetenv("STATE_DIRECTORY");
	expect(NULL, "/xdg/sealkey/default");
}

static void
then_home(void **state)
{
	(void)state;
	setenv("HOME", "/home/joe", 1);
	expect(NULL, "/home/joe/.local/state/sealkey/default");
}

static void
empty_is_not_set(void **state)
{
	(void)state;
	setenv("STATE_DIRECTORY", "", 1);
	setenv("XDG_STATE_HOME", "", 1);
	setenv("HOME", "/home/joe", 1);
	expect(NULL, "/home/joe/.local/state/sealkey/default");
}

static void
relative_xdg_is_ignored(void **state)
{
	(void)state;
	setenv("XDG_STATE_HOME", "state", 1);
	setenv("HOME", "/home/joe", 1);
	expect(NULL, "/home/joe/.local/state/sealkey/default");
}

static void
without_home_the_user_database_knows(void **state)
{
	(void)state;
	assert_int_equal(paths_state(NULL, out, msg, sizeof(msg)), 0);
	assert_int_equal(out[0], '/');
	assert_non_null(strstr(out, "/.local/state/sealkey/default"));
}

static void
relative_options_become_absolute(void **state)
{
	char cwd[PATH_MAX], want[PATH_MAX + 8];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(want, sizeof(want), "%s/a/b", cwd);
	expect("a/b", want);
}

static void
an_empty_option_is_an_error(void **state)
{
	(void)state;
	set_all();
	assert_int_equal(paths_state("", out, msg, sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "--state"));
}

static void
endless_paths_are_an_error(void **state)
{
	static char path[2 * PATH_MAX];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	assert_int_equal(paths_state(path, out, msg, sizeof(msg)),
	    -ENAMETOOLONG);
	assert_non_null(strstr(msg, "too long"));
}

static void
makes_parents_that_only_the_owner_enters(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	fd = paths_open_dir(in_root("a/b/c"), true, msg, sizeof(msg));
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(stat(in_root("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(in_root("a"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void
makes_nothing_unasked(void **state)
{
	(void)state;
	assert_int_equal(paths_open_dir(in_root("a"), false, msg,
	    sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "there is no key here"));
	assert_int_equal(access(in_root("a"), F_OK), -1);
}

static void
a_file_in_the_way_is_an_error(void **state)
{
	(void)state;
	close(open(in_root("a"), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(paths_open_dir(in_root("a"), true, msg,
	    sizeof(msg)), -ENOTDIR);
	assert_int_equal(paths_open_dir(in_root("a/b"), true, msg,
	    sizeof(msg)), -ENOTDIR);
	assert_non_null(strstr(msg, "a/b"));
}

static void
expect_mode(mode_t mode, int want)
{
	int fd;

	assert_int_equal(chmod(root, mode), 0);
	fd = paths_open_dir(root, true, msg, sizeof(msg));
	if (fd >= 0)
		close(fd);
	assert_int_equal(fd >= 0 ? 0 : fd, want);
	assert_int_equal(chmod(root, 0700), 0);
}

static void
who_else_can_write_could_replace_the_key(void **state)
{
	(void)state;
	expect_mode(0700, 0);
	expect_mode(0755, 0);
	expect_mode(02755, 0);
	expect_mode(0702, -EPERM);
	expect_mode(0777, -EPERM);
	assert_memory_equal(msg, root, strlen(root));
	assert_non_null(strstr(msg, "chmod 700 it"));
}

/* Somebody who has a group of that name for himself; false: nobody does. */
static bool
find_private_group(uid_t *uid, gid_t *gid)
{
	const struct passwd *pw;
	const struct group *gr;
	bool found = false;

	setpwent();
	while (!found && (pw = getpwent()) != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		gr = getgrgid(pw->pw_gid);
		found = *uid != 0 && (geteuid() == 0 || *uid == geteuid()) &&
		    gr != NULL && strcmp(gr->gr_name, pw->pw_name) == 0 &&
		    gr->gr_mem[0] == NULL;
	}
	endpwent();
	return found;
}

/* What umask 002 makes, which goes with such groups. */
static void
a_group_of_one_is_no_other(void **state)
{
	uid_t uid;
	gid_t gid;

	(void)state;
	if (!find_private_group(&uid, &gid))
		skip();
	assert_int_equal(chown(root, uid, gid), 0);
	expect_mode(0775, 0);
	expect_mode(02770, 0);
	expect_mode(0777, -EPERM);
	expect_mode(0772, -EPERM);
}

static void
any_other_group_is(void **state)
{
	uid_t uid = 0;
	gid_t gid = 0;

	(void)state;
	if (geteuid() != 0 || !find_private_group(&uid, &gid))
		skip();
	expect_mode(0720, -EPERM);	/* root, whom groups are lent to */
	assert_int_equal(chown(root, uid, 0), 0);
	expect_mode(0720, -EPERM);
	assert_int_equal(chown(root, 0, gid), 0);
	expect_mode(0720, -EPERM);
	assert_int_equal(chown(root, 0, 0), 0);
}

/* Then those bits are what any of it may have. */
static void
nor_is_it_alone_with_a_list(void **state)
{
	/* user::rwx, user:65533:rwx, group::r-x, mask::rwx, other::--- */
	static const uint8_t acl[] = { 2, 0, 0, 0,
	    0x01, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
	    0x02, 0, 7, 0, 0xfd, 0xff, 0x00, 0x00,
	    0x04, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	    0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
	    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff };
	uid_t uid;
	gid_t gid;
	int fd;

	(void)state;
	if (!find_private_group(&uid, &gid) ||
	    chown(root, uid, gid) == -1 ||
	    setxattr(root, "system.posix_acl_access", acl, sizeof(acl),
	    0) == -1)
		skip();
	fd = paths_open_dir(root, false, msg, sizeof(msg));
	assert_int_equal(fd, -EPERM);
}

/* Nobody shall be told to change the mode of /tmp. */
static void
of_shared_directories_a_part_is_taken(void **state)
{
	(void)state;
	expect_mode(01777, -EPERM);
	assert_null(strstr(msg, "chmod"));
	assert_non_null(strstr(msg, "a new one in it"));
}

/* What runners of tests check out, for instance. */
static void
parents_may_be_open_to_all(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(chmod(root, 0777), 0);
	fd = paths_open_dir(in_root("key"), true, msg, sizeof(msg));
	assert_true(fd >= 0);
	close(fd);
}

static void
expect_control(const char *dir, const char *path)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	assert_int_equal(paths_control(fd, dir, out, msg, sizeof(msg)), 0);
	close(fd);
	assert_memory_equal(out, path, strlen(path));
}

static void
control_is_in_the_runtime_directory(void **state)
{
	char first[PATH_MAX];
	struct stat st;

	(void)state;
	setenv("XDG_RUNTIME_DIR", root, 1);
	expect_control(root, in_root("sealkey/"));
	assert_int_equal(stat(in_root("sealkey"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	strcpy(first, out);
	expect_control(root, first);	/* the same again */
	expect_control(in_root("sealkey"), in_root("sealkey/"));
	assert_string_not_equal(out, first);	/* another for another */
	assert_int_equal(mkdir(in_root("unit"), 0700), 0);
	setenv("RUNTIME_DIRECTORY", in_root("unit"), 1);
	expect_control(root, in_root("unit/"));
}

static void
control_falls_back_to_the_state_directory(void **state)
{
	char want[PATH_MAX];

	(void)state;
	snprintf(want, sizeof(want), "%s/control.sock", root);
	expect_control(root, want);
	setenv("XDG_RUNTIME_DIR", in_root("missing"), 1);
	expect_control(root, want);
	setenv("RUNTIME_DIRECTORY", in_root("missing"), 1);
	expect_control(root, want);
}

/* Others could put a socket of theirs there. */
static void
control_is_not_where_others_can_write(void **state)
{
	char want[PATH_MAX], own[PATH_MAX];

	(void)state;
	snprintf(want, sizeof(want), "%s/control.sock", root);
	snprintf(own, sizeof(own), "%s/sealkey", root);
	setenv("XDG_RUNTIME_DIR", root, 1);
	assert_int_equal(paths_runtime(out, msg, sizeof(msg)), 0);
	assert_string_equal(out, own);
	assert_int_equal(chmod(own, 0777), 0);
	expect_control(root, want);
	assert_int_equal(paths_runtime(out, msg, sizeof(msg)), -ENOENT);
	assert_non_null(strstr(msg, "nobody else"));
	assert_int_equal(paths_control_alone(out, msg, sizeof(msg)), -ENOENT);
	assert_int_equal(chmod(own, 0720), 0);
	expect_control(root, want);
	setenv("RUNTIME_DIRECTORY", own, 1);
	expect_control(root, want);
	assert_int_equal(chmod(own, 0750), 0);
	expect_control(root, in_root("sealkey/"));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_option_comes_first),
		TEST(then_the_first_state_directory_of_systemd),
		TEST(then_xdg_state_home),
		TEST(then_home),
		TEST(empty_is_not_set),
		TEST(relative_xdg_is_ignored),
		TEST(without_home_the_user_database_knows),
		TEST(relative_options_become_absolute),
		TEST(an_empty_option_is_an_error),
		TEST(endless_paths_are_an_error),
		TEST(makes_parents_that_only_the_owner_enters),
		TEST(makes_nothing_unasked),
		TEST(a_file_in_the_way_is_an_error),
		TEST(who_else_can_write_could_replace_the_key),
		TEST(a_group_of_one_is_no_other),
		TEST(any_other_group_is),
		TEST(nor_is_it_alone_with_a_list),
		TEST(of_shared_directories_a_part_is_taken),
		TEST(parents_may_be_open_to_all),
		TEST(control_is_in_the_runtime_directory),
		TEST(control_falls_back_to_the_state_directory),
		TEST(control_is_not_where_others_can_write),
	};

	umask(0);	/* modes must not depend on it being kind */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
