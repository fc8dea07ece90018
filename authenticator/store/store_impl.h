/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store share: the object itself, its statements, the
 * bytes of a row, and what has to hold before SQLite is let near the files.
 * Nobody outside store_*.c and their tests includes this.
 */
#ifndef AUTHENTICATOR_STORE_IMPL_H
#define AUTHENTICATOR_STORE_IMPL_H

#include <inttypes.h>
#include <sqlite3.h>
#include <sys/types.h>

#include "authenticator/store/store.h"

#define DB_NAME		"sealkey.db"
#define DB_LOG		DB_NAME "-wal"
#define DB_JOURNAL	DB_NAME "-journal"
#define DB_NEW		DB_NAME ".new"	/* while it is being made */
#define LOCK_NAME	"lock"

#define APPLICATION_ID	0x7365616b	/* "seak", in the database header */
#define STORE_SMALL_LEN	(1 << 20)	/* bytes; read whole when opened */
#define STORE_LIMIT	10000000	/* credentials */
#define STORE_UNLISTED	  100000	/* those that are not discoverable */
#define ROW_MAX		5376		/* bytes, serialised credential */
#define LARGE_BLOBS	"large blobs"	/* its name among the blobs */
/* A credential's own, with its seq; which is never given twice */
#define OWN_BLOB	"large blob of %" PRIu64
#define OWN_BLOB_NAME	 40		/* bytes, with the NUL */
#define OWN_BLOB_HEAD	  8		/* bytes: original size, big-endian */
#define STATE_MAX	4096	/* bytes, serialised state */
#define AD_MAX		  80		/* bytes */
#define MESSAGE_MAX	 512		/* bytes, with the NUL */

/*
 * What the store does to the world other than through SQLite, so that tests
 * can lose power there as well.
 */
struct store_env {
	const char *vfs;	/* below the checksums; NULL: the default */
	int	(*rename)(int dirfd, const char *from, const char *to);
	int	(*unlink)(int dirfd, const char *name);
	int	(*sync_dir)(int dirfd);
};

enum stmt {
	STMT_BEGIN, STMT_COMMIT, STMT_ROLLBACK,
	STMT_BY_ID, STMT_BY_USER, STMT_BY_SEQ, STMT_AFTER,
	STMT_SITE, STMT_SITE_NEXT, STMT_SITE_COUNT, STMT_NEWEST,
	STMT_INSERT, STMT_UPDATE, STMT_DELETE, STMT_CLEAR, STMT_CLEAR_SITES,
	STMT_ROWS,
	STMT_SITE_ADD, STMT_SITE_SUB, STMT_SITE_PRUNE,
	STMT_STATE, STMT_BLOB_GET, STMT_BLOB_PUT, STMT_BLOB_DELETE,
	STMT_BLOB_CLEAR, STMT_META_GET, STMT_WRAPPED,
	STMT_COUNT,
};

/*
 * Ciphers of names: what rows are found by. A row that is not discoverable has
 * a tag for its RP that no site has, and none for its user.
 */
struct row_tags {
	uint8_t		id[KEY_TAG_LEN];
	uint8_t		rp[KEY_TAG_LEN];
	uint8_t		user[KEY_TAG_LEN];
	bool		has_user;
};

struct file_id {
	dev_t		dev;
	ino_t		ino;
};

struct store_memory;

struct store {
	struct store_memory *memory;	/* NULL: a database, as follows */
	struct keys	*keys;
	uint64_t	last_seq;	/* as committed; never goes back */
	uint32_t	room;		/* discoverable credentials, at most */
	uint32_t	limit;		/* the same, by store_restrict() */
	uint32_t	unlisted;	/* others, at most */
	int64_t		rows;		/* of both, as committed; -1: nobody
					 * wanted to know yet */
	struct auth_state state;	/* as committed */
	sqlite3		*db;
	sqlite3_stmt	*stmt[STMT_COUNT];
	const struct store_env *env;
	int		dirfd;
	int		lock_fd;
	struct file_id	db_id;		/* what those names stood for */
	struct file_id	log_id;
	int		log_frames;	/* in the log, by the last commit */
	int		broken;		/* -errno: commits are refused */
	bool		small;		/* was read whole when opened */
	uint64_t	stamp;		/* of page 1, as found: page.h */
	char		path[256];	/* for messages */
	char		message[MESSAGE_MAX];
};

/* store.c */

