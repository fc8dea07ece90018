/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For whoever has many keys in turn: what one operation needs of the next key
 * is no longer near the processor when its turn comes, unless it is fetched
 * while there is something else to do. Changes nothing.
 */
#ifndef AUTHENTICATOR_PREFETCH_H
#define AUTHENTICATOR_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE	64	/* bytes; where it is another, it is slower */

/* From start, which need not be readable, to before end. */
static inline void
prefetch(const void *start, const void *end)
{
	for (const char *p = start; p < (const char *)end; p += CACHE_LINE)
		__builtin_prefetch(p);
}

/* Where p points to; it may be NULL. */
static inline void
prefetch_first(const void *p)
{
	__builtin_prefetch(p);
}

#endif
