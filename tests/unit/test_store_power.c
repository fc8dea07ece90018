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

#include "authenticator/commit.h"
#include "tests/chip_keys.h"
#include "tests/fake_keys.h"
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
			assert_int_equal(faccessat(dir.fd, DB_NEW, F_OK, 0),
			    -1);
			st = fixture_must_open(dir.fd, true, powerloss_env());
		}
		assert_int_equal(fixture_put(st, 1, 1), 0);
		fixture_close(st);
		scratch_free(&dir);
	}
	assert_in_range(refused, 5, 19);
}

static void
test_one_sync_per_commit(void **state)
{
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

/*
 * Commits that a counter dates, in a chip beside the disk, which is durable at
 * once. It is modelled: each promise remembers where it was.
 */

struct dated {
	struct history	 h;
	uint64_t	 generation[PROMISES_MAX];	/* of the state */
	struct chip	 chip;
	struct keys	*keys, *inner;
	struct store	*st;
	struct commit	 commit;
	int		 behind;	/* how often it was one ahead */
};

static struct dated dated;

static uint64_t
generation_of(struct store *st)
{
	struct auth_state state;

	assert_int_equal(store_load(st, &state), 0);
	return state.generation;
}

/* A chip that is just being switched on. */
static int
open_dated(struct dated *d)
{
	uint8_t wrapped[KEY_WRAPPED_MAX];
	char msg[MESSAGE_MAX];
	size_t len;
	int r;

	d->inner = fake_keys_new(1);
	d->keys = chip_keys_new(&d->chip, d->inner);
	assert_int_equal(d->keys->ops->new_storage_key(d->keys, wrapped, &len),
	    0);
	r = commit_open(&d->commit, d->keys, d->st, false, msg, sizeof(msg));
	if (r != 0)
		print_error("%s\n", msg);
	return r;
}

static void
close_dated(struct dated *d)
{
	fixture_close(d->st);
	keys_free(d->keys);
	fake_keys_free(d->inner);
}

static void
promise_dated(uint64_t count)
{
	promise(&dated.h, dated.st);
	dated.generation[dated.h.count] = generation_of(dated.st);
	assert_int_equal(dated.generation[dated.h.count], count);
}

static int
commit_put(uint32_t n)
{
	struct credential c;
	struct auth_change chg = { .put = &c };

	fixture_credential(&c, n, n / 2);
	return commit_now(&dated.commit, &chg);
}

static void
commit_remove(uint64_t seq)
{
	struct auth_change chg = { .remove = seq };

	assert_int_equal(commit_now(&dated.commit, &chg), 0);
}

/* Is not dated: signing does not wear the chip. */
static void
commit_count(uint32_t ceiling)
{
	struct auth_state state;
	struct auth_change chg = { .state = &state };

	assert_int_equal(store_load(dated.st, &state), 0);
	state.counter_ceiling = ceiling;
	assert_int_equal(commit_now(&dated.commit, &chg), 0);
	promise_dated(dated.chip.count);
}

/* What is there has been promised, or is what was promised next. */
static bool
is_dated(const struct dated *d, int promised, const struct contents *c,
    uint64_t generation)
{
	for (int i = promised; i <= promised + 1 && i <= d->h.count; i++)
		if (contents_same(c, &d->h.after[i]) &&
		    generation == d->generation[i])
			return true;
	return false;
}

/*
 * Power comes back, goes again before the state is looked at twice, and comes
 * back: G is C or C + 1, then both are G, and nothing has been lost.
 */
static bool
check_dated(void *arg, int dirfd, int promised)
{
	struct dated *d = arg;
	struct contents c;
	uint64_t counter, generation;
	bool fine = false;

	if (promised == 0)
		return true;	/* there is no key yet */
	counter = d->generation[promised];
	for (int i = 0; i < 2; i++) {
		d->st = fixture_must_open(dirfd, false, powerloss_env());
		generation = generation_of(d->st);
		d->behind += generation == counter + 1;
		d->chip.count = counter;
		fine = open_dated(d) == 0 && d->chip.count == generation &&
		    (generation == counter || generation == counter + 1) &&
		    contents_read(d->st, &c) == 0 &&
		    is_dated(d, promised, &c, generation);
		close_dated(d);
		if (!fine)
			print_error("promised %d, counter %d, generation %d\n",
			    promised, (int)counter, (int)generation);
	}
	return fine;
}

static void
test_dated_commits(void **state)
{
	struct scratch dir, after;
	int n;

	(void)state;
	scratch_new(&dir);
	scratch_new(&after);
	dated.chip.counter = true;
	powerloss_start();
	dated.st = fixture_must_open(dir.fd, true, powerloss_env());
	assert_int_equal(open_dated(&dated), 0);
	promise_dated(0);
	dated.chip.advanced = promise_dated;
	for (uint32_t i = 1; i <= 4; i++)
		assert_int_equal(commit_put(i), 0);
	commit_count(1000);
	commit_remove(2);
	/* done in the chip, but nobody hears of it */
	dated.chip.fails = 1;
	dated.chip.late = true;
	assert_int_equal(commit_put(9), -EIO);
	dated.chip.advanced = NULL;
	assert_int_equal(dated.chip.count, 6);
	close_dated(&dated);
	powerloss_stop();
	n = powerloss_each(after.fd, check_dated, &dated);
	powerloss_done();
	assert_true(n >= 300);
	assert_true(dated.behind >= 50);
	scratch_free(&after);
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
		cmocka_unit_test(test_dated_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
