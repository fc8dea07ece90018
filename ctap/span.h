/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A span is a view of bytes that somebody else owns. It lives as long as
 * they do and is never freed. A span with p == NULL means "not there", a
 * span with len == 0 and p != NULL means "there, and empty".
 */
#ifndef CTAP_SPAN_H
#define CTAP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t	*p;
	size_t		 len;	/* bytes */
};

static inline struct span
span(const void *p, size_t len)
{
	return (struct span){ p, len };
}

/* The bytes of a C string, without the NUL. */
static inline struct span
span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

/* For lookups, not for secrets: the time taken depends on the contents. */
static inline bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

#endif
