/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical CBOR: what is refused, what is read, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "ctap/cbor.h"
#include "tests/hex.h"

#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

static bool
check_hex(const char *text)
{
	struct span msg = hex(text);
	bool ok = cbor_check(msg);

	hex_free(msg);
	return ok;
}

/* cbor_check() in memory that ends where the bytes end */
static bool
check_copy(const uint8_t *p, size_t len)
{
	struct span msg = hex_copy(p, len);
	bool ok = cbor_check(msg);

	hex_free(msg);
	return ok;
}

/* --- cbor_check() -------------------------------------------------------- */

static const char *const good[] = {
	"00", "17", "1818", "18ff", "190100", "19ffff", "1a00010000",
	"1affffffff", "1b0000000100000000", "1bffffffffffffffff",
	"20", "37", "3818", "38ff", "390100", "39ffff", "3a00010000",
	"3affffffff", "3b0000000100000000", "3bffffffffffffffff",
	"40", "4100", "43ff00ff", "60", "6100", "6161",
	"80", "8100", "83 00 4100 6161", "a0", "a1 00 00",
	"f4", "f5", "f6", "f7", "84 f4 f5 f6 f7",
	/* keys in order: within a type by length, then bytewise */
	"a2 00 00 01 00", "a2 17 00 1818 00", "a2 18ff 00 190100 00",
	"a2 20 00 21 00", "a2 37 00 3818 00",
	"a2 4100 00 4101 00", "a2 41ff 00 420000 00",
	"a2 6161 00 6162 00", "a2 6162 00 626161 00", "a2 60 00 6100 00",
	"a2 f4 00 f5 00", "a2 f5 00 f6 00",
	/* ... but the type counts before the length */
	"a2 1818 00 20 00", "a2 1bffffffffffffffff 00 20 00",
	"a2 3bffffffffffffffff 00 40 00", "a2 420000 00 60 00",
	"a5 03 00 20 00 40 00 60 00 f4 00",
	/* order is a matter of each map by itself */
	"82 a1 01 00 a1 00 00", "a2 01 a1 02 00 02 a1 01 00",
	"a2 00 6162 01 6161",
	/* four levels, and as many of them as there may be side by side */
	"81 81 81 81 00", "a1 00 a1 00 a1 00 a1 00 00", "81 81 81 80",
	"a1 00 a1 00 a1 00 a0", "81 a1 00 81 a1 00 00",
	"82 81 81 80 81 81 80", "84 80 80 a0 81 80",
};

static const char *const bad[] = {
	/* nothing, or too much */
	"", "00 00", "a0 00", "80 80", "f6 f6", "6161 61",
	/* longer than needed */
	"1800", "1817", "190000", "1900ff", "1a00000000", "1a0000ffff",
	"1b0000000000000000", "1b00000000ffffffff",
	"3800", "3817", "3900ff", "3a0000ffff", "3b00000000ffffffff",
	"5800", "580100", "590000", "5a00000000", "5b0000000000000000",
	"7800", "780161", "790000", "7a00000000", "7b0000000000000000",
	"9800", "980100", "990000", "9a00000000", "9b0000000000000000",
	"b800", "b8010000", "b90000", "ba00000000", "bb0000000000000000",
	/* cut off */
	"18", "19", "1901", "1a000100", "1b00000001000000", "41", "4200",
	"61", "81", "8200", "a1", "a100", "a2 00 00", "a2 00 00 01",
	"58", "5818", "590100", "98", "b8",
	/* counts that nobody could send */
	"5bffffffffffffffff", "7bffffffffffffffff", "9bffffffffffffffff",
	"bbffffffffffffffff", "bb7fffffffffffffff", "bb8000000000000000",
	"bb8000000000000001 00 00", "9a7fffffff 00", "ba7fffffff 00 00",
	"a1 00 bb8000000000000000", "81 9bffffffffffffffff",
	"9b8000000000000000 00", "5affffffff 00", "7affffffff 00",
	/* keys out of order, twice, and such as are no plain ones */
	"a2 01 00 00 00", "a2 00 00 00 00", "a2 1818 00 17 00",
	"a2 21 00 20 00", "a2 20 00 00 00", "a2 40 00 20 00",
	"a2 60 00 40 00", "a2 f4 00 60 00", "a2 f5 00 f4 00",
	"a2 f6 00 f6 00", "a2 6161 00 6161 00", "a2 6162 00 6161 00",
	"a2 626161 00 6162 00", "a2 420000 00 41ff 00",
	"a3 00 00 01 00 00 00", "a3 00 00 02 00 01 00",
	"a2 190100 00 18ff 00", "a1 80 00", "a1 a0 00", "a1 8100 00",
	"a2 00 00 80 00", "a1 00 a2 01 00 00 00", "81 a2 00 00 00 00",
	/* five levels */
	"81 81 81 81 80", "81 81 81 81 81 00", "81 81 81 81 a0",
	"a1 00 a1 00 a1 00 a1 00 a0", "82 00 81 81 81 81 00",
	/* tags, floats, indefinite lengths, other simple values */
	"c000", "c100", "d81800", "d9d9f700", "c24100", "81 c000",
	"a1 c000 00", "a1 00 c000", "f90000", "fa00000000",
	"fb0000000000000000", "f97e00", "a1 f90000 00", "81 f90000",
	"5f4100ff", "7f6161ff", "9fff", "9f00ff", "bfff", "bf0000ff", "ff",
	"81 ff", "81 9fff", "5fff", "7fff", "e0", "f3", "f800", "f814",
	"f815", "f816", "f817", "f818", "f820", "f8ff", "81 f8ff",
	/* lengths 28 to 31 of every type */
	"1c", "1d", "1e", "1f", "3c", "3f", "5c", "5d", "5e", "7c", "7e",
	"9c", "9e", "bc", "be", "dc", "de", "df00", "fc", "fd", "fe",
};

