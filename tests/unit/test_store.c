/* SPDX-License-Identifier: Apache-2.0 */
/* The store when all is well: what is put in is found again. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/store/page.h"
#include "tests/fake_keys.h"
#include "tests/store_fixture.h"

struct fixture {
	struct scratch	 dir;
	struct store	*st;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scratch_new(&f->dir);
	f->st = fixture_must_open(f->dir.fd, true, NULL);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->st != NULL)
		fixture_close(f->st);
	scratch_free(&f->dir);
	free(f);
	return 0;
}

static void
reopen(struct fixture *f)
{
	fixture_close(f->st);
	f->st = fixture_must_open(f->dir.fd, false, NULL);
}

static struct auth_lookup
ask(enum lookup_kind kind, const struct credential *about,
    struct credential *out)
{
	struct auth_lookup q = { .kind = kind, .protect_max = 3,
	    .before = UINT64_MAX, .cred = out,
	    .id = span(about->id, about->id_len),
	    .user_id = span(about->user.id, about->user.id_len) };

	memcpy(q.rp_id_hash, about->rp_id_hash, 32);
	return q;
}

static void
test_new_store_has_fresh_state(void **state)
{
	struct fixture *f = *state, g = { .st = NULL };
	struct auth_state a, b, zero = { .counter_ceiling = 0 };

	assert_int_equal(store_load(f->st, &a), 0);
	assert_int_equal(a.counter_ceiling, 0);
	assert_int_equal(a.credentials, 0);
	assert_memory_not_equal(a.epoch, zero.epoch, KEY_EPOCH_LEN);
	scratch_new(&g.dir);
	g.st = fixture_must_open(g.dir.fd, true, NULL);
	assert_int_equal(store_load(g.st, &b), 0);
	assert_memory_not_equal(a.epoch, b.epoch, KEY_EPOCH_LEN);
	fixture_close(g.st);
	scratch_free(&g.dir);
	reopen(f);
	assert_int_equal(store_load(f->st, &b), 0);
	assert_memory_equal(a.epoch, b.epoch, KEY_EPOCH_LEN);
}

static void
test_files_are_private(void **state)
{
	static const char *const names[] = { DB_NAME, DB_LOG, LOCK_NAME };
	struct fixture *f = *state;
	struct stat sb;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fstatat(f->dir.fd, names[i], &sb, 0), 0);
		assert_int_equal(sb.st_mode & 0777, 0600);
	}
	assert_int_equal(faccessat(f->dir.fd, DB_NAME "-shm", F_OK, 0), -1);
	fixture_close(f->st);
	f->st = NULL;
	assert_int_equal(faccessat(f->dir.fd, DB_LOG, F_OK, 0), -1);
}

static void
test_every_field_survives(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q;

	for (uint32_t n = 0; n < 30; n++)
		assert_int_equal(fixture_put(f->st, n, n / 3), 0);
	reopen(f);
	for (uint32_t n = 0; n < 30; n++) {
		fixture_credential(&c, n, n / 3);
		q = ask(LOOKUP_ID, &c, &out);
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_true(q.found);
		assert_int_equal(out.seq, n + 1);
		assert_true(fixture_same(&out, &c));
	}
}

/* The largest and the smallest row there can be. */
static void
test_extremes(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_change chg = { .put = &c };
	struct auth_lookup q;

	memset(&c, 0xa5, sizeof(c));
	c.protect = PROTECT_REQUIRED;
	c.discoverable = c.hmac_secret = true;
	c.third_party_payment = c.has_large_blob_key = true;
	c.large_blob = true;
	c.backup_eligible = c.backup_state = true;
	c.counting = COUNT_ITSELF;
	c.counter = UINT32_MAX;
	c.cred_blob_len = CRED_BLOB_MAX;
	c.alg = -65535;
	c.created_s = UINT64_MAX;
	c.id_len = CREDENTIAL_ID_MAX;
	c.rp_id.len = RP_ID_KEPT;
	c.rp_name.len = c.user.name.len = c.user.display_name.len = NAME_KEPT;
	c.user.id_len = USER_ID_MAX;
	c.blob_len = KEY_BLOB_MAX;
	c.pub_len = COSE_KEY_MAX;
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	q = ask(LOOKUP_USER, &c, &out);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_true(q.found && fixture_same(&out, &c));
	memset(&c, 0, sizeof(c));
	c.protect = PROTECT_OPTIONAL;
	c.id_len = 1;
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	q = ask(LOOKUP_ID, &c, &out);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_true(q.found && fixture_same(&out, &c));
}

static void
test_out_of_bounds_is_refused(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	struct auth_change chg = { .put = &c };
	struct contents before, after;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(contents_read(f->st, &before), 0);
	for (int i = 0; i < 7; i++) {
		fixture_credential(&c, 7, 7);
		switch (i) {
		case 0: c.protect = 0; break;
		case 1: c.protect = 4; break;
		case 2: c.id_len = 0; break;
		case 3: c.id_len = CREDENTIAL_ID_MAX + 1; break;
		case 4: c.blob_len = KEY_BLOB_MAX + 1; break;
		case 5: c.cred_blob_len = CRED_BLOB_MAX + 1; break;
		default: c.user.id_len = USER_ID_MAX + 1; break;
		}
		assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	}
	assert_int_equal(contents_read(f->st, &after), 0);
	assert_true(contents_same(&before, &after));
}

static void
test_lookup_rp_walks_newest_first(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q;
	uint64_t seen = 0;

	for (uint32_t n = 0; n < 20; n++)
		assert_int_equal(fixture_put(f->st, n, n % 2), 0);
	fixture_credential(&c, 0, 1);
	q = ask(LOOKUP_RP, &c, &out);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_int_equal(q.count, 10);
	for (uint64_t seq = 20; q.found; seq -= 2, seen++) {
		assert_int_equal(out.seq, seq);
		q.before = out.seq;
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.count, 0);
	}
	assert_int_equal(seen, 10);
}

/* fixture: protection is 1 + n % 3 */
static void
test_protected_are_neither_found_nor_counted(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q;

	for (uint32_t n = 0; n < 9; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	for (uint8_t max = 0; max <= 3; max++) {
		fixture_credential(&c, 8, 1);	/* protect 3 */
		q = ask(LOOKUP_RP, &c, &out);
		q.protect_max = max;
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.count, 3 * max);
		assert_int_equal(q.found, max > 0);
		if (max > 0)
			assert_int_equal(out.seq, 6 + max);
		q = ask(LOOKUP_ID, &c, &out);
		q.protect_max = max;
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.found, max == 3);
		q = ask(LOOKUP_USER, &c, &out);
		q.protect_max = max;
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.found, max == 3);
	}
}

