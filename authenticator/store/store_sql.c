/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database: how it is made, opened and set up, and the statements.
 *
 * Names are given to SQLite relative to the open directory, through
 * /proc/self/fd, so that it is the directory which was locked whatever
 * happens to its path meanwhile.
 */
#include "authenticator/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "authenticator/store/checksum_vfs.h"
#include "authenticator/store/page.h"

#define NAME_LEN	64	/* bytes, "/proc/self/fd/N/sealkey.db.new" */
#define ROW_COLUMNS	"seq, protect, id, rp, user, sealed"
#define FROM_CREDENTIAL	"SELECT " ROW_COLUMNS " FROM credential "

/*
 * The schema, object by object, as SQLite keeps it. A database whose schema
 * is not this text is not ours.
 */
static const char *const schema[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	    " STRICT, WITHOUT ROWID",
	"CREATE TABLE blob (name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	    " STRICT",
	"CREATE TABLE credential (seq INTEGER PRIMARY KEY,"
	    " protect INTEGER NOT NULL, id BLOB NOT NULL, rp BLOB NOT NULL,"
	    " user BLOB, sealed BLOB NOT NULL) STRICT",
	"CREATE UNIQUE INDEX credential_id ON credential (id)",
	"CREATE INDEX credential_rp ON credential (rp, protect)",
	"CREATE INDEX credential_user ON credential (user)"
	    " WHERE user IS NOT NULL",
	"CREATE TABLE site (rp BLOB PRIMARY KEY, n1 INTEGER NOT NULL,"
	    " n2 INTEGER NOT NULL, n3 INTEGER NOT NULL,"
	    " last1 INTEGER NOT NULL, last2 INTEGER NOT NULL,"
	    " last3 INTEGER NOT NULL) STRICT, WITHOUT ROWID",
};
#define SCHEMA_COUNT	(sizeof(schema) / sizeof(schema[0]))

