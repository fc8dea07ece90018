/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that says which TPM a state directory belongs to: one text is
 * read in one way, everything else is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/store_fixture.h"
#include "tpm/record.h"

#define ID	"000102030405060708090a0b0c0d0e0f" \
	"101112131415161718191a1b1c1d1eff"
#define GOOD	"sealkey tpm 1\n" \
	"target swtpm:path=/run/a b/tpm.sock\n" \
	"id " ID "\n" \
	"counter 0x01800000\n" \
	"pin 0x01bfffff\n"

static const struct record good = {
	.target = "swtpm:path=/run/a b/tpm.sock",
	.id = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 255 },
	.counter = 0x01800000, .pin = 0x01bfffff,
};

static void
put_file(int dirfd, const char *name, const void *p, size_t len)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, p, len), len);
	close(fd);
}

static size_t
get_file(int dirfd, char *buf, size_t len)
{
	int fd = openat(dirfd, RECORD_FILE, O_RDONLY);
	ssize_t n;

	assert_int_not_equal(fd, -1);
	n = read(fd, buf, len);
	assert_in_range(n, 0, len);
	close(fd);
	return n;
}

static bool
same(const struct record *a, const struct record *b)
{
	return strcmp(a->target, b->target) == 0 &&
	    memcmp(a->id, b->id, sizeof(a->id)) == 0 &&
	    a->counter == b->counter && a->pin == b->pin;
}

static int
read_text(const struct scratch *dir, const char *text)
{
	struct record rec;

	put_file(dir->fd, RECORD_FILE, text, strlen(text));
	return record_read(dir->fd, &rec);
}

