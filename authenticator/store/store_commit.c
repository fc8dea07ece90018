/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes. One transaction each: rows, counts and state together, one sync
 * of the log. Memory follows only when COMMIT has succeeded.
 *
 * What a failure means:
 *  1. Before COMMIT, or COMMIT out of space: the transaction has no commit
 *     frame in the log, so nothing changed.
 *  2. COMMIT failing otherwise: the commit frame may have reached the disk
 *     or not, and after a failed sync asking again proves nothing. No more
 *     commits until the store was opened again and has read what is there.
 *
 * The first commit of each generation of the log also stamps page 1 of the
 * database: from then on it is not to be believed without that log. Only
 * then, because the log must be on disk before anything needs it.
 */
#include "authenticator/store/store_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "authenticator/store/checksum_vfs.h"

#define LOG_FRAMES	512	/* 2 MiB: fold the log in from here */
#define BLOB_NAME_MAX	64	/* bytes */

/* What a change amounts to, on its way to become st->state. */
struct pending {
	struct auth_state state;
	uint64_t	last_seq;
	int64_t		rows;		/* -1: not counted */
};

/* What is acknowledged must be found where the key is looked for. */
static int
begin(struct store *st)
{
	if (st->broken != 0)
		return store_fail(st, st->broken, "%s/%s: cannot be written "
		    "since an earlier error; start sealkey again", st->path,
		    DB_NAME);
	if ((st->broken = store_same_files(st)) != 0)
		return st->broken;
	return store_run(st, STMT_BEGIN, "write");
}

/* Without touching the line about what went wrong. */
static void
roll_back(struct store *st)
{
	if (sqlite3_get_autocommit(st->db))
		return;			/* SQLite already did */
	sqlite3_step(st->stmt[STMT_ROLLBACK]);
	store_reset(st, STMT_ROLLBACK);
}

/*
 * Folds the log into the database. If that fails it is tried again later:
 * the log has everything. Damage found on the way is another matter.
 */
