/* SPDX-License-Identifier: Apache-2.0 */
#include "ctap/cbor.h"

#include <cbor/callbacks.h>
#include <cbor/configuration.h>
#include <cbor/encoding.h>
#include <cbor/streaming.h>

/* libcbor 0.10 widened the lengths it calls back with. */
#if CBOR_MAJOR_VERSION == 0 && CBOR_MINOR_VERSION < 10
typedef size_t cbor_len;
#else
typedef uint64_t cbor_len;
#endif

/*
 * One item head: strings include their bytes, arrays and maps are only
 * opened. libcbor tells the width of an integer by which callback it takes,
 * but not for lengths, so shortness is judged by the bytes read.
 */
struct item {
	enum cbor_kind	kind;
	uint64_t	val;	/* integer as encoded, or count, or bool */
	struct span	str;
	size_t		read;	/* bytes */
};

static void
on_uint8(void *ctx, uint8_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_UINT, .val = v };
}

static void
on_uint16(void *ctx, uint16_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_UINT, .val = v };
}

static void
on_uint32(void *ctx, uint32_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_UINT, .val = v };
}

static void
on_uint64(void *ctx, uint64_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_UINT, .val = v };
}

static void
on_negint8(void *ctx, uint8_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_NEGINT, .val = v };
}

static void
on_negint16(void *ctx, uint16_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_NEGINT, .val = v };
}

static void
on_negint32(void *ctx, uint32_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_NEGINT, .val = v };
}

static void
on_negint64(void *ctx, uint64_t v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_NEGINT, .val = v };
}

static void
on_bytes(void *ctx, cbor_data p, cbor_len len)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_BYTES, .val = len,
	    .str = span(p, len) };
}

static void
on_text(void *ctx, cbor_data p, cbor_len len)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_TEXT, .val = len,
	    .str = span(p, len) };
}

static void
on_array(void *ctx, cbor_len count)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_ARRAY,
	    .val = count };
}

static void
on_map(void *ctx, cbor_len count)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_MAP, .val = count };
}

static void
on_bool(void *ctx, bool v)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_BOOL, .val = v };
}

static void
on_null(void *ctx)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_NULL };
}

/* Tags, floats, indefinite lengths: never canonical. */
static void
on_refused(void *ctx)
{
	*(struct item *)ctx = (struct item){ .kind = CBOR_END };
}

static void
on_tag(void *ctx, uint64_t v)
{
	(void)v;
	on_refused(ctx);
}

static void
on_float(void *ctx, float v)
{
	(void)v;
	on_refused(ctx);
}

static void
on_double(void *ctx, double v)
{
	(void)v;
	on_refused(ctx);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string_start = on_refused,
	.byte_string = on_bytes,
	.string = on_text,
	.string_start = on_refused,
	.indef_array_start = on_refused,
	.array_start = on_array,
	.indef_map_start = on_refused,
	.map_start = on_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_null,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_refused,
};

/* Bytes of the shortest head that carries v. */
static size_t
head_len(uint64_t v)
{
	if (v < 24)
		return 1;
	if (v <= UINT8_MAX)
		return 2;
	if (v <= UINT16_MAX)
		return 3;
	return v <= UINT32_MAX ? 5 : 9;
}

static bool
read_item(struct span s, struct item *it)
{
	struct cbor_decoder_result r;

	it->kind = CBOR_END;
	if (s.len == 0)
		return false;
	r = cbor_stream_decode(s.p, s.len, &callbacks, it);
	if (r.status != CBOR_DECODER_FINISHED || it->kind == CBOR_END)
		return false;
	it->read = r.read;
	if (it->kind == CBOR_BOOL || it->kind == CBOR_NULL)
		return r.read == 1;
	return r.read - it->str.len == head_len(it->val);
}

/*
 * Length of the well-formed UTF-8 sequence at p (RFC 3629: shortest form,
 * no surrogates, up to U+10FFFF), 0 if there is none.
 */
