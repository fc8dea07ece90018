/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store loses power at every write, sync and renaming, in every way the
 * unsynced part can land: afterwards it is as before or as after, and as
 * after if that had been promised. See tests/powerloss.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/powerloss.h"
#include "tests/store_fixture.h"

#define PROMISES_MAX	64

/* What the store had to hold after each promise; 0: nothing, not there. */
struct history {
	struct contents	 after[PROMISES_MAX];
	int		 count;
};

static void
promise(struct history *h, struct store *st)
{
	assert_true(++h->count < PROMISES_MAX);
	assert_int_equal(contents_read(st, &h->after[h->count]), 0);
	powerloss_promise(h->count);
}

static bool
is_promised(const struct history *h, int promised, const struct contents *c)
{
	if (contents_same(c, &h->after[promised]))
		return true;
	return promised < h->count &&
	    contents_same(c, &h->after[promised + 1]);
}

/* What there is after power came back; false: refused. */
static bool
read_back(int dirfd, struct contents *out)
{
	char msg[MESSAGE_MAX];
	struct store *st;
	int error;

	memset(out, 0, sizeof(*out));
	st = fixture_open(dirfd, false, powerloss_env(), &error, msg);
	if (st == NULL && error == -ENOENT)
		return true;
	if (st == NULL) {
		print_error("refused: %s\n", msg);
		return false;
	}
	error = contents_read(st, out);
	fixture_close(st);
	return error == 0;
}

/* Twice: closing folds the log, which must not change anything. */
static bool
check_promises(void *arg, int dirfd, int promised)
{
	const struct history *h = arg;
	struct contents c, again;

	if (!read_back(dirfd, &c))
		return false;
	if (!is_promised(h, promised, &c)) {
		print_error("after promise %d: there %d, %u credentials, "
		    "counter %u\n", promised, c.there, c.count, c.counter);
		return false;
	}
	return read_back(dirfd, &again) && contents_same(&c, &again);
}

static void
lose_power(struct history *h, int at_least)
{
	struct scratch after;
	int n;

	powerloss_stop();
	scratch_new(&after);
	n = powerloss_each(after.fd, check_promises, h);
	scratch_free(&after);
	powerloss_done();
	assert_true(n >= at_least);
}

static void
test_creation(void **state)
{
	static struct history h;
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	fixture_close(st);
	lose_power(&h, 100);
	scratch_free(&dir);
}

static void
test_commits(void **state)
{
	static struct history h;
	struct auth_change reset = { .reset = true };
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	for (uint32_t n = 0; n < 4; n++) {
		assert_int_equal(fixture_put(st, n, n / 2), 0);
		promise(&h, st);
	}
	assert_int_equal(fixture_counter(st, 1000), 0);
	promise(&h, st);
	assert_int_equal(fixture_put(st, FIXTURE_NOT_LISTED, 1), 0);
	promise(&h, st);
	assert_int_equal(fixture_remove(st, 5), 0);
	promise(&h, st);
	assert_int_equal(fixture_remove(st, 2), 0);
	promise(&h, st);
	assert_int_equal(fixture_rename(st, 2, 1, 3), 0);
	promise(&h, st);
	assert_true(h.after[h.count].n[1] & CONTENTS_EDITED);
	assert_int_equal(store_commit(st, &reset, NULL), 0);
	promise(&h, st);
	assert_int_equal(fixture_put(st, 9, 9), 0);
	promise(&h, st);
	fixture_close(st);
	lose_power(&h, 500);
	scratch_free(&dir);
}

/* Blobs of credentials: written, written again, and gone with their owner. */
static void
test_blobs(void **state)
{
	static struct history h;
	struct auth_change reset = { .reset = true };
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	for (uint32_t n = 1; n <= 3; n++) {
		assert_int_equal(fixture_put(st, n, 1), 0);
		promise(&h, st);
		assert_int_equal(fixture_blob(st, n, 1000 * n), 0);
		promise(&h, st);
	}
	assert_int_equal(h.after[h.count].blob[2], 3000);
	assert_int_equal(fixture_blob(st, 2, 77), 0);
	promise(&h, st);
	assert_int_equal(fixture_remove(st, 2), 0);
	promise(&h, st);
	assert_int_equal(store_commit(st, &reset, NULL), 0);
	promise(&h, st);
	fixture_close(st);
	lose_power(&h, 300);
	scratch_free(&dir);
}