static void
fold_log(struct store *st)
{
	if (sqlite3_wal_checkpoint_v2(st->db, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_IOERR_DATA)
		st->broken = store_fail_sql(st, "write");
}

/* The same, and what the log had is on no disk any more. */
static void
empty_log(struct store *st)
{
	fold_log(st);
	if (st->broken == 0 && store_fold(st))
		sqlite3_wal_checkpoint_v2(st->db, NULL,
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* Ends the transaction, according to what became of its contents. */
static int
finish(struct store *st, int r)
{
	if (r == 0 && (r = store_run(st, STMT_COMMIT, "write")) != 0 &&
	    r != -ENOSPC)
		r = -EIO;
	if (r == 0 && !checksum_vfs_need_log(st->db))
		r = store_fail(st, -EIO, "%s/%s: cannot be written", st->path,
		    DB_NAME);
	if (r != 0)
		roll_back(st);
	if (r == -EIO)
		st->broken = r;
	if (r == 0 && st->log_frames >= LOG_FRAMES)
		fold_log(st);
	return r;
}

/*
 * Blobs
 */

/* Also binds the name; false if it is no name. */
static bool
blob_ad(struct store *st, enum stmt s, const char *name,
    uint8_t ad[static AD_MAX], size_t *len)
{
	size_t n = strlen(name);

	if (n == 0 || n > BLOB_NAME_MAX) {
		store_fail(st, -EINVAL, "%s: a blob cannot have this name",
		    st->path);
		return false;
	}
	memcpy(ad, "blob", 4);
	memcpy(ad + 4, name, n);
	*len = n + 4;
	sqlite3_bind_text(st->stmt[s], 1, name, -1, SQLITE_STATIC);
	return true;
}

/* Within a transaction. */
static int
write_blob(struct store *st, const char *name, struct span value)
{
	uint8_t ad[AD_MAX], *sealed;
	size_t ad_len;
	int r;

	if (value.len > STORE_BLOB_MAX ||
	    !blob_ad(st, STMT_BLOB_PUT, name, ad, &ad_len))
		return -EINVAL;
	if ((sealed = malloc(value.len + KEY_SEAL_OVERHEAD)) == NULL)
		return store_fail(st, -ENOMEM, "%s: out of memory", st->path);
	r = st->keys->ops->seal(st->keys, span(ad, ad_len), value, sealed);
	if (r == 0) {
		store_bind(st, STMT_BLOB_PUT, 2,
		    span(sealed, value.len + KEY_SEAL_OVERHEAD));
		r = store_run(st, STMT_BLOB_PUT, "write");
	} else {
		store_fail(st, r, "%s: cannot seal: %s", st->path,
		    strerror(-r));
	}
	free(sealed);
	return r;
}

static int
write_large_blobs(struct store *st, struct span value)
{
	if (value.len > LARGE_BLOBS_MAX)
		return store_fail(st, -EINVAL, "%s: a large-blob array "
		    "cannot be so large", st->path);
	return write_blob(st, LARGE_BLOBS, value);
}

/* Whether there is a credential that the blob can be for. */
static int
check_owner(struct store *st, uint64_t seq)
{
	int r = 0;

	if (seq <= INT64_MAX) {
		sqlite3_bind_int64(st->stmt[STMT_BY_SEQ], 1, (int64_t)seq);
		r = store_step(st, STMT_BY_SEQ, "write");
	}
	if (r < 0)
		return r;
	if (r == 0)
		return store_fail(st, -ENOENT, "%s: there is no such "
		    "credential", st->path);
	store_reset(st, STMT_BY_SEQ);
	return 0;
}

static int
write_own_blob(struct store *st, const struct own_blob *b, uint64_t last_seq)
{
	uint64_t seq = b->seq == OWN_BLOB_OF_PUT ? last_seq : b->seq;
	uint8_t value[OWN_BLOB_HEAD + LARGE_BLOB_MAX];
	char name[OWN_BLOB_NAME];
	int r;

	if (b->bytes.len > LARGE_BLOB_MAX)
		return store_fail(st, -EINVAL, "%s: a large blob cannot be "
		    "so large", st->path);
	if ((r = check_owner(st, seq)) != 0)
		return r;
	for (int i = 0; i < OWN_BLOB_HEAD; i++)
		value[i] = (uint8_t)(b->original_size >> (56 - 8 * i));
	if (b->bytes.len > 0)
		memcpy(value + OWN_BLOB_HEAD, b->bytes.p, b->bytes.len);
	snprintf(name, sizeof(name), OWN_BLOB, seq);
	r = write_blob(st, name, span(value, OWN_BLOB_HEAD + b->bytes.len));
	explicit_bzero(value, sizeof(value));
	return r;
}

/* lbx.6 */
static int
forget_own_blob(struct store *st, uint64_t seq)
{
	char name[OWN_BLOB_NAME];

	snprintf(name, sizeof(name), OWN_BLOB, seq);
	sqlite3_bind_text(st->stmt[STMT_BLOB_DELETE], 1, name, -1,
	    SQLITE_TRANSIENT);
	return store_run(st, STMT_BLOB_DELETE, "write");
}

/*
 * Changes
 */

static int
forget_all(struct store *st, struct pending *p)
{
	int r;

	if ((r = store_run(st, STMT_BLOB_CLEAR, "write")) != 0)
		return r;
	if ((r = store_run(st, STMT_CLEAR, "write")) != 0 ||
	    (r = store_run(st, STMT_CLEAR_SITES, "write")) != 0)
		return r;
	p->state.credentials = 0;
	p->rows = 0;
	return 0;
}

/* Whether there is a site of that tag: 1 or 0, or an error. */
static int
is_site(struct store *st, struct span rp)
{
	int r;

	store_bind(st, STMT_SITE, 1, rp);
	if ((r = store_step(st, STMT_SITE, "write")) > 0)
		store_reset(st, STMT_SITE);
	return r;
}

/* One less at a site, after its row was deleted; it may never have counted. */
static int
uncount(struct store *st, struct pending *p,
    const uint8_t rp[static KEY_TAG_LEN], int protect)
{
	int64_t last = 0;
	int r;

	if ((r = is_site(st, span(rp, KEY_TAG_LEN))) <= 0)
		return r;
	p->state.credentials--;
	if ((r = store_newest(st, span(rp, KEY_TAG_LEN), protect, INT64_MAX,
	    &last)) != 0)
		return r;
	store_bind(st, STMT_SITE_SUB, 1, span(rp, KEY_TAG_LEN));
	sqlite3_bind_int(st->stmt[STMT_SITE_SUB], 2, protect);
	sqlite3_bind_int64(st->stmt[STMT_SITE_SUB], 3, last);
	if ((r = store_run(st, STMT_SITE_SUB, "write")) != 0)
		return r;
	store_bind(st, STMT_SITE_PRUNE, 1, span(rp, KEY_TAG_LEN));
	return store_run(st, STMT_SITE_PRUNE, "write");
}

/* Whose it is and how protected; the rest of the row may be unreadable. */
static int
find_victim(struct store *st, int64_t seq, uint8_t rp[static KEY_TAG_LEN],
    int *protect)
{
	struct span tag;
	int r;

	sqlite3_bind_int64(st->stmt[STMT_BY_SEQ], 1, seq);
	if ((r = store_step(st, STMT_BY_SEQ, "write")) < 0)
		return r;
	if (r == 0)
		return store_fail(st, -ENOENT, "%s: there is no credential "
		    "%lld", st->path, (long long)seq);
	r = 0;
	tag = store_column(st, STMT_BY_SEQ, 3);
	*protect = sqlite3_column_int(st->stmt[STMT_BY_SEQ], 1);
	if (tag.len == KEY_TAG_LEN)
		memcpy(rp, tag.p, KEY_TAG_LEN);
	else
		r = store_fail(st, -EUCLEAN, "%s/%s: credential %lld is "
		    "damaged; restore the directory from a copy", st->path,
		    DB_NAME, (long long)seq);
	store_reset(st, STMT_BY_SEQ);
	return r;
}

static int
forget_one(struct store *st, struct pending *p, uint64_t seq)
{
	uint8_t rp[KEY_TAG_LEN];
	int protect = 0, r;

	if (seq > INT64_MAX)
		return store_fail(st, -ENOENT, "%s: there is no such "
		    "credential", st->path);
	if ((r = find_victim(st, (int64_t)seq, rp, &protect)) != 0)
		return r;
	sqlite3_bind_int64(st->stmt[STMT_DELETE], 1, (int64_t)seq);
	if ((r = store_run(st, STMT_DELETE, "write")) != 0 ||
	    (r = forget_own_blob(st, seq)) != 0 ||
	    (r = uncount(st, p, rp, protect)) != 0)
		return r;
	if (p->rows > 0)
		p->rows--;
	return 0;
}

static int
insert_row(struct store *st, uint64_t seq, const struct credential *cred,
    const struct row_tags *t, struct span sealed)
{
	int protect = cred->protect;
	sqlite3_stmt *s = st->stmt[STMT_INSERT];
	int r;

	sqlite3_bind_int64(s, 1, (int64_t)seq);
	sqlite3_bind_int(s, 2, protect);
	store_bind(st, STMT_INSERT, 3, span(t->id, KEY_TAG_LEN));
	store_bind(st, STMT_INSERT, 4, span(t->rp, KEY_TAG_LEN));
	store_bind(st, STMT_INSERT, 5, t->has_user ?
	    span(t->user, KEY_TAG_LEN) : span(NULL, 0));
	store_bind(st, STMT_INSERT, 6, sealed);
	r = store_run(st, STMT_INSERT, "write");
	if (r != 0 || !cred->discoverable)
		return r;
	store_bind(st, STMT_SITE_ADD, 1, span(t->rp, KEY_TAG_LEN));
	sqlite3_bind_int(st->stmt[STMT_SITE_ADD], 2, protect);
	sqlite3_bind_int64(st->stmt[STMT_SITE_ADD], 3, (int64_t)seq);
	return store_run(st, STMT_SITE_ADD, "write");
}

/* Nobody is told how many there are: they are counted when it can matter for
 * the first time, and from then on as they come and go. */
static int
count_rows(struct store *st, struct pending *p)
{
	int r;

	if (p->rows >= 0)
		return 0;
	if ((r = store_step(st, STMT_ROWS, "write")) < 0)
		return r;
	p->rows = sqlite3_column_int64(st->stmt[STMT_ROWS], 0);
	store_reset(st, STMT_ROWS);
	return 0;
}

static int
check_unlisted(struct store *st, struct pending *p)
{
	int r;

	if (p->last_seq < st->unlisted)
		return 0;
	if ((r = count_rows(st, p)) != 0)
		return r;
	if (p->rows - (int64_t)p->state.credentials < (int64_t)st->unlisted)
		return 0;
	return store_fail(st, -ENOSPC, "%s: the key is full (%u credentials "
	    "that are not discoverable)", st->path, st->unlisted);
}

static int
add_one(struct store *st, struct pending *p, const struct credential *cred)
{
	uint8_t sealed[ROW_MAX + KEY_SEAL_OVERHEAD];
	struct row_tags tags;
	size_t len = 0;
	int r;

	if ((cred->discoverable && p->state.credentials >= st->limit) ||
	    p->last_seq >= INT64_MAX)
		return store_fail(st, -ENOSPC, "%s: the key is full (%u "
		    "credentials)", st->path, p->state.credentials);
	if (!cred->discoverable && (r = check_unlisted(st, p)) != 0)
		return r;
	if ((r = store_tags(st, cred, &tags)) != 0 ||
	    (r = store_seal_row(st, cred, p->last_seq + 1, &tags, sealed,
	    &len)) != 0)
		return store_fail(st, r, "%s: cannot seal: %s", st->path,
		    strerror(-r));
	if ((r = insert_row(st, p->last_seq + 1, cred, &tags,
	    span(sealed, len))) != 0)
		return r;
	p->last_seq++;
	p->rows += p->rows >= 0;
	p->state.credentials += cred->discoverable;
	return 0;
}

/* The current row of s is found by the same as what t says. */
static bool
same_tags(struct store *st, enum stmt s, const struct row_tags *t)
{
	struct span user = store_column(st, s, 4);

	return span_eq(store_column(st, s, 2), span(t->id, KEY_TAG_LEN)) &&
	    span_eq(store_column(st, s, 3), span(t->rp, KEY_TAG_LEN)) &&
	    (user.p != NULL) == t->has_user &&
	    (!t->has_user || span_eq(user, span(t->user, KEY_TAG_LEN)));
}

/* New contents are for the credential that is there, and no other. */
static int
check_same(struct store *st, const struct credential *cred,
    const struct row_tags *tags)
{
	sqlite3_stmt *s = st->stmt[STMT_BY_SEQ];
	bool same;
	int r = 0;

	if (cred->seq <= INT64_MAX) {
		sqlite3_bind_int64(s, 1, (int64_t)cred->seq);
		r = store_step(st, STMT_BY_SEQ, "write");
	}
	if (r < 0)
		return r;
	if (r == 0)
		return store_fail(st, -ENOENT, "%s: there is no such "
		    "credential", st->path);
	same = sqlite3_column_int(s, 1) == cred->protect &&
	    same_tags(st, STMT_BY_SEQ, tags);
	store_reset(st, STMT_BY_SEQ);
	return same ? 0 : store_fail(st, -EINVAL, "%s: that is another "
	    "credential", st->path);
}

static int
replace_one(struct store *st, const struct credential *cred)
{
	uint8_t sealed[ROW_MAX + KEY_SEAL_OVERHEAD];
	struct row_tags tags;
	size_t len = 0;
	int r;

	if ((r = store_tags(st, cred, &tags)) != 0 ||
	    (r = store_seal_row(st, cred, cred->seq, &tags, sealed,
	    &len)) != 0)
		return store_fail(st, r, "%s: cannot seal: %s", st->path,
		    strerror(-r));
	if ((r = check_same(st, cred, &tags)) != 0)
		return r;
	sqlite3_bind_int64(st->stmt[STMT_UPDATE], 1, (int64_t)cred->seq);
	store_bind(st, STMT_UPDATE, 2, span(sealed, len));
	return store_run(st, STMT_UPDATE, "write");
}

static int
write_state(struct store *st, const struct pending *p)
{
	uint8_t sealed[STATE_MAX + KEY_SEAL_OVERHEAD];
	size_t len;
	int r;

	r = store_seal_state(st, &p->state, p->last_seq, sealed, &len);
	if (r != 0)
		return store_fail(st, r, "%s: cannot seal: %s", st->path,
		    strerror(-r));
	store_bind(st, STMT_STATE, 1, span(sealed, len));
	return store_run(st, STMT_STATE, "write");
}

static int
apply(struct store *st, const struct auth_change *chg, struct pending *p)
{
	int r = 0;

	if (chg->reset)
		r = forget_all(st, p);
	if (r == 0 && chg->remove != 0)
		r = forget_one(st, p, chg->remove);
	if (r == 0 && chg->replace != NULL)
		r = replace_one(st, chg->replace);
	if (r == 0 && chg->put != NULL)
		r = add_one(st, p, chg->put);
	if (r == 0 && chg->own_blob.seq != 0)
		r = write_own_blob(st, &chg->own_blob, p->last_seq);
	if (r == 0 && chg->large_blobs.p != NULL)
		r = write_large_blobs(st, chg->large_blobs);
	if (r == 0 && chg->note.name != NULL)
		r = write_blob(st, chg->note.name, chg->note.value);
	return r == 0 ? write_state(st, p) : r;
}

static int
disk_commit(struct store *st, const struct auth_change *chg, uint64_t *seq)
{
	struct pending p = { st->state, st->last_seq, st->rows };
	int r;

	if (chg->state != NULL)
		p.state = *chg->state;
	p.state.credentials = st->state.credentials;
	if ((r = begin(st)) != 0)
		goto out;
	if ((r = finish(st, apply(st, chg, &p))) != 0)
		goto out;
	st->state = p.state;
	st->last_seq = p.last_seq;
	st->rows = p.rows;
	if (chg->put != NULL && seq != NULL)
		*seq = p.last_seq;
	/* The log still has what was forgotten, and may have grown large. */
	if (chg->reset || (chg->remove != 0 && chg->put == NULL))
		empty_log(st);
out:
	explicit_bzero(&p, sizeof(p));
	return r;
}

int
store_commit(struct store *st, const struct auth_change *chg, uint64_t *seq)
{
	return st->memory != NULL ? memory_commit(st, chg, seq) :
	    disk_commit(st, chg, seq);
}

/* The row that is there; what cannot be read was not counted either. */
static bool
is_counted(struct store *st, const struct credential *cred)
{
	struct credential old;
	bool counted = false;

	if (st->memory != NULL || cred->seq > INT64_MAX)
		return false;
	sqlite3_bind_int64(st->stmt[STMT_BY_SEQ], 1, (int64_t)cred->seq);
	if (store_step(st, STMT_BY_SEQ, "read") <= 0)
		return false;
	counted = store_open_row(st, STMT_BY_SEQ, &old) == 0 &&
	    store_only_counted(&old, cred);
	store_reset(st, STMT_BY_SEQ);
	explicit_bzero(&old, sizeof(old));
	return counted;
}

bool
store_is_count(struct store *st, const struct auth_change *chg)
{
	if (chg->reset || chg->remove != 0 || chg->put != NULL ||
	    chg->own_blob.seq != 0 || chg->large_blobs.p != NULL)
		return false;
	if (chg->state != NULL && !store_only_counts(st, chg->state))
		return false;
	return chg->replace == NULL || is_counted(st, chg->replace);
}

int
store_rewrap(struct store *st, struct span wrapped)
{
	int r;

	if (st->memory != NULL)
		return 0;		/* there is no storage key to keep */
	if (wrapped.len == 0 || wrapped.len > KEY_WRAPPED_MAX)
		return store_fail(st, -EINVAL, "%s: a storage key of %zu "
		    "bytes", st->path, wrapped.len);
	if ((r = begin(st)) != 0)
		return r;
	store_bind(st, STMT_WRAPPED, 1, wrapped);
	r = finish(st, store_run(st, STMT_WRAPPED, "write"));
	if (r == 0)
		empty_log(st);	/* what opened the old one may not any more */
	return r;
}

int
store_put(struct store *st, const char *name, struct span value)
{
	int r;

	if (st->memory != NULL)
		return memory_put(st, name, value);
	if ((r = begin(st)) != 0)
		return r;
	return finish(st, write_blob(st, name, value));
}

static int
open_blob(struct store *st, struct span ad, struct span sealed,
    const char *name, uint8_t **out, size_t *len)
{
	uint8_t *plain;
	size_t n = sealed.len - KEY_SEAL_OVERHEAD;
	int r = -EBADMSG;

	if (sealed.len < KEY_SEAL_OVERHEAD || n > STORE_BLOB_MAX)
		return store_fail(st, -EUCLEAN, "%s/%s: '%s' is damaged; "
		    "restore the directory from a copy", st->path, DB_NAME,
		    name);
	if ((plain = malloc(n + 1)) == NULL)	/* never of nothing */
		return store_fail(st, -ENOMEM, "%s: out of memory", st->path);
	if ((r = st->keys->ops->open(st->keys, ad, sealed, plain)) == 0) {
		*out = plain;
		*len = n;
		return 0;
	}
	store_blob_free(plain, n);
	return store_fail(st, r == -EBADMSG ? -EUCLEAN : r, "%s/%s: '%s' is "
	    "damaged; restore the directory from a copy", st->path, DB_NAME,
	    name);
}

int
store_get(struct store *st, const char *name, uint8_t **out, size_t *len)
{
	uint8_t ad[AD_MAX];
	size_t ad_len;
	int r;

	if (st->memory != NULL)
		return memory_get(st, name, out, len);
	if (!blob_ad(st, STMT_BLOB_GET, name, ad, &ad_len))
		return -EINVAL;
	if ((r = store_step(st, STMT_BLOB_GET, "read")) < 0)
		return r;
	if (r == 0)
		return store_fail(st, -ENOENT, "%s: there is no '%s'",
		    st->path, name);
	r = open_blob(st, span(ad, ad_len), store_column(st, STMT_BLOB_GET, 0),
	    name, out, len);
	store_reset(st, STMT_BLOB_GET);
	return r;
}

void
store_blob_free(uint8_t *p, size_t len)
{
	if (p == NULL)
		return;
	explicit_bzero(p, len);
	free(p);
}