static size_t
utf8_sequence(const uint8_t *p, size_t len)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t
cbor_utf8_cut(struct span s, size_t max)
{
	size_t at = 0, n;

	while (at < s.len) {
		n = utf8_sequence(s.p + at, s.len - at);
		if (n == 0 || at + n > max)
			break;
		at += n;
	}
	return at;
}

/* Which row of the table the key of a member names, or count. */
static size_t
member_row(const struct cbor_member *table, size_t count,
    const struct item *key)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].name == NULL) {
			if (key->kind == CBOR_UINT && table[i].key >= 0 &&
			    key->val == (uint64_t)table[i].key)
				return i;
			if (key->kind == CBOR_NEGINT && table[i].key < 0 &&
			    key->val == (uint64_t)(-1 - table[i].key))
				return i;
		} else if (key->kind == CBOR_TEXT &&
		    span_eq(key->str, span_str(table[i].name))) {
			return i;
		}
	}
	return count;
}

/* The map whose members may stand anywhere, see cbor_check_loose(). */
struct loose {
	uint8_t		key;	/* in the outermost map */
	const struct cbor_member *table;
	size_t		count;
};

/* An array or map that is open while walking. */
struct level {
	uint64_t	left;	/* items, counting keys and values */
	bool		map;
	struct span	key;	/* the one before, encoded */
	const struct loose *loose;	/* NULL: all keep the order */
	uint32_t	seen;		/* rows of its table */
};

/* CTAP 2.3, 8: by major type, then by length, then bytewise. */
static bool
key_follows(struct span key, struct span before)
{
	if (before.p == NULL)
		return true;
	if (key.p[0] >> 5 != before.p[0] >> 5)
		return key.p[0] >> 5 > before.p[0] >> 5;
	if (key.len != before.len)
		return key.len > before.len;
	return memcmp(key.p, before.p, key.len) > 0;
}

/* Whether its place does not matter; then *twice says if it was there. */
static bool
is_loose(struct level *lv, const struct item *key, bool *twice)
{
	uint32_t bit;
	size_t row;

	if (lv->loose == NULL)
		return false;
	row = member_row(lv->loose->table, lv->loose->count, key);
	if (row == lv->loose->count)
		return false;
	bit = UINT32_C(1) << row;
	*twice = (lv->seen & bit) != 0;
	lv->seen |= bit;
	return true;
}

/*
 * Takes note of a key; false if it is out of order, there already, or not a
 * plain one.
 */
static bool
check_key(struct level *lv, const struct item *it, const uint8_t *start)
{
	struct span key = span(start, it->read);
	bool twice;

	if (!lv->map || lv->left % 2 != 0)
		return true;
	if (it->kind == CBOR_ARRAY || it->kind == CBOR_MAP)
		return false;
	/* msg.9 */
	if (is_loose(lv, it, &twice))
		return !twice;
	if (!key_follows(key, lv->key))
		return false;
	lv->key = key;
	return true;
}

static bool
check_text(const struct item *it)
{
	return it->kind != CBOR_TEXT ||
	    cbor_utf8_cut(it->str, SIZE_MAX) == it->str.len;
}

/* A count that the bytes left cannot hold is refused before it is believed. */
static bool
open_level(struct level *lv, const struct item *it, size_t bytes_left)
{
	if (it->val > bytes_left)
		return false;
	*lv = (struct level){
		.left = it->kind == CBOR_MAP ? it->val * 2 : it->val,
		.map = it->kind == CBOR_MAP,
	};
	return true;
}

/* Level 1 is what the outermost item has inside. */
static bool
opens_loose(const struct loose *loose, const struct level *outer,
    size_t depth, const struct item *it)
{
	return loose != NULL && depth == 1 && outer->map &&
	    outer->key.len == 1 && outer->key.p[0] == loose->key &&
	    it->kind == CBOR_MAP;
}

