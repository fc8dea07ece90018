/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTAP2 canonical CBOR (CTAP 2.3, 8): definite and shortest lengths, sorted
 * keys without duplicates, no tags, no floats, four levels, UTF-8 text,
 * nothing behind the end. libcbor codes the bytes, this file keeps the
 * rules.
 *
 * Reading has two passes. cbor_check() walks the whole message once and
 * refuses whatever is not canonical (INVALID_CBOR); after that the readers
 * only ever complain about meaning (CBOR_UNEXPECTED_TYPE, INVALID_LENGTH,
 * MISSING_PARAMETER). A reader keeps the first error and goes quiet, so a
 * decoder reads like the message and is checked once at its end.
 *
 * Neither pass allocates. Spans point into the message.
 */
#ifndef CTAP_CBOR_H
#define CTAP_CBOR_H

#include "ctap/span.h"
#include "ctap/status.h"

#define CBOR_DEPTH_MAX	4	/* open arrays and maps, CTAP 2.3, 8 */
/* in which a compound statement (WebAuthn Level 3, 8.9) has no room: */
#define CBOR_DEPTH_COMPOUND 6

struct cbor_member;

enum cbor_kind {
	CBOR_UINT,
	CBOR_NEGINT,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_BOOL,
	CBOR_NULL,		/* null and undefined */
	CBOR_END,		/* nothing left, or an error before */
};

/* Exactly one canonical item, and nothing behind it. */
bool cbor_check(struct span msg);
/* The same to another depth, at most CBOR_DEPTH_COMPOUND. */
bool cbor_check_deep(struct span msg, size_t depth_max);
/*
 * The same but for one map, if the item is a map, too: in the value of its
 * member key (0 to 23), what table has a row for, at most 32 names, may
 * stand anywhere, each once. Other members keep the order among themselves.
 */
bool cbor_check_loose(struct span msg, uint8_t key,
    const struct cbor_member *table, size_t count);

/* Length in bytes of the valid UTF-8 prefix of s that fits max bytes and
 * does not end inside a code point. */
size_t cbor_utf8_cut(struct span s, size_t max);

struct cbor_in {
	struct span	  rest;
	enum ctap_status  err;	/* the first one, CTAP2_OK until then */
};

/* msg has passed cbor_check(), or is part of something that has. */
void cbor_in_init(struct cbor_in *in, struct span msg);
enum cbor_kind cbor_peek(const struct cbor_in *in);

/*
 * Each reads one item; false, and *out untouched, if it is of another kind
 * or an error came before.
 */
bool cbor_uint(struct cbor_in *in, uint64_t *out);
bool cbor_int(struct cbor_in *in, int64_t *out);
bool cbor_bool(struct cbor_in *in, bool *out);
bool cbor_bytes(struct cbor_in *in, struct span *out);
bool cbor_text(struct cbor_in *in, struct span *out);
bool cbor_array(struct cbor_in *in, size_t *count);
bool cbor_map(struct cbor_in *in, size_t *pairs);
/* INVALID_LENGTH unless it is len bytes. */
bool cbor_bytes_len(struct cbor_in *in, struct span *out, size_t len);
/* Any item: *out (may be NULL) is its encoding. */
bool cbor_any(struct cbor_in *in, struct span *out);
/* Keeps err if it is the first; returns false, for return statements. */
bool cbor_fail(struct cbor_in *in, enum ctap_status err);

/*
 * The members of a map are a table, sorted as on the wire: integer keys
 * (name NULL), or text keys. Members not in it are skipped. take() reads
 * the value into whatever the owner of the table passes.
 */
struct cbor_member {
	int		 key;
	const char	*name;
	bool		 required;	/* else MISSING_PARAMETER */
	bool		(*take)(struct cbor_in *in, void *arg);
};
bool cbor_members(struct cbor_in *in, const struct cbor_member *table,
    size_t count, void *arg);

/*
 * Writer. Canonical order is the caller's business. Writing past cap sets
 * overflow and writes nothing more; check it once.
 */
struct cbor_out {
	uint8_t	*p;
	size_t	 cap;
	size_t	 len;
	bool	 overflow;
};

void cbor_out_init(struct cbor_out *out, uint8_t *p, size_t cap);
void cbor_put_uint(struct cbor_out *out, uint64_t v);
void cbor_put_int(struct cbor_out *out, int64_t v);
void cbor_put_bool(struct cbor_out *out, bool v);
void cbor_put_bytes(struct cbor_out *out, struct span s);
void cbor_put_text(struct cbor_out *out, struct span s);

/* A literal: the compiler knows how long it is. */
static inline void
cbor_put_str(struct cbor_out *out, const char *s)
{
	cbor_put_text(out, span_str(s));
}

void cbor_put_array(struct cbor_out *out, size_t count);
void cbor_put_map(struct cbor_out *out, size_t pairs);
/* Bytes that are CBOR already. */
void cbor_put_raw(struct cbor_out *out, struct span s);
struct span cbor_out_span(const struct cbor_out *out);

#endif
