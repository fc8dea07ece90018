/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to hold before SQLite is let near the files. SQLite repairs: it
 * cuts a damaged log off at the damage, reads missing pages as zeros and
 * rolls back journals it finds. Each of that could lose what was
 * acknowledged, so here it is found first, and refused without a write.
 *
 * What losing power may leave, and what is therefore no damage:
 *  1. A log that is missing, empty, or 32 bytes of zeros (its header was
 *     never synced), unless page 1 says that it is needed.
 *  2. Behind the last commit of the log, anything: the unsynced part of the
 *     next transaction, in any order, or frames of an older generation.
 *  3. As long as the log has a commit, torn pages in the database that are
 *     also in the log: a checkpoint was under way. Otherwise every page is
 *     whole and the size is what the header says.
 *
 * What proves that more of the log was synced than is valid now:
 *  4. A mark (page.h) of this generation further back.
 *  5. A frame chained to a commit frame: the next transaction is begun only
 *     when the sync of the one before succeeded.
 *  6. A stamp on page 1 (page.h): a commit of that generation of the log was
 *     synced. The next generation may have been begun, without a commit.
 */
#include "authenticator/store/store_impl.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authenticator/store/page.h"

#define LOG_MAGIC	0x377f0682	/* lowest bit: big-endian words */
#define LOG_VERSION	3007000

struct log {
	int		 fd;
	off_t		 size;
	uint8_t		 salts[WAL_SALTS_LEN];
	struct wal_sum	 sum;
	uint32_t	 committed;	/* frames up to the last commit */
	uint32_t	 pages;		/* of the database, at that commit */
	uint8_t		*has;		/* bit per page: it is in the log */
};

struct database {
	int		 fd;
	off_t		 size;
	uint8_t		 page1[PAGE_LEN];
};

static int
damaged(struct store *st, const char *name, const char *what)
{
	return store_fail(st, -EUCLEAN, "%s/%s: %s; restore the directory "
	    "from a copy, or start with another one", st->path, name, what);
}

/* Opens a regular file for reading; *fd stays -1 if there is none. */
static int
open_regular(struct store *st, const char *name, int *fd, off_t *size)
{
	struct stat sb;

	*fd = openat(st->dirfd, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return 0;
	if (*fd < 0 && errno == ELOOP)
		return damaged(st, name, "is a symbolic link");
	if (*fd < 0 || fstat(*fd, &sb) != 0)
		return store_fail(st, -errno, "%s/%s: cannot open: %m",
		    st->path, name);
	if (!S_ISREG(sb.st_mode))
		return damaged(st, name, "is not a file");
	*size = sb.st_size;
	return 0;
}

/* True if all len bytes were there. */
static bool
read_at(int fd, void *p, size_t len, off_t at)
{
	ssize_t n;

	do
		n = pread(fd, p, len, at);
	while (n < 0 && errno == EINTR);
	return n >= 0 && (size_t)n == len;
}

static off_t
frame_offset(uint32_t n)
{
	return WAL_HEADER_LEN + (off_t)n * WAL_FRAME_LEN;
}

/*
 * The log
 */

static bool
all_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= p[i];
	return any == 0;
}

static bool
sum_is(const struct wal_sum *sum, const uint8_t *stored)
{
	return sum->s1 == page_u32(stored) && sum->s2 == page_u32(stored + 4);
}

/* False: damaged. An empty log has no generation, and size 0 afterwards. */
static bool
read_log_header(struct log *l)
{
	uint8_t h[WAL_HEADER_LEN] = { 0 };
	size_t len = l->size < WAL_HEADER_LEN ? (size_t)l->size : sizeof(h);

	if (!read_at(l->fd, h, len, 0))
		return false;
	if (l->size <= WAL_HEADER_LEN && all_zero(h, sizeof(h))) {
		l->size = 0;
		return true;
	}
	if ((page_u32(h) & ~1U) != LOG_MAGIC ||
	    page_u32(h + 4) != LOG_VERSION || page_u32(h + 8) != PAGE_LEN)
		return false;
	l->sum = (struct wal_sum){ .big_endian = h[3] & 1 };
	wal_sum_add(&l->sum, h, 24);
	memcpy(l->salts, h + 16, WAL_SALTS_LEN);
	return sum_is(&l->sum, h + 24);
}

