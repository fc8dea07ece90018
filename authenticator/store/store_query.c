/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to lookups. Every one is a handful of descents in a B-tree,
 * however many credentials there are and however many of them belong to one
 * site: the number at a site is kept, not counted. Only the number of sites
 * is counted, for an owner who is about to go through them all.
 */
#include "authenticator/store/store_impl.h"

#include <errno.h>
#include <stdio.h>

static int
damaged(struct store *st, const char *what)
{
	return store_fail(st, -EUCLEAN, "%s/%s: is damaged (%s); restore the "
	    "directory from a copy", st->path, DB_NAME, what);
}

/* The row that s finds with its parameters bound, into q; 1: there is one. */
static int
open_row(struct store *st, enum stmt s, struct auth_lookup *q)
{
	int r;

	if ((r = store_step(st, s, "read")) <= 0)
		return r;
	r = store_open_row(st, s, q->cred);
	store_reset(st, s);
	return r == 0 ? 1 : r;
}

static bool
is_of_rp(const struct auth_lookup *q)
{
	return memcmp(q->cred->rp_id_hash, q->rp_id_hash, 32) == 0;
}

/* The same, of the RP that was asked for, whose tag led to it. */
static int
take_row(struct store *st, enum stmt s, struct auth_lookup *q)
{
	int r;

	if ((r = open_row(st, s, q)) <= 0)
		return r;
	if (!is_of_rp(q))
		return damaged(st, "index");
	q->found = q->cred->protect <= q->protect_max;
	return 0;
}

/* IDs are unique; whose one it is, is known only when it is open. */
static int
lookup_id(struct store *st, struct auth_lookup *q)
{
	uint8_t tag[KEY_TAG_LEN];
	int r;

	if (q->id.len > CREDENTIAL_ID_MAX)
		return 0;		/* nobody has such a one */
	if ((r = store_tag_id(st, q->id, tag)) != 0)
		return store_fail(st, r, "%s: cannot look up: %s", st->path,
		    strerror(-r));
	store_bind(st, STMT_BY_ID, 1, span(tag, sizeof(tag)));
	if ((r = open_row(st, STMT_BY_ID, q)) <= 0)
		return r;
	if (!span_eq(q->id, span(q->cred->id, q->cred->id_len)))
		return damaged(st, "index");
	q->found = q->kind == LOOKUP_ID_ANY ||
	    (is_of_rp(q) && q->cred->protect <= q->protect_max);
	return 0;
}

static int
lookup_user(struct store *st, struct auth_lookup *q)
{
	uint8_t tag[KEY_TAG_LEN];
	int r;

	if (q->user_id.len > USER_ID_MAX || q->user_id.len == 0)
		return 0;
	if ((r = store_tag_user(st, q->rp_id_hash, q->user_id, tag)) != 0)
		return store_fail(st, r, "%s: cannot look up: %s", st->path,
		    strerror(-r));
	store_bind(st, STMT_BY_USER, 1, span(tag, sizeof(tag)));
	sqlite3_bind_int(st->stmt[STMT_BY_USER], 2, q->protect_max);
	return take_row(st, STMT_BY_USER, q);
}

/* By protection, how many credentials a site has, and its newest one. */
struct site {
	uint32_t	n[4];
	int64_t		last[4];
};

static int
read_site(struct store *st, struct span rp, struct site *site)
{
	sqlite3_stmt *s = st->stmt[STMT_SITE];
	int r;

	store_bind(st, STMT_SITE, 1, rp);
	if ((r = store_step(st, STMT_SITE, "read")) <= 0)
		return r;
	for (int p = PROTECT_OPTIONAL; p <= PROTECT_REQUIRED; p++) {
		site->n[p] = (uint32_t)sqlite3_column_int64(s, p - 1);
		site->last[p] = sqlite3_column_int64(s, p + 2);
	}
	store_reset(st, STMT_SITE);
	return 0;
}

