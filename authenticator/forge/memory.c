/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/memory.h"

#include <openssl/rand.h>

void
forge_memory_wipe(struct forge_memory *m)
{
	explicit_bzero(m->bytes, m->used);
	m->used = 0;
	m->full = false;
}

uint8_t *
forge_room(struct forge_memory *m, size_t len)
{
	uint8_t *at = m->bytes + m->used;

	if (len > sizeof(m->bytes) - m->used) {
		m->full = true;
		return NULL;
	}
	m->used += len;
	memset(at, 0, len);
	return at;
}

struct span
forge_copy(struct forge_memory *m, struct span s)
{
	uint8_t *p = forge_room(m, s.len);

	if (p == NULL)
		return span(NULL, 0);
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return span(p, s.len);
}

struct span
forge_random(struct forge_memory *m, size_t len)
{
	uint8_t *p = forge_room(m, len);

	if (p == NULL)
		return span(NULL, 0);
	if (RAND_bytes(p, (int)len) != 1) {
		m->full = true;
		return span(NULL, 0);
	}
	return span(p, len);
}

struct span
forge_flip(struct forge_memory *m, struct span s, int i)
{
	size_t at = i < 0 ? s.len - (size_t)-i : (size_t)i;
	struct span copy = forge_copy(m, s);

	if (copy.p == NULL || at >= s.len)
		return span(NULL, 0);
	m->bytes[copy.p - m->bytes + at] ^= 1;
	return copy;
}

struct span
forge_join(struct forge_memory *m, struct span a, struct span b)
{
	uint8_t *p = forge_room(m, a.len + b.len);

	if (p == NULL)
		return span(NULL, 0);
	if (a.len > 0)
		memcpy(p, a.p, a.len);
	if (b.len > 0)
		memcpy(p + a.len, b.p, b.len);
	return span(p, a.len + b.len);
}