/* msg.2 */
static bool
walk(struct span msg, size_t depth_max, const struct loose *loose)
{
	struct level stack[CBOR_DEPTH_COMPOUND + 1] = { { .left = 1 } };
	struct item it;
	size_t depth = 0;

	for (;;) {
		while (stack[depth].left == 0) {
			if (depth == 0)
				return msg.len == 0;
			depth--;
		}
		if (!read_item(msg, &it) || !check_text(&it) ||
		    !check_key(&stack[depth], &it, msg.p))
			return false;
		stack[depth].left--;
		msg = span(msg.p + it.read, msg.len - it.read);
		if (it.kind != CBOR_ARRAY && it.kind != CBOR_MAP)
			continue;
		if (depth == depth_max ||
		    !open_level(&stack[depth + 1], &it, msg.len))
			return false;
		if (opens_loose(loose, &stack[depth], depth, &it))
			stack[depth + 1].loose = loose;
		depth++;
	}
}

bool
cbor_check_deep(struct span msg, size_t depth_max)
{
	return walk(msg, depth_max, NULL);
}

bool
cbor_check(struct span msg)
{
	return walk(msg, CBOR_DEPTH_MAX, NULL);
}

bool
cbor_check_loose(struct span msg, uint8_t key,
    const struct cbor_member *table, size_t count)
{
	struct loose loose = { key, table, count };

	return walk(msg, CBOR_DEPTH_MAX, &loose);
}

void
cbor_in_init(struct cbor_in *in, struct span msg)
{
	in->rest = msg;
	in->err = CTAP2_OK;
}

bool
cbor_fail(struct cbor_in *in, enum ctap_status err)
{
	if (in->err == CTAP2_OK)
		in->err = err;
	return false;
}

enum cbor_kind
cbor_peek(const struct cbor_in *in)
{
	struct item it;

	if (in->err != CTAP2_OK || !read_item(in->rest, &it))
		return CBOR_END;
	return it.kind;
}

static void
advance(struct cbor_in *in, const struct item *it)
{
	in->rest = span(in->rest.p + it->read, in->rest.len - it->read);
}

