/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store without a disk: what it keeps lives as long as the process, in the
 * same sealed form of a row less the seal, as nobody can copy it. For fleets
 * of keys, which must not wait for a disk that has nothing to remember.
 *
 *	rows	by seq, which only rises: a sorted array
 *	by_id, by_user, by_rp	hash tables, of nodes inside rows and sites
 *	site	the discoverable rows of one RP, newest first
 *
 * A change is all or nothing: whatever can fail (memory, limits, what is not
 * there) comes before anything is changed.
 */
#include "authenticator/store/store_impl.h"

#include "authenticator/prefetch.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define BUCKETS_MIN	16

struct node {
	uint64_t	 hash;
	struct node	*next;
};

struct table {
	struct node	**bucket;
	size_t		 buckets;	/* a power of two; 0: none yet */
	size_t		 count;
};

struct mem_row {
	uint64_t	 seq;
	uint8_t		 protect;
	struct node	 id, user;
	bool		 in_user;
	struct mem_site	*site;		/* NULL: not discoverable */
	struct mem_row	*newer, *older;	/* in site */
	uint8_t		*bytes;		/* store_encode_credential() */
	size_t		 len;
	uint8_t		*own;		/* its blob; NULL: none */
	size_t		 own_len;
	uint64_t	 own_size;	/* bytes, before it was compressed */
};

struct mem_site {
	struct node	 rp;
	uint8_t		 rp_id_hash[32];
	uint64_t	 number;	/* in order of their first credential */
	uint32_t	 count[4];	/* by protection */
	struct mem_row	*newest;
	struct mem_site	*next;		/* by number */
};

struct mem_blob {
	struct mem_blob	*next;
	size_t		 len;
	char		*name;
	uint8_t		 bytes[];
};

struct store_memory {
	struct mem_row	**rows;
	size_t		 count, room;
	struct table	 by_id, by_user, by_rp;
	struct mem_site	*sites, *last_site;
	uint64_t	 site_numbers;
	uint32_t	 site_count;
	struct mem_blob	*blobs;
	uint8_t		*large;		/* the array; NULL: none */
	size_t		 large_len;
};

#define ROW_OF(node, member) \
	((struct mem_row *)((char *)(node) - offsetof(struct mem_row, member)))
#define SITE_OF(node) \
	((struct mem_site *)((char *)(node) - offsetof(struct mem_site, rp)))

/*
 * Hash tables
 */

