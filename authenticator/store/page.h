/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of the database file and frames of its write-ahead log, as bytes:
 * sizes, checksums, and the mark that says how much of the log was synced.
 * Pure functions; formats in store.md, the log's own in SQLite's "Database
 * File Format", section 4.
 *
 * Every page of sealkey.db ends in a 64-bit checksum over the rest of it and
 * its page number, to which page 1 may add a stamp. It finds any damage
 * within one 64-bit word for certain, other damage and pages in the wrong
 * place with probability 1 - 2^-64 (page 1: 2^-63). It is no protection
 * against an attacker: that is what sealing is for.
 */
#ifndef AUTHENTICATOR_PAGE_H
#define AUTHENTICATOR_PAGE_H

#include "ctap/span.h"

#define PAGE_LEN	4096	/* bytes, fixed by format version 1 */
#define PAGE_RESERVED	   8	/* bytes of them, at the end: checksum */

#define WAL_HEADER_LEN	  32	/* bytes */
#define WAL_FRAME_HEADER  24	/* bytes */
#define WAL_FRAME_LEN	(WAL_FRAME_HEADER + PAGE_LEN)
#define WAL_SALTS_LEN	   8	/* bytes, one generation of the log */
#define WAL_MARK_LEN	  32	/* bytes */

/* Writes the checksum into page number pgno (from 1). */
void page_seal(uint8_t page[static PAGE_LEN], uint32_t pgno);
bool page_valid(const uint8_t page[static PAGE_LEN], uint32_t pgno);

/*
 * The stamp of a page: what its checksum says besides that the page is
 * right. 0: nothing. Of page 1, which is always stamped: the log is needed,
 * see page_stamp_log(). Anything else: damage.
 */
uint64_t page_stamp(const uint8_t page[static PAGE_LEN], uint32_t pgno);
/* Adds stamp to one that is there, or takes it away again. */
void page_change_stamp(uint8_t sum[static PAGE_RESERVED], uint64_t stamp);
/*
 * "Something was acknowledged that only this generation of the log has, or
 * one that follows." Tells the first half of the salts, which SQLite counts
 * up with each generation; the second half is random.
 */
uint64_t page_stamp_log(const uint8_t salts[static WAL_SALTS_LEN]);
bool page_stamp_is_log(uint64_t stamp);

/* Of the contents of one frame; never leaves the memory of this process. */
uint32_t page_fingerprint(const uint8_t page[static PAGE_LEN]);

/*
 * The mark: "the first n frames of this generation were synced". Written
 * behind the last of them, where SQLite takes it for the torn start of a
 * frame and overwrites it with the next one.
 */
void wal_mark_encode(uint8_t out[static WAL_MARK_LEN],
    const uint8_t salts[static WAL_SALTS_LEN], uint32_t frames);
bool wal_mark_valid(const uint8_t in[static WAL_MARK_LEN],
    const uint8_t salts[static WAL_SALTS_LEN], uint32_t frames);

/* SQLite's running checksum of the log; len is a multiple of 8. */
struct wal_sum {
	uint32_t	s1;
	uint32_t	s2;
	bool		big_endian;	/* words, from the log's magic */
};

void wal_sum_add(struct wal_sum *sum, const uint8_t *p, size_t len);

static inline uint32_t
page_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

#endif