/* The newest one is known without a search; it must not be once removed. */
static void
test_newest_is_another_once_removed(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q = { .kind = LOOKUP_RP, .before = UINT64_MAX,
	    .protect_max = PROTECT_REQUIRED, .cred = &out };

	for (uint32_t n = 0; n < 9; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	fixture_credential(&c, 0, 1);
	memcpy(q.rp_id_hash, c.rp_id_hash, sizeof(q.rp_id_hash));
	for (uint32_t left = 9; left > 0; left--) {
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_true(q.found);
		assert_int_equal(q.count, left);
		assert_int_equal(out.seq, left);
		assert_int_equal(fixture_remove(f->st, out.seq), 0);
	}
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
}

static void
test_what_is_not_there_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct credential c, other, out;
	struct auth_lookup q;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	fixture_credential(&c, 1, 1);
	fixture_credential(&other, 2, 2);
	for (int kind = LOOKUP_ID; kind <= LOOKUP_USER; kind++) {
		q = ask(kind, &c, &out);
		memcpy(q.rp_id_hash, other.rp_id_hash, 32);
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_false(q.found);
	}
	q = ask(LOOKUP_ID, &c, &out);
	q.id = span(c.id, c.id_len - 1U);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
	q.id = span(NULL, 0);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
}

/* Replacing: the old one goes and the new one comes in one commit. */
static void
test_replace_is_one_commit(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_state st = { .counter_ceiling = 77 };
	struct auth_change chg = { .remove = 1, .put = &c, .state = &st };
	struct auth_lookup q;
	uint64_t seq = 0;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	fixture_credential(&c, 1, 1);
	c.created_s++;
	assert_int_equal(store_commit(f->st, &chg, &seq), 0);
	assert_int_equal(seq, 2);
	q = ask(LOOKUP_RP, &c, &out);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_int_equal(q.count, 1);
	assert_true(q.found && out.seq == 2 && fixture_same(&out, &c));
	assert_int_equal(store_load(f->st, &st), 0);
	assert_int_equal(st.credentials, 1);
	assert_int_equal(st.counter_ceiling, 77);
}

/* New contents, and everything else as it was: order, counts, the newest. */
static void
test_new_contents_in_place(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q;
	struct contents got;

	for (uint32_t n = 0; n < 3; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	assert_int_equal(fixture_rename(f->st, 1, 1, 2), 0);
	reopen(f);
	fixture_credential(&c, 1, 1);
	fixture_edit(&c);
	for (int kind = LOOKUP_ID; kind <= LOOKUP_USER; kind++) {
		q = ask(kind, &c, &out);
		q.before = 3;
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_true(q.found && fixture_same(&out, &c));
		assert_int_equal(out.seq, 2);
	}
	assert_int_equal(contents_read(f->st, &got), 0);
	assert_int_equal(got.count, 3);
	q.before = UINT64_MAX;
	q.kind = LOOKUP_RP;
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_int_equal(q.count, 3);
	assert_int_equal(out.seq, 3);
	assert_int_equal(fixture_put(f->st, 4, 1), 0);
}

/* Whatever would move a row in an index is no new contents. */
static void
test_new_contents_of_another_are_refused(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	struct auth_change chg = { .replace = &c };
	struct contents before, after;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_put(f->st, 6, 1), 0);	/* without user ID */
	assert_int_equal(contents_read(f->st, &before), 0);
	for (int i = 0; i < 8; i++) {
		fixture_credential(&c, i == 5 ? 6 : 1, 1);
		c.seq = i == 5 ? 2 : 1;
		switch (i) {
		case 0: c.id[0] ^= 1; break;
		case 1: c.rp_id_hash[0] ^= 1; break;
		case 2: c.user.id[0] ^= 1; break;
		case 3: c.user.id_len = 0; break;
		case 4: c.protect = c.protect % 3 + 1; break;
		case 5: c.user.id_len = 1; break;
		case 6: c.seq = 2; break;
		default: c.blob_len = KEY_BLOB_MAX + 1; break;
		}
		assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	}
	fixture_credential(&c, 1, 1);
	for (int i = 0; i < 3; i++) {
		c.seq = i == 0 ? 0 : i == 1 ? 3 : UINT64_MAX;
		assert_int_equal(store_commit(f->st, &chg, NULL), -ENOENT);
	}
	assert_int_equal(contents_read(f->st, &after), 0);
	assert_true(contents_same(&before, &after));
}

static void
test_id_alone(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_lookup q;

	assert_int_equal(fixture_put(f->st, 2, 1), 0);	/* protect 3 */
	fixture_credential(&c, 2, 1);
	q = ask(LOOKUP_ID_ANY, &c, &out);
	memset(q.rp_id_hash, 0, sizeof(q.rp_id_hash));
	q.protect_max = 0;
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_true(q.found && fixture_same(&out, &c));
	q.id = span(c.id, c.id_len - 1U);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
	q.id = span(NULL, 0);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
	/* with an RP it is another question */
	q = ask(LOOKUP_ID, &c, &out);
	q.rp_id_hash[31] ^= 1;
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
}

/* Each site once, by its newest, and what changes meanwhile does no harm. */
static void
test_sites_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct credential out;
	struct auth_lookup q = { .kind = LOOKUP_SITE, .cred = &out };
	uint32_t site, sites = 0, seen = 0;

	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_false(q.found);
	assert_int_equal(q.count, 0);
	for (uint32_t n = 0; n < 24; n++)
		assert_int_equal(fixture_put(f->st, n, n % 8), 0);
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_int_equal(q.count, 8);
	for (; q.found; sites++) {
		memcpy(&site, out.rp_id_hash, sizeof(site));
		assert_in_range(site, 0, 7);
		assert_int_equal(out.seq, 17 + site);
		assert_false(seen & 1U << site);
		seen |= 1U << site;
		assert_int_equal(fixture_remove(f->st, 17 + site), 0);
		assert_int_equal(fixture_remove(f->st, 9 + site), 0);
		assert_int_equal(fixture_remove(f->st, 1 + site), 0);
		assert_true(q.has_cursor);
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.count, 0);
	}
	assert_int_equal(sites, 8);
}

static void
test_how_many_and_how_many_more(void **state)
{
	struct fixture *f = *state;
	struct auth_lookup q = { .kind = LOOKUP_COUNT };

	f->st->limit = 3;
	for (uint32_t n = 0; n <= 3; n++) {
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.count, n);
		assert_int_equal(q.room, 3 - n);
		if (n < 3)
			assert_int_equal(fixture_put(f->st, n, n), 0);
	}
	f->st->limit = 1;	/* there are more than would be let in now */
	assert_int_equal(store_lookup(f->st, &q), 0);
	assert_int_equal(q.room, 0);
}

