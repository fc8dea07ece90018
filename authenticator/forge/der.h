/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER (X.690) of the little that extensions of certificates are made of:
 * written inside out, each value from its parts, into the memory of a reply.
 * Nothing is checked: what is wrong may be meant to be.
 */
#ifndef AUTHENTICATOR_FORGE_DER_H
#define AUTHENTICATOR_FORGE_DER_H

#include "authenticator/forge/memory.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTETS = 0x04,
	DER_NULL = 0x05,
	DER_ENUMERATED = 0x0a,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

/* Context-specific, below 31; explicit or of other things, or of bytes. */
#define DER_CONTEXT(n)		(0xa0 | (n))
#define DER_CONTEXT_BYTES(n)	(0x80 | (n))

struct span der(struct forge_memory *m, uint8_t tag, struct span content);
/* The same of parts, one behind the other; missing ones are left out. */
struct span der_of(struct forge_memory *m, uint8_t tag,
    const struct span *parts, size_t count);
/* 0 to 2^63 - 1, as INTEGER or ENUMERATED */
struct span der_number(struct forge_memory *m, uint8_t tag, int64_t v);
/* Context-specific, explicit, 31 to 16383. */
struct span der_high(struct forge_memory *m, unsigned number,
    struct span content);
/* Dotted decimal, or a name that OpenSSL knows. */
struct span der_oid(struct forge_memory *m, const char *text);

#endif
