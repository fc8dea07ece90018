/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing, the lock, and what is said when something is wrong.
 *
 * Order of opening, each step refusing before the next one can write:
 * lock, files (store_check.c), version and schema (store_sql.c), storage
 * key, state, and in a small database every row.
 *
 * The lock is an open file description lock on DIR/lock: it also keeps this
 * process from opening the directory twice, ends with the process, and can
 * be asked about without being taken.
 */
#include "authenticator/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The outside world
 */

static int
real_rename(int dirfd, const char *from, const char *to)
{
	return renameat(dirfd, from, dirfd, to) == 0 ? 0 : -errno;
}

static int
real_unlink(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) == 0 ? 0 : -errno;
}

static int
real_sync_dir(int dirfd)
{
	return fsync(dirfd) == 0 ? 0 : -EIO;
}

static const struct store_env real_env = {
	.rename = real_rename,
	.unlink = real_unlink,
	.sync_dir = real_sync_dir,
};

/*
 * Errors
 */

int
store_fail(struct store *st, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(st->message, sizeof(st->message), fmt, ap);
	va_end(ap);
	return error;
}

int
store_fail_keys(struct store *st, int error, const char *doing)
{
	const char *line = st->keys->ops->strerror(st->keys);

	if (line[0] != '\0')
		return store_fail(st, error, "%s: %s", st->path, line);
	return store_fail(st, error, "%s: cannot %s: %s", st->path, doing,
	    strerror(-error));
}

static int
io_error(int rc)
{
	switch (rc) {
	case SQLITE_IOERR_DATA:
	case SQLITE_IOERR_SHORT_READ:
	case SQLITE_IOERR_CORRUPTFS:
		return -EUCLEAN;
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

static int
sql_error(struct store *st, int rc)
{
	int system;

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
		return io_error(rc);
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		system = sqlite3_system_errno(st->db);
		return system > 0 ? -system : -EACCES;
	default:
		return -EUCLEAN;	/* corrupt, or not a table of ours */
	}
}

/* SQLite's own words for damage, unless they would speak of the disk. */
static const char *
damage_text(int rc)
{
	if (rc == SQLITE_IOERR_DATA)
		return "a page is not as it was written";
	if (rc == SQLITE_IOERR_SHORT_READ)
		return "a page is missing";
	return sqlite3_errstr(rc);
}

int
store_fail_sql(struct store *st, const char *doing)
{
	int rc = sqlite3_extended_errcode(st->db);
	int r = sql_error(st, rc);

	if (r == -EUCLEAN)
		return store_fail(st, r, "%s/%s: is damaged (%s); restore "
		    "the directory from a copy", st->path, DB_NAME,
		    damage_text(rc));
	return store_fail(st, r, "%s/%s: cannot %s: %s (%s)", st->path,
	    DB_NAME, doing, strerror(-r), sqlite3_errstr(rc));
}

const char *
store_strerror(const struct store *st)
{
	return st->message;
}

/*
 * The lock
 */

static int
take_lock(int dirfd, const char *path, int *out, char *msg, size_t msglen)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd, r;

	fd = openat(dirfd, LOCK_NAME,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		snprintf(msg, msglen, "%s: cannot be written: %m", path);
		return r;
	}
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0) {
		*out = fd;	/* from here on the note is ours */
		return 0;
	}
	r = -errno;
	close(fd);
	if (r == -EAGAIN || r == -EACCES) {
		snprintf(msg, msglen, "%s: is in use by another sealkey; stop "
		    "it first", path);
		return -EBUSY;
	}
	snprintf(msg, msglen, "%s/%s: cannot lock: %s", path, LOCK_NAME,
	    strerror(-r));
	return r;
}

static int
write_note(int lock_fd, const char *text)
{
	size_t len = strlen(text);
	ssize_t n = -1;

	if (ftruncate(lock_fd, 0) == 0)
		n = pwrite(lock_fd, text, len, 0);
	if (n == (ssize_t)len)
		return 0;
	return n >= 0 ? -EIO : -errno;	/* a short write sets none */
}