static void
test_failed_commit_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	struct auth_state st = { .counter_ceiling = 99 };
	struct auth_change twice = { .remove = 1, .put = &c, .state = &st };
	struct auth_change absent = { .remove = 9, .put = &c, .state = &st };
	struct contents before, after;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_put(f->st, 2, 1), 0);
	assert_int_equal(contents_read(f->st, &before), 0);
	fixture_credential(&c, 2, 1);
	assert_int_equal(store_commit(f->st, &twice, NULL), -EEXIST);
	assert_int_equal(store_commit(f->st, &absent, NULL), -ENOENT);
	assert_int_equal(contents_read(f->st, &after), 0);
	assert_true(contents_same(&before, &after));
	reopen(f);
	assert_int_equal(contents_read(f->st, &after), 0);
	assert_true(contents_same(&before, &after));
}

static void
test_reset_keeps_order_and_blobs(void **state)
{
	struct fixture *f = *state;
	struct auth_state fresh = { .epoch = { 1, 2, 3 } }, got;
	struct auth_change reset = { .reset = true, .state = &fresh };
	struct contents c;
	uint8_t *p;
	size_t len;

	for (uint32_t n = 0; n < 5; n++)
		assert_int_equal(fixture_put(f->st, n, n), 0);
	assert_int_equal(store_put(f->st, "root", span("abc", 3)), 0);
	assert_int_equal(store_put(f->st, STORE_TOLD, span("abc", 3)), 0);
	assert_int_equal(store_commit(f->st, &reset, NULL), 0);
	/* that one is about credentials */
	assert_int_equal(store_get(f->st, STORE_TOLD, &p, &len), -ENOENT);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.count, 0);
	reopen(f);
	assert_int_equal(store_load(f->st, &got), 0);
	assert_memory_equal(got.epoch, fresh.epoch, KEY_EPOCH_LEN);
	assert_int_equal(got.credentials, 0);
	assert_int_equal(fixture_put(f->st, 0, 0), 0);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.seq[0], 6);
	assert_int_equal(store_get(f->st, "root", &p, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(p, "abc", 3);
	store_blob_free(p, len);
}

static struct bio_template
finger(uint8_t n, uint8_t name_len)
{
	struct bio_template t = { .id = { 1, 2, 3, n }, .finger = n,
	    .name_len = name_len };

	memset(t.name, 'a' + n, name_len);
	return t;
}

static void
test_fingers_survive(void **state)
{
	struct fixture *f = *state;
	struct auth_state s, got;
	struct auth_change chg = { .state = &s };

	for (int n = BIO_TEMPLATES_MAX; n >= 0; n--) {
		assert_int_equal(store_load(f->st, &s), 0);
		memset(s.bio, 0, sizeof(s.bio));
		s.bio_count = (uint8_t)n;
		for (int i = 0; i < n; i++)
			s.bio[i] = finger((uint8_t)(i + 1),
			    i == 0 ? BIO_NAME_MAX : (uint8_t)(i - 1));
		assert_int_equal(store_commit(f->st, &chg, NULL), 0);
		reopen(f);
		assert_int_equal(store_load(f->st, &got), 0);
		assert_int_equal(got.bio_count, n);
		assert_memory_equal(got.bio, s.bio, sizeof(s.bio));
	}
	s.bio_count = BIO_TEMPLATES_MAX + 1;
	assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
}

/* The state of a key without fingers, as every sealkey has written it. */
static size_t
seal_state(struct fixture *f, uint8_t bio_count, uint8_t *plain)
{
	uint8_t sealed[STATE_MAX + KEY_SEAL_OVERHEAD];
	struct auth_state s = { .bio_count = bio_count };
	size_t len;

	for (uint8_t i = 0; i < bio_count; i++)
		s.bio[i] = finger(i + 1, 0);
	assert_int_equal(store_seal_state(f->st, &s, 7, sealed, &len), 0);
	assert_int_equal(f->st->keys->ops->open(f->st->keys,
	    span_str("state"), span(sealed, len), plain), 0);
	return len - KEY_SEAL_OVERHEAD;
}

static int
open_state(struct fixture *f, const uint8_t *plain, size_t len)
{
	uint8_t sealed[STATE_MAX + KEY_SEAL_OVERHEAD];

	assert_int_equal(f->st->keys->ops->seal(f->st->keys,
	    span_str("state"), span(plain, len), sealed), 0);
	return store_open_state(f->st, span(sealed, len + KEY_SEAL_OVERHEAD));
}

static void
test_states_without_a_tpm(void **state)
{
	struct fixture *f = *state;
	uint8_t plain[STATE_MAX] = { 0 };
	size_t old = seal_state(f, 0, plain), len;

	assert_int_equal(plain[0], 1);
	assert_int_equal(open_state(f, plain, old), 0);
	/* one of version 2 has a finger */
	plain[0] = 2;
	plain[old] = 0;
	assert_int_equal(open_state(f, plain, old), -EUCLEAN);
	assert_int_equal(open_state(f, plain, old + 1), -EUCLEAN);
	len = seal_state(f, 1, plain);
	assert_int_equal(plain[0], 2);
	assert_int_equal(len, old + 1 + BIO_ID_LEN + 2);
	assert_int_equal(open_state(f, plain, len), 0);
	assert_int_equal(open_state(f, plain, len - 1), -EUCLEAN);
	assert_int_equal(open_state(f, plain, len + 1), -EUCLEAN);
	plain[old + 1 + BIO_ID_LEN] = 0;	/* finger */
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
	plain[old + 1 + BIO_ID_LEN] = 1;
	plain[len - 1] = BIO_NAME_MAX + 1;
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
	plain[len - 1] = 0;
	plain[old] = BIO_TEMPLATES_MAX + 1;
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
	plain[old] = 1;
	plain[0] = 1;
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
	plain[0] = 3;
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
	plain[0] = 4;
	assert_int_equal(open_state(f, plain, len), -EPROTO);
	assert_non_null(strstr(store_strerror(f->st), "update sealkey"));
}

static void
reopened_state(struct fixture *f, struct auth_state *s)
{
	const struct auth_change chg = { .state = s };
	struct auth_state got;

	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	reopen(f);
	assert_int_equal(store_load(f->st, &got), 0);
	assert_int_equal(got.generation, s->generation);
	assert_int_equal(got.bio_count, s->bio_count);
	assert_memory_equal(got.bio, s->bio, sizeof(got.bio));
}

static void
test_what_a_tpm_keeps_is_kept(void **state)
{
	struct fixture *f = *state;
	struct auth_state s = { .generation = UINT64_MAX - 1 };

	reopened_state(f, &s);
	s.bio_count = 2;
	s.bio[0] = finger(1, 0);
	s.bio[1] = finger(2, 9);
	reopened_state(f, &s);
}

/* Version 3 is what has a generation, and nothing else. */
static void
test_state_of_a_tpm(void **state)
{
	struct fixture *f = *state;
	uint8_t sealed[STATE_MAX + KEY_SEAL_OVERHEAD], plain[STATE_MAX];
	struct auth_state s = { .generation = 1 };
	size_t old = seal_state(f, 0, plain), len;

	assert_int_equal(store_seal_state(f->st, &s, 7, sealed, &len), 0);
	assert_int_equal(f->st->keys->ops->open(f->st->keys,
	    span_str("state"), span(sealed, len), plain), 0);
	len -= KEY_SEAL_OVERHEAD;
	assert_int_equal(plain[0], 3);
	assert_int_equal(len, old + 1 + 8);
	assert_int_equal(open_state(f, plain, len), 0);
	assert_int_equal(open_state(f, plain, len - 1), -EUCLEAN);
	assert_int_equal(open_state(f, plain, len + 1), -EUCLEAN);
	plain[len - 1] = 0;		/* generation 0 */
	assert_int_equal(open_state(f, plain, len), -EUCLEAN);
}

static void
test_what_only_counts(void **state)
{
	struct fixture *f = *state;
	struct auth_state s, was;
	struct auth_change chg = { .state = &s };
	struct credential c;

	assert_int_equal(store_load(f->st, &was), 0);
	s = was;
	assert_true(store_is_count(f->st, &chg));
	s.counter_ceiling += 100;
	s.credentials += 1;		/* the store's own */
	s.generation += 1;		/* what it is asked for */
	assert_true(store_is_count(f->st, &chg));
	s.pin_failures = 1;
	assert_false(store_is_count(f->st, &chg));
	s = was;
	s.epoch[31] ^= 1;
	assert_false(store_is_count(f->st, &chg));
	s = was;
	s.bio_count = 1;
	s.bio[0] = finger(1, 0);
	assert_false(store_is_count(f->st, &chg));
	fixture_credential(&c, 1, 1);
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .put = &c }));
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .replace = &c }));
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .reset = true }));
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .remove = 1 }));
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .own_blob.seq = 1 }));
	assert_false(store_is_count(f->st,
	    &(struct auth_change){ .large_blobs = span("", 0) }));
}