/* FNV-1a: whoever could choose what is hashed would only slow himself down. */
static uint64_t
hash_bytes(uint64_t hash, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ s.p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t
hash_two(struct span a, struct span b)
{
	return hash_bytes(hash_bytes(UINT64_C(0xcbf29ce484222325), a), b);
}

static bool
table_make_room(struct table *t)
{
	size_t buckets = t->buckets == 0 ? BUCKETS_MIN : 2 * t->buckets;
	struct node **fresh, *n;

	if (t->count < t->buckets)
		return true;
	fresh = calloc(buckets, sizeof(*fresh));
	if (fresh == NULL)
		return false;
	for (size_t i = 0; i < t->buckets; i++) {
		while ((n = t->bucket[i]) != NULL) {
			t->bucket[i] = n->next;
			n->next = fresh[n->hash & (buckets - 1)];
			fresh[n->hash & (buckets - 1)] = n;
		}
	}
	free(t->bucket);
	t->bucket = fresh;
	t->buckets = buckets;
	return true;
}

/* After table_make_room(). */
static void
table_add(struct table *t, struct node *n, uint64_t hash)
{
	struct node **at = &t->bucket[hash & (t->buckets - 1)];

	n->hash = hash;
	n->next = *at;
	*at = n;
	t->count++;
}

static void
table_remove(struct table *t, struct node *n)
{
	struct node **at = &t->bucket[n->hash & (t->buckets - 1)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	t->count--;
}

/* n, or the first behind it, with that hash. */
static struct node *
same_hash(struct node *n, uint64_t hash)
{
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

static struct node *
table_first(const struct table *t, uint64_t hash)
{
	if (t->buckets == 0)
		return NULL;
	return same_hash(t->bucket[hash & (t->buckets - 1)], hash);
}

/*
 * Rows
 */

static void
free_secret(uint8_t *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
	free(p);
}

static uint8_t *
copy_bytes(struct span s)
{
	uint8_t *p = malloc(s.len + 1);	/* never of nothing */

	if (p != NULL && s.len > 0)
		memcpy(p, s.p, s.len);
	return p;
}

static void
row_free(struct mem_row *row)
{
	if (row == NULL)
		return;
	free_secret(row->bytes, row->len);
	free_secret(row->own, row->own_len);
	free(row);
}

/* Where seq is, or would be. */
static size_t
row_index(const struct store_memory *m, uint64_t seq)
{
	size_t low = 0, high = m->count, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (m->rows[mid]->seq < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct mem_row *
find_seq(const struct store_memory *m, uint64_t seq)
{
	size_t i = row_index(m, seq);

	return i < m->count && m->rows[i]->seq == seq ? m->rows[i] : NULL;
}

static int
open_row(struct store *st, const struct mem_row *row, struct credential *out)
{
	if (!store_decode_credential(span(row->bytes, row->len), out))
		return store_fail(st, -EIO, "a credential in memory cannot be "
		    "read");
	out->seq = row->seq;
	return 0;
}

/* 1, and the row; 0: there is none. *out is the row, opened. */
static int
find_id(struct store *st, struct span id, struct mem_row **row,
    struct credential *out)
{
	const struct table *t = &st->memory->by_id;
	uint64_t hash = hash_two(id, span(NULL, 0));
	struct node *n;
	int r;

	for (n = table_first(t, hash); n != NULL; n = same_hash(n->next,
	    hash)) {
		*row = ROW_OF(n, id);
		if ((r = open_row(st, *row, out)) != 0)
			return r;
		if (span_eq(span(out->id, out->id_len), id))
			return 1;
	}
	return 0;
}

static struct mem_site *
find_site(const struct store_memory *m, const uint8_t rp_id_hash[static 32])
{
	uint64_t hash = hash_two(span(rp_id_hash, 32), span(NULL, 0));
	struct node *n = table_first(&m->by_rp, hash);

	while (n != NULL && memcmp(SITE_OF(n)->rp_id_hash, rp_id_hash, 32) !=
	    0)
		n = same_hash(n->next, hash);
	return n != NULL ? SITE_OF(n) : NULL;
}

/*
 * Lookups
 */

static int
lookup_id(struct store *st, struct auth_lookup *q)
{
	struct mem_row *row;
	int r = find_id(st, q->id, &row, q->cred);

	if (r <= 0)
		return r;
	q->found = q->kind == LOOKUP_ID_ANY ||
	    (memcmp(q->cred->rp_id_hash, q->rp_id_hash, 32) == 0 &&
	    q->cred->protect <= q->protect_max);
	return 0;
}

static int
lookup_user(struct store *st, struct auth_lookup *q)
{
	struct span rp = span(q->rp_id_hash, 32);
	uint64_t hash = hash_two(rp, q->user_id);
	struct mem_row *best = NULL, *row;
	struct node *n;
	int r;

	for (n = table_first(&st->memory->by_user, hash); n != NULL;
	    n = same_hash(n->next, hash)) {
		row = ROW_OF(n, user);
		if (row->protect > q->protect_max ||
		    (best != NULL && best->seq > row->seq))
			continue;
		if ((r = open_row(st, row, q->cred)) != 0)
			return r;
		if (span_eq(span(q->cred->rp_id_hash, 32), rp) && span_eq(
		    span(q->cred->user.id, q->cred->user.id_len), q->user_id))
			best = row;
	}
	if (best == NULL)
		return 0;
	q->found = true;
	return open_row(st, best, q->cred);
}

static int
lookup_rp(struct store *st, struct auth_lookup *q)
{
	const struct mem_site *site = find_site(st->memory, q->rp_id_hash);
	const struct mem_row *row;

	if (site == NULL)
		return 0;
	for (int p = 0; q->before == UINT64_MAX && p <= q->protect_max &&
	    p <= PROTECT_REQUIRED; p++)
		q->count += site->count[p];
	for (row = site->newest; row != NULL; row = row->older) {
		if (row->seq >= q->before || row->protect > q->protect_max)
			continue;
		q->found = true;
		return open_row(st, row, q->cred);
	}
	return 0;
}

/* The cursor is the number of the site. */
static int
lookup_site(struct store *st, struct auth_lookup *q)
{
	const struct mem_site *site = st->memory->sites;
	uint64_t behind = 0;

	if (q->has_cursor)
		memcpy(&behind, q->cursor, sizeof(behind));
	else
		q->count = st->memory->site_count;
	while (site != NULL && site->number <= behind)
		site = site->next;
	if (site == NULL)
		return 0;
	memset(q->cursor, 0, sizeof(q->cursor));
	memcpy(q->cursor, &site->number, sizeof(site->number));
	q->has_cursor = q->found = true;
	return open_row(st, site->newest, q->cred);
}

static int
lookup_blob(struct store *st, struct auth_lookup *q)
{
	const struct mem_row *row = find_seq(st->memory, q->seq);

	if (row == NULL || row->own == NULL)
		return 0;
	memcpy(q->blobs, row->own, row->own_len);
	q->blobs_len = row->own_len;
	q->original_size = row->own_size;
	q->found = true;
	return 0;
}

static int
lookup_blobs(struct store *st, struct auth_lookup *q)
{
	const struct store_memory *m = st->memory;

	if (m->large == NULL)
		return 0;
	memcpy(q->blobs, m->large, m->large_len);
	q->blobs_len = m->large_len;
	q->found = true;
	return 0;
}

int
memory_lookup(struct store *st, struct auth_lookup *q)
{
	switch (q->kind) {
	case LOOKUP_ID:
	case LOOKUP_ID_ANY:
		return lookup_id(st, q);
	case LOOKUP_RP:
		return lookup_rp(st, q);
	case LOOKUP_USER:
		return lookup_user(st, q);
	case LOOKUP_SITE:
		return lookup_site(st, q);
	case LOOKUP_BLOB:
		return lookup_blob(st, q);
	case LOOKUP_BLOBS:
		return lookup_blobs(st, q);
	default:
		return -EINVAL;
	}
}

void
store_prefetch(const struct store *st)
{
	if (st->memory == NULL)
		return;
	prefetch(st, &st->state.min_pin_rp);
	prefetch(st->memory, st->memory + 1);
}

int
memory_each_after(struct store *st, uint64_t after,
    int (*each)(void *arg, const struct credential *cred), void *arg)
{
	struct credential cred = { .seq = after };
	size_t i;
	int r = 0;

	while (r == 0 && cred.seq < UINT64_MAX) {
		i = row_index(st->memory, cred.seq + 1);
		if (i == st->memory->count)
			break;
		r = open_row(st, st->memory->rows[i], &cred);
		if (r == 0)
			r = each(arg, &cred);
	}
	explicit_bzero(&cred, sizeof(cred));
	return r;
}

/*
 * Changes: what each needs is made first, then nothing fails.
 */

struct prepared {
	struct mem_row	*put;
	struct mem_site	*site;		/* for put; NULL: it is there */
	uint8_t		*replace;	/* bytes */
	size_t		 replace_len;
	uint8_t		*own;
	uint8_t		*large;
};

static void
prepared_free(struct prepared *p)
{
	row_free(p->put);
	free(p->site);
	free_secret(p->replace, p->replace_len);
	free(p->own);
	free(p->large);
}

static int
encode(struct store *st, const struct credential *cred, uint8_t **out,
    size_t *len)
{
	uint8_t bytes[ROW_MAX];
	size_t n = store_encode_credential(cred, bytes);
	int r = 0;

	if (n == 0)
		return store_fail(st, -EINVAL, "a credential is out of its "
		    "bounds");
	*out = copy_bytes(span(bytes, n));
	if (*out == NULL)
		r = store_fail(st, -ENOMEM, "out of memory");
	else
		*len = n;
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

static bool
make_room(struct store_memory *m)
{
	size_t room = m->room == 0 ? 4 : 2 * m->room;
	struct mem_row **fresh;

	if (m->count == m->room) {
		fresh = realloc(m->rows, room * sizeof(*fresh));
		if (fresh == NULL)
			return false;
		m->rows = fresh;
		m->room = room;
	}
	return table_make_room(&m->by_id) && table_make_room(&m->by_user) &&
	    table_make_room(&m->by_rp);
}

static int
check_put(struct store *st, const struct auth_change *chg)
{
	uint32_t there = chg->reset ? 0 : st->state.credentials;
	size_t unlisted = chg->reset ? 0 : st->memory->count - there;
	struct credential other;
	struct mem_row *row = NULL;	/* was opened */
	int r;

	if (!chg->reset && chg->remove != 0) {
		row = find_seq(st->memory, chg->remove);
		there -= row->site != NULL;
		unlisted -= row->site == NULL;
	}
	if (chg->put->discoverable && there >= st->limit)
		return store_fail(st, -ENOSPC, "the key is full (%u "
		    "credentials)", there);
	if (!chg->put->discoverable && unlisted >= st->unlisted)
		return store_fail(st, -ENOSPC, "the key is full (%u "
		    "credentials that are not discoverable)", st->unlisted);
	r = find_id(st, span(chg->put->id, chg->put->id_len), &row, &other);
	if (row != NULL)
		explicit_bzero(&other, sizeof(other));
	if (r > 0 && !chg->reset && row->seq != chg->remove)
		return store_fail(st, -EEXIST, "there is a credential with "
		    "this ID");
	return r < 0 ? r : 0;
}

static int
prepare_put(struct store *st, const struct auth_change *chg,
    struct prepared *p)
{
	int r = check_put(st, chg);

	if (r != 0)
		return r;
	p->put = calloc(1, sizeof(*p->put));
	p->site = calloc(1, sizeof(*p->site));
	if (p->put == NULL || p->site == NULL || !make_room(st->memory))
		return store_fail(st, -ENOMEM, "out of memory");
	p->put->protect = chg->put->protect;
	return encode(st, chg->put, &p->put->bytes, &p->put->len);
}

/* What identifies it stays; its rows are found by that. */
static int
prepare_replace(struct store *st, const struct credential *cred,
    struct prepared *p)
{
	const struct mem_row *row = find_seq(st->memory, cred->seq);
	struct credential old;
	bool same;
	int r;

	if (row == NULL)
		return store_fail(st, -ENOENT, "there is no such credential");
	if ((r = open_row(st, row, &old)) != 0)
		return r;
	same = old.protect == cred->protect &&
	    old.discoverable == cred->discoverable &&
	    span_eq(span(old.id, old.id_len), span(cred->id, cred->id_len)) &&
	    memcmp(old.rp_id_hash, cred->rp_id_hash, 32) == 0 &&
	    span_eq(span(old.user.id, old.user.id_len),
	    span(cred->user.id, cred->user.id_len));
	explicit_bzero(&old, sizeof(old));
	if (!same)
		return store_fail(st, -EINVAL, "that is another credential");
	return encode(st, cred, &p->replace, &p->replace_len);
}

/* Whether chg leaves the credential there that its blob is for. */
static bool
has_owner(const struct store_memory *m, const struct auth_change *chg)
{
	uint64_t seq = chg->own_blob.seq;

	if (seq == OWN_BLOB_OF_PUT)
		return chg->put != NULL;
	return !chg->reset && seq != chg->remove && find_seq(m, seq) != NULL;
}

static int
prepare_blobs(struct store *st, const struct auth_change *chg,
    struct prepared *p)
{
	if (chg->own_blob.bytes.len > LARGE_BLOB_MAX ||
	    chg->large_blobs.len > LARGE_BLOBS_MAX)
		return store_fail(st, -EINVAL, "a large blob cannot be so "
		    "large");
	if (chg->own_blob.seq != 0) {
		if (!has_owner(st->memory, chg))
			return store_fail(st, -ENOENT, "there is no such "
			    "credential");
		p->own = copy_bytes(chg->own_blob.bytes);
		if (p->own == NULL)
			return store_fail(st, -ENOMEM, "out of memory");
	}
	if (chg->large_blobs.p != NULL) {
		p->large = copy_bytes(chg->large_blobs);
		if (p->large == NULL)
			return store_fail(st, -ENOMEM, "out of memory");
	}
	return 0;
}

static int
prepare(struct store *st, const struct auth_change *chg, struct prepared *p)
{
	int r = 0;

	if (chg->remove != 0 && (chg->reset ||
	    find_seq(st->memory, chg->remove) == NULL))
		r = store_fail(st, -ENOENT, "there is no such credential");
	if (r == 0 && chg->replace != NULL && (chg->reset ||
	    chg->replace->seq == chg->remove))
		r = store_fail(st, -ENOENT, "there is no such credential");
	if (r == 0 && chg->replace != NULL)
		r = prepare_replace(st, chg->replace, p);
	if (r == 0 && chg->put != NULL)
		r = prepare_put(st, chg, p);
	return r == 0 ? prepare_blobs(st, chg, p) : r;
}

static void
remove_site(struct store_memory *m, struct mem_site *site)
{
	struct mem_site **at = &m->sites, *before = NULL;

	for (; *at != site; at = &(*at)->next)
		before = *at;
	*at = site->next;
	if (m->last_site == site)
		m->last_site = before;
	table_remove(&m->by_rp, &site->rp);
	m->site_count--;
	free(site);
}

static void
leave_site(struct store_memory *m, struct mem_row *row)
{
	struct mem_site *site = row->site;

	if (row->newer != NULL)
		row->newer->older = row->older;
	else
		site->newest = row->older;
	if (row->older != NULL)
		row->older->newer = row->newer;
	site->count[row->protect]--;
	if (site->newest == NULL)
		remove_site(m, site);
}

static void
remove_row(struct store_memory *m, uint64_t seq)
{
	size_t i = row_index(m, seq);
	struct mem_row *row = m->rows[i];

	table_remove(&m->by_id, &row->id);
	if (row->in_user)
		table_remove(&m->by_user, &row->user);
	if (row->site != NULL)
		leave_site(m, row);
	m->count--;
	memmove(m->rows + i, m->rows + i + 1, (m->count - i) *
	    sizeof(*m->rows));
	row_free(row);
}

/* fresh is for an RP that has none yet, and taken over then. */
static void
join_site(struct store_memory *m, struct mem_row *row,
    const struct credential *cred, struct mem_site **fresh)
{
	struct mem_site *site = find_site(m, cred->rp_id_hash);

	if (site == NULL) {
		site = *fresh;
		*fresh = NULL;
		memcpy(site->rp_id_hash, cred->rp_id_hash, 32);
		site->number = ++m->site_numbers;
		if (m->last_site != NULL)
			m->last_site->next = site;
		else
			m->sites = site;
		m->last_site = site;
		m->site_count++;
		table_add(&m->by_rp, &site->rp, hash_two(
		    span(cred->rp_id_hash, 32), span(NULL, 0)));
	}
	row->site = site;
	row->older = site->newest;
	if (row->older != NULL)
		row->older->newer = row;
	site->newest = row;
	site->count[row->protect]++;
}

static void
add_row(struct store_memory *m, const struct credential *cred, uint64_t seq,
    struct prepared *p)
{
	struct mem_row *row = p->put;

	p->put = NULL;
	row->seq = seq;
	m->rows[m->count++] = row;
	table_add(&m->by_id, &row->id, hash_two(span(cred->id, cred->id_len),
	    span(NULL, 0)));
	if (!cred->discoverable)
		return;
	join_site(m, row, cred, &p->site);
	row->in_user = cred->user.id_len > 0;
	if (row->in_user)
		table_add(&m->by_user, &row->user, hash_two(
		    span(cred->rp_id_hash, 32),
		    span(cred->user.id, cred->user.id_len)));
}

/* *old in place of what was there, and that into *fresh, to be freed. */
static void
swap_bytes(uint8_t **old, size_t *old_len, uint8_t **fresh, size_t *len)
{
	uint8_t *p = *old;
	size_t n = *old_len;

	*old = *fresh;
	*old_len = *len;
	*fresh = p;
	*len = n;
}

static void
put_blobs(struct store_memory *m, const struct auth_change *chg,
    struct prepared *p)
{
	struct mem_row *row;

	if (p->own != NULL) {
		row = chg->own_blob.seq == OWN_BLOB_OF_PUT ?
		    m->rows[m->count - 1] : find_seq(m, chg->own_blob.seq);
		free_secret(row->own, row->own_len);
		row->own = p->own;
		row->own_len = chg->own_blob.bytes.len;
		row->own_size = chg->own_blob.original_size;
		p->own = NULL;
	}
	if (p->large != NULL) {
		free_secret(m->large, m->large_len);
		m->large = p->large;
		m->large_len = chg->large_blobs.len;
		p->large = NULL;
	}
}

static struct mem_blob **
find_blob(struct store_memory *m, const char *name)
{
	struct mem_blob **at = &m->blobs;

	while (*at != NULL && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void
blob_free(struct mem_blob *b)
{
	if (b == NULL)
		return;
	free(b->name);
	explicit_bzero(b->bytes, b->len);
	free(b);
}

static void
forget_blob(struct store_memory *m, const char *name)
{
	struct mem_blob **at = find_blob(m, name), *b = *at;

	if (b == NULL)
		return;
	*at = b->next;
	blob_free(b);
}

/* Counts what is discoverable in *credentials. */
static void
apply(struct store *st, const struct auth_change *chg, struct prepared *p,
    uint32_t *credentials)
{
	struct store_memory *m = st->memory;
	struct mem_row *row;

	while (chg->reset && m->count > 0)
		remove_row(m, m->rows[m->count - 1]->seq);
	if (chg->reset) {
		*credentials = 0;
		free_secret(m->large, m->large_len);
		m->large = NULL;
		forget_blob(m, STORE_TOLD);
	} else if (chg->remove != 0) {
		*credentials -= find_seq(m, chg->remove)->site != NULL;
		remove_row(m, chg->remove);
	}
	if (p->replace != NULL) {
		row = find_seq(m, chg->replace->seq);
		swap_bytes(&row->bytes, &row->len, &p->replace,
		    &p->replace_len);
	}
	if (p->put != NULL) {
		*credentials += chg->put->discoverable;
		add_row(m, chg->put, ++st->last_seq, p);
	}
	put_blobs(m, chg, p);
}

int
memory_commit(struct store *st, const struct auth_change *chg, uint64_t *seq)
{
	uint32_t credentials = st->state.credentials;
	struct prepared p = { .put = NULL };
	int r = prepare(st, chg, &p);

	/* the last that can fail, but for a reset, which forgets some */
	if (r == 0 && chg->note.name != NULL)
		r = memory_put(st, chg->note.name, chg->note.value);
	if (r == 0) {
		apply(st, chg, &p, &credentials);
		if (chg->state != NULL)
			auth_state_copy(&st->state, chg->state);
		st->state.credentials = credentials;
		if (chg->put != NULL && seq != NULL)
			*seq = st->last_seq;
	}
	prepared_free(&p);
	return r;
}

/*
 * Named blobs
 */

int
memory_put(struct store *st, const char *name, struct span value)
{
	struct mem_blob **at = find_blob(st->memory, name);
	struct mem_blob *b, *old = *at;

	if (value.len > STORE_BLOB_MAX)
		return store_fail(st, -EINVAL, "'%s' is too long", name);
	b = malloc(sizeof(*b) + value.len + 1);
	if (b == NULL || (b->name = strdup(name)) == NULL) {
		free(b);
		return store_fail(st, -ENOMEM, "out of memory");
	}
	b->len = value.len;
	if (value.len > 0)
		memcpy(b->bytes, value.p, value.len);
	b->next = old != NULL ? old->next : NULL;
	*at = b;
	blob_free(old);
	return 0;
}

int
memory_get(struct store *st, const char *name, uint8_t **out, size_t *len)
{
	const struct mem_blob *b = *find_blob(st->memory, name);
	uint8_t *copy;

	if (b == NULL)
		return store_fail(st, -ENOENT, "there is no '%s'", name);
	copy = copy_bytes(span(b->bytes, b->len));
	if (copy == NULL)
		return store_fail(st, -ENOMEM, "out of memory");
	*out = copy;
	*len = b->len;
	return 0;
}

int
store_copy_blobs(struct store *from, struct store *to)
{
	const struct mem_blob *b;
	int r = 0;

	for (b = from->memory->blobs; b != NULL && r == 0; b = b->next)
		r = memory_put(to, b->name, span(b->bytes, b->len));
	return r;
}

/*
 * The object
 */

int
memory_new(struct store_memory **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void
memory_free(struct store_memory *m)
{
	struct mem_blob *b;

	if (m == NULL)
		return;
	while (m->count > 0)
		remove_row(m, m->rows[m->count - 1]->seq);
	while ((b = m->blobs) != NULL) {
		m->blobs = b->next;
		blob_free(b);
	}
	free_secret(m->large, m->large_len);
	free(m->by_id.bucket);
	free(m->by_user.bucket);
	free(m->by_rp.bucket);
	free(m->rows);
	free(m);
}
