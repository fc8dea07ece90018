/* SPDX-License-Identifier: Apache-2.0 */
/* See store_fixture.h. */
#include "tests/store_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/fake_keys.h"

static uint8_t
text(char *out, size_t max, const char *what, uint32_t n)
{
	int len = snprintf(out, max, "%s %u", what, n);

	return (uint8_t)len;
}

static void
fill(uint8_t *p, size_t len, uint32_t n, uint8_t what)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(what + n * 7 + i * 13);
	memcpy(p, &n, sizeof(n));
}

void
fixture_credential(struct credential *c, uint32_t n, uint32_t site)
{
	memset(c, 0, sizeof(*c));
	c->id_len = CREDENTIAL_ID_STORED;
	fill(c->id, c->id_len, n, 1);
	fill(c->rp_id_hash, sizeof(c->rp_id_hash), site, 2);
	c->protect = (uint8_t)(1 + n % 3);
	c->discoverable = n < FIXTURE_NOT_LISTED;
	c->backup_eligible = n % 5 == 0;
	c->backup_state = n % 10 == 0;
	c->counting = n % 3;
	c->counter = c->counting == COUNT_ITSELF ? 7 + n : 0;
	c->hmac_secret = n % 2 == 0;
	c->third_party_payment = n % 4 == 1;
	c->large_blob = n % 4 == 2;
	c->has_large_blob_key = n % 3 == 0;
	if (c->has_large_blob_key)
		fill(c->large_blob_key, sizeof(c->large_blob_key), n, 6);
	c->cred_blob_len = n % 3 == 1 ? 0 : 32;
	if (c->cred_blob_len > 0)
		fill(c->cred_blob, c->cred_blob_len, n, 7);
	c->alg = n % 2 == 0 ? COSE_ES256 : COSE_RS256;
	c->rp_id.len = text(c->rp_id.s, RP_ID_KEPT, "site", site);
	c->rp_name.len = text(c->rp_name.s, NAME_KEPT, "Site", site);
	c->user.id_len = n % 7 == 6 ? 0 : 16;
	fill(c->user.id, c->user.id_len > 0 ? 16 : 4, n, 3);
	if (c->user.id_len == 0)
		memset(c->user.id, 0, sizeof(c->user.id));
	c->user.name.len = text(c->user.name.s, NAME_KEPT, "user", n);
	c->user.display_name.len = text(c->user.display_name.s, NAME_KEPT,
	    "User", n);
	c->created_s = 1700000000 + n;
	c->blob_len = (uint16_t)(100 + n % 50);
	fill(c->blob, c->blob_len, n, 4);
	c->pub_len = 77;
	fill(c->pub, c->pub_len, n, 5);
}

bool
fixture_same(const struct credential *a, const struct credential *b)
{
	uint8_t x[ROW_MAX], y[ROW_MAX];
	size_t n = store_encode_credential(a, x);

	return n > 0 && store_encode_credential(b, y) == n &&
	    memcmp(x, y, n) == 0;
}

struct store *
fixture_open(int dirfd, bool create, const struct store_env *env, int *error,
    char msg[static MESSAGE_MAX])
{
	struct store_config cfg = { .create = create, .env = env };
	struct keys *keys = fake_keys_new(1);
	struct store *st = NULL;

	assert_non_null(keys);
	*error = store_open(dirfd, "DIR", keys, &cfg, &st, msg, MESSAGE_MAX);
	if (*error != 0) {
		assert_null(st);
		fake_keys_free(keys);
	}
	return st;
}

struct store *
fixture_must_open(int dirfd, bool create, const struct store_env *env)
{
	char msg[MESSAGE_MAX];
	struct store *st;
	int error;

	st = fixture_open(dirfd, create, env, &error, msg);
	if (st == NULL)
		fail_msg("%s: %s", strerror(-error), msg);
	return st;
}

void
fixture_close(struct store *st)
{
	struct keys *keys = st->keys;

	store_close(st);
	fake_keys_free(keys);
}

int
fixture_put(struct store *st, uint32_t n, uint32_t site)
{
	struct credential c;
	struct auth_change chg = { .put = &c };
	uint64_t seq;

	fixture_credential(&c, n, site);
	return store_commit(st, &chg, &seq);
}

int
fixture_remove(struct store *st, uint64_t seq)
{
	struct auth_change chg = { .remove = seq };

	return store_commit(st, &chg, NULL);
}

void
fixture_edit(struct credential *c)
{
	memset(&c->user.display_name, 0, sizeof(c->user.display_name));
	c->user.name.len = text(c->user.name.s, NAME_KEPT, "renamed",
	    c->id[0]);
}

