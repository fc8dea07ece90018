/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times by the million in a few kilobytes: 32 buckets to each power of two,
 * so that a percentile is at most 3 % too high. Nothing is allocated; zeros
 * are an empty one.
 */
#ifndef TESTS_HISTOGRAM_H
#define TESTS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS	(60 * 32)

struct histogram {
	uint64_t	count;
	uint64_t	max;
	uint64_t	bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* No value, of so many percent of them, is above it; 0 if there are none. */
uint64_t histogram_percentile(const struct histogram *h, unsigned percent);

#endif
