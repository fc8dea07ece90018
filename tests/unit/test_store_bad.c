/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State directories that are not what they should be: refused with one line
 * and left as they are, byte by byte, or everything acknowledged is right.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "authenticator/store/checksum_vfs.h"
#include "authenticator/store/page.h"
#include "tests/fake_keys.h"
#include "tests/store_fixture.h"

#define FILE_MAX	(4 << 20)
#define FLIPS		2000	/* in each file */

struct bytes {
	uint8_t	*p;
	size_t	 len;
	bool	 there;
};

/* A directory as it was left, and what it has to hold. */
struct original {
	struct scratch	 dir;		/* for the damaged ones */
	struct bytes	 db;
	struct bytes	 log;
	struct contents	 contents;
};

/*
 * Files
 */

static void
read_file(int dirfd, const char *name, struct bytes *out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*out = (struct bytes){ .there = fd >= 0 };
	if (fd < 0)
		return;
	out->p = malloc(FILE_MAX);
	assert_non_null(out->p);
	n = read(fd, out->p, FILE_MAX);
	assert_in_range(n, 0, FILE_MAX - 1);
	out->len = (size_t)n;
	close(fd);
}

static void
write_file(int dirfd, const char *name, const struct bytes *b)
{
	int fd;

	unlinkat(dirfd, name, 0);
	if (!b->there)
		return;
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->p, b->len), b->len);
	close(fd);
}

static bool
file_is(int dirfd, const char *name, const struct bytes *b)
{
	struct bytes have;
	bool same;

	read_file(dirfd, name, &have);
	same = have.there == b->there;
	if (same && b->there)
		same = have.len == b->len &&
		    (b->len == 0 || memcmp(have.p, b->p, b->len) == 0);
	free(have.p);
	return same;
}

static void
put_files(struct original *o)
{
	write_file(o->dir.fd, DB_NAME, &o->db);
	write_file(o->dir.fd, DB_LOG, &o->log);
}

/* SQL behind the store's back, with the checksums made right. */
static void
meddle(struct original *o, const char *text)
{
	char path[128], *error = NULL;
	sqlite3 *db = NULL;

	put_files(o);
	snprintf(path, sizeof(path), "%s/%s", o->dir.path, DB_NAME);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE,
	    checksum_vfs(NULL)), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/*
 * Originals
 */

/* with_log: as after kill -9, with all that was done since in the log. */
static void
original_new(struct original *o, bool with_log)
{
	struct scratch dir;
	struct store *st;

	scratch_new(&dir);
	st = fixture_must_open(dir.fd, true, NULL);
	for (uint32_t n = 0; n < 12; n++) {
		assert_int_equal(fixture_put(st, n, n / 4), 0);
		if (n != 5)
			continue;
		fixture_close(st);
		st = fixture_must_open(dir.fd, false, NULL);
	}
	assert_int_equal(store_put(st, "root", span("abc", 3)), 0);
	assert_int_equal(fixture_counter(st, 1234), 0);
	assert_int_equal(contents_read(st, &o->contents), 0);
	st->broken = with_log ? -EIO : 0;
	fixture_close(st);
	read_file(dir.fd, DB_NAME, &o->db);
	read_file(dir.fd, DB_LOG, &o->log);
	assert_int_equal(o->log.there, with_log);
	scratch_free(&dir);
	scratch_new(&o->dir);
}

static int
setup(void **state)
{
	struct original *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	original_new(o, false);
	*state = o;
	return 0;
}

static int
setup_with_log(void **state)
{
	struct original *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	original_new(o, true);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	struct original *o = *state;

	free(o->db.p);
	free(o->log.p);
	scratch_free(&o->dir);
	free(o);
	return 0;
}

/*
 * Opening
 */

static void
assert_one_line(const char *msg)
{
	assert_true(strlen(msg) > 10 && strlen(msg) < MESSAGE_MAX - 1);
	assert_null(strchr(msg, '\n'));
	assert_non_null(strstr(msg, "DIR"));
}

/* The error it is refused with, and as it was; 0: all is right. */
static int
try_open(struct original *o)
{
	char msg[MESSAGE_MAX];
	struct contents c;
	struct store *st;
	int error;

	st = fixture_open(o->dir.fd, false, NULL, &error, msg);
	if (st != NULL) {
		assert_int_equal(contents_read(st, &c), 0);
		assert_true(contents_same(&c, &o->contents));
		fixture_close(st);
		return 0;
	}
	assert_one_line(msg);
	assert_true(file_is(o->dir.fd, DB_NAME, &o->db));
	assert_true(file_is(o->dir.fd, DB_LOG, &o->log));
	return error;
}