static void
test_written_and_read(void **state)
{
	struct record rec;
	struct scratch dir;
	struct stat st;
	char text[1024];

	(void)state;
	scratch_new(&dir);
	assert_int_equal(record_read(dir.fd, &rec), -ENOENT);
	assert_int_equal(record_write(dir.fd, &good), 0);
	assert_int_equal(get_file(dir.fd, text, sizeof(text)), strlen(GOOD));
	assert_memory_equal(text, GOOD, strlen(GOOD));
	assert_int_equal(fstatat(dir.fd, RECORD_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(record_read(dir.fd, &rec), 0);
	assert_true(same(&rec, &good));
	rec.counter = rec.pin = 0;
	assert_int_equal(record_write(dir.fd, &rec), 0);
	assert_int_equal(record_read(dir.fd, &rec), 0);
	assert_int_equal(rec.counter, 0);
	assert_string_equal(rec.target, good.target);
	assert_int_equal(record_remove(dir.fd), 0);
	assert_int_equal(record_read(dir.fd, &rec), -ENOENT);
	assert_int_equal(record_remove(dir.fd), 0);
	scratch_free(&dir);
}

static void
test_refused(void **state)
{
	static const char *const damaged[] = {
		"", "\n", "sealkey tpm 1", "sealkey tpm 1\n",
		"sealkey tpm \n", "sealkey tpm 01\n", "sealkey tpm 1 \n",
		"sealkey tpm 12345\n", "sealkey tpm -1\n", "sealkey tpm 0\n",
		GOOD "\n", GOOD "pin 0x01bfffff\n", "\n" GOOD,
		/* no target, an empty one, one that is no text */
		"sealkey tpm 1\nid " ID "\ncounter 0x01800000\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget \nid " ID "\ncounter 0x01800000\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget a\033[2J\nid " ID "\n"
		    "counter 0x01800000\npin 0x01800001\n",
		/* lines in another order, or one that is not known */
		"sealkey tpm 1\nid " ID "\ntarget a\ncounter 0x01800000\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget a\nid " ID "\nnew line\n"
		    "counter 0x01800000\npin 0x01800001\n",
		"sealkey tpm 1\ntarget a\nid " ID "0\ncounter 0x01800000\n"
		    "pin 0x01800001\n",
		/* handles: capitals, decimal, beyond what is an owner's */
		"sealkey tpm 1\ntarget a\nid " ID "\ncounter 0x0180000A\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget a\nid " ID "\ncounter 25165824\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget a\nid " ID "\ncounter 0x01c00002\n"
		    "pin 0x01800001\n",
		"sealkey tpm 1\ntarget a\nid " ID "\ncounter 0x01800000\n"
		    "pin 0x017fffff\n",
		/* the last newline is missing: cut off */
		"sealkey tpm 1\ntarget a\nid " ID "\ncounter 0x01800000\n"
		    "pin 0x01800001",
	};
	struct scratch dir;

	(void)state;
	scratch_new(&dir);
	assert_int_equal(read_text(&dir, GOOD), 0);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
		if (read_text(&dir, damaged[i]) != -EUCLEAN)
			fail_msg("number %zu", i);
	assert_int_equal(read_text(&dir, "sealkey tpm 2\nwhatever"), -EPROTO);
	scratch_free(&dir);
}

static void
test_cut_and_flipped(void **state)
{
	char text[sizeof(GOOD)];
	struct record rec;
	struct scratch dir;

	(void)state;
	scratch_new(&dir);
	for (size_t len = 0; len < strlen(GOOD); len++) {
		put_file(dir.fd, RECORD_FILE, GOOD, len);
		assert_int_equal(record_read(dir.fd, &rec), -EUCLEAN);
	}
	for (size_t i = 0; i < 8 * strlen(GOOD); i++) {
		memcpy(text, GOOD, sizeof(text));
		text[i / 8] ^= 1 << i % 8;
		put_file(dir.fd, RECORD_FILE, text, strlen(GOOD));
		if (record_read(dir.fd, &rec) == 0)
			assert_false(same(&rec, &good));
	}
	scratch_free(&dir);
}

static void
test_longest(void **state)
{
	struct record rec = good, out;
	struct scratch dir;
	char huge[5000];

	(void)state;
	scratch_new(&dir);
	memset(rec.target, 'x', sizeof(rec.target));
	rec.target[sizeof(rec.target) - 1] = '\0';
	assert_int_equal(record_write(dir.fd, &rec), 0);
	assert_int_equal(record_read(dir.fd, &out), 0);
	assert_true(same(&rec, &out));
	memset(huge, '\n', sizeof(huge));
	memcpy(huge, GOOD, strlen(GOOD));
	put_file(dir.fd, RECORD_FILE, huge, sizeof(huge));
	assert_int_equal(record_read(dir.fd, &out), -EUCLEAN);
	scratch_free(&dir);
}

/* What could not be read again does not replace what can. */
static void
test_unwritable(void **state)
{
	struct record rec = good, out;
	struct scratch dir;

	(void)state;
	scratch_new(&dir);
	assert_int_equal(record_write(dir.fd, &good), 0);
	snprintf(rec.target, sizeof(rec.target), "a\nid 00");
	assert_int_equal(record_write(dir.fd, &rec), -EINVAL);
	rec = good;
	rec.pin = 0x81000001;
	assert_int_equal(record_write(dir.fd, &rec), -EINVAL);
	rec = good;
	rec.target[0] = '\0';
	assert_int_equal(record_write(dir.fd, &rec), -EINVAL);
	assert_int_equal(record_read(dir.fd, &out), 0);
	assert_true(same(&out, &good));
	scratch_free(&dir);
}

static void
test_other_files(void **state)
{
	struct record rec;
	struct scratch dir;

	(void)state;
	scratch_new(&dir);
	assert_int_equal(mkfifoat(dir.fd, RECORD_FILE, 0600), 0);
	assert_int_equal(record_read(dir.fd, &rec), -EUCLEAN);
	assert_int_equal(unlinkat(dir.fd, RECORD_FILE, 0), 0);
	put_file(dir.fd, "elsewhere", GOOD, strlen(GOOD));
	assert_int_equal(symlinkat("elsewhere", dir.fd, RECORD_FILE), 0);
	assert_int_equal(record_read(dir.fd, &rec), -EUCLEAN);
	assert_int_equal(record_write(dir.fd, &good), 0);
	assert_int_equal(record_read(dir.fd, &rec), 0);
	assert_int_equal(fchmodat(dir.fd, RECORD_FILE, 0644, 0), 0);
	assert_int_equal(record_read(dir.fd, &rec), 0);
	assert_int_equal(fchmodat(dir.fd, RECORD_FILE, 0660, 0), 0);
	assert_int_equal(record_read(dir.fd, &rec), -EPERM);
	assert_int_equal(fchmodat(dir.fd, RECORD_FILE, 0602, 0), 0);
	assert_int_equal(record_read(dir.fd, &rec), -EPERM);
	scratch_free(&dir);
}

/* A disk that is full half-way, and what a crash left there before. */
static void
test_replaced_whole(void **state)
{
	struct rlimit limit = { 20, 20 }, before;
	struct record rec = good, out;
	struct scratch dir;
	int r;

	(void)state;
	scratch_new(&dir);
	assert_int_equal(record_write(dir.fd, &good), 0);
	put_file(dir.fd, RECORD_FILE ".new", "half", 4);
	rec.pin = 0x01800007;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = record_write(dir.fd, &rec);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(record_read(dir.fd, &out), 0);
	assert_true(same(&out, &good));
	assert_int_equal(faccessat(dir.fd, RECORD_FILE ".new", F_OK, 0), -1);
	assert_int_equal(record_write(dir.fd, &rec), 0);
	assert_int_equal(record_read(dir.fd, &out), 0);
	assert_true(same(&out, &rec));
	scratch_free(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_and_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
