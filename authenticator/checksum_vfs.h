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

/*
 * The name of the VFS over the one called base (NULL: the default one).
 * Registered on first use and kept until the process ends; not to be called
 * from two threads at once. NULL: no such base, or out of memory.
 */
const char *checksum_vfs(const char *base);

#endif
