/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/forge/der.h"

#include <openssl/objects.h>

#define HEAD_MAX	8	/* bytes: three of a tag, five of a length */

/* Short, or in as few bytes as it takes (X.690, 10.1). */
static uint8_t *
put_length(uint8_t *at, size_t len)
{
	size_t bytes = 0;

	if (len < 0x80) {
		*at++ = (uint8_t)len;
		return at;
	}
	for (size_t rest = len; rest > 0; rest >>= 8)
		bytes++;
	*at++ = (uint8_t)(0x80 | bytes);
	while (bytes-- > 0)
		*at++ = (uint8_t)(len >> (8 * bytes));
	return at;
}

struct span
der(struct forge_memory *m, uint8_t tag, struct span content)
{
	uint8_t head[HEAD_MAX] = { tag };
	uint8_t *end = put_length(head + 1, content.len);

	return forge_join(m, span(head, (size_t)(end - head)), content);
}

struct span
der_of(struct forge_memory *m, uint8_t tag, const struct span *parts,
    size_t count)
{
	struct span all = span("", 0);

	for (size_t i = 0; i < count; i++)
		if (parts[i].p != NULL)
			all = forge_join(m, all, parts[i]);
	return der(m, tag, all);
}

struct span
der_number(struct forge_memory *m, uint8_t tag, int64_t v)
{
	uint8_t bytes[8];
	size_t at = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((uint64_t)v >> (8 * (7 - i)));
	/* no zeros in front but one that keeps it positive */
	while (at < 7 && bytes[at] == 0 && (bytes[at + 1] & 0x80) == 0)
		at++;
	return der(m, tag, span(bytes + at, sizeof(bytes) - at));
}

struct span
der_high(struct forge_memory *m, unsigned number, struct span content)
{
	uint8_t head[HEAD_MAX] = { 0xbf };
	uint8_t *at = head + 1;

	if (number >= 0x80)
		*at++ = (uint8_t)(0x80 | number >> 7);
	*at++ = (uint8_t)(number & 0x7f);
	at = put_length(at, content.len);
	return forge_join(m, span(head, (size_t)(at - head)), content);
}

struct span
der_oid(struct forge_memory *m, const char *text)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(text, 0);
	struct span s = span(NULL, 0);

	if (oid != NULL)
		s = der(m, V_ASN1_OBJECT, span(OBJ_get0_data(oid),
		    OBJ_length(oid)));
	ASN1_OBJECT_free(oid);
	if (s.p == NULL)
		m->full = true;
	return s;
}