/* Whether frame chains on to sum, which then includes it. */
static bool
frame_follows(const struct log *l, struct wal_sum *sum,
    const uint8_t frame[static WAL_FRAME_LEN])
{
	if (memcmp(frame + 8, l->salts, WAL_SALTS_LEN) != 0 ||
	    page_u32(frame) == 0)
		return false;
	wal_sum_add(sum, frame, 8);
	wal_sum_add(sum, frame + WAL_FRAME_HEADER, PAGE_LEN);
	return sum_is(sum, frame + 16);
}

static void
find_commits(struct log *l)
{
	uint8_t frame[WAL_FRAME_LEN];
	struct wal_sum sum = l->sum;

	for (uint32_t n = 0; read_at(l->fd, frame, sizeof(frame),
	    frame_offset(n)) && frame_follows(l, &sum, frame); n++) {
		if (page_u32(frame + 4) == 0)
			continue;
		l->committed = n + 1;
		l->pages = page_u32(frame + 4);
	}
}

/* 5 above: the frame after n is chained to n, and n is a commit. */
static bool
is_synced_commit(const struct log *l, const uint8_t *header, uint32_t n)
{
	uint8_t next[WAL_FRAME_LEN];
	struct wal_sum sum = { page_u32(header + 16), page_u32(header + 20),
	    l->sum.big_endian };

	return page_u32(header + 4) != 0 &&
	    memcmp(header + 8, l->salts, WAL_SALTS_LEN) == 0 &&
	    read_at(l->fd, next, sizeof(next), frame_offset(n + 1)) &&
	    frame_follows(l, &sum, next);
}

static bool
more_was_synced(const struct log *l)
{
	uint8_t b[WAL_MARK_LEN];

	for (uint32_t n = l->committed;
	    read_at(l->fd, b, sizeof(b), frame_offset(n)); n++) {
		if (n > l->committed && wal_mark_valid(b, l->salts, n))
			return true;
		if (is_synced_commit(l, b, n))
			return true;
	}
	return false;
}

/* Which pages the log has; -ENOMEM or 0. */
static int
list_pages(struct log *l)
{
	uint8_t h[4];

	if ((l->has = calloc(1, l->pages / 8 + 1)) == NULL)
		return -ENOMEM;
	for (uint32_t n = 0; n < l->committed; n++) {
		uint32_t pgno;

		if (!read_at(l->fd, h, sizeof(h), frame_offset(n)))
			return -EIO;
		pgno = page_u32(h);
		if (pgno <= l->pages)
			l->has[pgno / 8] |= (uint8_t)(1 << pgno % 8);
	}
	return 0;
}

static int
check_log(struct store *st, struct log *l)
{
	if (!read_log_header(l))
		return damaged(st, DB_LOG, "is damaged");
	if (l->size == 0)
		return 0;
	find_commits(l);
	if (more_was_synced(l))
		return damaged(st, DB_LOG, "is damaged");
	return 0;
}

static bool
in_log(const struct log *l, uint32_t pgno)
{
	return l->has != NULL && pgno <= l->pages &&
	    (l->has[pgno / 8] & 1 << pgno % 8) != 0;
}

/*
 * The database
 */

static int
check_header(struct store *st, struct database *db)
{
	const uint8_t *h = db->page1;
	uint32_t version;

	if (!read_at(db->fd, db->page1, PAGE_LEN, 0))
		return damaged(st, DB_NAME, "is truncated");
	if (memcmp(h, "SQLite format 3", 16) != 0 ||
	    page_u32(h + 68) != APPLICATION_ID)
		return damaged(st, DB_NAME, "is not a sealkey database");
	version = page_u32(h + 60);
	if (version > STORE_VERSION)
		return store_fail(st, -EPROTO, "%s/%s: was written by a newer "
		    "sealkey (format %u, this one knows %u); update sealkey",
		    st->path, DB_NAME, version, STORE_VERSION);
	/* Page size, WAL read and write versions, reserved bytes */
	if (version == 0 || (h[16] << 8 | h[17]) != PAGE_LEN ||
	    h[18] != 2 || h[19] != 2 || h[20] != PAGE_RESERVED)
		return damaged(st, DB_NAME, "is damaged");
	return 0;
}

static int
check_size(struct store *st, const struct database *db, struct log *l)
{
	off_t pages = db->size / PAGE_LEN;
	int r;

	if (l->committed == 0) {
		if (db->size != (off_t)page_u32(db->page1 + 28) * PAGE_LEN)
			return damaged(st, DB_NAME, "is truncated");
		return 0;
	}
	if (l->pages > pages + l->committed)
		return damaged(st, DB_NAME, "is truncated");
	if ((r = list_pages(l)) != 0)
		return store_fail(st, r, "%s/%s: cannot read: %s", st->path,
		    DB_LOG, strerror(-r));
	for (uint32_t n = (uint32_t)pages + 1; n <= l->pages; n++)
		if (!in_log(l, n))
			return damaged(st, DB_NAME, "is truncated");
	return 0;
}

