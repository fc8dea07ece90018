/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk for the store that can lose power, fill up and fail. A SQLite VFS
 * (and a struct store_env for what the store does without SQLite) that
 * passes everything on to the real files, never syncs them, and remembers
 * every write, truncation, sync, creation, removal and renaming.
 *
 * Afterwards powerloss_each() goes through what was remembered, and after
 * each operation builds every directory that power loss could have left at
 * that moment. What was synced is there. Of what was not: none, all, each
 * prefix in order, each 512-byte sector alone, all but each one sector;
 * names (creation, removal, renaming) in order, each prefix, independently
 * of contents. A sector is written whole or not at all, and bytes next to a
 * write in the same sector survive (SQLite's "powersafe overwrite").
 *
 * There is one such disk in a process. Files are known by their names
 * without the directory.
 */
#ifndef TESTS_POWERLOSS_H
#define TESTS_POWERLOSS_H

#include <stdbool.h>

#include "authenticator/store/store_impl.h"

#define POWERLOSS_SECTOR	512	/* bytes */

/* For store_config.env. Usable with and without recording. */
const struct store_env *powerloss_env(void);

/* Records from now on; the directory in use has to be empty. */
void powerloss_start(void);
void powerloss_stop(void);
/* Forgets what was recorded. */
void powerloss_done(void);
/* What was promised by now: a number the check gets back. */
void powerloss_promise(int number);

/*
 * Builds each directory that could be left in dirfd (emptied before) and
 * calls check with the last promise made. Directories with the same
 * contents and promise are checked once. Returns how many were checked, or
 * -1 as soon as check returned false.
 */
int powerloss_each(int dirfd,
    bool (*check)(void *arg, int dirfd, int promised), void *arg);

/* Faults, until the next call: -1 never. */
void powerloss_full_after(int writes);	/* then every write: disk full */
void powerloss_sync_fails_after(int syncs);	/* once */
/* How many syncs so far. */
int powerloss_syncs(void);

#endif