/* The longest there is; and the database opens with it, not with the old. */
static void
test_storage_key_wrapped_anew(void **state)
{
	static uint8_t wrapped[KEY_WRAPPED_MAX + 1] = "\1";	/* device */
	struct fixture *f = *state;
	char msg[MESSAGE_MAX];
	int error;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(store_rewrap(f->st, span(wrapped, 0)), -EINVAL);
	assert_int_equal(store_rewrap(f->st, span(wrapped, sizeof(wrapped))),
	    -EINVAL);
	assert_int_equal(store_rewrap(f->st, span(wrapped, KEY_WRAPPED_MAX)),
	    0);
	assert_int_equal(fixture_put(f->st, 2, 1), 0);
	reopen(f);
	assert_int_equal(fixture_put(f->st, 3, 1), 0);
	/* it is what is unlocked with: spoilt, it is refused */
	memset(wrapped, 0, sizeof(wrapped));
	assert_int_equal(store_rewrap(f->st, span(wrapped, 64)), 0);
	fixture_close(f->st);
	f->st = fixture_open(f->dir.fd, false, NULL, &error, msg);
	assert_null(f->st);
	assert_int_equal(error, -EBADMSG);
}

static void
test_seq_never_comes_back(void **state)
{
	struct fixture *f = *state;
	struct contents c;

	for (uint32_t n = 1; n <= 5; n++) {
		assert_int_equal(fixture_put(f->st, n, 1), 0);
		assert_int_equal(contents_read(f->st, &c), 0);
		assert_int_equal(c.seq[0], n);
		assert_int_equal(fixture_remove(f->st, n), 0);
		reopen(f);
	}
}

static void
test_limit(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	struct auth_change chg = { .put = &c, .remove = 1 };

	f->st->limit = 2;
	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_put(f->st, 2, 1), 0);
	assert_int_equal(fixture_put(f->st, 3, 1), -ENOSPC);
	assert_non_null(strstr(store_strerror(f->st), "full"));
	fixture_credential(&c, 3, 1);
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
}

static int
put_unlisted(struct store *st, unsigned user)
{
	struct credential c;
	const struct auth_change chg = { .put = &c };

	fixture_credential(&c, user, 1);
	c.discoverable = false;
	return store_commit(st, &chg, NULL);
}

/* Others are counted by themselves. */
static void
test_limit_of_the_unlisted(void **state)
{
	struct fixture *f = *state;
	const struct auth_change remove = { .remove = 2 }, reset = {
	    .reset = true };

	f->st->unlisted = 2;
	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(put_unlisted(f->st, 2), 0);
	assert_int_equal(put_unlisted(f->st, 3), 0);
	assert_int_equal(put_unlisted(f->st, 4), -ENOSPC);
	assert_non_null(strstr(store_strerror(f->st), "full"));
	assert_int_equal(fixture_put(f->st, 5, 1), 0);
	assert_int_equal(store_commit(f->st, &remove, NULL), 0);
	assert_int_equal(put_unlisted(f->st, 4), 0);
	assert_int_equal(put_unlisted(f->st, 6), -ENOSPC);
	assert_int_equal(store_commit(f->st, &reset, NULL), 0);
	assert_int_equal(put_unlisted(f->st, 7), 0);
	assert_int_equal(put_unlisted(f->st, 8), 0);
	assert_int_equal(put_unlisted(f->st, 9), -ENOSPC);
	reopen(f);
	f->st->unlisted = 2;
	assert_int_equal(put_unlisted(f->st, 9), -ENOSPC);
}