static void
canonical_messages_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!check_hex(good[i]))
			fail_msg("refused: %s", good[i]);
}

static void
others_do_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (check_hex(bad[i]))
			fail_msg("passed: %s", bad[i]);
}

static bool
take_nothing(struct cbor_in *in, void *arg)
{
	(void)arg;
	return cbor_any(in, NULL);
}

/* Rows "a" (6161), "b" (6162) and 32 for the map in member 5. */
static bool
check_loose(const char *text)
{
	static const struct cbor_member table[] = {
		{ 0, "a", false, take_nothing },
		{ 0, "b", true, take_nothing },
		{ 32, NULL, false, take_nothing },
	};
	struct span msg = hex(text);
	bool ok = cbor_check_loose(msg, 5, table, COUNT(table));

	hex_free(msg);
	return ok;
}

static void
known_members_of_one_map_may_stand_anywhere(void **state)
{
	static const char *const any[] = {
		"a1 05 a0", "a1 05 a2 6161 00 6162 00",
		"a1 05 a2 6162 00 6161 00", "a1 05 a2 6162 00 1820 00",
		"a1 05 a3 6162 00 1820 00 6161 00",
		/* the others are in order, and do not see the known ones */
		"a1 05 a4 6162 00 6163 00 6161 00 6164 00",
		"a1 05 a3 6163 00 6161 00 6162 00",
		"a1 05 a3 6162 00 00 00 6161 00",
		/* 5 of another map, or no map */
		"a1 05 f5", "a1 05 82 6162 6161",
		"a2 05 a2 6162 00 6161 00 06 00",
	};
	static const char *const not[] = {
		/* twice, beside each other or not */
		"a1 05 a2 6161 00 6161 00", "a1 05 a3 6162 00 6161 00 6162 00",
		"a1 05 a3 1820 00 6161 00 1820 00",
		/* the others out of order, or twice */
		"a1 05 a2 6164 00 6163 00",
		"a1 05 a4 6162 00 6164 00 6161 00 6163 00",
		"a1 05 a3 6163 00 6161 00 6163 00",
		/* in other members, deeper, further out, in arrays */
		"a1 04 a2 6162 00 6161 00", "a1 06 a2 6162 00 6161 00",
		"a1 05 a1 6161 a2 6162 00 6161 00",
		"a1 05 a1 05 a2 6162 00 6161 00",
		"a1 00 a1 05 a2 6162 00 6161 00",
		"a1 05 81 a2 6162 00 6161 00", "81 a2 6162 00 6161 00",
		"82 05 a2 6162 00 6161 00", "a2 6162 00 6161 00",
		"a1 24 a2 6162 00 6161 00", "a1 6105 a2 6162 00 6161 00",
		"a2 05 a0 06 a2 6162 00 6161 00",
		/* and all else */
		"a1 05 a2 6162 00 780161 00", "a1 05 a2 6162 00 6161",
		"a1 05 a2 6162 00 6161 00 00", "a1 05 a2 6162 c000 6161 00",
		"a1 05 a2 6162 00 8161 00", "a2 06 00 05 a0", "",
		"a1 05 a2 6162 00 6161 81 81 81 00",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(any); i++)
		if (!check_loose(any[i]))
			fail_msg("refused: %s", any[i]);
	for (size_t i = 0; i < COUNT(not); i++)
		if (check_loose(not[i]))
			fail_msg("passed: %s", not[i]);
	for (size_t i = 0; i < COUNT(good); i++)
		if (!check_loose(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (check_loose(bad[i]))
			fail_msg("passed: %s", bad[i]);
}

/* An item ends itself, so no part of it and nothing longer is one. */
static void
nothing_may_miss_or_follow(void **state)
{
	uint8_t longer[64];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct span msg = hex(good[i]);

		for (size_t len = 0; len < msg.len; len++)
			if (check_copy(msg.p, len))
				fail_msg("%zu bytes of %s", len, good[i]);
		memcpy(longer, msg.p, msg.len);
		for (unsigned b = 0; b < 256; b++) {
			longer[msg.len] = (uint8_t)b;
			assert_false(check_copy(longer, msg.len + 1));
		}
		hex_free(msg);
	}
}

static void
of_single_bytes_these_are_whole(void **state)
{
	(void)state;
	for (unsigned b = 0; b < 256; b++) {
		uint8_t byte = (uint8_t)b;
		bool whole = b <= 0x17 || (b >= 0x20 && b <= 0x37) ||
		    b == 0x40 || b == 0x60 || b == 0x80 || b == 0xa0 ||
		    (b >= 0xf4 && b <= 0xf7);

		if (check_copy(&byte, 1) != whole)
			fail_msg("byte %02x", b);
	}
}

/* WebAuthn Level 3, 8.9: a chain in a statement of a compound one */
static void
compound_statements_are_deeper(void **state)
{
	struct span six = hex("a1 03 81 a1 00 a1 00 81 81 40");
	struct span seven = hex("a1 03 81 a1 00 a1 00 81 81 81 40");

	(void)state;
	assert_false(cbor_check(six));
	assert_true(cbor_check_deep(six, CBOR_DEPTH_COMPOUND));
	assert_false(cbor_check_deep(six, CBOR_DEPTH_COMPOUND - 1));
	assert_false(cbor_check_deep(seven, CBOR_DEPTH_COMPOUND));
	hex_free(six);
	hex_free(seven);
}

/* A head with a count of extra bytes: 0, 1, 2, 4 or 8. */
static size_t
put_head(uint8_t *out, unsigned major, uint64_t v, unsigned extra)
{
	unsigned info = extra == 0 ? (unsigned)v : extra == 1 ? 24 :
	    extra == 2 ? 25 : extra == 4 ? 26 : 27;

	out[0] = (uint8_t)(major << 5 | info);
	for (unsigned i = 0; i < extra; i++)
		out[1 + i] = (uint8_t)(v >> 8 * (extra - 1 - i));
	return 1 + extra;
}

static unsigned
shortest(uint64_t v)
{
	return v < 24 ? 0 : v <= UINT8_MAX ? 1 : v <= UINT16_MAX ? 2 :
	    v <= UINT32_MAX ? 4 : 8;
}

static bool
can_hold(unsigned extra, uint64_t v)
{
	return extra == 0 ? v < 24 : extra == 8 || v >> 8 * extra == 0;
}

/* v bytes, letters, zeros, or pairs with ascending keys */
static size_t
put_contents(uint8_t *out, unsigned major, uint64_t v)
{
	size_t len = 0;

	if (major < 2)
		return 0;
	if (major < 5) {
		memset(out, major == 3 ? 'a' : 0, v);
		return v;
	}
	for (uint64_t i = 0; i < v; i++) {
		len += put_head(out + len, 0, i, shortest(i));
		out[len++] = 0;
	}
	return len;
}

static void
every_length_has_one_form(void **state)
{
	static const uint64_t edges[] = { 0, 1, 23, 24, 25, 255, 256, 257,
		65535, 65536, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX };
	static const unsigned extras[] = { 0, 1, 2, 4, 8 };
	uint8_t *buf = malloc(1 << 20);
	size_t len;

	(void)state;
	assert_non_null(buf);
	for (unsigned major = 0; major <= 5; major++) {
		for (size_t e = 0; e < COUNT(edges); e++) {
			uint64_t v = edges[e];

			if (major >= 2 && v > 65536)
				continue;
			for (size_t x = 0; x < COUNT(extras); x++) {
				if (!can_hold(extras[x], v))
					continue;
				len = put_head(buf, major, v, extras[x]);
				len += put_contents(buf + len, major, v);
				assert_int_equal(check_copy(buf, len),
				    extras[x] == shortest(v));
			}
		}
	}
	free(buf);
}

static void
count_one_more_than_there_is(void **state)
{
	static const uint64_t counts[] = { 1, 23, 24, 255, 256, 65535 };
	uint8_t *buf = malloc(1 << 20);
	size_t head, len;

	(void)state;
	assert_non_null(buf);
	for (unsigned major = 2; major <= 5; major++) {
		for (size_t i = 0; i < COUNT(counts); i++) {
			uint64_t v = counts[i];

			head = put_head(buf, major, v, shortest(v));
			len = put_contents(buf + head, major, v);
			assert_true(check_copy(buf, head + len));
			assert_false(check_copy(buf, head + len - 1));
		}
	}
	free(buf);
}

/* --- text ---------------------------------------------------------------- */

static const char *const utf8_good[] = {
	"00", "7f", "c280", "dfbf", "e0a080", "e0bfbf", "e18080", "ecbfbf",
	"ed8080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f0bfbfbf",
	"f1808080", "f3bfbfbf", "f4808080", "f48fbfbf", "61c3a9e282ac",
};

static const char *const utf8_bad[] = {
	"80", "bf", "c080", "c1bf", "c2", "c220", "c2c2", "c2c280",
	"df", "dfc0", "e0", "e0a0", "e09fbf", "e08080", "e0c080", "e0a0c0",
	"e28228", "e228a1", "e282", "eda080", "edbfbf", "ed", "ef",
	"efbf", "f0", "f09080", "f08fbfbf", "f08282ac", "f0288080",
	"f0902880", "f0908028", "f0c08080", "f4908080", "f4bfbfbf",
	"f5808080", "f8888080", "f888808080", "fc84808080", "fe", "ff",
};

static bool
check_as(unsigned major, struct span s)
{
	uint8_t item[32];

	item[0] = (uint8_t)(major << 5 | s.len);
	memcpy(item + 1, s.p, s.len);
	return check_copy(item, 1 + s.len);
}

static void
text_is_utf8_and_bytes_need_not_be(void **state)
{
	struct span s;

	(void)state;
	for (size_t i = 0; i < COUNT(utf8_good); i++) {
		s = hex(utf8_good[i]);
		if (!check_as(3, s))
			fail_msg("refused: %s", utf8_good[i]);
		assert_int_equal(cbor_utf8_cut(s, SIZE_MAX), s.len);
		hex_free(s);
	}
	for (size_t i = 0; i < COUNT(utf8_bad); i++) {
		s = hex(utf8_bad[i]);
		if (check_as(3, s))
			fail_msg("passed: %s", utf8_bad[i]);
		assert_true(check_as(2, s));
		assert_true(cbor_utf8_cut(s, SIZE_MAX) < s.len);
		hex_free(s);
	}
	assert_false(check_hex("a1 61ff 00"));
	assert_false(check_hex("81 81 62c080"));
}

static void
cutting_is_between_code_points(void **state)
{
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
	/* one, two, three and four bytes */
	struct span s = hex("61 c3a9 e282ac f09d849e");

	(void)state;
	for (size_t max = 0; max < COUNT(want); max++)
		assert_int_equal(cbor_utf8_cut(s, max), want[max]);
	hex_free(s);
	assert_int_equal(cbor_utf8_cut(span(NULL, 0), 5), 0);
}

static void
cutting_stops_at_what_is_no_text(void **state)
{
	struct span s = hex("61 c3a9 ff 62");

	(void)state;
	assert_int_equal(cbor_utf8_cut(s, SIZE_MAX), 3);
	hex_free(s);
}

/* --- readers ------------------------------------------------------------- */

enum reader { READ_UINT, READ_INT, READ_BOOL, READ_BYTES, READ_TEXT,
	READ_ARRAY, READ_MAP, READERS };

/* Reads with the reader; whether its output is other than it was. */
static bool
read_with(enum reader r, struct cbor_in *in, bool *changed)
{
	struct { uint64_t a, b; } before, out;
	bool ok = false;

	memset(&before, 0xa5, sizeof(before));
	if (r == READ_BOOL)
		memset(&before, 1, sizeof(before));
	out = before;
	switch (r) {
	case READ_UINT:
		ok = cbor_uint(in, &out.a);
		break;
	case READ_INT:
		ok = cbor_int(in, (int64_t *)&out.a);
		break;
	case READ_BOOL:
		ok = cbor_bool(in, (bool *)&out.a);
		break;
	case READ_BYTES:
		ok = cbor_bytes(in, (struct span *)(void *)&out);
		break;
	case READ_TEXT:
		ok = cbor_text(in, (struct span *)(void *)&out);
		break;
	case READ_ARRAY:
		ok = cbor_array(in, (size_t *)&out.a);
		break;
	default:
		ok = cbor_map(in, (size_t *)&out.a);
		break;
	}
	*changed = memcmp(&out, &before, sizeof(out)) != 0;
	return ok;
}

static const struct {
	const char	*item;
	enum cbor_kind	 kind;
	unsigned	 readers;	/* bits of those that take it */
} kinds[] = {
	{ "05",	  CBOR_UINT,	1 << READ_UINT | 1 << READ_INT },
	{ "24",	  CBOR_NEGINT,	1 << READ_INT },
	{ "4100", CBOR_BYTES,	1 << READ_BYTES },
	{ "6161", CBOR_TEXT,	1 << READ_TEXT },
	{ "8100", CBOR_ARRAY,	1 << READ_ARRAY },
	{ "a10000", CBOR_MAP,	1 << READ_MAP },
	{ "f4",	  CBOR_BOOL,	1 << READ_BOOL },
	{ "f6",	  CBOR_NULL,	0 },
	{ "f7",	  CBOR_NULL,	0 },
};

static void
readers_take_their_kind_only(void **state)
{
	bool changed;

	(void)state;
	for (size_t i = 0; i < COUNT(kinds) * READERS; i++) {
		enum reader r = (enum reader)(i % READERS);
		bool want = kinds[i / READERS].readers & 1U << r;
		struct span msg = hex(kinds[i / READERS].item);
		struct cbor_in in;

		cbor_in_init(&in, msg);
		assert_int_equal(cbor_peek(&in), kinds[i / READERS].kind);
		assert_int_equal(read_with(r, &in, &changed), want);
		assert_int_equal(changed, want);
		assert_int_equal(in.err, want ? CTAP2_OK :
		    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
		assert_int_equal(in.rest.p != msg.p, want);
		hex_free(msg);
	}
}

static void
the_first_error_stays_and_reading_stops(void **state)
{
	static const uint8_t two[] = { 0x05, 0x05 };
	struct span s;
	struct cbor_in in;
	bool changed;

	(void)state;
	for (unsigned r = 0; r < READERS; r++) {
		cbor_in_init(&in, span(two, sizeof(two)));
		assert_false(cbor_fail(&in, CTAP2_ERR_LIMIT_EXCEEDED));
		assert_false(cbor_fail(&in, CTAP1_ERR_OTHER));
		assert_int_equal(cbor_peek(&in), CBOR_END);
		assert_false(read_with((enum reader)r, &in, &changed));
		assert_false(changed);
		assert_false(cbor_any(&in, NULL));
		assert_false(cbor_bytes_len(&in, &s, 1));
		assert_false(cbor_members(&in, NULL, 0, NULL));
		assert_ptr_equal(in.rest.p, two);
		assert_int_equal(in.err, CTAP2_ERR_LIMIT_EXCEEDED);
	}
}

static void
reading_past_the_end(void **state)
{
	struct cbor_in in;
	bool changed;

	(void)state;
	for (unsigned r = 0; r < READERS; r++) {
		cbor_in_init(&in, span(NULL, 0));
		assert_int_equal(cbor_peek(&in), CBOR_END);
		assert_false(read_with((enum reader)r, &in, &changed));
		assert_false(changed);
		assert_int_equal(in.err, CTAP2_ERR_INVALID_CBOR);
	}
	cbor_in_init(&in, span(NULL, 0));
	assert_false(cbor_any(&in, NULL));
	assert_int_equal(in.err, CTAP2_ERR_INVALID_CBOR);
}

static void
integers_up_to_64_bits_signed(void **state)
{
	static const struct {
		const char	*item;
		bool		 ok;
		int64_t		 v;
	} ints[] = {
		{ "00", true, 0 }, { "17", true, 23 }, { "1818", true, 24 },
		{ "190100", true, 256 }, { "1a00010000", true, 65536 },
		{ "1b0000000100000000", true, INT64_C(1) << 32 },
		{ "1b7fffffffffffffff", true, INT64_MAX },
		{ "1b8000000000000000", false, 0 },
		{ "1bffffffffffffffff", false, 0 },
		{ "20", true, -1 }, { "3818", true, -25 },
		{ "390100", true, -257 }, { "3a00010000", true, -65537 },
		{ "3b7fffffffffffffff", true, INT64_MIN },
		{ "3b8000000000000000", false, 0 },
		{ "3bffffffffffffffff", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ints); i++) {
		struct span msg = hex(ints[i].item);
		struct cbor_in in;
		int64_t v = 42;

		cbor_in_init(&in, msg);
		assert_int_equal(cbor_int(&in, &v), ints[i].ok);
		assert_int_equal(v, ints[i].ok ? ints[i].v : 42);
		assert_int_equal(in.err, ints[i].ok ? CTAP2_OK :
		    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
		hex_free(msg);
	}
}

static void
strings_of_a_fixed_length(void **state)
{
	struct span msg = hex("43010203"), s = span(NULL, 7);
	struct cbor_in in;

	(void)state;
	for (size_t len = 0; len < 6; len++) {
		if (len == 3)
			continue;
		cbor_in_init(&in, msg);
		assert_false(cbor_bytes_len(&in, &s, len));
		assert_int_equal(in.err, CTAP1_ERR_INVALID_LENGTH);
		assert_int_equal(s.len, 7);
	}
	cbor_in_init(&in, msg);
	assert_true(cbor_bytes_len(&in, &s, 3));
	assert_ptr_equal(s.p, msg.p + 1);
	assert_int_equal(in.rest.len, 0);
	hex_free(msg);
}

/* "there, and empty" is not "not there" */
static void
empty_strings_have_an_address(void **state)
{
	struct span msg = hex("4060"), s = { 0 };
	struct cbor_in in;

	(void)state;
	cbor_in_init(&in, msg);
	assert_true(cbor_bytes(&in, &s));
	assert_non_null(s.p);
	assert_int_equal(s.len, 0);
	s.p = NULL;
	assert_true(cbor_text(&in, &s));
	assert_non_null(s.p);
	assert_int_equal(s.len, 0);
	hex_free(msg);
}

static void
any_item_is_skipped_whole(void **state)
{
	static const char *const rest[] = { "00", "f6", "4141", "80", "a0",
		"83 80 a1 00 8100 6161", "a2 01 82 01 a1 02 4100 03 04" };

	(void)state;
	for (size_t i = 0; i < COUNT(rest); i++) {
		struct span item = hex(rest[i]), s;
		uint8_t two[32];
		struct cbor_in in;

		memcpy(two, item.p, item.len);
		two[item.len] = 0x07;
		cbor_in_init(&in, span(two, item.len + 1));
		assert_true(cbor_any(&in, &s));
		assert_true(span_eq(s, item));
		assert_ptr_equal(s.p, two);
		assert_int_equal(in.rest.len, 1);
		assert_true(cbor_any(&in, NULL));
		assert_int_equal(in.rest.len, 0);
		for (size_t len = 0; len < item.len; len++) {
			cbor_in_init(&in, span(two, len));
			assert_false(cbor_any(&in, &s));
			assert_int_equal(in.err, CTAP2_ERR_INVALID_CBOR);
		}
		hex_free(item);
	}
}

static void
any_item_does_not_believe_counts(void **state)
{
	static const char *const huge[] = { "9bffffffffffffffff00",
		"bb800000000000000000", "bb7fffffffffffffff00",
		"82 9bffffffffffffffff 00" };

	(void)state;
	for (size_t i = 0; i < COUNT(huge); i++) {
		struct span msg = hex(huge[i]);
		struct cbor_in in;

		cbor_in_init(&in, msg);
		assert_false(cbor_any(&in, NULL));
		assert_int_equal(in.err, CTAP2_ERR_INVALID_CBOR);
		hex_free(msg);
	}
}

/* --- maps ---------------------------------------------------------------- */

struct seen {
	int64_t		one, minus_one, name;
	unsigned	taken;
};

static bool
take_one(struct cbor_in *in, void *arg)
{
	((struct seen *)arg)->taken++;
	return cbor_int(in, &((struct seen *)arg)->one);
}

static bool
take_minus_one(struct cbor_in *in, void *arg)
{
	((struct seen *)arg)->taken++;
	return cbor_int(in, &((struct seen *)arg)->minus_one);
}

static bool
take_name(struct cbor_in *in, void *arg)
{
	((struct seen *)arg)->taken++;
	return cbor_int(in, &((struct seen *)arg)->name);
}

/* Refuses without a reason of its own. */
static bool
take_never(struct cbor_in *in, void *arg)
{
	(void)in;
	(void)arg;
	return false;
}

static const struct cbor_member members[] = {
	{ 1, NULL, true, take_one },
	{ 9, NULL, false, take_never },
	{ -1, NULL, false, take_minus_one },
	{ 0, "name", false, take_name },
};

static enum ctap_status
read_members(const char *text, struct seen *seen)
{
	struct span msg = hex(text);
	struct cbor_in in;
	bool ok;

	memset(seen, 0, sizeof(*seen));
	assert_true(cbor_check(msg));
	cbor_in_init(&in, msg);
	ok = cbor_members(&in, members, COUNT(members), seen);
	assert_int_equal(ok, in.err == CTAP2_OK);
	if (ok)
		assert_int_equal(in.rest.len, 0);
	hex_free(msg);
	return in.err;
}

static void
members_by_integer_and_by_name(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(read_members("a3 01 05 20 06 646e616d65 07", &seen),
	    CTAP2_OK);
	assert_int_equal(seen.taken, 3);
	assert_int_equal(seen.one, 5);
	assert_int_equal(seen.minus_one, 6);
	assert_int_equal(seen.name, 7);
	assert_int_equal(read_members("a1 01 24", &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
	assert_int_equal(seen.one, -5);
}

static void
unknown_members_are_skipped_whole(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(read_members("a6 00 a1 01 09 01 05 02 8101 21 a0 "
	    "40 f6 646e616d66 6161", &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
	assert_int_equal(seen.one, 5);
	/* a prefix, something longer, other letters, other types */
	assert_int_equal(read_members("a6 01 05 446e616d65 00 636e616d 00 "
	    "644e414d45 00 656e616d6573 00 f5 00", &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
}

/* As 64 unsigned bits, -1 is 2^64 - 1. */
static void
large_keys_are_no_negative_ones(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(read_members("a2 01 05 1bffffffffffffffff 06",
	    &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
	assert_int_equal(read_members("a2 01 05 3bfffffffffffffffe 06",
	    &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
	assert_int_equal(read_members("a2 01 05 3bffffffffffffffff 06",
	    &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
	assert_int_equal(read_members("a2 01 05 1b0000000100000001 06",
	    &seen), CTAP2_OK);
	assert_int_equal(seen.taken, 1);
}

static void
members_that_are_missing_or_wrong(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(read_members("a0", &seen),
	    CTAP2_ERR_MISSING_PARAMETER);
	assert_int_equal(read_members("a1 20 00", &seen),
	    CTAP2_ERR_MISSING_PARAMETER);
	assert_int_equal(read_members("a1 01 40", &seen),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	assert_int_equal(read_members("a2 01 00 09 00", &seen),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	/* the first thing wrong is told */
	assert_int_equal(read_members("a2 09 00 20 40", &seen),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	assert_int_equal(read_members("81 00", &seen),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
	assert_int_equal(read_members("00", &seen),
	    CTAP2_ERR_CBOR_UNEXPECTED_TYPE);
}

/* What cbor_check() would have refused still ends in an error. */
static void
members_of_an_unchecked_message(void **state)
{
	static const char *const cut[] = { "a1", "a101", "a2 01 00", "a1 02",
		"a2 01 00 02", "a1 02 81", "a1 c0 00" };
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT(cut); i++) {
		struct span msg = hex(cut[i]);
		struct cbor_in in;

		cbor_in_init(&in, msg);
		assert_false(cbor_members(&in, members, COUNT(members),
		    &seen));
		assert_int_equal(in.err, CTAP2_ERR_INVALID_CBOR);
		hex_free(msg);
	}
}

/* --- writer -------------------------------------------------------------- */

static const char written[] =
	"a7 01 17 02 1bffffffffffffffff 03 38ff 04 43010203 "
	"05 63c3a961 06 83 f5 f4 00 07 a0";

static void
write_everything(struct cbor_out *out)
{
	static const uint8_t bytes[] = { 1, 2, 3 }, empty_map[] = { 0xa0 };

	cbor_put_map(out, 7);
	cbor_put_uint(out, 1);
	cbor_put_uint(out, 23);
	cbor_put_int(out, 2);
	cbor_put_uint(out, UINT64_MAX);
	cbor_put_uint(out, 3);
	cbor_put_int(out, -256);
	cbor_put_uint(out, 4);
	cbor_put_bytes(out, span(bytes, sizeof(bytes)));
	cbor_put_uint(out, 5);
	cbor_put_str(out, "\xc3\xa9" "a");
	cbor_put_uint(out, 6);
	cbor_put_array(out, 3);
	cbor_put_bool(out, true);
	cbor_put_bool(out, false);
	cbor_put_int(out, 0);
	cbor_put_uint(out, 7);
	cbor_put_raw(out, span(empty_map, sizeof(empty_map)));
}

static void
writer_writes_this(void **state)
{
	struct span want = hex(written);
	uint8_t buf[64];
	struct cbor_out out;

	(void)state;
	cbor_out_init(&out, buf, sizeof(buf));
	write_everything(&out);
	assert_false(out.overflow);
	assert_true(span_eq(cbor_out_span(&out), want));
	assert_true(cbor_check(want));
	hex_free(want);
}

static void
writer_stops_where_the_room_ends(void **state)
{
	struct span want = hex(written);
	uint8_t buf[64];

	(void)state;
	for (size_t cap = 0; cap <= want.len; cap++) {
		struct cbor_out out;

		memset(buf, 0xee, sizeof(buf));
		cbor_out_init(&out, buf, cap);
		write_everything(&out);
		assert_int_equal(out.overflow, cap < want.len);
		assert_true(out.len <= cap);
		assert_memory_equal(buf, want.p, out.len);
		for (size_t i = out.len; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0xee);
	}
	hex_free(want);
}

static void
writer_that_overflowed_stays_so(void **state)
{
	uint8_t buf[4] = { 0 };
	struct cbor_out out;

	(void)state;
	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_uint(&out, UINT64_MAX);
	assert_true(out.overflow);
	cbor_put_uint(&out, 0);
	cbor_put_raw(&out, span(NULL, 0));
	cbor_put_bytes(&out, span(NULL, 0));
	cbor_put_bool(&out, true);
	assert_true(out.overflow);
	assert_int_equal(out.len, 0);
	assert_int_equal(buf[0], 0);
}

static void
what_is_written_is_read_back(void **state)
{
	static const int64_t ints[] = { 0, 1, 23, 24, 255, 256, 65535, 65536,
		UINT32_MAX, INT64_C(1) << 32, INT64_MAX, -1, -24, -25, -256,
		-257, -65536, -65537, -4294967296, -4294967297, INT64_MIN };
	uint8_t buf[256];
	struct cbor_out out;
	struct cbor_in in;
	size_t count;
	int64_t v;

	(void)state;
	cbor_out_init(&out, buf, sizeof(buf));
	cbor_put_array(&out, COUNT(ints));
	for (size_t i = 0; i < COUNT(ints); i++)
		cbor_put_int(&out, ints[i]);
	assert_false(out.overflow);
	assert_true(cbor_check(cbor_out_span(&out)));
	cbor_in_init(&in, cbor_out_span(&out));
	assert_true(cbor_array(&in, &count));
	assert_int_equal(count, COUNT(ints));
	for (size_t i = 0; i < COUNT(ints); i++) {
		assert_true(cbor_int(&in, &v));
		assert_true(v == ints[i]);
	}
	assert_int_equal(in.rest.len, 0);
}

static void
strings_of_any_length_are_read_back(void **state)
{
	static const size_t lens[] = { 0, 1, 23, 24, 255, 256, 65535, 65536 };
	uint8_t *text = malloc(65536), *buf = malloc(65536 + 8);

	(void)state;
	assert_true(text != NULL && buf != NULL);
	memset(text, 'x', 65536);
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct span want = span(text, lens[i]), got;
		struct cbor_out out;
		struct cbor_in in;

		cbor_out_init(&out, buf, 65536 + 8);
		cbor_put_text(&out, want);
		assert_true(cbor_check(cbor_out_span(&out)));
		cbor_in_init(&in, cbor_out_span(&out));
		assert_true(cbor_text(&in, &got));
		assert_true(span_eq(got, want));
	}
	free(text);
	free(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_messages_pass),
		cmocka_unit_test(others_do_not),
		cmocka_unit_test(known_members_of_one_map_may_stand_anywhere),
		cmocka_unit_test(nothing_may_miss_or_follow),
		cmocka_unit_test(of_single_bytes_these_are_whole),
		cmocka_unit_test(compound_statements_are_deeper),
		cmocka_unit_test(every_length_has_one_form),
		cmocka_unit_test(count_one_more_than_there_is),
		cmocka_unit_test(text_is_utf8_and_bytes_need_not_be),
		cmocka_unit_test(cutting_is_between_code_points),
		cmocka_unit_test(cutting_stops_at_what_is_no_text),
		cmocka_unit_test(readers_take_their_kind_only),
		cmocka_unit_test(the_first_error_stays_and_reading_stops),
		cmocka_unit_test(reading_past_the_end),
		cmocka_unit_test(integers_up_to_64_bits_signed),
		cmocka_unit_test(strings_of_a_fixed_length),
		cmocka_unit_test(empty_strings_have_an_address),
		cmocka_unit_test(any_item_is_skipped_whole),
		cmocka_unit_test(any_item_does_not_believe_counts),
		cmocka_unit_test(members_by_integer_and_by_name),
		cmocka_unit_test(unknown_members_are_skipped_whole),
		cmocka_unit_test(large_keys_are_no_negative_ones),
		cmocka_unit_test(members_that_are_missing_or_wrong),
		cmocka_unit_test(members_of_an_unchecked_message),
		cmocka_unit_test(writer_writes_this),
		cmocka_unit_test(writer_stops_where_the_room_ends),
		cmocka_unit_test(writer_that_overflowed_stays_so),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(strings_of_any_length_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
