/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/base64url.h"

#include <endian.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value and one more, 0: none. A table, for what is decoded is random:
 * the processor would guess every other character wrong. */
static const uint8_t values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['-'] = 63,
	['_'] = 64,
};

#define WIDE_BYTES	12	/* at once, */
#define WIDE_CHARS	16	/* which are so many characters */
#define WIDE		__attribute__((vector_size(WIDE_CHARS)))

/* The six bytes at p, in eight: six bits are the lower ones of each. It looks
 * at two bytes behind them. */
static uint64_t
spread(const uint8_t p[static WIDE_BYTES / 2 + 2])
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v = be64toh(v);
	v = (v >> 8 & UINT64_C(0x00ffffff00000000)) | (v >> 16 & 0xffffff);
	v = (v & UINT64_C(0x00fff00000fff000)) << 4 |
	    (v & UINT64_C(0x00000fff00000fff));
	v = (v & UINT64_C(0x0fc00fc00fc00fc0)) << 2 |
	    (v & UINT64_C(0x003f003f003f003f));
	return htobe64(v);
}

static void
encode_wide(const uint8_t p[static WIDE_BYTES + 2],
    char out[static WIDE_CHARS])
{
	uint64_t eights WIDE = { spread(p), spread(p + WIDE_BYTES / 2) };
	int8_t v WIDE;

	memcpy(&v, &eights, sizeof(v));
	/* what is compared is all ones then, or zero */
	v += 'A' + ((v > 25) & ('a' - 'Z' - 1)) - ((v > 51) & ('z' + 1 - '0')) -
	    ((v > 61) & ('9' + 1 - '-')) + ((v > 62) & ('_' - '-' - 1));
	memcpy(out, &v, sizeof(v));
}

void
base64url_encode(struct span bytes, char *out)
{
	const uint8_t *p = bytes.p;
	size_t left = bytes.len;
	uint32_t acc;

	/* most of what a fleet's answers are */
	for (; left >= WIDE_BYTES + 2; left -= WIDE_BYTES, p += WIDE_BYTES,
	    out += WIDE_CHARS)
		encode_wide(p, out);
	for (; left >= 3; left -= 3, p += 3, out += 4) {
		acc = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		out[0] = alphabet[acc >> 18];
		out[1] = alphabet[acc >> 12 & 63];
		out[2] = alphabet[acc >> 6 & 63];
		out[3] = alphabet[acc & 63];
	}
	if (left > 0) {
		acc = (uint32_t)p[0] << 16 | (left > 1 ? p[1] << 8 : 0);
		*out++ = alphabet[acc >> 18];
		*out++ = alphabet[acc >> 12 & 63];
		if (left > 1)
			*out++ = alphabet[acc >> 6 & 63];
	}
	*out = '\0';
}

bool
base64url_decode(struct span text, uint8_t *out, size_t *len)
{
	uint8_t *p = out;
	uint32_t acc = 0;
	unsigned bits = 0;
	uint32_t v;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		v = values[text.p[i]];
		if (v == 0)
			return false;
		acc = acc << 6 | (v - 1);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		*p++ = (uint8_t)(acc >> bits);
	}
	if ((acc & ((1U << bits) - 1)) != 0)	/* bits that say nothing */
		return false;
	*len = (size_t)(p - out);
	return true;
}
