/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store without a disk does what the one with a database does: the same
 * changes to both, at random but always the same ones, have the same results,
 * and every question the same answer.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake_keys.h"
#include "tests/store_fixture.h"

#define STEPS		4000
#define NUMBERS		24	/* of credentials that come and go */
#define SITES		5
#define LIMIT		18	/* discoverable ones */

struct pair {
	struct scratch	 dir;
	struct store	*disk;
	struct keys	*keys;
	struct store	*memory;
	uint32_t	 random;
	uint64_t	 seq;		/* the newest there was */
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	scratch_new(&p->dir);
	p->disk = fixture_must_open(p->dir.fd, true, NULL);
	p->keys = fake_keys_new(2);
	assert_int_equal(store_open_memory(p->keys, &p->memory), 0);
	store_restrict(p->disk, LIMIT);
	store_restrict(p->memory, LIMIT);
	p->random = 1;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	store_close(p->memory);
	fake_keys_free(p->keys);
	fixture_close(p->disk);
	scratch_free(&p->dir);
	free(p);
	return 0;
}

/* 0 to n - 1; the same ones in every run. */
static uint32_t
pick(struct pair *p, uint32_t n)
{
	p->random = p->random * 1664525 + 1013904223;
	return (p->random >> 8) % n;
}

/*
 * Both: the same error, or the same seq. Which of a change's faults is told
 * first is not promised.
 */
static void
commit(struct pair *p, const struct auth_change *chg)
{
	uint64_t a = 0, b = 0;
	int r = store_commit(p->disk, chg, &a);

	assert_int_equal(store_commit(p->memory, chg, &b), r);
	assert_int_equal(a, b);
	if (r == 0 && chg->put != NULL)
		p->seq = a;
}

static void
random_change(struct pair *p)
{
	static uint8_t bytes[LARGE_BLOBS_MAX];
	struct credential put, replace;
	struct auth_change chg = { .reset = pick(p, 200) == 0 };
	struct auth_state st;
	uint32_t n = pick(p, NUMBERS);

	if (pick(p, 4) == 0)
		n += FIXTURE_NOT_LISTED;
	memset(bytes, (int)pick(p, 256), sizeof(bytes));
	switch (pick(p, 6)) {
	case 0:
	case 1:
		fixture_credential(&put, n, n % SITES);
		chg.put = &put;
		if (pick(p, 3) == 0)
			chg.own_blob = (struct own_blob){ OWN_BLOB_OF_PUT, n,
			    span(bytes, pick(p, 40)) };
		break;
	case 2:
		chg.remove = 1 + pick(p, (uint32_t)p->seq + 2);
		break;
	case 3:
		fixture_credential(&replace, n, n % SITES);
		fixture_edit(&replace);
		replace.seq = 1 + pick(p, (uint32_t)p->seq + 2);
		chg.replace = &replace;
		break;
	case 4:
		chg.own_blob = (struct own_blob){ 1 + pick(p,
		    (uint32_t)p->seq + 2), n, span(bytes, pick(p, 40)) };
		break;
	case 5:
		if (pick(p, 2) == 0)
			chg.large_blobs = span(bytes, pick(p, 100));
		assert_int_equal(store_load(p->disk, &st), 0);
		st.counter_ceiling += pick(p, 3);
		chg.state = &st;
		break;
	}
	commit(p, &chg);
}

/* A change of several parts, one of them impossible now and then. */
static void
combined_change(struct pair *p)
{
	struct credential put;
	struct auth_change chg = { .put = &put,
	    .remove = pick(p, (uint32_t)p->seq + 2) };
	uint32_t n = pick(p, NUMBERS);

	fixture_credential(&put, n, n % SITES);
	commit(p, &chg);
}

static void
same_answer(struct pair *p, struct auth_lookup q)
{
	static uint8_t blobs[2][LARGE_BLOBS_MAX];
	struct credential cred[2];
	struct auth_lookup a = q, b = q;

	memset(cred, 0, sizeof(cred));
	a.cred = &cred[0];
	b.cred = &cred[1];
	a.blobs = blobs[0];
	b.blobs = blobs[1];
	assert_int_equal(store_lookup(p->disk, &a), 0);
	assert_int_equal(store_lookup(p->memory, &b), 0);
	assert_int_equal(a.found, b.found);
	assert_int_equal(a.count, b.count);
	assert_int_equal(a.room, b.room);
	if (!a.found)
		return;
	if (q.kind == LOOKUP_BLOB || q.kind == LOOKUP_BLOBS) {
		assert_int_equal(a.blobs_len, b.blobs_len);
		assert_memory_equal(blobs[0], blobs[1], a.blobs_len);
		assert_int_equal(a.original_size, b.original_size);
	} else if (q.kind != LOOKUP_SITE && q.kind != LOOKUP_COUNT) {
		assert_int_equal(cred[0].seq, cred[1].seq);
		assert_true(fixture_same(&cred[0], &cred[1]));
	}
}