static bool
read_kind(struct cbor_in *in, enum cbor_kind kind, struct item *it)
{
	if (in->err != CTAP2_OK)
		return false;
	if (!read_item(in->rest, it))
		return cbor_fail(in, CTAP2_ERR_INVALID_CBOR);
	if (it->kind != kind)
		return cbor_fail(in, CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	advance(in, it);
	return true;
}

bool
cbor_uint(struct cbor_in *in, uint64_t *out)
{
	struct item it;

	if (!read_kind(in, CBOR_UINT, &it))
		return false;
	*out = it.val;
	return true;
}

/* Integers beyond 64 bits signed fit no member: as good as another type. */
bool
cbor_int(struct cbor_in *in, int64_t *out)
{
	bool negative = cbor_peek(in) == CBOR_NEGINT;
	struct item it;

	if (!read_kind(in, negative ? CBOR_NEGINT : CBOR_UINT, &it))
		return false;
	if (it.val > INT64_MAX)
		return cbor_fail(in, CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	*out = negative ? -1 - (int64_t)it.val : (int64_t)it.val;
	return true;
}

bool
cbor_bool(struct cbor_in *in, bool *out)
{
	struct item it;

	if (!read_kind(in, CBOR_BOOL, &it))
		return false;
	*out = it.val != 0;
	return true;
}

bool
cbor_bytes(struct cbor_in *in, struct span *out)
{
	struct item it;

	if (!read_kind(in, CBOR_BYTES, &it))
		return false;
	*out = it.str;
	return true;
}

bool
cbor_text(struct cbor_in *in, struct span *out)
{
	struct item it;

	if (!read_kind(in, CBOR_TEXT, &it))
		return false;
	*out = it.str;
	return true;
}

bool
cbor_array(struct cbor_in *in, size_t *count)
{
	struct item it;

	if (!read_kind(in, CBOR_ARRAY, &it))
		return false;
	*count = it.val;
	return true;
}

bool
cbor_map(struct cbor_in *in, size_t *pairs)
{
	struct item it;

	if (!read_kind(in, CBOR_MAP, &it))
		return false;
	*pairs = it.val;
	return true;
}

bool
cbor_bytes_len(struct cbor_in *in, struct span *out, size_t len)
{
	struct span s;

	if (!cbor_bytes(in, &s))
		return false;
	if (s.len != len)
		return cbor_fail(in, CTAP1_ERR_INVALID_LENGTH);
	*out = s;
	return true;
}

bool
cbor_any(struct cbor_in *in, struct span *out)
{
	struct span start = in->rest;
	uint64_t left = 1;
	struct item it;

	if (in->err != CTAP2_OK)
		return false;
	for (; left > 0; left--) {
		if (!read_item(in->rest, &it))
			return cbor_fail(in, CTAP2_ERR_INVALID_CBOR);
		if (it.kind == CBOR_ARRAY || it.kind == CBOR_MAP) {
			if (it.val > in->rest.len)
				return cbor_fail(in, CTAP2_ERR_INVALID_CBOR);
			left += it.kind == CBOR_MAP ? 2 * it.val : it.val;
		}
		advance(in, &it);
	}
	if (out != NULL)
		*out = span(start.p, start.len - in->rest.len);
	return true;
}

/* msg.3 to msg.5 */
bool
cbor_members(struct cbor_in *in, const struct cbor_member *table,
    size_t count, void *arg)
{
	uint32_t seen = 0;
	struct item key;
	size_t pairs, row;

	if (!cbor_map(in, &pairs))
		return false;
	while (pairs-- > 0) {
		if (!read_item(in->rest, &key))
			return cbor_fail(in, CTAP2_ERR_INVALID_CBOR);
		advance(in, &key);
		row = member_row(table, count, &key);
		if (row == count) {
			if (!cbor_any(in, NULL))
				return false;
			continue;
		}
		seen |= UINT32_C(1) << row;
		if (!table[row].take(in, arg))
			return cbor_fail(in, CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	}
	for (size_t i = 0; i < count; i++)
		if (table[i].required && !(seen & UINT32_C(1) << i))
			return cbor_fail(in, CTAP2_ERR_MISSING_PARAMETER);
	return true;
}

void
cbor_out_init(struct cbor_out *out, uint8_t *p, size_t cap)
{
	*out = (struct cbor_out){ .p = p, .cap = cap };
}

/* libcbor's encoders answer 0 if there is no room. */
static void
wrote(struct cbor_out *out, size_t n)
{
	if (n == 0)
		out->overflow = true;
	out->len += n;
}

#define ROOM(out) ((out)->p + (out)->len), \
	((out)->overflow ? 0 : (out)->cap - (out)->len)

void
cbor_put_uint(struct cbor_out *out, uint64_t v)
{
	wrote(out, cbor_encode_uint(v, ROOM(out)));
}

void
cbor_put_int(struct cbor_out *out, int64_t v)
{
	if (v >= 0)
		cbor_put_uint(out, (uint64_t)v);
	else
		wrote(out, cbor_encode_negint((uint64_t)(-1 - v), ROOM(out)));
}

void
cbor_put_bool(struct cbor_out *out, bool v)
{
	wrote(out, cbor_encode_bool(v, ROOM(out)));
}

void
cbor_put_bytes(struct cbor_out *out, struct span s)
{
	wrote(out, cbor_encode_bytestring_start(s.len, ROOM(out)));
	cbor_put_raw(out, s);
}

void
cbor_put_text(struct cbor_out *out, struct span s)
{
	wrote(out, cbor_encode_string_start(s.len, ROOM(out)));
	cbor_put_raw(out, s);
}

void
cbor_put_array(struct cbor_out *out, size_t count)
{
	wrote(out, cbor_encode_array_start(count, ROOM(out)));
}

void
cbor_put_map(struct cbor_out *out, size_t pairs)
{
	wrote(out, cbor_encode_map_start(pairs, ROOM(out)));
}

void
cbor_put_raw(struct cbor_out *out, struct span s)
{
	if (out->overflow || s.len > out->cap - out->len) {
		out->overflow = true;
		return;
	}
	if (s.len > 0)
		memcpy(out->p + out->len, s.p, s.len);
	out->len += s.len;
}

struct span
cbor_out_span(const struct cbor_out *out)
{
	return span(out->p, out->len);
}