/* Before the database is first read: exclusive locking needs no -shm file. */
static const char settings[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA secure_delete = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA cache_size = -1536;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA trusted_schema = OFF;";

static const char *const sql[STMT_COUNT] = {
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	[STMT_BY_ID] = FROM_CREDENTIAL "WHERE id = ?1",
	[STMT_BY_USER] = FROM_CREDENTIAL "WHERE user = ?1 AND protect <= ?2"
	    " ORDER BY seq DESC LIMIT 1",
	[STMT_BY_SEQ] = FROM_CREDENTIAL "WHERE seq = ?1",
	[STMT_AFTER] = FROM_CREDENTIAL "WHERE seq > ?1 ORDER BY seq LIMIT 1",
	[STMT_SITE] = "SELECT n1, n2, n3, last1, last2, last3 FROM site"
	    " WHERE rp = ?1",
	[STMT_SITE_NEXT] = "SELECT rp, max(last1, last2, last3) FROM site"
	    " WHERE rp > ?1 ORDER BY rp LIMIT 1",
	[STMT_SITE_COUNT] = "SELECT count(*) FROM site",
	[STMT_NEWEST] = "SELECT seq FROM credential WHERE rp = ?1 AND"
	    " protect = ?2 AND seq < ?3 ORDER BY seq DESC LIMIT 1",
	[STMT_INSERT] = "INSERT INTO credential (" ROW_COLUMNS ")"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[STMT_UPDATE] = "UPDATE credential SET sealed = ?2 WHERE seq = ?1",
	[STMT_DELETE] = "DELETE FROM credential WHERE seq = ?1",
	[STMT_ROWS] = "SELECT count(*) FROM credential",
	[STMT_CLEAR] = "DELETE FROM credential",
	[STMT_CLEAR_SITES] = "DELETE FROM site",
	[STMT_SITE_ADD] = "INSERT INTO site VALUES"
	    " (?1, ?2 = 1, ?2 = 2, ?2 = 3, iif(?2 = 1, ?3, 0),"
	    " iif(?2 = 2, ?3, 0), iif(?2 = 3, ?3, 0))"
	    " ON CONFLICT DO UPDATE SET"
	    " n1 = n1 + (?2 = 1), n2 = n2 + (?2 = 2), n3 = n3 + (?2 = 3),"
	    " last1 = iif(?2 = 1, ?3, last1),"
	    " last2 = iif(?2 = 2, ?3, last2),"
	    " last3 = iif(?2 = 3, ?3, last3)",
	[STMT_SITE_SUB] = "UPDATE site SET n1 = n1 - (?2 = 1),"
	    " n2 = n2 - (?2 = 2), n3 = n3 - (?2 = 3),"
	    " last1 = iif(?2 = 1, ?3, last1),"
	    " last2 = iif(?2 = 2, ?3, last2),"
	    " last3 = iif(?2 = 3, ?3, last3) WHERE rp = ?1",
	[STMT_SITE_PRUNE] = "DELETE FROM site WHERE rp = ?1"
	    " AND n1 + n2 + n3 = 0",
	[STMT_STATE] = "UPDATE meta SET value = ?1 WHERE name = 'state'",
	[STMT_BLOB_GET] = "SELECT value FROM blob WHERE name = ?1",
	[STMT_BLOB_PUT] = "INSERT INTO blob VALUES (?1, ?2)"
	    " ON CONFLICT DO UPDATE SET value = ?2",
	[STMT_BLOB_DELETE] = "DELETE FROM blob WHERE name = ?1",
	[STMT_BLOB_CLEAR] = "DELETE FROM blob WHERE name IN ('" LARGE_BLOBS
	    "', '" STORE_TOLD "') OR name GLOB 'large blob of *'",
	[STMT_META_GET] = "SELECT value FROM meta WHERE name = ?1",
	[STMT_WRAPPED] = "UPDATE meta SET value = ?1 WHERE name ="
	    " 'storage key'",
};

/*
 * Statements
 */

int
store_exec(struct store *st, const char *text, const char *doing)
{
	if (sqlite3_exec(st->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail_sql(st, doing);
	return 0;
}

int
store_step(struct store *st, enum stmt s, const char *doing)
{
	int rc, r = 0;

	if ((rc = sqlite3_step(st->stmt[s])) == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		r = store_fail_sql(st, doing);
	store_reset(st, s);
	return r;
}

void
store_reset(struct store *st, enum stmt s)
{
	sqlite3_reset(st->stmt[s]);	/* repeats what step said */
}

int
store_run(struct store *st, enum stmt s, const char *doing)
{
	int r = store_step(st, s, doing);

	if (r > 0)
		store_reset(st, s);
	return r < 0 ? r : 0;
}

struct span
store_column(struct store *st, enum stmt s, int column)
{
	const void *p;

	if (sqlite3_column_type(st->stmt[s], column) != SQLITE_BLOB)
		return span(NULL, 0);
	/* In this order: see sqlite3_column_bytes() */
	p = sqlite3_column_blob(st->stmt[s], column);
	if (p == NULL)
		return span(NULL, 0);
	return span(p, (size_t)sqlite3_column_bytes(st->stmt[s], column));
}

void
store_bind(struct store *st, enum stmt s, int index, struct span v)
{
	if (v.p == NULL)
		sqlite3_bind_null(st->stmt[s], index);
	else
		sqlite3_bind_blob(st->stmt[s], index, v.p, (int)v.len,
		    SQLITE_STATIC);
}

static int
prepare_all(struct store *st)
{
	for (int i = 0; i < STMT_COUNT; i++)
		if (sqlite3_prepare_v3(st->db, sql[i], -1,
		    SQLITE_PREPARE_PERSISTENT, &st->stmt[i], NULL) != 0)
			return store_fail_sql(st, "open");
	return 0;
}

/*
 * The connection
 */

static int
remember_log_frames(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct store *st = arg;

	(void)db;
	(void)name;
	st->log_frames = frames;
	return SQLITE_OK;
}

static int
open_database(struct store *st, const char *name)
{
	char path[NAME_LEN];
	const char *vfs;
	uint8_t salt;

	/* Now, not with the first commit: a sandbox may have closed then. */
	sqlite3_randomness(sizeof(salt), &salt);
	if ((vfs = checksum_vfs(st->env->vfs)) == NULL)
		return store_fail(st, -ENOMEM, "%s: out of memory", st->path);
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", st->dirfd, name);
	if (sqlite3_open_v2(path, &st->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs) != SQLITE_OK)
		return store_fail_sql(st, "open");
	checksum_vfs_set_stamp(st->db, st->stamp);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Until everything was found to be right, nothing is written. */
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	/* Checkpoints are ours to start: this replaces the automatic ones. */
	sqlite3_wal_hook(st->db, remember_log_frames, st);
	return store_exec(st, settings, "open");
}

/* In this order: the log is needed until all it has is synced elsewhere. */
bool
store_fold(struct store *st)
{
	int frames = 0, folded = -1;

	return sqlite3_wal_checkpoint_v2(st->db, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, &frames, &folded) == SQLITE_OK &&
	    frames == folded && checksum_vfs_need_no_log(st->db);
}

void
store_disconnect(struct store *st, bool fold)
{
	if (st->db == NULL)
		return;
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(st->stmt[i]);
		st->stmt[i] = NULL;
	}
	if (fold && store_fold(st))	/* then SQLite deletes the log */
		sqlite3_db_config(st->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
		    0, NULL);
	sqlite3_close(st->db);
	st->db = NULL;
}

static int
read_pragma(struct store *st, const char *text, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(st->db, text, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		r = store_fail_sql(st, "open");
	else
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return r;
}

/* Once more, now with the log: the newest version may be only there. */
static int
check_version(struct store *st)
{
	int64_t id = 0, version = 0;
	int r;

	if ((r = read_pragma(st, "PRAGMA application_id", &id)) != 0 ||
	    (r = read_pragma(st, "PRAGMA user_version", &version)) != 0)
		return r;
	if (id != APPLICATION_ID || version < 1)
		return store_fail(st, -EUCLEAN, "%s/%s: is not a sealkey "
		    "database; start with another directory", st->path,
		    DB_NAME);
	if (version > STORE_VERSION)
		return store_fail(st, -EPROTO, "%s/%s: was written by a newer "
		    "sealkey (format %lld, this one knows %d); update sealkey",
		    st->path, DB_NAME, (long long)version, STORE_VERSION);
	return 0;
}

static bool
is_schema_row(sqlite3_stmt *s, size_t n)
{
	const char *text = (const char *)sqlite3_column_text(s, 0);

	return n < SCHEMA_COUNT && text != NULL &&
	    strcmp(schema[n], text) == 0;
}

static int
check_schema(struct store *st)
{
	sqlite3_stmt *s = NULL;
	size_t n = 0;
	int rc, r = 0;

	/* Objects without text are SQLite's own, and follow from the rest */
	rc = sqlite3_prepare_v2(st->db, "SELECT sql FROM sqlite_schema"
	    " WHERE sql IS NOT NULL ORDER BY rowid", -1, &s, NULL);
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(s)) == SQLITE_ROW &&
		    is_schema_row(s, n))
			n++;
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		r = store_fail_sql(st, "open");
	else if (rc == SQLITE_ROW || n != SCHEMA_COUNT)
		r = store_fail(st, -EUCLEAN, "%s/%s: has a foreign schema; "
		    "start with another directory", st->path, DB_NAME);
	sqlite3_finalize(s);
	return r;
}

int
store_connect(struct store *st)
{
	int r;

	if ((r = open_database(st, DB_NAME)) != 0 ||
	    (r = check_version(st)) != 0 ||
	    (r = check_schema(st)) != 0)
		return r;
	return prepare_all(st);
}

/*
 * Creation
 */

static int
insert_meta(struct store *st, const char *name, struct span value)
{
	sqlite3_stmt *s = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(st->db, "INSERT INTO meta VALUES (?1, ?2)", -1,
	    &s, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(s, 2, value.p, (int)value.len, SQLITE_STATIC)
	    != SQLITE_OK || sqlite3_step(s) != SQLITE_DONE)
		r = store_fail_sql(st, "create");
	sqlite3_finalize(s);
	return r;
}

/* The state a key is born with: a fresh epoch, and the date of its device. */
static int
insert_state(struct store *st)
{
	uint8_t sealed[STATE_MAX + KEY_SEAL_OVERHEAD];
	const struct keys_info *info = st->keys->ops->info(st->keys);
	struct auth_state fresh = {
		.generation = info->counter ? info->generation : 0 };
	size_t len;
	int r;

	if (getrandom(fresh.epoch, sizeof(fresh.epoch), 0) !=
	    sizeof(fresh.epoch))
		return store_fail(st, -EIO, "no random bytes: %m");
	r = store_seal_state(st, &fresh, 0, sealed, &len);
	explicit_bzero(&fresh, sizeof(fresh));
	if (r != 0)
		return store_fail(st, r, "%s: cannot seal: %s", st->path,
		    strerror(-r));
	return insert_meta(st, "state", span(sealed, len));
}

static int
insert_storage_key(struct store *st)
{
	uint8_t wrapped[KEY_WRAPPED_MAX];
	size_t len = 0;
	int r;

	if ((r = st->keys->ops->new_storage_key(st->keys, wrapped, &len)) != 0)
		return store_fail_keys(st, r, "make a storage key");
	r = insert_meta(st, "provider", span_str(st->keys->ops->name));
	if (r == 0)
		r = insert_meta(st, "storage key", span(wrapped, len));
	explicit_bzero(wrapped, sizeof(wrapped));
	return r;
}

static int
fill_database(struct store *st)
{
	char numbers[96];
	int r;

	snprintf(numbers, sizeof(numbers), "PRAGMA application_id = %d;"
	    "PRAGMA user_version = %d;", APPLICATION_ID, STORE_VERSION);
	if ((r = store_exec(st, "BEGIN IMMEDIATE;", "create")) != 0 ||
	    (r = store_exec(st, numbers, "create")) != 0)
		return r;
	for (size_t i = 0; i < SCHEMA_COUNT; i++)
		if ((r = store_exec(st, schema[i], "create")) != 0)
			return r;
	if ((r = insert_storage_key(st)) != 0 || (r = insert_state(st)) != 0)
		return r;
	return store_exec(st, "COMMIT;", "create");
}

static int
build_database(struct store *st)
{
	int reserve = PAGE_RESERVED, r;

	if ((r = open_database(st, DB_NEW)) != 0)
		return r;
	sqlite3_file_control(st->db, "main", SQLITE_FCNTL_RESERVE_BYTES,
	    &reserve);
	if ((r = store_exec(st, "PRAGMA page_size = 4096;"
	    "PRAGMA journal_mode = MEMORY;", "create")) != 0 ||
	    (r = fill_database(st)) != 0)
		return r;
	return store_exec(st, "PRAGMA journal_mode = WAL;", "create");
}

/* Private from the start: SQLite's log takes over the mode. */
static int
make_empty(struct store *st)
{
	int fd;

	st->env->unlink(st->dirfd, DB_NEW);
	st->env->unlink(st->dirfd, DB_NEW "-wal");
	fd = openat(st->dirfd, DB_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return store_fail(st, -errno, "%s: cannot be written: %m",
		    st->path);
	close(fd);
	return 0;
}

/*
 * What could not be finished is left: it is there before the provider makes a
 * storage key, so that who finds that knows it was made for nothing.
 */
int
store_create(struct store *st)
{
	int r;

	if ((r = make_empty(st)) != 0)
		return r;
	r = build_database(st);
	store_disconnect(st, r == 0);
	if (r == 0)
		r = st->env->rename(st->dirfd, DB_NEW, DB_NAME);
	if (r != 0)
		return st->message[0] != '\0' ? r : store_fail(st, r,
		    "%s/%s: cannot rename: %s", st->path, DB_NEW,
		    strerror(-r));
	if ((r = st->env->sync_dir(st->dirfd)) != 0)
		return store_fail(st, r, "%s: cannot sync: %s", st->path,
		    strerror(-r));
	return 0;
}