static void
same_answers(struct pair *p)
{
	static const enum lookup_kind kinds[] = { LOOKUP_ID, LOOKUP_ID_ANY,
	    LOOKUP_RP, LOOKUP_USER, LOOKUP_BLOB, LOOKUP_BLOBS, LOOKUP_SITE,
	    LOOKUP_COUNT };
	uint32_t n = pick(p, NUMBERS);
	struct credential c;
	struct auth_lookup q = { .before = UINT64_MAX };

	fixture_credential(&c, n, n % SITES);
	if (pick(p, 4) == 0)
		fixture_credential(&c, n + FIXTURE_NOT_LISTED, n % SITES);
	if (pick(p, 2) == 0)
		q.before = 1 + pick(p, (uint32_t)p->seq + 2);
	q.protect_max = (uint8_t)(1 + pick(p, 3));
	q.id = span(c.id, c.id_len);
	q.user_id = span(c.user.id, c.user.id_len);
	q.seq = 1 + pick(p, (uint32_t)p->seq + 1);
	memcpy(q.rp_id_hash, c.rp_id_hash, sizeof(q.rp_id_hash));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		q.kind = kinds[i];
		same_answer(p, q);
	}
}

/* Which sites there are; in which order is the store's business. */
static size_t
sites_of(struct store *st, uint64_t seqs[static SITES])
{
	struct credential cred;
	struct auth_lookup q = { .kind = LOOKUP_SITE, .cred = &cred };
	size_t n = 0;

	while (store_lookup(st, &q) == 0 && q.found) {
		assert_true(n < SITES);
		seqs[n++] = cred.seq;
	}
	return n;
}

static int
compare_seqs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
same_sites(struct pair *p)
{
	uint64_t a[SITES], b[SITES];
	size_t n = sites_of(p->disk, a);

	assert_int_equal(sites_of(p->memory, b), n);
	qsort(a, n, sizeof(a[0]), compare_seqs);
	qsort(b, n, sizeof(b[0]), compare_seqs);
	if (n > 0)
		assert_memory_equal(a, b, n * sizeof(a[0]));
}

struct walk {
	uint64_t	after;
	size_t		count;
};

static int
is_next(void *arg, const struct credential *cred)
{
	struct walk *all = arg;

	assert_true(cred->seq > all->after);
	all->after = cred->seq;
	all->count++;
	return 0;
}

static void
test_both_do_the_same(void **state)
{
	struct pair *p = *state;
	struct walk disk = { .after = 0 }, memory = { .after = 0 };
	struct auth_state a, b;

	for (int i = 0; i < STEPS; i++) {
		if (pick(p, 5) == 0)
			combined_change(p);
		else
			random_change(p);
		same_answers(p);
		same_sites(p);
	}
	assert_int_equal(store_each(p->disk, is_next, &disk), 0);
	assert_int_equal(store_each(p->memory, is_next, &memory), 0);
	assert_int_equal(disk.count, memory.count);
	assert_int_equal(disk.after, memory.after);
	assert_true(p->seq > STEPS / 20);	/* it was no idle talk */
	assert_int_equal(store_load(p->disk, &a), 0);
	assert_int_equal(store_load(p->memory, &b), 0);
	assert_int_equal(a.credentials, b.credentials);
	assert_int_equal(a.counter_ceiling, b.counter_ceiling);
}

static void
assert_copied(struct auth_state *to, const struct auth_state *from)
{
	auth_state_copy(to, from);
	assert_memory_equal(to, from, sizeof(*to));
}

/* A list that was longer, or is, is copied as far as that. */
static void
test_a_state_is_copied_with_its_lists(void **state)
{
	static struct auth_state none, some, more, to;

	(void)state;
	some.counter_ceiling = 7;
	some.min_pin_rp_count = some.bio_count = 1;
	more.generation = 9;
	more.min_pin_rp_count = MIN_PIN_RPS_MAX;
	more.bio_count = BIO_TEMPLATES_MAX;
	memset(some.min_pin_rp, 1, sizeof(some.min_pin_rp[0]));
	memset(some.bio, 2, sizeof(some.bio[0]));
	memset(more.min_pin_rp, 3, sizeof(more.min_pin_rp));
	memset(more.bio, 4, sizeof(more.bio));
	assert_copied(&to, &none);
	assert_copied(&to, &some);
	assert_copied(&to, &more);
	assert_copied(&to, &some);
	assert_copied(&to, &none);
	assert_copied(&to, &more);
	assert_copied(&to, &none);
}