int
store_newest(struct store *st, struct span rp, int protect, int64_t before,
    int64_t *seq)
{
	sqlite3_stmt *s = st->stmt[STMT_NEWEST];
	int r;

	store_bind(st, STMT_NEWEST, 1, rp);
	sqlite3_bind_int(s, 2, protect);
	sqlite3_bind_int64(s, 3, before);
	if ((r = store_step(st, STMT_NEWEST, "read")) <= 0)
		return r;
	if (sqlite3_column_int64(s, 0) > *seq)
		*seq = sqlite3_column_int64(s, 0);
	store_reset(st, STMT_NEWEST);
	return 0;
}

static int
lookup_rp(struct store *st, struct auth_lookup *q)
{
	int64_t seq = 0, before = q->before > INT64_MAX ? INT64_MAX :
	    (int64_t)q->before;
	uint8_t tag[KEY_TAG_LEN];
	struct site site = { { 0 }, { 0 } };
	struct span rp = span(tag, sizeof(tag));
	int r;

	if ((r = store_tag_rp(st, q->rp_id_hash, tag)) != 0)
		return store_fail(st, r, "%s: cannot look up: %s", st->path,
		    strerror(-r));
	if ((r = read_site(st, rp, &site)) != 0)
		return r;
	for (int p = PROTECT_OPTIONAL; p <= PROTECT_REQUIRED; p++) {
		if (p > q->protect_max || site.n[p] == 0)
			continue;
		if (q->before != UINT64_MAX) {
			r = store_newest(st, rp, p, before, &seq);
			if (r != 0)
				return r;
			continue;
		}
		/* the common question costs no look into the index */
		q->count += site.n[p];
		if (site.last[p] > seq)
			seq = site.last[p];
	}
	if (seq == 0)
		return 0;
	sqlite3_bind_int64(st->stmt[STMT_BY_SEQ], 1, seq);
	if ((r = take_row(st, STMT_BY_SEQ, q)) != 0 || q->found)
		return r;
	return damaged(st, "site");
}

static int
count_sites(struct store *st, uint32_t *out)
{
	int r;

	if ((r = store_step(st, STMT_SITE_COUNT, "read")) <= 0)
		return r;
	*out = (uint32_t)sqlite3_column_int64(st->stmt[STMT_SITE_COUNT], 0);
	store_reset(st, STMT_SITE_COUNT);
	return 0;
}

/* Behind the cursor, which is a tag; 1 and the newest there, or 0. */
static int
next_site(struct store *st, struct auth_lookup *q, int64_t *seq)
{
	struct span tag;
	int r;

	/* not NULL without a cursor: any tag is greater than no bytes */
	store_bind(st, STMT_SITE_NEXT, 1,
	    span(q->cursor, q->has_cursor ? sizeof(q->cursor) : 0));
	if ((r = store_step(st, STMT_SITE_NEXT, "read")) <= 0)
		return r;
	tag = store_column(st, STMT_SITE_NEXT, 0);
	*seq = sqlite3_column_int64(st->stmt[STMT_SITE_NEXT], 1);
	if (tag.len == sizeof(q->cursor))
		memcpy(q->cursor, tag.p, sizeof(q->cursor));
	else
		r = damaged(st, "site");
	store_reset(st, STMT_SITE_NEXT);
	return r;
}

static int
lookup_site(struct store *st, struct auth_lookup *q)
{
	uint8_t tag[KEY_TAG_LEN];
	int64_t seq = 0;
	int r;

	if (!q->has_cursor && (r = count_sites(st, &q->count)) != 0)
		return r;
	if ((r = next_site(st, q, &seq)) <= 0)
		return r;
	sqlite3_bind_int64(st->stmt[STMT_BY_SEQ], 1, seq);
	if ((r = open_row(st, STMT_BY_SEQ, q)) < 0)
		return r;
	if (r == 0)
		return damaged(st, "site");
	if ((r = store_tag_rp(st, q->cred->rp_id_hash, tag)) != 0)
		return store_fail(st, r, "%s: cannot look up: %s", st->path,
		    strerror(-r));
	if (memcmp(tag, q->cursor, sizeof(tag)) != 0)
		return damaged(st, "site");
	q->has_cursor = q->found = true;
	return 0;
}

