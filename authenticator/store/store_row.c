/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows as bytes: the layout of a credential and of the state, the keyed
 * hashes they are found by, and the data authenticated with them. Format 1,
 * see store.md. The decoder accepts exactly what the encoder writes.
 */
#include "authenticator/store/store_impl.h"

#include <errno.h>
#include <string.h>

#define ROW_VERSION	1
#define ROW_WITH_COUNT	2	/* version 1, then whose counter, and it */
#define STATE_VERSION	1
#define STATE_WITH_BIO	2	/* version 1, then templates, at least one */
#define STATE_WITH_TPM	3	/* version 1, then templates, if any, then
				 * what belongs to what a TPM keeps */
#define FLAG_DISCOVERABLE 0x01
#define FLAG_HMAC_SECRET  0x02
#define FLAG_PAYMENT	  0x04
#define FLAG_LARGE_BLOB	  0x08
#define FLAG_OWN_BLOB	  0x10
#define FLAG_ELIGIBLE	  0x20	/* from version 2 on */
#define FLAG_BACKED_UP	  0x40
#define FLAGS_OF_1	  0x1f
#define FLAGS_OF_2	  0x7f

/* A cursor that goes quiet after the first error. */
struct writer {
	uint8_t	*p;
	size_t	 len;
	size_t	 size;
	bool	 bad;
};

struct reader {
	struct span rest;
	bool	 bad;
};

static void
put_bytes(struct writer *w, const void *p, size_t len)
{
	if (w->bad || len > w->size - w->len) {
		w->bad = true;
		return;
	}
	memcpy(w->p + w->len, p, len);
	w->len += len;
}

static void
put_uint(struct writer *w, uint64_t v, size_t len)
{
	uint8_t b[8];

	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
	put_bytes(w, b, len);
}

/* len_size bytes of length, then the bytes; at most max. */
static void
put_text(struct writer *w, const void *p, size_t len, size_t len_size,
    size_t max)
{
	if (len > max)
		w->bad = true;
	put_uint(w, len, len_size);
	put_bytes(w, p, len);
}

static const uint8_t *
take_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->rest.p;

	if (r->bad || len > r->rest.len) {
		r->bad = true;
		return NULL;
	}
	r->rest = span(p + len, r->rest.len - len);
	return p;
}

