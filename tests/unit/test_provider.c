/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which provider a state directory has (keys_open), and that nothing weaker
 * ever takes its place. This program is the helper too: its TPM is whatever it
 * is asked for, but for "gone:", which is not there.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tpm/message.h"

#define SOCKET_FD	3

/* The helper. */

static int
helper_main(void)
{
	static uint8_t buf[MESSAGE_MAX];
	struct message_request rq = { .op = NULL };
	struct message_answer an = { .type = MESSAGE_HELLO };
	struct pollfd pfd = { .fd = SOCKET_FD, .events = POLLIN };
	ssize_t n;

	poll(&pfd, 1, -1);
	n = recv(SOCKET_FD, buf, sizeof(buf), 0);
	if (n <= 0 || message_get_request(span(buf, (size_t)n), &rq) != 0 ||
	    rq.type != MESSAGE_HELLO)
		return 1;
	an.serial = rq.serial;
	memcpy(an.device.target, rq.target.p, rq.target.len);
	strcpy(an.device.kind, rq.create ? "made" : "found");
	if (strncmp(an.device.target, "gone:", 5) == 0) {
		an.result = -ENODEV;
		strcpy(an.text, "no TPM answers there");
	}
	n = (ssize_t)message_put_answer(&an, buf);
	if (send(SOCKET_FD, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return 1;
	poll(&pfd, 1, -1);
	return 0;
}

/* The tests. */

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct keys	*keys;
	char		 msg[256];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test-provider-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->dirfd >= 0);
	unsetenv("TPM2TOOLS_TCTI");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->keys);
	unlinkat(f->dirfd, "software.key", 0);
	unlinkat(f->dirfd, RECORD_FILE, 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int
try_open(struct fixture *f, const char *target, bool create)
{
	struct keys_config cfg = { .dirfd = f->dirfd, .create = create,
	    .target = target };
	int r;

	keys_free(f->keys);
	f->keys = NULL;
	f->msg[0] = '\0';
	r = keys_open(&cfg, &f->keys, f->msg, sizeof(f->msg));
	assert_int_equal(r == 0, f->keys != NULL);
	assert_int_equal(r == 0, f->msg[0] == '\0');
	assert_null(strchr(f->msg, '\n'));
	return r;
}

static const struct keys_info *
opened(struct fixture *f, const char *target, bool create)
{
	assert_int_equal(try_open(f, target, create), 0);
	return f->keys->ops->info(f->keys);
}

static void
write_record(struct fixture *f, const char *target)
{
	struct record rec = { .counter = RECORD_HANDLE_FIRST };

	memset(rec.id, 7, sizeof(rec.id));
	strcpy(rec.target, target);
	assert_int_equal(record_write(f->dirfd, &rec), 0);
}

static void
put_file(struct fixture *f, const char *name, const char *text)
{
	int fd = openat(f->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool
has_file(struct fixture *f, const char *name)
{
	return faccessat(f->dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
nothing_is_made_without_being_asked(void **state)
{
	static const char *const targets[] = { NULL, "auto", "none",
		"embedded", "fake:" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(try_open(f, targets[i], false), -ENOENT);
	assert_false(has_file(f, "software.key"));
	assert_false(has_file(f, RECORD_FILE));
}

static void
new_one_is_made_with_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	const struct keys_info *info;

	info = opened(f, "fake:1", true);
	assert_string_equal(f->keys->ops->name, "tpm");
	assert_string_equal(info->target, "fake:1");
	assert_string_equal(info->kind, "made");
	assert_string_equal(info->note, "");
	assert_false(has_file(f, "software.key"));
	info = opened(f, "none", true);
	assert_string_equal(f->keys->ops->name, "software");
	assert_true(has_file(f, "software.key"));
}

static void
old_one_is_what_was_recorded(void **state)
{
	static const char *const same[] = { NULL, "auto", "fake:1" };
	struct fixture *f = *state;
	const struct keys_info *info;

	setenv("TPM2TOOLS_TCTI", "fake:other", 1);
	write_record(f, "fake:1");
	for (size_t i = 0; i < 3; i++)
		for (int create = 0; create < 2; create++) {
			info = opened(f, same[i], create);
			assert_string_equal(info->target, "fake:1");
			assert_string_equal(info->kind, "found");
			assert_string_equal(info->note, "");
		}
}

static void
another_target_is_refused_with_both_names(void **state)
{
	static const char *const others[] = { "none", "embedded", "fake:2",
		"fake:11", "" };
	struct fixture *f = *state;

	write_record(f, "fake:1");
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(try_open(f, others[i], true), -EINVAL);
		assert_non_null(strstr(f->msg, "\"fake:1\""));
		assert_non_null(strstr(f->msg, others[i]));
	}
	assert_false(has_file(f, "software.key"));
}

static void
software_stays_software(void **state)
{
	struct fixture *f = *state;

	setenv("TPM2TOOLS_TCTI", "fake:1", 1);
	(void)opened(f, "none", true);
	(void)opened(f, NULL, false);
	assert_string_equal(f->keys->ops->name, "software");
	(void)opened(f, "auto", true);
	assert_string_equal(f->keys->ops->name, "software");
	assert_int_equal(try_open(f, "fake:1", true), -EINVAL);
	assert_non_null(strstr(f->msg, "\"none\""));
	assert_int_equal(try_open(f, "embedded", true), -EINVAL);
}

static void
auto_takes_what_the_environment_names_or_fails(void **state)
{
	struct fixture *f = *state;
	const struct keys_info *info;

	setenv("TPM2TOOLS_TCTI", "fake:named", 1);
	info = opened(f, NULL, true);
	assert_string_equal(info->target, "fake:named");
	info = opened(f, "auto", true);
	assert_string_equal(info->target, "fake:named");
	setenv("TPM2TOOLS_TCTI", "gone:", 1);
	assert_int_equal(try_open(f, NULL, true), -ENODEV);
	assert_string_equal(f->msg, "no TPM answers there");
	assert_false(has_file(f, "software.key"));
}

/* tpm2-tools spell "no TPM" so; software keys are asked of us, by name */
static void
environment_does_not_choose_software(void **state)
{
	struct fixture *f = *state;

	setenv("TPM2TOOLS_TCTI", "none", 1);
	assert_int_equal(try_open(f, NULL, true), -ENODEV);
	assert_non_null(strstr(f->msg, "TPM2TOOLS_TCTI"));
	assert_int_equal(try_open(f, "auto", true), -ENODEV);
	assert_false(has_file(f, "software.key"));
	assert_int_equal(try_open(f, "none", true), 0);
	assert_true(has_file(f, "software.key"));
}

/* Whatever this machine has: only what opens is taken, and it is told. */
static void
auto_takes_the_machines_tpm_or_is_embedded(void **state)
{
	struct fixture *f = *state;
	int fd = open("/dev/tpmrm0", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	bool there = fd != -1 || errno != ENOENT;
	const struct keys_info *info;

	if (fd != -1)
		close(fd);
	setenv("TPM2TOOLS_TCTI", "", 1);
	info = opened(f, "auto", true);
	assert_string_equal(info->target,
	    fd != -1 ? "device:/dev/tpmrm0" : "embedded");
	assert_int_equal(info->note[0] != '\0', there && fd == -1);
	/* what was asked for by name is not commented on */
	info = opened(f, "embedded", true);
	assert_string_equal(info->note, "");
}

/* What is gone is an error, and nothing takes its place. */
static void
tpm_that_is_gone_is_not_replaced(void **state)
{
	struct fixture *f = *state;

	write_record(f, "gone:");
	assert_int_equal(try_open(f, NULL, true), -ENODEV);
	assert_int_equal(try_open(f, "auto", true), -ENODEV);
	assert_string_equal(f->msg, "no TPM answers there");
	assert_false(has_file(f, "software.key"));
	record_remove(f->dirfd);
	assert_int_equal(try_open(f, "gone:", true), -ENODEV);
	assert_false(has_file(f, "software.key"));
	assert_false(has_file(f, RECORD_FILE));
}

static void
two_kinds_of_keys_are_refused(void **state)
{
	struct fixture *f = *state;

	(void)opened(f, "none", true);
	write_record(f, "fake:1");
	assert_int_equal(try_open(f, NULL, true), -EUCLEAN);
	assert_int_equal(try_open(f, "none", true), -EUCLEAN);
	assert_int_equal(try_open(f, "fake:1", true), -EUCLEAN);
}

/* Nor is a record that says so a way to have software keys made. */
static void
record_that_is_wrong_is_refused(void **state)
{
	struct fixture *f = *state;

	put_file(f, RECORD_FILE, "nonsense\n");
	assert_int_equal(try_open(f, NULL, true), -EUCLEAN);
	assert_int_equal(try_open(f, "none", true), -EUCLEAN);
	unlinkat(f->dirfd, RECORD_FILE, 0);
	write_record(f, "fake:1");
	assert_int_equal(fchmodat(f->dirfd, RECORD_FILE, 0666, 0), 0);
	assert_int_equal(try_open(f, NULL, true), -EPERM);
	unlinkat(f->dirfd, RECORD_FILE, 0);
	write_record(f, "none");
	assert_int_equal(try_open(f, NULL, true), -ENOENT);
	assert_int_equal(try_open(f, "none", true), -ENOENT);
	assert_false(has_file(f, "software.key"));
}

static void
damaged_software_key_is_named(void **state)
{
	struct fixture *f = *state;

	put_file(f, "software.key", "nonsense");
	assert_int_equal(try_open(f, NULL, true), -EUCLEAN);
	assert_non_null(strstr(f->msg, "software.key"));
	unlinkat(f->dirfd, "software.key", 0);
	/* a name that leads nowhere is there, too */
	assert_int_equal(symlinkat("nowhere", f->dirfd, "software.key"), 0);
	assert_int_equal(try_open(f, "fake:1", true), -EINVAL);
	assert_int_equal(try_open(f, "none", true), -EUCLEAN);
}

static void
software_has_no_pcrs(void **state)
{
	struct fixture *f = *state;
	struct keys_config cfg = { .dirfd = f->dirfd, .create = true,
	    .target = "none", .pcrs = 1 << 7 };

	assert_int_equal(keys_open(&cfg, &f->keys, f->msg, sizeof(f->msg)),
	    -EINVAL);
	cfg.pcrs = 0;
	cfg.recovery = "open sesame";
	assert_int_equal(keys_open(&cfg, &f->keys, f->msg, sizeof(f->msg)),
	    -EINVAL);
	assert_false(has_file(f, "software.key"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(nothing_is_made_without_being_asked),
		TEST(new_one_is_made_with_what_was_asked_for),
		TEST(old_one_is_what_was_recorded),
		TEST(another_target_is_refused_with_both_names),
		TEST(software_stays_software),
		TEST(auto_takes_what_the_environment_names_or_fails),
		TEST(environment_does_not_choose_software),
		TEST(auto_takes_the_machines_tpm_or_is_embedded),
		TEST(tpm_that_is_gone_is_not_replaced),
		TEST(two_kinds_of_keys_are_refused),
		TEST(record_that_is_wrong_is_refused),
		TEST(damaged_software_key_is_named),
		TEST(software_has_no_pcrs),
	};

	if (argc == 2 && strcmp(argv[1], "key-helper") == 0)
		return helper_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
