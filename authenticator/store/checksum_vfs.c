/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VFS shim. See checksum_vfs.h.
 *
 * Invariants:
 *  1. What SQLite gets from the main database was verified, except within
 *     the first 100 bytes.
 *  2. A buffer that SQLite passes for writing is never modified: the
 *     checksum goes into a copy. (The log checksums its frames before they
 *     get here.)
 *  3. The mark is written only after the underlying sync succeeded, and
 *     counts frames up to a commit that was written whole before it. Frames
 *     without a commit may yet be rolled back and overwritten.
 *  4. Page 1 carries the stamp, whoever writes it: it changes only by
 *     change_stamp(), in one sector, and never while a page is written.
 */
#include "authenticator/store/checksum_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "authenticator/store/page.h"

#define HEADER_LEN	100	/* bytes SQLite reads before anything else */
#define SUM_AT		(PAGE_LEN - PAGE_RESERVED)

struct shim_vfs {
	sqlite3_vfs	 vfs;
	sqlite3_vfs	*base;
	char		 name[64];
};

/*
 * The underlying file follows in the same allocation. Of the log: prints
 * [0..print_count) are fingerprints of frames, 0 where unknown.
 */
struct shim_file {
	sqlite3_file	 file;
	sqlite3_file	*base;
	sqlite3_int64	 size;		/* of the database; -1: ask */
	uint64_t	 stamp;		/* of its page 1 */
	bool		 is_log;
	bool		 unmarked;	/* committed since the mark */
	uint8_t		 salts[WAL_SALTS_LEN];
	uint32_t	 tail;		/* frames up to the last commit */
	uint32_t	*prints;
	uint32_t	 print_count;
};

static struct shim_file *
self(sqlite3_file *f)
{
	return (struct shim_file *)f;
}

/*
 * Database pages
 */

static int
read_page(struct shim_file *f, uint8_t *page, uint32_t pgno)
{
	int rc;

	rc = f->base->pMethods->xRead(f->base, page, PAGE_LEN,
	    (sqlite3_int64)(pgno - 1) * PAGE_LEN);
	if (rc == SQLITE_IOERR_SHORT_READ)
		return SQLITE_IOERR_DATA; /* SQLite would take it for zeros */
	if (rc != SQLITE_OK)
		return rc;
	return page_stamp(page, pgno) == (pgno == 1 ? f->stamp : 0) ?
	    SQLITE_OK : SQLITE_IOERR_DATA;
}

static int
read_database(struct shim_file *f, uint8_t *p, int len, sqlite3_int64 at)
{
	uint8_t page[PAGE_LEN];
	uint32_t pgno = (uint32_t)(at / PAGE_LEN) + 1;
	size_t skip = (size_t)(at % PAGE_LEN);
	int rc;

	if (at + len <= HEADER_LEN)
		return f->base->pMethods->xRead(f->base, p, len, at);
	if (len == PAGE_LEN && skip == 0)
		return read_page(f, p, pgno);
	if (skip + (size_t)len > PAGE_LEN)
		return SQLITE_IOERR_READ;
	if ((rc = read_page(f, page, pgno)) == SQLITE_OK)
		memcpy(p, page + skip, (size_t)len);
	return rc;
}

static int
write_database(struct shim_file *f, const uint8_t *p, int len,
    sqlite3_int64 at)
{
	uint8_t page[PAGE_LEN];

	if (len != PAGE_LEN || at % PAGE_LEN != 0)
		return SQLITE_IOERR_WRITE;
	f->size = -1;
	memcpy(page, p, PAGE_LEN);
	page_seal(page, (uint32_t)(at / PAGE_LEN) + 1);
	if (at == 0)
		page_change_stamp(page + SUM_AT, f->stamp);
	return f->base->pMethods->xWrite(f->base, page, PAGE_LEN, at);
}

/*
 * Frames of the log
 */

/* True if [at, at + len) ends with the contents of a frame; then n is set. */
static bool
frame_at(int len, sqlite3_int64 at, uint32_t *n)
{
	sqlite3_int64 end = at + len - WAL_HEADER_LEN;

	if ((len != PAGE_LEN && len != WAL_FRAME_LEN) ||
	    at < WAL_HEADER_LEN || end % WAL_FRAME_LEN != 0)
		return false;
	*n = (uint32_t)(end / WAL_FRAME_LEN) - 1;
	return true;
}

static int
grow_prints(struct shim_file *f, uint32_t n)
{
	uint32_t count = f->print_count, *p;

	if (n < count)
		return SQLITE_OK;
	count = n < 256 ? 512 : 2 * n;
	if ((p = realloc(f->prints, count * sizeof(*p))) == NULL)
		return SQLITE_IOERR_NOMEM;
	memset(p + f->print_count, 0,
	    (count - f->print_count) * sizeof(*p));
	f->prints = p;
	f->print_count = count;
	return SQLITE_OK;
}

static int
remember_frame(struct shim_file *f, uint32_t n, const uint8_t *page)
{
	int rc;

	if ((rc = grow_prints(f, n)) == SQLITE_OK)
		f->prints[n] = page_fingerprint(page);
	return rc;
}