/* A log that is folded in and begun anew, over its own old frames. */
static void
test_log_reuse(void **state)
{
	static struct history h;
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	for (uint32_t n = 0; n < 9; n++) {
		assert_int_equal(fixture_put(st, n, 1), 0);
		promise(&h, st);
		if (n % 3 == 2)
			assert_int_equal(sqlite3_wal_checkpoint_v2(st->db,
			    NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
			    SQLITE_OK);
	}
	fixture_close(st);
	lose_power(&h, 500);
	scratch_free(&dir);
}

/* Opened again and again without a shutdown, as after kill -9. */
static void
test_reopening(void **state)
{
	static struct history h;
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	for (uint32_t n = 0; n < 4; n++) {
		assert_int_equal(fixture_put(st, n, 1), 0);
		promise(&h, st);
		st->broken = n % 2 == 0 ? -EIO : 0;	/* keeps the log */
		fixture_close(st);
		st = fixture_must_open(dir.fd, false, powerloss_env());
	}
	fixture_close(st);
	lose_power(&h, 300);
	scratch_free(&dir);
}

/* After a failed sync: old or new, and no commit until reopened. */
static void
test_failed_sync(void **state)
{
	static struct history h;
	struct contents c;
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	powerloss_start();
	st = fixture_must_open(dir.fd, true, powerloss_env());
	promise(&h, st);
	assert_int_equal(fixture_put(st, 1, 1), 0);
	promise(&h, st);
	powerloss_sync_fails_after(0);
	assert_int_equal(fixture_put(st, 2, 1), -EIO);
	powerloss_sync_fails_after(-1);
	assert_int_equal(fixture_put(st, 3, 1), -EIO);
	assert_int_equal(store_put(st, "name", span("x", 1)), -EIO);
	assert_int_equal(contents_read(st, &c), 0);
	assert_true(contents_same(&c, &h.after[2]));
	fixture_close(st);
	powerloss_stop();
	st = fixture_must_open(dir.fd, false, powerloss_env());
	h.count++;
	assert_int_equal(contents_read(st, &h.after[h.count]), 0);
	assert_int_equal(h.after[h.count].count, 2);
	assert_int_equal(fixture_put(st, 3, 1), 0);
	fixture_close(st);
	lose_power(&h, 50);
	scratch_free(&dir);
}

static void
test_full_disk(void **state)
{
	static const struct store_env *env;
	struct contents before, after;
	struct scratch dir;
	struct store *st;

	(void)state;
	env = powerloss_env();
	for (int writes = 0; writes < 12; writes++) {
		scratch_new(&dir);
		st = fixture_must_open(dir.fd, true, env);
		assert_int_equal(fixture_put(st, 1, 1), 0);
		assert_int_equal(contents_read(st, &before), 0);
		powerloss_full_after(writes);
		if (fixture_put(st, 2, 1) == 0) {
			powerloss_full_after(-1);
			assert_true(writes >= 8);
			fixture_close(st);
			scratch_free(&dir);
			continue;
		}
		assert_non_null(strstr(store_strerror(st), "No space"));
		assert_int_equal(fixture_put(st, 2, 1), -ENOSPC);
		assert_int_equal(contents_read(st, &after), 0);
		assert_true(contents_same(&before, &after));
		powerloss_full_after(-1);
		assert_int_equal(fixture_put(st, 3, 1), 0);
		assert_int_equal(contents_read(st, &before), 0);
		st->broken = -EIO;	/* keeps the log */
		fixture_close(st);
		st = fixture_must_open(dir.fd, false, env);
		assert_int_equal(contents_read(st, &after), 0);
		assert_true(contents_same(&before, &after));
		fixture_close(st);
		scratch_free(&dir);
	}
}

/* A disk that is full from the start gives no half-made key. */
static void
test_full_disk_at_creation(void **state)
{
	struct scratch dir;
	char msg[MESSAGE_MAX];
	struct store *st;
	int error, refused = 0;

	(void)state;
	for (int writes = 0; writes < 20; writes++) {
		scratch_new(&dir);
		powerloss_full_after(writes);
		st = fixture_open(dir.fd, true, powerloss_env(), &error, msg);
		powerloss_full_after(-1);
		if (st == NULL) {
			refused++;
			assert_int_equal(error, -ENOSPC);
			assert_non_null(strstr(msg, "No space"));
			assert_int_equal(faccessat(dir.fd, DB_NAME, F_OK, 0),
			    -1);
			/* begun, and so no database that was lost */
			assert_true(writes == 0 || store_begun(dir.fd));
			st = fixture_must_open(dir.fd, true, powerloss_env());
		}
		assert_false(store_begun(dir.fd));
		assert_int_equal(fixture_put(st, 1, 1), 0);
		fixture_close(st);
		scratch_free(&dir);
	}
	assert_in_range(refused, 5, 19);
}

static void
test_one_sync_per_commit(void **state)
{
	struct auth_state s;
	struct auth_change chg = { .state = &s,
		.note = { "note", span_str("value") } };
	struct scratch dir;
	struct store *st;
	int before;

	(void)state;
	scratch_new(&dir);
	st = fixture_must_open(dir.fd, true, powerloss_env());
	assert_int_equal(fixture_put(st, 0, 1), 0);
	before = powerloss_syncs();
	for (uint32_t n = 1; n <= 20; n++)
		assert_int_equal(fixture_put(st, n, 1), 0);
	assert_int_equal(powerloss_syncs() - before, 20);
	assert_int_equal(store_load(st, &s), 0);
	assert_int_equal(store_commit(st, &chg, NULL), 0);
	assert_int_equal(powerloss_syncs() - before, 21);
	fixture_close(st);
	scratch_free(&dir);
}

/* The sync of the stamp: the commit is in the log, but not acknowledged. */
static void
test_failed_stamp(void **state)
{
	struct contents c;
	struct scratch dir;
	struct store *st;

	(void)state;
	scratch_new(&dir);
	st = fixture_must_open(dir.fd, true, powerloss_env());
	powerloss_sync_fails_after(2);	/* log header, log, then it */
	assert_int_equal(fixture_put(st, 1, 1), -EIO);
	powerloss_sync_fails_after(-1);
	assert_int_equal(fixture_put(st, 2, 1), -EIO);
	fixture_close(st);
	st = fixture_must_open(dir.fd, false, powerloss_env());
	assert_int_equal(contents_read(st, &c), 0);
	assert_int_equal(c.count, 1);
	assert_int_equal(fixture_put(st, 2, 1), 0);
	fixture_close(st);
	scratch_free(&dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_creation),
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_blobs),
		cmocka_unit_test(test_log_reuse),
		cmocka_unit_test(test_reopening),
		cmocka_unit_test(test_failed_sync),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_at_creation),
		cmocka_unit_test(test_one_sync_per_commit),
		cmocka_unit_test(test_failed_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