/* Going through all of them takes a while, when it matters. */
static void
test_the_unlisted_are_counted_once(void **state)
{
	struct fixture *f = *state;

	f->st->unlisted = 10;
	for (unsigned n = 0; n < 10; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	for (unsigned n = 10; n < 15; n++)
		assert_int_equal(put_unlisted(f->st, n), 0);
	assert_int_equal(sqlite3_stmt_status(f->st->stmt[STMT_ROWS],
	    SQLITE_STMTSTATUS_RUN, 0), 1);
	assert_int_equal(f->st->rows, 15);
	assert_int_equal(fixture_remove(f->st, 1), 0);
	/* what fails changes nothing */
	assert_int_equal(fixture_remove(f->st, 77), -ENOENT);
	assert_int_equal(f->st->rows, 14);
}

static void
test_blobs(void **state)
{
	static uint8_t big[STORE_BLOB_MAX + 1];
	struct fixture *f = *state;
	uint8_t *p = NULL;
	size_t len;

	memset(big, 0x3c, sizeof(big));
	assert_int_equal(store_get(f->st, "none", &p, &len), -ENOENT);
	assert_int_equal(store_put(f->st, "", span("x", 1)), -EINVAL);
	assert_int_equal(store_put(f->st, "big", span(big, sizeof(big))),
	    -EINVAL);
	assert_int_equal(store_put(f->st, "big", span(big, STORE_BLOB_MAX)),
	    0);
	assert_int_equal(store_put(f->st, "empty", span("", 0)), 0);
	assert_int_equal(store_put(f->st, "big2", span("1", 1)), 0);
	assert_int_equal(store_put(f->st, "big2", span("22", 2)), 0);
	reopen(f);
	assert_int_equal(store_get(f->st, "big", &p, &len), 0);
	assert_int_equal(len, STORE_BLOB_MAX);
	assert_memory_equal(p, big, len);
	store_blob_free(p, len);
	assert_int_equal(store_get(f->st, "empty", &p, &len), 0);
	assert_int_equal(len, 0);
	store_blob_free(p, len);
	assert_int_equal(store_get(f->st, "big2", &p, &len), 0);
	assert_int_equal(len, 2);
	store_blob_free(p, len);
}

static void
expect_blob(struct store *st, const char *name, const char *value)
{
	uint8_t *p;
	size_t len;

	assert_int_equal(store_get(st, name, &p, &len), 0);
	assert_int_equal(len, strlen(value));
	assert_memory_equal(p, value, len);
	store_blob_free(p, len);
}

/* With the change, or not at all. */
static void
test_notes_go_with_changes(void **state)
{
	struct fixture *f = *state;
	struct auth_change chg = { .note = { "note", span_str("one") } };
	struct auth_state s;

	assert_true(store_is_count(f->st, &chg));
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	expect_blob(f->st, "note", "one");
	assert_int_equal(store_load(f->st, &s), 0);
	s.counter_ceiling += 5;
	chg.note.value = span_str("two");
	chg.state = &s;
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	s.counter_ceiling += 5;
	chg.note.value = span_str("three");
	chg.remove = 77;	/* is not there */
	assert_int_equal(store_commit(f->st, &chg, NULL), -ENOENT);
	expect_blob(f->st, "note", "two");
	chg.remove = 0;
	chg.note.name = "";
	assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	reopen(f);
	expect_blob(f->st, "note", "two");
	assert_int_equal(store_load(f->st, &s), 0);
	assert_int_equal(s.counter_ceiling, 5);
}

/* What a lookup finds; 0: nothing. */
static size_t
large_blobs(struct store *st, uint8_t out[static LARGE_BLOBS_MAX])
{
	struct auth_lookup q = { .kind = LOOKUP_BLOBS, .blobs = out };

	assert_int_equal(store_lookup(st, &q), 0);
	assert_int_equal(q.found, q.blobs_len > 0);
	return q.blobs_len;
}

static void
test_large_blobs(void **state)
{
	struct fixture *f = *state;
	struct auth_change reset = { .reset = true }, chg = { .put = NULL };
	uint8_t full[LARGE_BLOBS_MAX], got[LARGE_BLOBS_MAX];

	assert_int_equal(large_blobs(f->st, got), 0);
	memset(full, 0x3c, sizeof(full));
	chg.large_blobs = span(full, sizeof(full));
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	reopen(f);
	assert_int_equal(large_blobs(f->st, got), sizeof(full));
	assert_memory_equal(got, full, sizeof(full));
	chg.large_blobs = span("other", 5);
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	assert_int_equal(large_blobs(f->st, got), 5);
	assert_memory_equal(got, "other", 5);
	/* a change of something else leaves them */
	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_counter(f->st, 9), 0);
	reopen(f);
	assert_int_equal(large_blobs(f->st, got), 5);
	assert_int_equal(store_commit(f->st, &reset, NULL), 0);
	assert_int_equal(large_blobs(f->st, got), 0);
	reopen(f);
	assert_int_equal(large_blobs(f->st, got), 0);
}

static void
test_large_blobs_change_with_the_rest(void **state)
{
	struct fixture *f = *state;
	struct auth_change chg = { .remove = 77,
	    .large_blobs = span("abc", 3) };
	uint8_t got[LARGE_BLOBS_MAX];

	/* there is no such credential: nothing of the change is done */
	assert_int_equal(store_commit(f->st, &chg, NULL), -ENOENT);
	assert_int_equal(large_blobs(f->st, got), 0);
	/* in a reset the new ones come after the old ones went */
	chg = (struct auth_change){ .reset = true,
	    .large_blobs = span("abc", 3) };
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	assert_int_equal(large_blobs(f->st, got), 3);
}

static void
test_large_blobs_that_are_too_large(void **state)
{
	static const uint8_t big[LARGE_BLOBS_MAX + 1];
	struct fixture *f = *state;
	struct auth_change chg = { .large_blobs = span(big, sizeof(big)) };
	uint8_t got[LARGE_BLOBS_MAX];
	struct auth_lookup q = { .kind = LOOKUP_BLOBS, .blobs = got };

	assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	assert_int_equal(large_blobs(f->st, got), 0);
	/* nor are they believed if somebody else put them there */
	assert_int_equal(store_put(f->st, LARGE_BLOBS, chg.large_blobs), 0);
	assert_int_equal(store_lookup(f->st, &q), -EUCLEAN);
	assert_false(q.found);
}

static void
test_own_blob(void **state)
{
	struct fixture *f = *state;
	struct auth_change reset = { .reset = true };
	struct contents c;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_put(f->st, 2, 1), 0);
	assert_int_equal(fixture_blob(f->st, 1, LARGE_BLOB_MAX), 0);
	assert_int_equal(fixture_blob(f->st, 2, 5), 0);
	assert_int_equal(fixture_blob(f->st, 2, 6), 0);
	assert_int_equal(fixture_rename(f->st, 2, 1, 2), 0);
	reopen(f);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.blob[0], LARGE_BLOB_MAX);
	assert_int_equal(c.blob[1], 6);
	assert_int_equal(fixture_remove(f->st, 1), 0);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.count, 1);
	assert_int_equal(c.blob[0], 6);
	assert_int_equal(store_commit(f->st, &reset, NULL), 0);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(fixture_put(f->st, 3, 1), 0);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.blob[0], 0);
}

