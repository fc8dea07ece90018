/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SQLite VFS that lies over another one and verifies what comes back from
 * it. Pages of the main database are checked against their checksum when
 * they are read and given one when they are written; frames of the
 * write-ahead log are checked against what this process wrote or recovered.
 * Damage is SQLITE_IOERR_DATA. After each sync of the log it leaves the mark
 * that tells a damaged log from one that lost power (page.h, store.md).
 *
 * It only knows databases of PAGE_LEN with PAGE_RESERVED bytes, opened in
 * exclusive locking mode: there is no shared memory and no memory map.
 *
 * The first 100 bytes of the database may be read alone, and then are not
 * verified: SQLite does so before it knows the page size. Whoever opens a
 * database has to check that page before (store_check.c).
 */
#ifndef AUTHENTICATOR_CHECKSUM_VFS_H
#define AUTHENTICATOR_CHECKSUM_VFS_H

#include <stdbool.h>
#include <stdint.h>

struct sqlite3;

/*
 * The name of the VFS over the one called base (NULL: the default one).
 * Registered on first use and kept until the process ends; not to be called
 * from two threads at once. NULL: no such base, or out of memory.
 */
const char *checksum_vfs(const char *base);

/*
 * The stamp that page 1 of db carries (page.h), before it is first read;
 * 0 until then.
 */
void checksum_vfs_set_stamp(struct sqlite3 *db, uint64_t stamp);
/*
 * Stamps page 1: the log as it is now is needed, or none is. Durable when it
 * returns true; costs nothing if it says so already. The first is for what
 * was just synced in the log, the second for a log that was folded in whole.
 */
bool checksum_vfs_need_log(struct sqlite3 *db);
bool checksum_vfs_need_no_log(struct sqlite3 *db);

#endif