/* 6 above. A torn page 1 says nothing, and has the log that mends it. */
static int
check_stamp(struct store *st, const struct database *db, const struct log *l)
{
	uint64_t stamp = page_stamp(db->page1, 1);
	uint8_t before[WAL_SALTS_LEN] = { 0 };
	uint32_t salt = htobe32(page_u32(l->salts) - 1);

	if (!page_stamp_is_log(stamp)) {
		if (stamp != 0 && !in_log(l, 1))
			return damaged(st, DB_NAME, "is damaged (page 1)");
		return 0;
	}
	st->stamp = stamp;
	if (l->size == 0)
		return damaged(st, DB_LOG, "is missing or empty, but " DB_NAME
		    " is not complete without it");
	memcpy(before, &salt, sizeof(salt));
	if (stamp == page_stamp_log(before) ||
	    (stamp == page_stamp_log(l->salts) && l->committed > 0))
		return 0;
	return damaged(st, DB_LOG, "is not the log that belongs to " DB_NAME
	    ", or was cut off");
}

static int
check_pages(struct store *st, const struct database *db, const struct log *l)
{
	uint8_t page[PAGE_LEN];
	uint32_t pages = (uint32_t)(db->size / PAGE_LEN);

	st->small = db->size <= STORE_SMALL_LEN;
	for (uint32_t n = 2; st->small && n <= pages; n++) {
		if (in_log(l, n))
			continue;
		if (read_at(db->fd, page, PAGE_LEN, (off_t)(n - 1) * PAGE_LEN)
		    && page_valid(page, n))
			continue;
		return store_fail(st, -EUCLEAN, "%s/%s: is damaged (page %u); "
		    "restore the directory from a copy", st->path, DB_NAME,
		    n);
	}
	return 0;
}

/* We never make one; SQLite would believe one that lies there. */
static int
check_no_journal(struct store *st)
{
	struct stat sb;

	if (fstatat(st->dirfd, DB_JOURNAL, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		return damaged(st, DB_JOURNAL, "does not belong here");
	return 0;
}

int
store_check_files(struct store *st)
{
	struct database db = { .fd = -1 };
	struct log log = { .fd = -1 };
	int r;

	if ((r = check_no_journal(st)) != 0)
		goto out;
	if ((r = open_regular(st, DB_LOG, &log.fd, &log.size)) != 0)
		goto out;
	if ((r = open_regular(st, DB_NAME, &db.fd, &db.size)) != 0)
		goto out;
	/* The header first: a newer version may have another log. */
	if ((r = check_header(st, &db)) != 0)
		goto out;
	if (log.fd >= 0 && (r = check_log(st, &log)) != 0)
		goto out;
	if ((r = check_size(st, &db, &log)) != 0 ||
	    (r = check_stamp(st, &db, &log)) != 0)
		goto out;
	r = check_pages(st, &db, &log);
out:
	free(log.has);
	if (log.fd >= 0)
		close(log.fd);
	if (db.fd >= 0)
		close(db.fd);
	return r;
}

static int
identify(struct store *st, const char *name, struct file_id *out)
{
	struct stat sb;

	if (fstatat(st->dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	*out = (struct file_id){ sb.st_dev, sb.st_ino };
	return 0;
}

int
store_note_files(struct store *st)
{
	int r;

	if ((r = identify(st, DB_NAME, &st->db_id)) != 0 ||
	    (r = identify(st, DB_LOG, &st->log_id)) != 0)
		return store_fail(st, r, "%s: cannot open: %s", st->path,
		    strerror(-r));
	return 0;
}

static bool
is_still(struct store *st, const char *name, const struct file_id *was)
{
	struct file_id now;

	return identify(st, name, &now) == 0 && now.dev == was->dev &&
	    now.ino == was->ino;
}

int
store_same_files(struct store *st)
{
	const char *gone = NULL;

	if (!is_still(st, DB_LOG, &st->log_id))
		gone = DB_LOG;
	if (!is_still(st, DB_NAME, &st->db_id))
		gone = DB_NAME;
	if (gone == NULL)
		return 0;
	return store_fail(st, -EIO, "%s/%s: was removed or replaced while it "
	    "was in use; nothing more is kept", st->path, gone);
}
