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

#define EACH(n)	((uint64_t)(n) * UINT64_C(0x0101010101010101))

/* 1 in each byte of v (all below 64) that is above n. */
static uint64_t
above(uint64_t v, unsigned n)
{
	return (v + EACH(127 - n)) >> 7 & EACH(1);
}

/*
 * Eight characters of six bytes, which are the upper ones of in, at once: all
 * of them are spread to one value in each byte, and then become letters,
 * digits and the rest by as many additions.
 */
static uint64_t
eight(uint64_t in)
{
	uint64_t v = (in >> 8 & UINT64_C(0x00ffffff00000000)) |
	    (in >> 16 & 0xffffff);

	v = (v & UINT64_C(0x00fff00000fff000)) << 4 |
	    (v & UINT64_C(0x00000fff00000fff));
	v = (v & UINT64_C(0x0fc00fc00fc00fc0)) << 2 |
	    (v & UINT64_C(0x003f003f003f003f));
	return v + EACH('A') + above(v, 25) * ('a' - 'Z' - 1) -
	    above(v, 51) * ('z' + 1 - '0') - above(v, 61) * ('9' + 1 - '-') +
	    above(v, 62) * ('_' - '-' - 1);
}

void
base64url_encode(struct span bytes, char *out)
{
	const uint8_t *p = bytes.p;
	size_t left = bytes.len;
	uint64_t in;
	uint32_t acc;

	/* most of what a fleet's answers are; two bytes are looked at twice */
	for (; left >= sizeof(in); left -= 6, p += 6, out += sizeof(in)) {
		memcpy(&in, p, sizeof(in));
		in = htobe64(eight(be64toh(in)));
		memcpy(out, &in, sizeof(in));
	}
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