static void
test_own_blob_of_nobody(void **state)
{
	struct fixture *f = *state;
	struct contents c;

	assert_int_equal(fixture_blob(f->st, 1, 5), -ENOENT);
	assert_int_equal(fixture_blob(f->st, UINT64_MAX, 5), -ENOENT);
	assert_int_equal(contents_read(f->st, &c), 0);
}

static void
test_own_blob_that_is_too_large(void **state)
{
	static const uint8_t big[LARGE_BLOB_MAX + 1];
	struct fixture *f = *state;
	struct auth_change chg = { .own_blob = { 1, 1,
	    span(big, sizeof(big)) } };
	struct contents c;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.blob[0], 0);
}

/* What is found of credential 1 after sql was done to its blob. */
static int
tampered(struct store *st, const char *text)
{
	uint8_t got[LARGE_BLOBS_MAX];
	struct auth_lookup q = { .kind = LOOKUP_BLOB, .seq = 1,
	    .blobs = got };

	assert_int_equal(store_exec(st, text, "test"), 0);
	assert_false(store_lookup(st, &q) == 0 && q.found);
	return q.result;
}

static void
test_own_blob_is_bound_to_its_credential(void **state)
{
	static const char *const edits[] = {
		("UPDATE blob SET value = (SELECT value FROM blob WHERE name ="
		    " 'large blob of 2') WHERE name = 'large blob of 1'"),
		"UPDATE blob SET value = zeroblob(length(value))",
		"UPDATE blob SET value = zeroblob(3)",
		"UPDATE blob SET value = zeroblob(100000)",
	};
	struct fixture *f = *state;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	assert_int_equal(fixture_put(f->st, 2, 1), 0);
	assert_int_equal(fixture_blob(f->st, 2, 5), 0);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		assert_int_equal(fixture_blob(f->st, 1, 5), 0);
		assert_int_equal(tampered(f->st, edits[i]), -EUCLEAN);
	}
	/* well sealed, but no blob of a credential */
	assert_int_equal(store_put(f->st, "large blob of 1",
	    span("1234567", 7)), 0);
	assert_int_equal(tampered(f->st, ""), -EUCLEAN);
}

static void
test_second_opening_is_busy(void **state)
{
	struct fixture *f = *state;
	char msg[MESSAGE_MAX], note[64];
	int error;

	assert_int_equal(store_lock_note(f->st, "123\n/run/x\n"), 0);
	assert_null(fixture_open(f->dir.fd, false, NULL, &error, msg));
	assert_int_equal(error, -EBUSY);
	assert_non_null(strstr(msg, "in use"));
	assert_int_equal(store_lock_read(f->dir.fd, note, sizeof(note)), 11);
	assert_string_equal(note, "123\n/run/x\n");
	fixture_close(f->st);
	f->st = NULL;
	assert_int_equal(store_lock_read(f->dir.fd, note, sizeof(note)),
	    -ENOENT);
}