int
store_lock(int dirfd, const char *path, int *out, char *msg, size_t msglen)
{
	int fd = -1, r;

	r = take_lock(dirfd, path, &fd, msg, msglen);
	if (r != 0)
		return r;
	r = write_note(fd, "");
	if (r != 0) {
		snprintf(msg, msglen, "%s/%s: cannot be written: %s", path,
		    LOCK_NAME, strerror(-r));
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

int
store_lock_note(struct store *st, const char *text)
{
	int r = st->memory != NULL ? 0 : write_note(st->lock_fd, text);

	if (r == 0)
		return 0;
	return store_fail(st, r, "%s/%s: cannot be written: %s", st->path,
	    LOCK_NAME, strerror(-r));
}

int
store_lock_read(int dirfd, char *buf, size_t size)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	ssize_t n = -1;
	int fd;

	fd = openat(dirfd, LOCK_NAME,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_GETLK, &whole) != 0)
		n = -errno;
	else if (whole.l_type == F_UNLCK)
		n = -ENOENT;		/* the note outlived its writer */
	else if ((n = pread(fd, buf, size - 1, 0)) < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return (int)n;
}

/*
 * Opening
 */

static struct store *
store_new(const char *path, struct keys *keys,
    const struct store_config *cfg)
{
	struct store *st;

	if ((st = calloc(1, sizeof(*st))) == NULL)
		return NULL;
	st->dirfd = st->lock_fd = -1;
	st->keys = keys;
	st->env = cfg->env != NULL ? cfg->env : &real_env;
	st->room = cfg->limit != 0 ? cfg->limit : STORE_LIMIT;
	st->limit = st->room;
	st->unlisted = st->room < STORE_UNLISTED ? st->room : STORE_UNLISTED;
	st->rows = -1;
	snprintf(st->path, sizeof(st->path), "%s", path);
	return st;
}

static void
store_free(struct store *st, bool fold)
{
	if (st == NULL)
		return;
	if (st->memory == NULL)
		store_disconnect(st, fold);
	memory_free(st->memory);
	if (st->lock_fd >= 0) {
		(void)!ftruncate(st->lock_fd, 0);
		close(st->lock_fd);
	}
	if (st->dirfd >= 0)
		close(st->dirfd);
	explicit_bzero(st, sizeof(*st));
	free(st);
}

static bool
is_there(int dirfd, const char *name)
{
	struct stat sb;

	return fstatat(dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT;
}

uint32_t
store_capacity(const struct store *st)
{
	return st->limit;
}

void
store_restrict(struct store *st, uint32_t capacity)
{
	st->limit = capacity > 0 && capacity < st->room ? capacity : st->room;
}

bool
store_exists(int dirfd)
{
	return is_there(dirfd, DB_NAME) || is_there(dirfd, DB_LOG);
}

bool
store_begun(int dirfd)
{
	return is_there(dirfd, DB_NEW);
}

/*
 * Asked before the lock too, lest looking into a directory that is none of
 * ours leave a lock file there. A log without its database would be played
 * into the new one.
 */
static int
check_presence(struct store *st, bool create)
{
	if (is_there(st->dirfd, DB_NAME))
		return 0;
	if (is_there(st->dirfd, DB_LOG))
		return store_fail(st, -EUCLEAN, "%s/%s: is missing, but its "
		    "log is there; restore the directory from a copy",
		    st->path, DB_NAME);
	if (!create)
		return store_fail(st, -ENOENT, "%s: no key has been made "
		    "here yet", st->path);
	return 0;
}

/* The value of a row of meta, in columns of a statement left to reset. */
static int
find_meta(struct store *st, const char *name, struct span *out)
{
	int r;

	sqlite3_bind_text(st->stmt[STMT_META_GET], 1, name, -1,
	    SQLITE_STATIC);
	if ((r = store_step(st, STMT_META_GET, "open")) < 0)
		return r;
	*out = span(NULL, 0);
	if (r > 0)
		*out = store_column(st, STMT_META_GET, 0);
	if (out->p != NULL)
		return 0;
	store_reset(st, STMT_META_GET);
	return store_fail(st, -EUCLEAN, "%s/%s: is damaged (no %s); restore "
	    "the directory from a copy", st->path, DB_NAME, name);
}

static int
check_provider(struct store *st)
{
	const char *name = st->keys->ops->name;
	struct span have;
	int r;

	if ((r = find_meta(st, "provider", &have)) != 0)
		return r;
	if (!span_eq(have, span_str(name)))
		r = store_fail(st, -EBADMSG, "%s: was made with the key "
		    "provider '%.*s', not '%s'; use that one", st->path,
		    (int)(have.len < 32 ? have.len : 32), (const char *)have.p,
		    name);
	store_reset(st, STMT_META_GET);
	return r;
}

static int
unlock_keys(struct store *st)
{
	struct span wrapped;
	int r;

	if ((r = check_provider(st)) != 0 ||
	    (r = find_meta(st, "storage key", &wrapped)) != 0)
		return r;
	r = st->keys->ops->unlock(st->keys, wrapped);
	store_reset(st, STMT_META_GET);
	if (r == -EBADMSG && st->keys->ops->strerror(st->keys)[0] == '\0')
		return store_fail(st, r, "%s: belongs to another key provider "
		    "or device; use the one it was made with", st->path);
	return r == 0 ? 0 : store_fail_keys(st, r, "unlock");
}

static int
read_state(struct store *st)
{
	struct span sealed;
	int r;

	if ((r = find_meta(st, "state", &sealed)) != 0)
		return r;
	r = store_open_state(st, sealed);
	store_reset(st, STMT_META_GET);
	return r;
}

struct tally {
	uint32_t	count;
	uint64_t	last_seq;
};

static int
count_row(void *arg, const struct credential *cred)
{
	struct tally *t = arg;

	t->count += cred->discoverable;
	t->last_seq = cred->seq;
	return 0;
}

/* Each row that can be counted could be unsealed and decoded. */
static int
check_rows(struct store *st)
{
	struct tally t = { 0, 0 };
	int r;

	if (!st->small)
		return 0;
	if ((r = store_each(st, count_row, &t)) != 0)
		return r;
	if (t.count == st->state.credentials && t.last_seq <= st->last_seq)
		return 0;
	return store_fail(st, -EUCLEAN, "%s/%s: is damaged (%u credentials, "
	    "should be %u); restore the directory from a copy", st->path,
	    DB_NAME, t.count, st->state.credentials);
}

static int
open_locked(struct store *st, bool create)
{
	int r;

	if ((r = check_presence(st, create)) != 0)
		return r;
	if (!is_there(st->dirfd, DB_NAME) && (r = store_create(st)) != 0)
		return r;
	if ((r = store_check_files(st)) != 0 ||
	    (r = store_connect(st)) != 0 ||
	    (r = store_note_files(st)) != 0 ||
	    (r = unlock_keys(st)) != 0 ||
	    (r = read_state(st)) != 0)
		return r;
	return check_rows(st);
}

static int
lock_directory(struct store *st, const struct store_config *cfg)
{
	if (cfg->lock == NULL)
		return store_lock(st->dirfd, st->path, &st->lock_fd,
		    st->message, sizeof(st->message));
	st->lock_fd = *cfg->lock;
	return 0;
}

/* What is there, or made now, without a trace if it cannot be opened. */
static int
open_directory(struct store *st, const struct store_config *cfg, int dirfd)
{
	bool had_log;
	int r;

	st->dirfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->dirfd < 0)
		return store_fail(st, -errno, "%s: cannot open: %m",
		    st->path);
	if ((r = check_presence(st, cfg->create)) != 0 ||
	    (r = lock_directory(st, cfg)) != 0)
		return r;
	had_log = is_there(st->dirfd, DB_LOG);
	if ((r = open_locked(st, cfg->create)) != 0) {
		store_disconnect(st, false);
		if (!had_log)	/* empty, and SQLite's doing */
			st->env->unlink(st->dirfd, DB_LOG);
	}
	return r;
}

int
store_open(int dirfd, const char *path, struct keys *keys,
    const struct store_config *cfg, struct store **out,
    char *msg, size_t msglen)
{
	struct store *st;
	int r;

	if ((st = store_new(path, keys, cfg)) == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	r = open_directory(st, cfg, dirfd);
	if (r != 0) {
		snprintf(msg, msglen, "%s", st->message);
		if (cfg->lock != NULL)
			st->lock_fd = -1;
		store_free(st, false);
		return r;
	}
	if (cfg->lock != NULL)
		*cfg->lock = -1;
	*out = st;
	return 0;
}

int
store_open_memory(struct keys *keys, struct store **out)
{
	static const struct store_config cfg;
	struct store *st = store_new("memory", keys, &cfg);
	int r = st != NULL ? memory_new(&st->memory) : -ENOMEM;

	if (r == 0 && getrandom(st->state.epoch, sizeof(st->state.epoch), 0)
	    != sizeof(st->state.epoch))
		r = -EIO;
	if (r != 0) {
		free(st);
		return r;
	}
	*out = st;
	return 0;
}

void
store_close(struct store *st)
{
	/* After a failed sync nobody knows what the log is: it stays. */
	store_free(st, st != NULL && st->broken == 0);
}

int
store_load(struct store *st, struct auth_state *out)
{
	*out = st->state;
	return 0;
}

uint64_t
store_generation(const struct store *st)
{
	return st->state.generation;
}
