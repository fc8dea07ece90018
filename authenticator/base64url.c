/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

void
base64url_encode(struct span bytes, char *out)
{
	const uint8_t *p = bytes.p;
	size_t left = bytes.len;
	uint32_t acc;

	/* three bytes, four characters: most of what a fleet's answers are */
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
	int v;

	if (text.len % 4 == 1)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		v = value_of(text.p[i]);
		if (v < 0)
			return false;
		acc = acc << 6 | (uint32_t)v;
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