static int
lookup_count(struct store *st, struct auth_lookup *q)
{
	q->found = true;
	q->count = st->state.credentials;
	if (st->limit > q->count)
		q->room = st->limit - q->count;
	return 0;
}

static int
lookup_blobs(struct store *st, struct auth_lookup *q)
{
	uint8_t *p;
	size_t len;
	int r;

	if ((r = store_get(st, LARGE_BLOBS, &p, &len)) == -ENOENT)
		return 0;
	if (r != 0)
		return r;
	if (len > LARGE_BLOBS_MAX) {
		r = store_fail(st, -EUCLEAN, "%s/%s: '" LARGE_BLOBS "' is "
		    "damaged; restore the directory from a copy", st->path,
		    DB_NAME);
	} else {
		memcpy(q->blobs, p, len);
		q->blobs_len = len;
		q->found = true;
	}
	store_blob_free(p, len);
	return r;
}

static int
lookup_blob(struct store *st, struct auth_lookup *q)
{
	char name[OWN_BLOB_NAME];
	uint8_t *p;
	size_t len;
	int r;

	snprintf(name, sizeof(name), OWN_BLOB, q->seq);
	if ((r = store_get(st, name, &p, &len)) == -ENOENT)
		return 0;
	if (r != 0)
		return r;
	if (len < OWN_BLOB_HEAD || len > OWN_BLOB_HEAD + LARGE_BLOB_MAX) {
		r = damaged(st, name);
	} else {
		q->original_size = 0;
		for (size_t i = 0; i < OWN_BLOB_HEAD; i++)
			q->original_size = q->original_size << 8 | p[i];
		q->blobs_len = len - OWN_BLOB_HEAD;
		memcpy(q->blobs, p + OWN_BLOB_HEAD, q->blobs_len);
		q->found = true;
	}
	store_blob_free(p, len);
	return r;
}

int
store_lookup(struct store *st, struct auth_lookup *q)
{
	q->found = false;
	q->count = q->room = 0;
	if (st->memory != NULL && q->kind != LOOKUP_COUNT)
		return q->result = memory_lookup(st, q);
	switch (q->kind) {
	case LOOKUP_ID:
	case LOOKUP_ID_ANY:
		q->result = lookup_id(st, q);
		break;
	case LOOKUP_RP:
		q->result = lookup_rp(st, q);
		break;
	case LOOKUP_USER:
		q->result = lookup_user(st, q);
		break;
	case LOOKUP_SITE:
		q->result = lookup_site(st, q);
		break;
	case LOOKUP_COUNT:
		q->result = lookup_count(st, q);
		break;
	case LOOKUP_BLOB:
		q->result = lookup_blob(st, q);
		break;
	case LOOKUP_BLOBS:
		q->result = lookup_blobs(st, q);
		break;
	default:
		q->result = -EINVAL;
	}
	return q->result;
}

/*
 * A step at a time, so that each() may commit, and no transaction is open
 * while it does what it does.
 */
int
store_each_after(struct store *st, uint64_t after,
    int (*each)(void *arg, const struct credential *cred), void *arg)
{
	struct credential cred = { .seq = after };
	int r;

	if (st->memory != NULL)
		return memory_each_after(st, after, each, arg);
	if (after > INT64_MAX)
		return 0;		/* nothing can come after it */
	do {
		sqlite3_bind_int64(st->stmt[STMT_AFTER], 1,
		    (int64_t)cred.seq);
		if ((r = store_step(st, STMT_AFTER, "read")) <= 0)
			break;
		r = store_open_row(st, STMT_AFTER, &cred);
		store_reset(st, STMT_AFTER);
	} while (r == 0 && (r = each(arg, &cred)) == 0);
	explicit_bzero(&cred, sizeof(cred));
	return r;
}

int
store_each(struct store *st,
    int (*each)(void *arg, const struct credential *cred), void *arg)
{
	return store_each_after(st, 0, each, arg);
}