static uint64_t
take_uint(struct reader *r, size_t len)
{
	const uint8_t *p = take_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

static size_t
take_text(struct reader *r, void *out, size_t len_size, size_t max)
{
	size_t len = (size_t)take_uint(r, len_size);
	const uint8_t *p;

	if (len > max)
		r->bad = true;
	if ((p = take_bytes(r, len)) == NULL)
		return 0;
	memcpy(out, p, len);
	return len;
}

/* As old as it can be: what lacks something, an older sealkey can read. */
static unsigned
row_version(const struct credential *c)
{
	return c->backup_eligible || c->counting != COUNT_WITH_KEY ?
	    ROW_WITH_COUNT : ROW_VERSION;
}

/* What no row can say: of both directions. */
static bool
is_sound(const struct credential *c)
{
	return c->protect >= PROTECT_OPTIONAL &&
	    c->protect <= PROTECT_REQUIRED && c->id_len > 0 &&
	    c->counting <= COUNT_NOTHING &&
	    (c->counting == COUNT_ITSELF || c->counter == 0) &&
	    (c->backup_eligible || !c->backup_state);
}

static uint8_t
row_flags(const struct credential *c)
{
	return (c->discoverable ? FLAG_DISCOVERABLE : 0) |
	    (c->hmac_secret ? FLAG_HMAC_SECRET : 0) |
	    (c->third_party_payment ? FLAG_PAYMENT : 0) |
	    (c->has_large_blob_key ? FLAG_LARGE_BLOB : 0) |
	    (c->large_blob ? FLAG_OWN_BLOB : 0) |
	    (c->backup_eligible ? FLAG_ELIGIBLE : 0) |
	    (c->backup_state ? FLAG_BACKED_UP : 0);
}

size_t
store_encode_credential(const struct credential *c,
    uint8_t out[static ROW_MAX])
{
	struct writer w = { .p = out, .size = ROW_MAX };
	unsigned version = row_version(c);

	if (!is_sound(c))
		return 0;
	put_uint(&w, version, 1);
	put_uint(&w, row_flags(c), 1);
	put_uint(&w, c->protect, 1);
	put_uint(&w, (uint32_t)c->alg, 4);
	put_uint(&w, c->created_s, 8);
	put_bytes(&w, c->rp_id_hash, sizeof(c->rp_id_hash));
	put_text(&w, c->id, c->id_len, 2, CREDENTIAL_ID_MAX);
	put_text(&w, c->rp_id.s, c->rp_id.len, 1, RP_ID_KEPT);
	put_text(&w, c->rp_name.s, c->rp_name.len, 1, NAME_KEPT);
	put_text(&w, c->user.id, c->user.id_len, 1, USER_ID_MAX);
	put_text(&w, c->user.name.s, c->user.name.len, 1, NAME_KEPT);
	put_text(&w, c->user.display_name.s, c->user.display_name.len, 1,
	    NAME_KEPT);
	put_text(&w, c->blob, c->blob_len, 2, KEY_BLOB_MAX);
	put_text(&w, c->pub, c->pub_len, 2, COSE_KEY_MAX);
	put_text(&w, c->cred_blob, c->cred_blob_len, 1, CRED_BLOB_MAX);
	if (c->has_large_blob_key)
		put_bytes(&w, c->large_blob_key, LARGE_BLOB_KEY_LEN);
	if (version >= ROW_WITH_COUNT) {
		put_uint(&w, c->counting, 1);
		put_uint(&w, c->counter, 4);
	}
	return w.bad ? 0 : w.len;
}

static void
take_flags(struct reader *r, unsigned version, struct credential *c)
{
	uint8_t flags = (uint8_t)take_uint(r, 1);

	if ((flags & ~(version >= ROW_WITH_COUNT ? FLAGS_OF_2 :
	    FLAGS_OF_1)) != 0)
		r->bad = true;
	c->discoverable = (flags & FLAG_DISCOVERABLE) != 0;
	c->hmac_secret = (flags & FLAG_HMAC_SECRET) != 0;
	c->third_party_payment = (flags & FLAG_PAYMENT) != 0;
	c->has_large_blob_key = (flags & FLAG_LARGE_BLOB) != 0;
	c->large_blob = (flags & FLAG_OWN_BLOB) != 0;
	c->backup_eligible = (flags & FLAG_ELIGIBLE) != 0;
	c->backup_state = (flags & FLAG_BACKED_UP) != 0;
}

/* Its version. */
static unsigned
take_credential(struct reader *r, struct credential *c)
{
	unsigned version = (unsigned)take_uint(r, 1);
	const uint8_t *hash, *key;

	if (version < ROW_VERSION || version > ROW_WITH_COUNT)
		r->bad = true;
	take_flags(r, version, c);
	c->protect = (uint8_t)take_uint(r, 1);
	c->alg = (int32_t)(uint32_t)take_uint(r, 4);
	c->created_s = take_uint(r, 8);
	if ((hash = take_bytes(r, sizeof(c->rp_id_hash))) != NULL)
		memcpy(c->rp_id_hash, hash, sizeof(c->rp_id_hash));
	c->id_len = (uint16_t)take_text(r, c->id, 2, CREDENTIAL_ID_MAX);
	c->rp_id.len = (uint8_t)take_text(r, c->rp_id.s, 1, RP_ID_KEPT);
	c->rp_name.len = (uint8_t)take_text(r, c->rp_name.s, 1, NAME_KEPT);
	c->user.id_len = (uint8_t)take_text(r, c->user.id, 1, USER_ID_MAX);
	c->user.name.len = (uint8_t)take_text(r, c->user.name.s, 1,
	    NAME_KEPT);
	c->user.display_name.len = (uint8_t)take_text(r,
	    c->user.display_name.s, 1, NAME_KEPT);
	c->blob_len = (uint16_t)take_text(r, c->blob, 2, KEY_BLOB_MAX);
	c->pub_len = (uint16_t)take_text(r, c->pub, 2, COSE_KEY_MAX);
	c->cred_blob_len = (uint8_t)take_text(r, c->cred_blob, 1,
	    CRED_BLOB_MAX);
	if (c->has_large_blob_key &&
	    (key = take_bytes(r, LARGE_BLOB_KEY_LEN)) != NULL)
		memcpy(c->large_blob_key, key, LARGE_BLOB_KEY_LEN);
	if (version >= ROW_WITH_COUNT) {
		c->counting = (uint8_t)take_uint(r, 1);
		c->counter = (uint32_t)take_uint(r, 4);
	}
	return version;
}

bool
store_decode_credential(struct span in, struct credential *out)
{
	struct reader r = { .rest = in };

	unsigned version;

	memset(out, 0, sizeof(*out));
	version = take_credential(&r, out);
	if (r.bad || r.rest.len != 0)
		return false;
	/* nothing to be had in a lower version is in a higher one */
	return is_sound(out) && row_version(out) == version;
}

/*
 * Tags
 */

static int
tag_pair(struct store *st, const char *label,
    const uint8_t rp_id_hash[static 32], struct span name,
    uint8_t out[static KEY_TAG_LEN])
{
	uint8_t data[32 + USER_ID_MAX];

	if (name.len > USER_ID_MAX)
		return -EINVAL;
	memcpy(data, rp_id_hash, 32);
	if (name.len > 0)
		memcpy(data + 32, name.p, name.len);
	return st->keys->ops->tag(st->keys, label, span(data, 32 + name.len),
	    out);
}

int
store_tag_id(struct store *st, struct span id,
    uint8_t out[static KEY_TAG_LEN])
{
	if (id.len > CREDENTIAL_ID_MAX)
		return -EINVAL;
	return st->keys->ops->tag(st->keys, "id", id, out);
}

int
store_tag_rp(struct store *st, const uint8_t rp_id_hash[static 32],
    uint8_t out[static KEY_TAG_LEN])
{
	return st->keys->ops->tag(st->keys, "rp", span(rp_id_hash, 32), out);
}

int
store_tag_user(struct store *st, const uint8_t rp_id_hash[static 32],
    struct span user_id, uint8_t out[static KEY_TAG_LEN])
{
	return tag_pair(st, "user", rp_id_hash, user_id, out);
}

int
store_tags(struct store *st, const struct credential *cred,
    struct row_tags *out)
{
	struct row_tags t = { .has_user = cred->discoverable &&
	    cred->user.id_len > 0 };
	const char *label = cred->discoverable ? "rp" : "rp, not listed";
	int r;

	if ((r = store_tag_id(st, span(cred->id, cred->id_len), t.id)) != 0)
		return r;
	if ((r = st->keys->ops->tag(st->keys, label,
	    span(cred->rp_id_hash, 32), t.rp)) != 0)
		return r;
	if (t.has_user && (r = store_tag_user(st, cred->rp_id_hash,
	    span(cred->user.id, cred->user.id_len), t.user)) != 0)
		return r;
	*out = t;
	return 0;
}

/*
 * Sealing. What a row is found and chosen by is authenticated with it: a
 * row that was moved, or whose protection was edited, does not open.
 */

static struct span
row_ad(uint8_t ad[static AD_MAX], uint64_t seq, uint8_t protect,
    const struct row_tags *tags)
{
	struct writer w = { .p = ad, .size = AD_MAX };

	put_bytes(&w, "credential", 10);
	put_uint(&w, seq, 8);
	put_uint(&w, protect, 1);
	put_bytes(&w, tags->id, KEY_TAG_LEN);
	put_bytes(&w, tags->rp, KEY_TAG_LEN);
	if (tags->has_user)
		put_bytes(&w, tags->user, KEY_TAG_LEN);
	return span(ad, w.len);
}

int
store_seal_row(struct store *st, const struct credential *cred, uint64_t seq,
    const struct row_tags *tags, uint8_t *out, size_t *len)
{
	uint8_t plain[ROW_MAX], ad[AD_MAX];
	size_t n;
	int r = -EINVAL;

	if ((n = store_encode_credential(cred, plain)) == 0)
		goto out;
	r = st->keys->ops->seal(st->keys,
	    row_ad(ad, seq, cred->protect, tags), span(plain, n), out);
	if (r == 0)
		*len = n + KEY_SEAL_OVERHEAD;
out:
	explicit_bzero(plain, sizeof(plain));
	return r;
}

/* The columns of the current row, without the sealed one. */
static bool
row_columns(struct store *st, enum stmt s, uint64_t *seq, uint8_t *protect,
    struct row_tags *tags)
{
	struct span id = store_column(st, s, 2);
	struct span rp = store_column(st, s, 3);
	struct span user = store_column(st, s, 4);
	int64_t n = sqlite3_column_int64(st->stmt[s], 0);
	int p = sqlite3_column_int(st->stmt[s], 1);

	if (n <= 0 || p < PROTECT_OPTIONAL || p > PROTECT_REQUIRED ||
	    id.len != KEY_TAG_LEN || rp.len != KEY_TAG_LEN ||
	    (user.p != NULL && user.len != KEY_TAG_LEN))
		return false;
	*seq = (uint64_t)n;
	*protect = (uint8_t)p;
	*tags = (struct row_tags){ .has_user = user.p != NULL };
	memcpy(tags->id, id.p, KEY_TAG_LEN);
	memcpy(tags->rp, rp.p, KEY_TAG_LEN);
	if (user.p != NULL)
		memcpy(tags->user, user.p, KEY_TAG_LEN);
	return true;
}

static int
row_damaged(struct store *st, enum stmt s)
{
	return store_fail(st, -EUCLEAN, "%s/%s: credential %lld is damaged; "
	    "restore the directory from a copy", st->path, DB_NAME,
	    (long long)sqlite3_column_int64(st->stmt[s], 0));
}

int
store_open_row(struct store *st, enum stmt s, struct credential *out)
{
	uint8_t plain[ROW_MAX], ad[AD_MAX], protect;
	struct span sealed = store_column(st, s, 5);
	struct row_tags tags;
	uint64_t seq;
	size_t len;
	int r;

	if (!row_columns(st, s, &seq, &protect, &tags) ||
	    sealed.len < KEY_SEAL_OVERHEAD ||
	    sealed.len > KEY_SEAL_OVERHEAD + ROW_MAX)
		return row_damaged(st, s);
	len = sealed.len - KEY_SEAL_OVERHEAD;
	r = st->keys->ops->open(st->keys, row_ad(ad, seq, protect, &tags),
	    sealed, plain);
	if (r == 0 && (!store_decode_credential(span(plain, len), out) ||
	    out->protect != protect))
		r = -EBADMSG;
	explicit_bzero(plain, len);
	if (r == -EBADMSG)
		return row_damaged(st, s);
	if (r != 0)
		return store_fail(st, r, "%s: cannot unseal: %s", st->path,
		    strerror(-r));
	out->seq = seq;
	return 0;
}

/*
 * State
 */

/* Which of the state's booleans are true. */
static const size_t state_flags[] = {
	offsetof(struct auth_state, pin_set),
	offsetof(struct auth_state, force_pin_change),
	offsetof(struct auth_state, pin_complexity),
	offsetof(struct auth_state, always_uv_toggled),
	offsetof(struct auth_state, enterprise),
	offsetof(struct auth_state, long_touch),
	offsetof(struct auth_state, ppuat_pcmr),
	offsetof(struct auth_state, was_reset),
};
#define STATE_FLAGS	(sizeof(state_flags) / sizeof(state_flags[0]))

static void
put_templates(struct writer *w, const struct auth_state *s)
{
	const struct bio_template *t = s->bio;

	if (s->bio_count > BIO_TEMPLATES_MAX) {
		w->bad = true;
		return;
	}
	put_uint(w, s->bio_count, 1);
	for (; t < s->bio + s->bio_count; t++) {
		put_bytes(w, t->id, BIO_ID_LEN);
		put_uint(w, t->finger, 1);
		put_text(w, t->name, t->name_len, 1, BIO_NAME_MAX);
	}
}

static void
take_templates(struct reader *r, struct auth_state *s)
{
	const uint8_t *id;

	s->bio_count = (uint8_t)take_uint(r, 1);
	if (s->bio_count > BIO_TEMPLATES_MAX)
		r->bad = true;
	for (size_t i = 0; !r->bad && i < s->bio_count; i++) {
		struct bio_template *t = &s->bio[i];

		if ((id = take_bytes(r, BIO_ID_LEN)) != NULL)
			memcpy(t->id, id, BIO_ID_LEN);
		t->finger = (uint8_t)take_uint(r, 1);
		t->name_len = (uint8_t)take_text(r, t->name, 1, BIO_NAME_MAX);
		if (t->finger == 0)
			r->bad = true;
	}
}

static void
put_state(struct writer *w, const struct auth_state *s)
{
	uint16_t flags = 0;

	for (size_t i = 0; i < STATE_FLAGS; i++)
		if (*(const bool *)((const uint8_t *)s + state_flags[i]))
			flags |= (uint16_t)(1 << i);
	put_bytes(w, s->epoch, KEY_EPOCH_LEN);
	put_uint(w, s->counter_ceiling, 4);
	put_uint(w, s->credentials, 4);
	put_uint(w, flags, 2);
	put_bytes(w, s->pin_hash, PIN_HASH_LEN);
	put_uint(w, s->pin_length, 1);
	put_uint(w, s->pin_failures, 1);
	put_uint(w, s->uv_failures, 1);
	put_uint(w, s->min_pin_length, 1);
	put_uint(w, s->ppuat_generation, 4);
	put_uint(w, s->store_generation, 4);
	put_uint(w, s->min_pin_rp_count, 1);
	if (s->min_pin_rp_count > MIN_PIN_RPS_MAX) {
		w->bad = true;
		return;
	}
	for (size_t i = 0; i < s->min_pin_rp_count; i++)
		put_text(w, s->min_pin_rp[i].s, s->min_pin_rp[i].len, 1,
		    RP_ID_KEPT);
}

static void
take_state(struct reader *r, struct auth_state *s)
{
	const uint8_t *p;
	uint16_t flags;

	if ((p = take_bytes(r, KEY_EPOCH_LEN)) != NULL)
		memcpy(s->epoch, p, KEY_EPOCH_LEN);
	s->counter_ceiling = (uint32_t)take_uint(r, 4);
	s->credentials = (uint32_t)take_uint(r, 4);
	flags = (uint16_t)take_uint(r, 2);
	if (flags >> STATE_FLAGS != 0)
		r->bad = true;
	for (size_t i = 0; i < STATE_FLAGS; i++)
		*(bool *)((uint8_t *)s + state_flags[i]) = flags >> i & 1;
	if ((p = take_bytes(r, PIN_HASH_LEN)) != NULL)
		memcpy(s->pin_hash, p, PIN_HASH_LEN);
	s->pin_length = (uint8_t)take_uint(r, 1);
	s->pin_failures = (uint8_t)take_uint(r, 1);
	s->uv_failures = (uint8_t)take_uint(r, 1);
	s->min_pin_length = (uint8_t)take_uint(r, 1);
	s->ppuat_generation = (uint32_t)take_uint(r, 4);
	s->store_generation = (uint32_t)take_uint(r, 4);
	s->min_pin_rp_count = (uint8_t)take_uint(r, 1);
	if (s->min_pin_rp_count > MIN_PIN_RPS_MAX)
		r->bad = true;
	for (size_t i = 0; !r->bad && i < s->min_pin_rp_count; i++)
		s->min_pin_rp[i].len = (uint8_t)take_text(r,
		    s->min_pin_rp[i].s, 1, RP_ID_KEPT);
}

/* As old as it can be: what lacks something, an older sealkey can read. */
static unsigned
state_version(const struct auth_state *s)
{
	if (s->generation != 0)
		return STATE_WITH_TPM;
	return s->bio_count > 0 ? STATE_WITH_BIO : STATE_VERSION;
}

/* The length written; 0: out of bounds. */
static size_t
encode_state(const struct auth_state *s, uint64_t last_seq,
    uint8_t out[static STATE_MAX])
{
	struct writer w = { .p = out, .size = STATE_MAX };
	unsigned version = state_version(s);

	put_uint(&w, version, 1);
	put_uint(&w, last_seq, 8);
	put_state(&w, s);
	if (version >= STATE_WITH_BIO)
		put_templates(&w, s);
	if (version >= STATE_WITH_TPM)
		put_uint(&w, s->generation, 8);
	return w.bad ? 0 : w.len;
}

/* 0, -EBADMSG, or -EPROTO: a version that does not exist yet. */
static int
decode_state(struct span in, struct auth_state *out, uint64_t *last_seq)
{
	struct reader r = { .rest = in };
	uint64_t version = take_uint(&r, 1);

	if (version > STATE_WITH_TPM)
		return -EPROTO;
	*out = (struct auth_state){ .credentials = 0 };
	*last_seq = take_uint(&r, 8);
	take_state(&r, out);
	if (version >= STATE_WITH_BIO)
		take_templates(&r, out);
	if (version >= STATE_WITH_TPM)
		out->generation = take_uint(&r, 8);
	/* nothing to be had in a lower version is in a higher one */
	if (r.bad || r.rest.len > 0 || state_version(out) != version)
		return -EBADMSG;
	return 0;
}

int
store_seal_state(struct store *st, const struct auth_state *state,
    uint64_t last_seq, uint8_t out[static STATE_MAX + KEY_SEAL_OVERHEAD],
    size_t *len)
{
	uint8_t plain[STATE_MAX];
	size_t n = encode_state(state, last_seq, plain);
	int r = -EINVAL;

	if (n > 0)
		r = st->keys->ops->seal(st->keys, span_str("state"),
		    span(plain, n), out);
	*len = n + KEY_SEAL_OVERHEAD;
	explicit_bzero(plain, sizeof(plain));
	return r;
}

bool
store_only_counted(const struct credential *old, const struct credential *new)
{
	uint8_t a[ROW_MAX], b[ROW_MAX];
	struct credential like = *new;
	size_t a_len, b_len;
	bool same;

	like.counter = old->counter;
	a_len = store_encode_credential(old, a);
	b_len = store_encode_credential(&like, b);
	same = a_len > 0 && new->counter >= old->counter &&
	    span_eq(span(a, a_len), span(b, b_len));
	explicit_bzero(&like, sizeof(like));
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return same;
}

bool
store_only_counts(const struct store *st, const struct auth_state *state)
{
	uint8_t old[STATE_MAX], new[STATE_MAX];
	struct auth_state like = *state;
	size_t old_len, new_len;
	bool same;

	like.counter_ceiling = st->state.counter_ceiling;
	like.credentials = st->state.credentials;
	like.generation = st->state.generation;
	old_len = encode_state(&st->state, 0, old);
	new_len = encode_state(&like, 0, new);
	same = old_len > 0 && span_eq(span(old, old_len), span(new, new_len));
	explicit_bzero(&like, sizeof(like));
	explicit_bzero(old, sizeof(old));
	explicit_bzero(new, sizeof(new));
	return same;
}

static int
state_damaged(struct store *st, int error)
{
	if (error == -EPROTO)
		return store_fail(st, error, "%s/%s: the state was written by "
		    "a newer sealkey; update sealkey", st->path, DB_NAME);
	if (error == -EBADMSG)
		return store_fail(st, -EUCLEAN, "%s/%s: the state is damaged; "
		    "restore the directory from a copy", st->path, DB_NAME);
	return store_fail(st, error, "%s: cannot unseal: %s", st->path,
	    strerror(-error));
}

int
store_open_state(struct store *st, struct span sealed)
{
	uint8_t plain[STATE_MAX];
	struct auth_state state;
	uint64_t last_seq;
	int r = -EBADMSG;

	if (sealed.len >= KEY_SEAL_OVERHEAD &&
	    sealed.len <= STATE_MAX + KEY_SEAL_OVERHEAD)
		r = st->keys->ops->open(st->keys, span_str("state"), sealed,
		    plain);
	if (r == 0)
		r = decode_state(span(plain, sealed.len - KEY_SEAL_OVERHEAD),
		    &state, &last_seq);
	if (r == 0) {
		st->state = state;
		st->last_seq = last_seq;
	}
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(&state, sizeof(state));
	return r == 0 ? 0 : state_damaged(st, r);
}