/* Sets the line for the user and returns error. */
int store_fail(struct store *st, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for what the key provider just reported. */
int store_fail_keys(struct store *st, int error, const char *doing);
/* The same for what SQLite just reported. */
int store_fail_sql(struct store *st, const char *doing);

/* store_check.c: the files, before SQLite sees them */

/* 0, or an error with the line set. Reads only. */
int store_check_files(struct store *st);

/* Remembers which files have been opened. */
int store_note_files(struct store *st);
/* Whether their names still stand for them: -EIO if not. */
int store_same_files(struct store *st);

/* store_sql.c: the database */

/* Makes DB_NEW with everything in it, and gives it its name. */
int store_create(struct store *st);
/* Opens, verifies version and schema, prepares statements. */
int store_connect(struct store *st);
/*
 * Forgets the connection. With fold, the log is folded in and goes; if it
 * cannot be, it stays.
 */
void store_disconnect(struct store *st, bool fold);
/*
 * All of the log into the database, and page 1 no longer needs it. False:
 * some of it is not, for whatever reason; the log has everything then.
 */
bool store_fold(struct store *st);
int store_exec(struct store *st, const char *sql, const char *doing);
/*
 * One step of st->stmt[s]: 1 a row, 0 none, or an error. After 1 the caller
 * resets with store_reset() when it is done with the columns.
 */
int store_step(struct store *st, enum stmt s, const char *doing);
void store_reset(struct store *st, enum stmt s);
/* Column of the current row; p is NULL unless it is a blob. */
struct span store_column(struct store *st, enum stmt s, int column);
void store_bind(struct store *st, enum stmt s, int index, struct span v);
/* Runs s, which gives no rows. */
int store_run(struct store *st, enum stmt s, const char *doing);

/* store_row.c: sealed bytes */

/* Length written, or 0: something in cred is out of its bounds. */
size_t store_encode_credential(const struct credential *cred,
    uint8_t out[static ROW_MAX]);
/* Strict; leaves seq 0. False: not one of ours. */
bool store_decode_credential(struct span in, struct credential *out);

int store_tag_id(struct store *st, struct span id,
    uint8_t out[static KEY_TAG_LEN]);
int store_tag_rp(struct store *st, const uint8_t rp_id_hash[static 32],
    uint8_t out[static KEY_TAG_LEN]);
int store_tag_user(struct store *st, const uint8_t rp_id_hash[static 32],
    struct span user_id, uint8_t out[static KEY_TAG_LEN]);
int store_tags(struct store *st, const struct credential *cred,
    struct row_tags *out);

/* Seals cred under seq; out has room for ROW_MAX + KEY_SEAL_OVERHEAD. */
int store_seal_row(struct store *st, const struct credential *cred,
    uint64_t seq, const struct row_tags *tags, uint8_t *out, size_t *len);
/* Opens the current row of s, one of the STMT_BY_* or STMT_AFTER. */
int store_open_row(struct store *st, enum stmt s, struct credential *out);

/* The state: to and from the sealed row of that name. */
int store_seal_state(struct store *st, const struct auth_state *state,
    uint64_t last_seq, uint8_t out[static STATE_MAX + KEY_SEAL_OVERHEAD],
    size_t *len);
int store_open_state(struct store *st, struct span sealed);
/* Whether state is as committed but for what only counts: the ceiling of
 * signature counters, the number of credentials, the generation. */
bool store_only_counts(const struct store *st,
    const struct auth_state *state);
/* Whether new is old but for a counter of its own, which only rises. */
bool store_only_counted(const struct credential *old,
    const struct credential *new);

/* store_memory.c: what a store without a database does instead */
int memory_new(struct store_memory **out);
void memory_free(struct store_memory *m);	/* accepts NULL */
int memory_lookup(struct store *st, struct auth_lookup *q);
int memory_each_after(struct store *st, uint64_t after,
    int (*each)(void *arg, const struct credential *cred), void *arg);
int memory_commit(struct store *st, const struct auth_change *chg,
    uint64_t *seq);
int memory_put(struct store *st, const char *name, struct span value);
int memory_get(struct store *st, const char *name, uint8_t **out,
    size_t *len);

/*
 * store_query.c: the newest credential of a site with that protection that
 * is older than before, if it is newer than *seq.
 */
int store_newest(struct store *st, struct span rp, int protect,
    int64_t before, int64_t *seq);

#endif