static int
read_log(struct shim_file *f, uint8_t *p, int len, sqlite3_int64 at)
{
	uint32_t n;
	int rc;

	rc = f->base->pMethods->xRead(f->base, p, len, at);
	if (rc != SQLITE_OK)
		return rc;
	if (at == 0 && len == WAL_HEADER_LEN)
		memcpy(f->salts, p + 16, WAL_SALTS_LEN);
	if (!frame_at(len, at, &n))
		return SQLITE_OK;
	/* Recovery reads whole frames, and checks them itself. */
	if (len == WAL_FRAME_LEN)
		return remember_frame(f, n, p + WAL_FRAME_HEADER);
	if (n >= f->print_count || f->prints[n] == 0)
		return SQLITE_OK;
	return page_fingerprint(p) == f->prints[n] ? SQLITE_OK :
	    SQLITE_IOERR_DATA;
}

/*
 * Looks at a header that is about to be written. The one of a frame comes
 * before its contents, and again when the checksums of a transaction that
 * wrote a page twice are redone.
 */
static void
note_header(struct shim_file *f, const uint8_t *p, int len, sqlite3_int64 at)
{
	sqlite3_int64 rel = at - WAL_HEADER_LEN;

	if (at == 0 && len == WAL_HEADER_LEN) {
		memcpy(f->salts, p + 16, WAL_SALTS_LEN);
		f->unmarked = false;
	}
	if (len != WAL_FRAME_HEADER || rel < 0 || rel % WAL_FRAME_LEN != 0)
		return;
	if (page_u32(p + 4) == 0)
		return;			/* not a commit */
	f->tail = (uint32_t)(rel / WAL_FRAME_LEN) + 1;
	f->unmarked = true;
}

static int
write_log(struct shim_file *f, const uint8_t *p, int len, sqlite3_int64 at)
{
	uint32_t n;
	int rc = SQLITE_OK;

	note_header(f, p, len, at);
	if (frame_at(len, at, &n))
		rc = remember_frame(f, n, p);
	if (rc == SQLITE_OK)
		rc = f->base->pMethods->xWrite(f->base, p, len, at);
	if (rc != SQLITE_OK)
		f->unmarked = false;
	return rc;
}

/*
 * Not being able to write the mark is no reason to fail: what it vouches
 * for is on disk, and a log without a mark is what losing power leaves.
 */
static void
mark_log(struct shim_file *f)
{
	uint8_t mark[WAL_MARK_LEN];

	if (!f->unmarked)
		return;
	f->unmarked = false;
	wal_mark_encode(mark, f->salts, f->tail);
	(void)f->base->pMethods->xWrite(f->base, mark, sizeof(mark),
	    WAL_HEADER_LEN + (sqlite3_int64)f->tail * WAL_FRAME_LEN);
}

/*
 * Methods of a file
 */

static int
shim_close(sqlite3_file *file)
{
	struct shim_file *f = self(file);

	free(f->prints);
	f->prints = NULL;
	return f->base->pMethods->xClose(f->base);
}

static int
shim_read(sqlite3_file *file, void *p, int len, sqlite3_int64 at)
{
	struct shim_file *f = self(file);

	return f->is_log ? read_log(f, p, len, at) :
	    read_database(f, p, len, at);
}

static int
shim_write(sqlite3_file *file, const void *p, int len, sqlite3_int64 at)
{
	struct shim_file *f = self(file);

	return f->is_log ? write_log(f, p, len, at) :
	    write_database(f, p, len, at);
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct shim_file *f = self(file);

	f->size = -1;
	return f->base->pMethods->xTruncate(f->base, size);
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	struct shim_file *f = self(file);
	int rc;

	rc = f->base->pMethods->xSync(f->base, flags);
	if (rc == SQLITE_OK && f->is_log)
		mark_log(f);
	return rc;
}

/*
 * SQLite asks at every transaction while the log is empty. Nobody else can
 * change the size of a database in exclusive locking mode.
 */
static int
shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct shim_file *f = self(file);
	int rc;

	if (f->is_log)
		return f->base->pMethods->xFileSize(f->base, size);
	if (f->size < 0 &&
	    (rc = f->base->pMethods->xFileSize(f->base, &f->size)) != 0)
		return rc;
	*size = f->size;
	return SQLITE_OK;
}

static int
shim_lock(sqlite3_file *file, int level)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xLock(f->base, level);
}

static int
shim_unlock(sqlite3_file *file, int level)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xUnlock(f->base, level);
}

static int
shim_check_reserved(sqlite3_file *file, int *out)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xCheckReservedLock(f->base, out);
}

static int
shim_control(sqlite3_file *file, int op, void *arg)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xFileControl(f->base, op, arg);
}

static int
shim_sector_size(sqlite3_file *file)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xSectorSize(f->base);
}

static int
shim_characteristics(sqlite3_file *file)
{
	struct shim_file *f = self(file);

	return f->base->pMethods->xDeviceCharacteristics(f->base);
}

/* Version 1: no shared memory, no memory map. */
static const sqlite3_io_methods shim_methods = {
	.iVersion = 1,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_check_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector_size,
	.xDeviceCharacteristics = shim_characteristics,
};