static int
try_files(struct original *o)
{
	put_files(o);
	return try_open(o);
}

/* Flips bits all over b, one at a time; returns how many were tolerated. */
static int
flip_bits(struct original *o, struct bytes *b)
{
	size_t bits = b->len * 8, step = (bits / FLIPS - 1) | 1;
	int tolerated = 0, tried = 0, r;

	for (size_t bit = 0; bit < bits; bit += step, tried++) {
		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = try_files(o);
		assert_true(r == 0 || r == -EUCLEAN || r == -EPROTO);
		if (r == 0)
			tolerated++;
		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(tried >= FLIPS);
	assert_int_equal(try_files(o), 0);
	return tolerated;
}

static void
test_flipped_bits(void **state)
{
	struct original *o = *state;

	assert_int_equal(flip_bits(o, &o->db), 0);
}

/* Pages that are in the log as well do not matter: flip_bits() compares. */
static void
test_flipped_bits_under_log(void **state)
{
	struct original *o = *state;

	flip_bits(o, &o->db);
}

static void
test_flipped_bits_in_log(void **state)
{
	struct original *o = *state;

	/* only in the mark: the others are all vouched for by it */
	assert_in_range(flip_bits(o, &o->log), 0, 8);
}

/* Every bit of the mark and of the header of the last frame before it. */
static void
test_flipped_bits_at_end_of_log(void **state)
{
	struct original *o = *state;
	size_t frames = (o->log.len - WAL_HEADER_LEN) / WAL_FRAME_LEN;
	size_t mark = WAL_HEADER_LEN + frames * WAL_FRAME_LEN;
	size_t last = mark - WAL_FRAME_LEN;
	int refused = 0;

	assert_int_equal(o->log.len, mark + WAL_MARK_LEN);
	for (size_t i = last; i < o->log.len; i++) {
		if (i == last + WAL_FRAME_HEADER + 64)
			i = mark - 64;
		for (int bit = 0; bit < 8; bit++) {
			o->log.p[i] ^= (uint8_t)(1 << bit);
			refused += try_files(o) != 0;
			o->log.p[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(refused, 8 * (WAL_FRAME_HEADER + 64 + 64));
}

/* As if the mark never landed: two faults, power loss and then damage. */
static void
test_damaged_commit_before_the_last(void **state)
{
	struct original *o = *state;
	size_t frames = (o->log.len - WAL_HEADER_LEN) / WAL_FRAME_LEN;
	size_t len = o->log.len, at, commits = 0;

	o->log.len -= WAL_MARK_LEN;
	assert_int_equal(try_files(o), 0);
	/* in the contents of each frame up to the commit before the last */
	for (size_t n = 0; n < frames; n++)
		commits += page_u32(o->log.p + WAL_HEADER_LEN +
		    n * WAL_FRAME_LEN + 4) != 0;
	for (size_t n = 0; commits > 1; n++) {
		at = WAL_HEADER_LEN + n * WAL_FRAME_LEN;
		commits -= page_u32(o->log.p + at + 4) != 0;
		o->log.p[at + 100] ^= 0x10;
		assert_int_equal(try_files(o), -EUCLEAN);
		o->log.p[at + 100] ^= 0x10;
	}
	o->log.len = len;
}

static void
test_truncated(void **state)
{
	struct original *o = *state;
	size_t len = o->db.len;

	for (o->db.len = 0; o->db.len < len; o->db.len += 512)
		assert_int_equal(try_files(o), -EUCLEAN);
	o->db.len = len - 1;
	assert_int_equal(try_files(o), -EUCLEAN);
	o->db.len = len;
	assert_int_equal(try_files(o), 0);
}

/* What is missing may be in the log. */
static void
test_truncated_under_log(void **state)
{
	struct original *o = *state;
	size_t len = o->db.len;
	int r, refused = 0;

	for (o->db.len = 0; o->db.len < len; o->db.len += 512) {
		r = try_files(o);
		assert_true(r == 0 || r == -EUCLEAN);
		refused += r != 0;
	}
	o->db.len = len;
	assert_true(refused > 5);
}

static void
test_longer(void **state)
{
	struct original *o = *state;

	memset(o->db.p + o->db.len, 0, PAGE_LEN);
	o->db.len += PAGE_LEN;
	assert_int_equal(try_files(o), -EUCLEAN);
}

static void
test_pages_swapped(void **state)
{
	struct original *o = *state;
	uint8_t page[PAGE_LEN];

	memcpy(page, o->db.p + PAGE_LEN, PAGE_LEN);
	memmove(o->db.p + PAGE_LEN, o->db.p + 2 * PAGE_LEN, PAGE_LEN);
	memcpy(o->db.p + 2 * PAGE_LEN, page, PAGE_LEN);
	assert_int_equal(try_files(o), -EUCLEAN);
}

static void
test_foreign_files(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/bash\n";
	struct original *o = *state;
	struct bytes db = o->db;

	o->db = (struct bytes){ (uint8_t *)strdup(text), sizeof(text), true };
	assert_int_equal(try_files(o), -EUCLEAN);
	free(o->db.p);
	o->db = db;
	memset(o->db.p + 68, 0, 4);		/* another application's */
	assert_int_equal(try_files(o), -EUCLEAN);
}

/* Neither a link, nor a directory, nor something that waits. */
static void
test_not_a_file(void **state)
{
	struct original *o = *state;

	o->db.there = o->log.there = false;
	put_files(o);
	for (int i = 0; i < 3; i++) {
		char msg[MESSAGE_MAX];
		int error;

		if (i == 0)
			assert_int_equal(symlinkat("/dev/zero", o->dir.fd,
			    DB_NAME), 0);
		if (i == 1)
			assert_int_equal(mkfifoat(o->dir.fd, DB_NAME, 0600),
			    0);
		if (i == 2)
			assert_int_equal(mkdirat(o->dir.fd, DB_NAME, 0700),
			    0);
		assert_null(fixture_open(o->dir.fd, true, NULL, &error, msg));
		assert_int_equal(error, -EUCLEAN);
		assert_one_line(msg);
		assert_int_equal(unlinkat(o->dir.fd, DB_NAME,
		    i == 2 ? AT_REMOVEDIR : 0), 0);
	}
}

static void
meddled_is(struct original *o, const char *text, int error)
{
	struct original now = { .dir = o->dir };

	meddle(o, text);
	read_file(o->dir.fd, DB_NAME, &now.db);
	assert_int_equal(try_open(&now), error);
	free(now.db.p);
}

static void
test_newer_version(void **state)
{
	meddled_is(*state, "PRAGMA user_version = 2", -EPROTO);
	meddled_is(*state, "PRAGMA user_version = 0", -EUCLEAN);
	meddled_is(*state, "PRAGMA user_version = -1", -EPROTO);
}

static void
test_foreign_schema(void **state)
{
	meddled_is(*state, "CREATE TRIGGER t AFTER DELETE ON credential"
	    " BEGIN SELECT 1; END", -EUCLEAN);
	meddled_is(*state, "CREATE TABLE more (x)", -EUCLEAN);
	meddled_is(*state, "DROP INDEX credential_user", -EUCLEAN);
	meddled_is(*state, "DROP TABLE blob", -EUCLEAN);
}

/* Valid SQL that is not what was sealed. */
static void
test_edited_rows(void **state)
{
	meddled_is(*state, "UPDATE credential SET sealed = (SELECT sealed FROM"
	    " credential WHERE seq = 2) WHERE seq = 1", -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET protect = 1"
	    " WHERE protect = 3", -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET protect = 9", -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET user = NULL WHERE seq = 1",
	    -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET rp = x'00'", -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET seq = 99 WHERE seq = 3",
	    -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET sealed = x'' WHERE seq = 1",
	    -EUCLEAN);
	meddled_is(*state, "UPDATE credential SET sealed = zeroblob(9000)",
	    -EUCLEAN);
	meddled_is(*state, "DELETE FROM credential WHERE seq = 12",
	    -EUCLEAN);
	meddled_is(*state, "DELETE FROM meta WHERE name = 'state'",
	    -EUCLEAN);
	meddled_is(*state, "UPDATE meta SET value = x'00'"
	    " WHERE name = 'state'", -EUCLEAN);
	meddled_is(*state, "DELETE FROM meta WHERE name = 'storage key'",
	    -EUCLEAN);
	meddled_is(*state, "UPDATE meta SET value = CAST('tpm' AS BLOB)"
	    " WHERE name = 'provider'", -EBADMSG);
}

static void
test_edited_blob(void **state)
{
	struct original *o = *state;
	struct store *st;
	uint8_t *p;
	size_t len;

	meddle(o, "UPDATE blob SET name = 'leaf'");
	st = fixture_must_open(o->dir.fd, false, NULL);
	assert_int_equal(store_get(st, "leaf", &p, &len), -EUCLEAN);
	assert_one_line(store_strerror(st));
	fixture_close(st);
}

static void
site_is_damaged(struct original *o, const char *text)
{
	struct credential out;
	struct auth_lookup q = { .kind = LOOKUP_SITE, .cred = &out };
	struct store *st;

	meddle(o, text);
	st = fixture_must_open(o->dir.fd, false, NULL);
	while (store_lookup(st, &q) == 0 && q.found)
		continue;
	assert_int_equal(q.result, -EUCLEAN);
	assert_one_line(store_strerror(st));
	fixture_close(st);
}

/* A site whose newest credential is none, or one of another site. */
static void
test_sites_that_lead_elsewhere(void **state)
{
	struct original *o = *state;

	site_is_damaged(o, "UPDATE site SET last1 = 0, last2 = 0, last3 = 0"
	    " WHERE rp = (SELECT max(rp) FROM site)");
	site_is_damaged(o, "UPDATE site SET last3 = 99");
	site_is_damaged(o, "UPDATE site SET last1 = 1, last2 = 0, last3 = 0");
	site_is_damaged(o, "UPDATE site SET rp = zeroblob(16)"
	    " WHERE rp = (SELECT min(rp) FROM site)");
	site_is_damaged(o, "UPDATE site SET rp = x'ff'"
	    " WHERE rp = (SELECT max(rp) FROM site)");
}

static void
test_other_device(void **state)
{
	struct original *o = *state;
	struct store_config cfg = { .create = true };
	struct keys *keys = fake_keys_new(2);
	char msg[MESSAGE_MAX];
	struct store *st = NULL;

	put_files(o);
	assert_int_equal(store_open(o->dir.fd, "DIR", keys, &cfg, &st, msg,
	    sizeof(msg)), -EBADMSG);
	assert_null(st);
	assert_one_line(msg);
	assert_true(file_is(o->dir.fd, DB_NAME, &o->db));
	assert_true(file_is(o->dir.fd, DB_LOG, &o->log));
	fake_keys_free(keys);
}

/* Making a new one there would play the old log into it. */
static void
test_log_without_database(void **state)
{
	struct original *o = *state;
	char msg[MESSAGE_MAX];
	int error;

	put_files(o);
	assert_int_equal(unlinkat(o->dir.fd, DB_NAME, 0), 0);
	assert_null(fixture_open(o->dir.fd, true, NULL, &error, msg));
	assert_int_equal(error, -EUCLEAN);
	assert_true(file_is(o->dir.fd, DB_LOG, &o->log));
}

/* As if only the database had been copied from a key at work. */
static void
test_database_without_log(void **state)
{
	struct original *o = *state;
	size_t len = o->log.len;

	o->log.there = false;
	assert_int_equal(try_files(o), -EUCLEAN);
	o->log.there = true;
	/* up to the first frame, at least: then no commit is left */
	for (o->log.len = 0; o->log.len < WAL_HEADER_LEN + WAL_FRAME_LEN;
	    o->log.len += WAL_HEADER_LEN)
		assert_int_equal(try_files(o), -EUCLEAN);
	o->log.len = len;
	assert_int_equal(try_files(o), 0);
}

static void
test_log_of_zeros(void **state)
{
	struct original *o = *state;
	size_t len = o->log.len;

	memset(o->log.p, 0, WAL_HEADER_LEN);
	o->log.len = WAL_HEADER_LEN;
	assert_int_equal(try_files(o), -EUCLEAN);
	o->log.len = len;
}

/* Valid in itself, and of the same key, but not of this database. */
static void
test_log_of_another_time(void **state)
{
	struct original *o = *state, other;

	original_new(&other, true);
	free(o->log.p);
	o->log = other.log;
	assert_int_equal(try_files(o), -EUCLEAN);
	free(other.db.p);
	scratch_free(&other.dir);
}

/* The log was begun anew over its old frames, and has commits again. */
static void
test_database_without_second_log(void **state)
{
	struct original o = { .db.there = false };
	struct store *st;

	(void)state;
	scratch_new(&o.dir);
	st = fixture_must_open(o.dir.fd, true, NULL);
	for (uint32_t n = 0; n < 2; n++) {
		assert_int_equal(fixture_put(st, n, 1), 0);
		assert_int_equal(sqlite3_wal_checkpoint_v2(st->db, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL), SQLITE_OK);
	}
	assert_int_equal(fixture_put(st, 2, 1), 0);
	assert_int_equal(contents_read(st, &o.contents), 0);
	st->broken = -EIO;
	fixture_close(st);
	read_file(o.dir.fd, DB_NAME, &o.db);
	read_file(o.dir.fd, DB_LOG, &o.log);
	o.log.there = false;
	assert_int_equal(try_files(&o), -EUCLEAN);
	o.log.there = true;
	assert_int_equal(try_files(&o), 0);
	free(o.db.p);
	free(o.log.p);
	scratch_free(&o.dir);
}

static void
test_planted_journal(void **state)
{
	struct original *o = *state;
	struct bytes journal = { (uint8_t *)"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
	    8, true };

	write_file(o->dir.fd, DB_JOURNAL, &journal);
	assert_int_equal(try_files(o), -EUCLEAN);
	assert_true(file_is(o->dir.fd, DB_JOURNAL, &journal));
}

/*
 * A large database is read page by page as it is needed.
 */

static int
check_one(void *arg, const struct credential *c)
{
	struct credential want;
	uint32_t *count = arg, n, site;

	memcpy(&n, c->id, sizeof(n));
	memcpy(&site, c->rp_id_hash, sizeof(site));
	fixture_credential(&want, n, site);
	++*count;
	return fixture_same(c, &want) ? 0 : -EBADMSG;
}

static int
look_everywhere(struct store *st, uint32_t count)
{
	struct credential c, out;

	for (uint32_t n = 0; n < count; n += 7)
		for (int kind = LOOKUP_ID; kind <= LOOKUP_USER; kind++) {
			struct auth_lookup q = { .kind = kind, .cred = &out,
			    .protect_max = 3, .before = UINT64_MAX };

			fixture_credential(&c, n, n);
			q.id = span(c.id, c.id_len);
			q.user_id = span(c.user.id, c.user.id_len);
			memcpy(q.rp_id_hash, c.rp_id_hash, 32);
			if (store_lookup(st, &q) != 0)
				return q.result;
			if (kind != LOOKUP_USER || c.user.id_len > 0)
				assert_true(q.found && fixture_same(&out, &c));
		}
	return 0;
}

static void
make_large(struct original *o, uint32_t count)
{
	struct store *st = fixture_must_open(o->dir.fd, true, NULL);

	for (uint32_t n = 0; n < count; n++)
		assert_int_equal(fixture_put(st, n, n), 0);
	fixture_close(st);
	read_file(o->dir.fd, DB_NAME, &o->db);
	assert_true(o->db.len > STORE_SMALL_LEN);
}

static int
use_large(struct original *o, uint32_t count)
{
	char msg[MESSAGE_MAX];
	uint32_t found = 0;
	struct store *st;
	int r;

	st = fixture_open(o->dir.fd, false, NULL, &r, msg);
	if (st == NULL)
		return r;
	if ((r = store_each(st, check_one, &found)) == 0) {
		assert_int_equal(found, count);
		r = look_everywhere(st, count);
	}
	if (r != 0)
		assert_one_line(store_strerror(st));
	fixture_close(st);
	return r;
}

static void
test_large_is_verified_lazily(void **state)
{
	struct original o = { .db.there = false };
	size_t step;
	int r, refused = 0;

	(void)state;
	scratch_new(&o.dir);
	make_large(&o, 3000);
	step = o.db.len * 8 / 60 | 1;
	for (size_t bit = 8; bit < o.db.len * 8; bit += step) {
		o.db.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		put_files(&o);
		r = use_large(&o, 3000);
		assert_true(r == 0 || r == -EUCLEAN);
		assert_true(r == 0 || file_is(o.dir.fd, DB_NAME, &o.db));
		refused += r != 0;
		o.db.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	/* every page is read, except perhaps a free one */
	assert_in_range(refused, 58, 62);
	free(o.db.p);
	scratch_free(&o.dir);
}

/* Damage under a running store that has to read again. */
static void
damage_while_open(struct original *o, const char *name)
{
	struct contents c;
	struct store *st;
	struct stat sb;
	int fd;

	put_files(o);
	st = fixture_must_open(o->dir.fd, false, NULL);
	assert_int_equal(fixture_put(st, 20, 1), 0);
	assert_int_equal(contents_read(st, &c), 0);
	fd = openat(o->dir.fd, name, O_RDWR);
	assert_int_equal(fstat(fd, &sb), 0);
	for (off_t at = 200; at < sb.st_size; at += 500)
		assert_int_equal(pwrite(fd, "damage", 6, at), 6);
	sqlite3_db_release_memory(st->db);
	assert_int_equal(contents_read(st, &c), -EUCLEAN);
	assert_null(strstr(store_strerror(st), "I/O"));
	assert_one_line(store_strerror(st));
	assert_int_equal(fixture_put(st, 21, 1), -EUCLEAN);
	fixture_close(st);
	close(fd);
}

static void
test_damaged_database_while_open(void **state)
{
	damage_while_open(*state, DB_NAME);
}

static void
test_damaged_log_while_open(void **state)
{
	damage_while_open(*state, DB_LOG);
}

/*
 * Directories that cannot be written. In a child: it gives up rights.
 */

static int
in_child(struct original *o, int (*prepare)(struct original *o))
{
	char msg[MESSAGE_MAX];
	int status, error;
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (prepare(o) != 0)
			_exit(77);
		fixture_open(o->dir.fd, true, NULL, &error, msg);
		_exit(strstr(msg, "DIR: cannot be written") != NULL ?
		    -error : 78);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int
become_nobody(struct original *o)
{
	if (fchmod(o->dir.fd, 0555) != 0)
		return -1;
	return geteuid() != 0 ? 0 : setuid(65534);
}

/* The mount is attached nowhere, so "/" need not be one: think of chroot. */
static int
mount_read_only(struct original *o)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int tree;

	/* whoever is not root has the right in a namespace of their own */
	if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -1;
	tree = open_tree(AT_FDCWD, o->dir.path,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)) != 0)
		return -1;
	o->dir.fd = openat(tree, ".", O_RDONLY | O_DIRECTORY);
	return o->dir.fd < 0 ? -1 : 0;
}

static void
test_forbidden_directory(void **state)
{
	struct original *o = *state;

	put_files(o);
	assert_int_equal(in_child(o, become_nobody), -EACCES);
	assert_int_equal(fchmod(o->dir.fd, 0700), 0);
	assert_true(file_is(o->dir.fd, DB_NAME, &o->db));
}

static void
test_read_only_file_system(void **state)
{
	struct original *o = *state;
	int r;

	put_files(o);
	if ((r = in_child(o, mount_read_only)) == -77) {
		print_message("needs the right to mount\n");
		skip();
	}
	assert_int_equal(r, -EROFS);
}

#define CLEAN(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
#define LOGGED(t) cmocka_unit_test_setup_teardown(t, setup_with_log, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(test_flipped_bits),
		LOGGED(test_flipped_bits_under_log),
		LOGGED(test_flipped_bits_in_log),
		LOGGED(test_flipped_bits_at_end_of_log),
		LOGGED(test_damaged_commit_before_the_last),
		CLEAN(test_truncated),
		LOGGED(test_truncated_under_log),
		CLEAN(test_longer),
		CLEAN(test_pages_swapped),
		CLEAN(test_foreign_files),
		CLEAN(test_not_a_file),
		CLEAN(test_newer_version),
		CLEAN(test_foreign_schema),
		CLEAN(test_edited_rows),
		CLEAN(test_sites_that_lead_elsewhere),
		CLEAN(test_edited_blob),
		LOGGED(test_other_device),
		LOGGED(test_log_without_database),
		LOGGED(test_database_without_log),
		LOGGED(test_log_of_zeros),
		LOGGED(test_log_of_another_time),
		cmocka_unit_test(test_database_without_second_log),
		CLEAN(test_planted_journal),
		cmocka_unit_test(test_large_is_verified_lazily),
		CLEAN(test_damaged_database_while_open),
		LOGGED(test_damaged_log_while_open),
		CLEAN(test_forbidden_directory),
		CLEAN(test_read_only_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