/* A write that ends early says how far it came, and sets no errno. */
static void
test_lock_note_that_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, tiny;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tiny = (struct rlimit){ 4, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	errno = 0;
	assert_int_equal(store_lock_note(f->st, "123\n/run/x\n"), -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

static void
test_not_there_leaves_nothing_behind(void **state)
{
	struct scratch dir;
	char msg[MESSAGE_MAX];
	int error;

	(void)state;
	scratch_new(&dir);
	assert_null(fixture_open(dir.fd, false, NULL, &error, msg));
	assert_int_equal(error, -ENOENT);
	close(dir.fd);
	assert_int_equal(rmdir(dir.path), 0);
}

static void
test_half_made_database_is_replaced(void **state)
{
	struct scratch dir;
	int fd;

	(void)state;
	scratch_new(&dir);
	fd = openat(dir.fd, DB_NEW, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	fixture_close(fixture_must_open(dir.fd, true, NULL));
	assert_int_equal(faccessat(dir.fd, DB_NEW, F_OK, 0), -1);
	scratch_free(&dir);
}

/* Site names, user names and IDs are in none of the files. */
static void
test_files_tell_nothing(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	uint8_t buf[1 << 18];
	ssize_t n;
	int fd;

	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(fixture_put(f->st, i, 1), 0);
	fixture_credential(&c, 3, 1);
	for (int i = 0; i < 2; i++) {
		fd = openat(f->dir.fd, i == 0 ? DB_NAME : DB_LOG, O_RDONLY);
		n = read(fd, buf, sizeof(buf));
		close(fd);
		assert_in_range(n, 4096, sizeof(buf) - 1);
		assert_null(memmem(buf, (size_t)n, "site 1", 6));
		assert_null(memmem(buf, (size_t)n, "user 3", 6));
		assert_null(memmem(buf, (size_t)n, c.id, c.id_len));
		assert_null(memmem(buf, (size_t)n, c.rp_id_hash, 32));
	}
}

/* A forgotten credential is gone from the file, not just unlinked. */
static void
test_forgotten_rows_are_wiped(void **state)
{
	struct fixture *f = *state;
	uint8_t row[64], buf[1 << 18];
	struct span sealed;
	ssize_t n;
	int fd;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	sqlite3_bind_int64(f->st->stmt[STMT_BY_SEQ], 1, 1);
	assert_int_equal(store_step(f->st, STMT_BY_SEQ, "read"), 1);
	sealed = store_column(f->st, STMT_BY_SEQ, 5);
	memcpy(row, sealed.p, sizeof(row));
	store_reset(f->st, STMT_BY_SEQ);
	reopen(f);
	for (int i = 0; i < 2; i++) {
		fd = openat(f->dir.fd, DB_NAME, O_RDONLY);
		n = read(fd, buf, sizeof(buf));
		close(fd);
		assert_true(n > 0);
		assert_int_equal(memmem(buf, (size_t)n, row, sizeof(row)) !=
		    NULL, i == 0);
		if (i == 0)
			assert_int_equal(fixture_remove(f->st, 1), 0);
		reopen(f);
	}
}

/* At once, also from the log, which lasts as long as the key runs. */
static void
test_deleted_row_is_wiped_from_the_log(void **state)
{
	struct fixture *f = *state;
	uint8_t row[64], buf[1 << 18];
	struct span sealed;
	ssize_t n;
	int fd;

	assert_int_equal(fixture_put(f->st, 1, 1), 0);
	sqlite3_bind_int64(f->st->stmt[STMT_BY_SEQ], 1, 1);
	assert_int_equal(store_step(f->st, STMT_BY_SEQ, "read"), 1);
	sealed = store_column(f->st, STMT_BY_SEQ, 5);
	memcpy(row, sealed.p, sizeof(row));
	store_reset(f->st, STMT_BY_SEQ);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			assert_int_equal(fixture_remove(f->st, 1), 0);
		fd = openat(f->dir.fd, i % 2 == 0 ? DB_NAME : DB_LOG,
		    O_RDONLY);
		n = read(fd, buf, sizeof(buf));
		close(fd);
		assert_in_range(n, 0, sizeof(buf) - 1);
		assert_int_equal(memmem(buf, (size_t)n, row, sizeof(row)) !=
		    NULL, i == 1);
	}
}

/* What nobody can find again is not to be acknowledged. */
static void
test_removed_under_a_running_store(void **state)
{
	static const char *const names[] = { DB_NAME, DB_LOG };
	struct scratch dir;
	struct store *st;

	(void)state;
	for (int i = 0; i < 4; i++) {
		scratch_new(&dir);
		st = fixture_must_open(dir.fd, true, NULL);
		assert_int_equal(fixture_put(st, 1, 1), 0);
		assert_int_equal(unlinkat(dir.fd, names[i / 2], 0), 0);
		if (i % 2 == 1)		/* another file of that name */
			close(openat(dir.fd, names[i / 2],
			    O_WRONLY | O_CREAT, 0600));
		assert_int_equal(fixture_put(st, 2, 1), -EIO);
		assert_non_null(strstr(store_strerror(st), names[i / 2]));
		assert_non_null(strstr(store_strerror(st), "removed"));
		assert_int_equal(fixture_put(st, 2, 1), -EIO);
		fixture_close(st);
		scratch_free(&dir);
	}
}

static int
remove_one(void *arg, const struct credential *cred)
{
	return fixture_remove(arg, cred->seq);
}

static void
test_each_may_commit(void **state)
{
	struct fixture *f = *state;
	struct contents c;

	for (uint32_t n = 0; n < 10; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	assert_int_equal(store_each(f->st, remove_one, f->st), 0);
	assert_int_equal(contents_read(f->st, &c), 0);
	assert_int_equal(c.count, 0);
}

static int
stop_at_first(void *arg, const struct credential *cred)
{
	*(uint64_t *)arg = cred->seq;
	return 1;
}

static void
test_each_after_begins_there(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 0;

	for (uint32_t n = 0; n < 3; n++)
		assert_int_equal(fixture_put(f->st, n, 1), 0);
	assert_int_equal(store_each_after(f->st, 1, stop_at_first, &seq), 1);
	assert_int_equal(seq, 2);
	assert_int_equal(store_each_after(f->st, 3, stop_at_first, &seq), 0);
	assert_int_equal(store_each_after(f->st, UINT64_MAX, stop_at_first,
	    &seq), 0);
	assert_int_equal(seq, 2);
}

/* More commits than the log holds: it is folded in and begun anew. */
static void
test_log_stays_small(void **state)
{
	struct fixture *f = *state;
	struct stat sb;

	for (uint32_t n = 0; n < 400; n++)
		assert_int_equal(fixture_put(f->st, n, n), 0);
	assert_int_equal(fstatat(f->dir.fd, DB_LOG, &sb, 0), 0);
	assert_in_range(sb.st_size, 1, 600 * WAL_FRAME_LEN);
	reopen(f);
	assert_int_equal(f->st->state.credentials, 400);
}

static void
test_page_checksum_finds_each_bit(void **state)
{
	uint8_t page[PAGE_LEN];

	(void)state;
	for (size_t i = 0; i < PAGE_LEN; i++)
		page[i] = (uint8_t)(i * 31);
	page_seal(page, 3);
	assert_true(page_valid(page, 3));
	assert_false(page_valid(page, 4));
	for (size_t bit = 0; bit < 8 * PAGE_LEN; bit++) {
		page[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(page_valid(page, 3));
		page[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	memset(page, 0, sizeof(page));
	assert_false(page_valid(page, 1));
}

/* Truncated or longer, or with an unknown flag or version: not a row. */
static void
test_row_decoder_is_strict(void **state)
{
	struct credential c, out;
	uint8_t row[ROW_MAX + 1] = { 0 };
	size_t n;

	(void)state;
	fixture_credential(&c, 1, 1);
	n = store_encode_credential(&c, row);
	assert_true(n > 0 && store_decode_credential(span(row, n), &out));
	assert_true(fixture_same(&c, &out));
	for (size_t i = 0; i < n; i++)
		assert_false(store_decode_credential(span(row, i), &out));
	assert_false(store_decode_credential(span(row, n + 1), &out));
	row[0]++;
	assert_false(store_decode_credential(span(row, n), &out));
	row[0]--;
	row[1] |= 0x80;
	assert_false(store_decode_credential(span(row, n), &out));
	row[1] &= 0x7f;
	row[1] |= 0x08;		/* a large-blob key, which is not there */
	assert_false(store_decode_credential(span(row, n), &out));
}

/* What is not in a row of version 1 is no reason to write another one. */
static void
test_row_versions(void **state)
{
	struct credential c, out;
	uint8_t row[ROW_MAX];
	size_t n;

	(void)state;
	fixture_credential(&c, 3, 1);
	assert_int_equal(c.counting, COUNT_WITH_KEY);
	n = store_encode_credential(&c, row);
	assert_true(n > 0 && row[0] == 1);
	row[1] |= 0x20;		/* which version 1 does not have */
	assert_false(store_decode_credential(span(row, n), &out));
	c.backup_eligible = true;
	n = store_encode_credential(&c, row);
	assert_true(row[0] == 2);
	assert_true(store_decode_credential(span(row, n), &out));
	assert_true(out.backup_eligible && !out.backup_state);
	row[1] &= 0xdf;		/* nothing is left that wants version 2 */
	assert_false(store_decode_credential(span(row, n), &out));
	row[1] |= 0x40;		/* backed up, and cannot be */
	assert_false(store_decode_credential(span(row, n), &out));
	row[1] |= 0x20;
	assert_true(store_decode_credential(span(row, n), &out));
	row[n - 1] = 1;		/* a counter that is not its own */
	assert_false(store_decode_credential(span(row, n), &out));
	row[n - 5] = COUNT_ITSELF;
	assert_true(store_decode_credential(span(row, n), &out));
	assert_int_equal(out.counter, 1);
	row[n - 5] = COUNT_NOTHING + 1;
	assert_false(store_decode_credential(span(row, n), &out));
	c.backup_eligible = false;
	c.backup_state = true;
	assert_int_equal(store_encode_credential(&c, row), 0);
}

/*
 * covers keep.1 keep.2
 * By its ID, and by nothing else; not counted, and forgotten like others.
 */
static void
test_not_listed(void **state)
{
	struct fixture *f = *state;
	struct credential c, out;
	struct auth_change chg = { .put = &c };
	struct auth_state st;
	struct auth_lookup q;

	for (int listed = 0; listed < 2; listed++) {
		fixture_credential(&c, 5 + listed, 1);
		c.discoverable = listed;
		assert_int_equal(store_commit(f->st, &chg, NULL), 0);
		reopen(f);
		fixture_credential(&c, 5, 1);
		c.discoverable = false;
		for (int kind = LOOKUP_ID; kind <= LOOKUP_ID_ANY; kind++) {
			if (kind == LOOKUP_BLOBS || kind == LOOKUP_BLOB)
				continue;
			q = ask(kind, &c, &out);
			assert_int_equal(store_lookup(f->st, &q), 0);
			assert_int_equal(q.found, kind == LOOKUP_ID ||
			    kind == LOOKUP_ID_ANY ||
			    (kind == LOOKUP_RP && listed));
			assert_int_equal(q.count, kind == LOOKUP_RP && listed);
		}
		q = (struct auth_lookup){ .kind = LOOKUP_SITE, .cred = &out };
		assert_int_equal(store_lookup(f->st, &q), 0);
		assert_int_equal(q.count, listed);
		assert_int_equal(store_load(f->st, &st), 0);
		assert_int_equal(st.credentials, listed);
	}
	/* new contents are, too, for one that is as listed as it was */
	c.seq = 1;
	c.counting = COUNT_ITSELF;
	c.counter = 9;
	chg = (struct auth_change){ .replace = &c };
	assert_int_equal(store_commit(f->st, &chg, NULL), 0);
	c.discoverable = true;
	assert_int_equal(store_commit(f->st, &chg, NULL), -EINVAL);
	assert_int_equal(fixture_remove(f->st, 1), 0);
	reopen(f);
	assert_int_equal(store_load(f->st, &st), 0);
	assert_int_equal(st.credentials, 1);
	assert_int_equal(fixture_remove(f->st, 1), -ENOENT);
	assert_int_equal(fixture_remove(f->st, 2), 0);
	assert_int_equal(store_load(f->st, &st), 0);
	assert_int_equal(st.credentials, 0);
}

/* What rises with each assertion must not wear out a TPM. */
static void
test_counters_of_their_own_are_only_counts(void **state)
{
	struct fixture *f = *state;
	struct credential c;
	struct auth_change chg = { .replace = &c };
	struct auth_state st;

	assert_int_equal(fixture_put(f->st, 4, 1), 0);
	fixture_credential(&c, 4, 1);
	assert_int_equal(c.counting, COUNT_ITSELF);
	c.seq = 1;
	assert_true(store_is_count(f->st, &chg));
	c.counter++;
	assert_true(store_is_count(f->st, &chg));
	c.counter -= 2;
	assert_false(store_is_count(f->st, &chg));
	c.counter += 2;
	c.backup_state = !c.backup_state;
	c.backup_eligible = true;
	assert_false(store_is_count(f->st, &chg));
	fixture_credential(&c, 4, 1);
	for (int i = 0; i < 3; i++) {
		c.seq = i == 0 ? 0 : i == 1 ? 2 : UINT64_MAX;
		assert_false(store_is_count(f->st, &chg));
	}
	c.seq = 1;
	assert_int_equal(store_load(f->st, &st), 0);
	chg.state = &st;
	st.counter_ceiling += 3;
	assert_true(store_is_count(f->st, &chg));
	st.store_generation++;
	assert_false(store_is_count(f->st, &chg));
}

#define STORE_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_new_store_has_fresh_state),
		STORE_TEST(test_row_versions),
		STORE_TEST(test_not_listed),
		STORE_TEST(test_counters_of_their_own_are_only_counts),
		STORE_TEST(test_files_are_private),
		STORE_TEST(test_every_field_survives),
		STORE_TEST(test_extremes),
		STORE_TEST(test_out_of_bounds_is_refused),
		STORE_TEST(test_lookup_rp_walks_newest_first),
		STORE_TEST(test_protected_are_neither_found_nor_counted),
		STORE_TEST(test_newest_is_another_once_removed),
		STORE_TEST(test_what_is_not_there_is_not_found),
		STORE_TEST(test_replace_is_one_commit),
		STORE_TEST(test_new_contents_in_place),
		STORE_TEST(test_new_contents_of_another_are_refused),
		STORE_TEST(test_id_alone),
		STORE_TEST(test_sites_one_by_one),
		STORE_TEST(test_how_many_and_how_many_more),
		STORE_TEST(test_failed_commit_changes_nothing),
		STORE_TEST(test_reset_keeps_order_and_blobs),
		STORE_TEST(test_fingers_survive),
		STORE_TEST(test_states_without_a_tpm),
		STORE_TEST(test_state_of_a_tpm),
		STORE_TEST(test_what_a_tpm_keeps_is_kept),
		STORE_TEST(test_what_only_counts),
		STORE_TEST(test_storage_key_wrapped_anew),
		STORE_TEST(test_seq_never_comes_back),
		STORE_TEST(test_limit),
		STORE_TEST(test_limit_of_the_unlisted),
		STORE_TEST(test_the_unlisted_are_counted_once),
		STORE_TEST(test_blobs),
		STORE_TEST(test_notes_go_with_changes),
		STORE_TEST(test_large_blobs),
		STORE_TEST(test_large_blobs_change_with_the_rest),
		STORE_TEST(test_large_blobs_that_are_too_large),
		STORE_TEST(test_own_blob),
		STORE_TEST(test_own_blob_of_nobody),
		STORE_TEST(test_own_blob_that_is_too_large),
		STORE_TEST(test_own_blob_is_bound_to_its_credential),
		STORE_TEST(test_second_opening_is_busy),
		STORE_TEST(test_lock_note_that_does_not_fit),
		cmocka_unit_test(test_not_there_leaves_nothing_behind),
		cmocka_unit_test(test_half_made_database_is_replaced),
		STORE_TEST(test_files_tell_nothing),
		STORE_TEST(test_forgotten_rows_are_wiped),
		STORE_TEST(test_deleted_row_is_wiped_from_the_log),
		cmocka_unit_test(test_removed_under_a_running_store),
		STORE_TEST(test_each_may_commit),
		STORE_TEST(test_each_after_begins_there),
		STORE_TEST(test_log_stays_small),
		cmocka_unit_test(test_page_checksum_finds_each_bit),
		cmocka_unit_test(test_row_decoder_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