int
fixture_rename(struct store *st, uint32_t n, uint32_t site, uint64_t seq)
{
	struct credential c;
	struct auth_change chg = { .replace = &c };

	fixture_credential(&c, n, site);
	fixture_edit(&c);
	c.seq = seq;
	return store_commit(st, &chg, NULL);
}

static void
blob_bytes(uint8_t out[static LARGE_BLOB_MAX], uint64_t size)
{
	memset(out, (int)(size % 251), LARGE_BLOB_MAX);
}

int
fixture_blob(struct store *st, uint64_t seq, uint32_t size)
{
	uint8_t bytes[LARGE_BLOB_MAX];
	struct auth_change chg = { .own_blob = { seq, size,
	    span(bytes, size % (LARGE_BLOB_MAX + 1)) } };

	blob_bytes(bytes, size);
	return store_commit(st, &chg, NULL);
}

int
fixture_counter(struct store *st, uint32_t ceiling)
{
	struct auth_state state;
	struct auth_change chg = { .state = &state };

	assert_int_equal(store_load(st, &state), 0);
	state.counter_ceiling = ceiling;
	return store_commit(st, &chg, NULL);
}

struct reading {
	struct store	*st;
	struct contents	*out;
	int		 blobs;
	uint32_t	 listed;
};

/* A blob is what was made from its size. */
static int
read_blob(struct reading *rd, uint64_t seq)
{
	uint8_t got[LARGE_BLOBS_MAX], want[LARGE_BLOB_MAX];
	struct auth_lookup q = { .kind = LOOKUP_BLOB, .seq = seq,
	    .blobs = got };

	if (store_lookup(rd->st, &q) != 0 || !q.found)
		return q.result;
	blob_bytes(want, q.original_size);
	if (q.blobs_len != q.original_size % (LARGE_BLOB_MAX + 1) ||
	    memcmp(got, want, q.blobs_len) != 0)
		return -EBADMSG;
	rd->out->blob[rd->out->count] = q.original_size;
	rd->blobs++;
	return 0;
}

/* No blob without its credential. */
static int
count_blobs(struct store *st)
{
	sqlite3_stmt *s = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(st->db, "SELECT count(*) FROM blob WHERE"
	    " name LIKE 'large blob of %'", -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* Each row is what was made from its number, and is found by its ID. */
static int
read_one(void *arg, const struct credential *c)
{
	struct reading *rd = arg;
	struct credential want, found;
	struct auth_lookup q = { .kind = LOOKUP_ID, .protect_max = 3,
	    .id = span(c->id, c->id_len), .cred = &found };
	uint32_t n, site;

	memcpy(&n, c->id, sizeof(n));
	memcpy(&site, c->rp_id_hash, sizeof(site));
	fixture_credential(&want, n, site);
	if (c->user.display_name.len == 0) {
		fixture_edit(&want);
		n |= CONTENTS_EDITED;
	}
	if (!fixture_same(c, &want) || rd->out->count >= CONTENTS_MAX)
		return -EBADMSG;
	memcpy(q.rp_id_hash, c->rp_id_hash, 32);
	if (store_lookup(rd->st, &q) != 0)
		return q.result;
	if (!q.found || found.seq != c->seq)
		return -EBADMSG;
	if ((q.result = read_blob(rd, c->seq)) != 0)
		return q.result;
	rd->listed += c->discoverable;
	rd->out->n[rd->out->count] = n;
	rd->out->seq[rd->out->count++] = c->seq;
	return 0;
}

int
contents_read(struct store *st, struct contents *out)
{
	struct reading rd = { st, out, 0, 0 };
	struct auth_state state;
	int r;

	memset(out, 0, sizeof(*out));
	out->there = true;
	if ((r = store_load(st, &state)) != 0 ||
	    (r = store_each(st, read_one, &rd)) != 0)
		return r;
	out->counter = state.counter_ceiling;
	return state.credentials == rd.listed &&
	    rd.blobs == count_blobs(st) ? 0 : -EBADMSG;
}

bool
contents_same(const struct contents *a, const struct contents *b)
{
	return a->there == b->there && a->counter == b->counter &&
	    a->count == b->count &&
	    memcmp(a->n, b->n, a->count * sizeof(a->n[0])) == 0 &&
	    memcmp(a->blob, b->blob, a->count * sizeof(a->blob[0])) == 0 &&
	    memcmp(a->seq, b->seq, a->count * sizeof(a->seq[0])) == 0;
}