/*
 * The stamp
 */

/* which: SQLITE_FCNTL_FILE_POINTER or _JOURNAL_POINTER, which is the log. */
static struct shim_file *
file_of(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK ||
	    file == NULL || file->pMethods != &shim_methods)
		return NULL;
	return self(file);
}

void
checksum_vfs_set_stamp(sqlite3 *db, uint64_t stamp)
{
	struct shim_file *f = file_of(db, SQLITE_FCNTL_FILE_POINTER);

	if (f != NULL)
		f->stamp = stamp;
}

/*
 * A page 1 that is torn stays torn, for the log to mend: what is added to
 * its checksum does not depend on what it holds.
 */
static bool
change_stamp(struct shim_file *f, uint64_t stamp)
{
	const sqlite3_io_methods *base = f->base->pMethods;
	uint8_t sum[PAGE_RESERVED];

	if (f->stamp == stamp)
		return true;
	if (base->xRead(f->base, sum, sizeof(sum), SUM_AT) != SQLITE_OK)
		return false;
	page_change_stamp(sum, f->stamp ^ stamp);
	if (base->xWrite(f->base, sum, sizeof(sum), SUM_AT) != SQLITE_OK)
		return false;
	f->stamp = stamp;
	return base->xSync(f->base, SQLITE_SYNC_NORMAL) == SQLITE_OK;
}

bool
checksum_vfs_need_log(sqlite3 *db)
{
	struct shim_file *f = file_of(db, SQLITE_FCNTL_FILE_POINTER);
	struct shim_file *log = file_of(db, SQLITE_FCNTL_JOURNAL_POINTER);

	return f != NULL && log != NULL &&
	    change_stamp(f, page_stamp_log(log->salts));
}

bool
checksum_vfs_need_no_log(sqlite3 *db)
{
	struct shim_file *f = file_of(db, SQLITE_FCNTL_FILE_POINTER);

	return f != NULL && change_stamp(f, 0);
}

/*
 * Methods of the VFS; what is not here is the base's own
 */

static sqlite3_vfs *
below(sqlite3_vfs *vfs)
{
	return ((struct shim_vfs *)vfs)->base;
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out_flags)
{
	struct shim_file *f = self(file);
	int rc;

	if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
		return below(vfs)->xOpen(below(vfs), name, file, flags,
		    out_flags);
	memset(f, 0, sizeof(*f));
	f->base = (sqlite3_file *)(f + 1);
	f->size = -1;
	f->is_log = (flags & SQLITE_OPEN_WAL) != 0;
	rc = below(vfs)->xOpen(below(vfs), name, f->base, flags, out_flags);
	if (rc == SQLITE_OK)
		f->file.pMethods = &shim_methods;
	return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	return below(vfs)->xDelete(below(vfs), name, sync_dir);
}

static int
shim_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return below(vfs)->xAccess(below(vfs), name, flags, out);
}

/*
 * Names come from the store, relative to a directory that is open; resolving
 * links would name another one if it is moved.
 */
static int
shim_full_name(sqlite3_vfs *vfs, const char *name, int len, char *out)
{
	(void)vfs;
	return sqlite3_snprintf(len, out, "%s", name) != NULL &&
	    strlen(name) < (size_t)len ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int
shim_randomness(sqlite3_vfs *vfs, int len, char *out)
{
	return below(vfs)->xRandomness(below(vfs), len, out);
}

static int
shim_sleep(sqlite3_vfs *vfs, int us)
{
	return below(vfs)->xSleep(below(vfs), us);
}

static int
shim_time(sqlite3_vfs *vfs, double *out)
{
	return below(vfs)->xCurrentTime(below(vfs), out);
}

static int
shim_last_error(sqlite3_vfs *vfs, int len, char *out)
{
	return below(vfs)->xGetLastError(below(vfs), len, out);
}

static struct shim_vfs *
make_shim(sqlite3_vfs *base, const char *name)
{
	struct shim_vfs *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->base = base;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct shim_file) + base->szOsFile,
		.mxPathname = base->mxPathname,
		.zName = s->name,
		.xOpen = shim_open,
		.xDelete = shim_delete,
		.xAccess = shim_access,
		.xFullPathname = shim_full_name,
		.xRandomness = shim_randomness,
		.xSleep = shim_sleep,
		.xCurrentTime = shim_time,
		.xGetLastError = shim_last_error,
	};
	return s;
}

const char *
checksum_vfs(const char *base_name)
{
	struct shim_vfs *s;
	sqlite3_vfs *base, *have;
	char name[sizeof(s->name)];

	if ((base = sqlite3_vfs_find(base_name)) == NULL)
		return NULL;
	snprintf(name, sizeof(name), "sealkey-%s", base->zName);
	if ((have = sqlite3_vfs_find(name)) != NULL)
		return have->zName;
	if ((s = make_shim(base, name)) == NULL)
		return NULL;
	if (sqlite3_vfs_register(&s->vfs, 0) != SQLITE_OK) {
		free(s);
		return NULL;
	}
	return s->name;
}
