/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/histogram.h"

#include <stddef.h>

#define PER_POWER	32
#define PER_POWER_BITS	5

static size_t
bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < PER_POWER)
		return value;
	shift = 63 - (unsigned)__builtin_clzll(value) - PER_POWER_BITS;
	return (size_t)(shift + 1) * PER_POWER +
	    (value >> shift) % PER_POWER;
}

/* The highest value that goes there. */
static uint64_t
top_of(size_t bucket)
{
	unsigned shift;

	if (bucket < PER_POWER)
		return bucket;
	shift = (unsigned)(bucket / PER_POWER) - 1;
	return ((bucket % PER_POWER + PER_POWER + UINT64_C(1)) << shift) - 1;
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	h->bucket[bucket_of(value)]++;
	if (value > h->max)
		h->max = value;
}

void
histogram_merge(struct histogram *to, const struct histogram *from)
{
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

uint64_t
histogram_percentile(const struct histogram *h, unsigned percent)
{
	uint64_t rank = (h->count * percent + 99) / 100, seen = 0;

	if (rank == 0)
		rank = 1;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
