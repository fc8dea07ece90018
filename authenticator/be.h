/* SPDX-License-Identifier: Apache-2.0 */
/* Big-endian numbers of up to 8 bytes, in the records that we keep. */
#ifndef AUTHENTICATOR_BE_H
#define AUTHENTICATOR_BE_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t
be_get(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

/* Returns what is behind it. */
static inline uint8_t *
be_put(uint8_t *p, uint64_t v, size_t len)
{
	for (size_t i = len; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
	return p + len;
}

#endif