static void
test_no_two_have_an_epoch(void **state)
{
	struct pair *p = *state;
	struct auth_state a, b;
	struct store *other;

	assert_int_equal(store_open_memory(p->keys, &other), 0);
	assert_int_equal(store_load(p->memory, &a), 0);
	assert_int_equal(store_load(other, &b), 0);
	assert_memory_not_equal(a.epoch, b.epoch, KEY_EPOCH_LEN);
	store_close(other);
}

static void
test_names_are_copied(void **state)
{
	struct pair *p = *state;
	struct store *other;
	uint8_t *got = NULL;
	size_t len;

	assert_int_equal(store_get(p->memory, "one", &got, &len), -ENOENT);
	assert_int_equal(store_put(p->memory, "one", span_str("first")), 0);
	assert_int_equal(store_put(p->memory, "two", span_str("")), 0);
	assert_int_equal(store_put(p->memory, "one", span_str("second")), 0);
	assert_int_equal(store_open_memory(p->keys, &other), 0);
	assert_int_equal(store_copy_blobs(p->memory, other), 0);
	assert_int_equal(store_put(p->memory, "one", span_str("third")), 0);
	assert_int_equal(store_get(other, "one", &got, &len), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(got, "second", 6);
	store_blob_free(got, len);
	assert_int_equal(store_get(other, "two", &got, &len), 0);
	assert_int_equal(len, 0);
	store_blob_free(got, len);
	store_close(other);
}

/* As on a disk. */
static void
test_notes_go_with_changes(void **state)
{
	struct pair *p = *state;
	struct auth_change chg = { .note = { "note", span_str("one") } };
	uint8_t *got = NULL;
	size_t len;

	assert_int_equal(store_commit(p->memory, &chg, NULL), 0);
	chg.remove = 77;	/* is not there */
	chg.note.value = span_str("two");
	assert_int_equal(store_commit(p->memory, &chg, NULL), -ENOENT);
	assert_int_equal(store_get(p->memory, "note", &got, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(got, "one", 3);
	store_blob_free(got, len);
}

/* As on a disk. */
static void
test_a_reset_forgets_counters(void **state)
{
	struct pair *p = *state;
	struct store *both[] = { p->memory, p->disk };
	const struct auth_change reset = { .reset = true };
	uint8_t *got = NULL;
	size_t len;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(store_commit(both[i], &reset, NULL), 0);
		for (const char *const *name = (const char *const []){ "one",
		    STORE_TOLD, "two", NULL }; *name != NULL; name++)
			assert_int_equal(store_put(both[i], *name,
			    span_str(*name)), 0);
		assert_int_equal(store_commit(both[i], &reset, NULL), 0);
		assert_int_equal(store_get(both[i], STORE_TOLD, &got, &len),
		    -ENOENT);
		assert_int_equal(store_get(both[i], "one", &got, &len), 0);
		store_blob_free(got, len);
		assert_int_equal(store_get(both[i], "two", &got, &len), 0);
		store_blob_free(got, len);
	}
}

static void
test_a_name_has_its_limit(void **state)
{
	static const uint8_t long_value[STORE_BLOB_MAX + 1];
	struct pair *p = *state;

	assert_int_equal(store_put(p->memory, "one",
	    span(long_value, sizeof(long_value))), -EINVAL);
	assert_int_equal(store_put(p->memory, "one",
	    span(long_value, STORE_BLOB_MAX)), 0);
}

/* As on a disk. */
static void
test_the_unlisted_have_a_limit(void **state)
{
	struct pair *p = *state;
	struct store *both[] = { p->memory, p->disk };
	struct credential c;
	const struct auth_change put = { .put = &c },
	    instead = { .put = &c, .remove = 1 };

	for (size_t i = 0; i < 2; i++) {
		both[i]->unlisted = 1;
		fixture_credential(&c, 1, 1);
		c.discoverable = false;
		assert_int_equal(store_commit(both[i], &put, NULL), 0);
		fixture_credential(&c, 2, 1);
		c.discoverable = false;
		assert_int_equal(store_commit(both[i], &put, NULL), -ENOSPC);
		assert_int_equal(store_commit(both[i], &instead, NULL), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_do_the_same,
		    setup, teardown),
		cmocka_unit_test(test_a_state_is_copied_with_its_lists),
		cmocka_unit_test_setup_teardown(test_no_two_have_an_epoch,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_are_copied,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_unlisted_have_a_limit,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes_go_with_changes,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_reset_forgets_counters,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_name_has_its_limit,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
