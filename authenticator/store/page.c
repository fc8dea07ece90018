/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of pages, frames and marks. See page.h.
 *
 * The page checksum runs four independent lanes, because one lane would be
 * bound by the latency of its multiplication: a page takes well under a
 * microsecond, which is what lets every read be verified. Each step is a
 * bijection of the lane for a given word and of the word for a given lane,
 * hence the certainty promised for damage within one word.
 */
#include "authenticator/store/page.h"

#include <endian.h>
#include <string.h>

#define WORDS	((PAGE_LEN - PAGE_RESERVED) / 8)
#define LOG_STAMP	0x65646e6fULL	/* high half of a stamp */
#define ODD_1	0x9e3779b97f4a7c15ULL	/* any odd numbers with well */
#define ODD_2	0xd6e8feb86659fd93ULL	/* mixed bits will do */

static inline uint64_t
mix(uint64_t lane, uint64_t word)
{
	lane ^= word;
	return (lane << 29 | lane >> 35) * ODD_1;
}

static inline uint64_t
word_at(const uint8_t *p, size_t i)
{
	uint64_t w;

	memcpy(&w, p + 8 * i, sizeof(w));
	return le64toh(w);
}

static uint64_t
fold(uint64_t seed, const uint64_t lanes[static 4])
{
	uint64_t h = seed;

	for (int i = 0; i < 4; i++) {
		h = (h ^ lanes[i]) * ODD_2;
		h ^= h >> 32;
	}
	return h;
}

static uint64_t
sum_words(const uint8_t *p, size_t words, uint64_t seed)
{
	uint64_t l[4] = { seed, seed + ODD_1, seed + ODD_2, ~seed };
	size_t i;

	for (i = 0; i + 4 <= words; i += 4) {
		l[0] = mix(l[0], word_at(p, i));
		l[1] = mix(l[1], word_at(p, i + 1));
		l[2] = mix(l[2], word_at(p, i + 2));
		l[3] = mix(l[3], word_at(p, i + 3));
	}
	for (; i < words; i++)
		l[i & 3] = mix(l[i & 3], word_at(p, i));
	return fold(seed + words, l);
}

void
page_seal(uint8_t page[static PAGE_LEN], uint32_t pgno)
{
	uint64_t sum = htole64(sum_words(page, WORDS, pgno));

	memcpy(page + PAGE_LEN - PAGE_RESERVED, &sum, sizeof(sum));
}

uint64_t
page_stamp(const uint8_t page[static PAGE_LEN], uint32_t pgno)
{
	return word_at(page, WORDS) ^ sum_words(page, WORDS, pgno);
}

bool
page_valid(const uint8_t page[static PAGE_LEN], uint32_t pgno)
{
	return page_stamp(page, pgno) == 0;
}

void
page_change_stamp(uint8_t sum[static PAGE_RESERVED], uint64_t stamp)
{
	uint64_t v = htole64(word_at(sum, 0) ^ stamp);

	memcpy(sum, &v, sizeof(v));
}

uint64_t
page_stamp_log(const uint8_t salts[static WAL_SALTS_LEN])
{
	return LOG_STAMP << 32 | page_u32(salts);
}

bool
page_stamp_is_log(uint64_t stamp)
{
	return stamp >> 32 == LOG_STAMP;
}

uint32_t
page_fingerprint(const uint8_t page[static PAGE_LEN])
{
	return (uint32_t)sum_words(page, PAGE_LEN / 8, 0);
}

/*
 * SQLite looks for the salts of a frame at offset 8: something else must be
 * there, or it could take the mark for a frame.
 */
void
wal_mark_encode(uint8_t out[static WAL_MARK_LEN],
    const uint8_t salts[static WAL_SALTS_LEN], uint32_t frames)
{
	uint64_t n = htole64(frames), sum;

	memcpy(out, salts, 8);
	memcpy(out + 8, "synced!\n", 8);
	memcpy(out + 16, &n, 8);
	sum = htole64(sum_words(out, 3, frames));
	memcpy(out + 24, &sum, 8);
}

bool
wal_mark_valid(const uint8_t in[static WAL_MARK_LEN],
    const uint8_t salts[static WAL_SALTS_LEN], uint32_t frames)
{
	uint8_t want[WAL_MARK_LEN];

	wal_mark_encode(want, salts, frames);
	return memcmp(in, want, sizeof(want)) == 0;
}

void
wal_sum_add(struct wal_sum *sum, const uint8_t *p, size_t len)
{
	uint32_t s1 = sum->s1, s2 = sum->s2, w[2];

	for (size_t i = 0; i < len; i += 8) {
		memcpy(w, p + i, 8);
		if (sum->big_endian) {
			w[0] = be32toh(w[0]);
			w[1] = be32toh(w[1]);
		} else {
			w[0] = le32toh(w[0]);
			w[1] = le32toh(w[1]);
		}
		s1 += w[0] + s2;
		s2 += w[1] + s1;
	}
	sum->s1 = s1;
	sum->s2 = s2;
}
