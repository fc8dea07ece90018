/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk that loses power. See powerloss.h. Out of memory ends the test.
 */
#include "tests/powerloss.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#define OPS_MAX		4096
#define FILES_MAX	32	/* ever created */
#define NAMES_MAX	8	/* at a time */
#define SEEN_MAX	65536	/* directories, power of two */

enum op_kind {
	OP_WRITE, OP_TRUNCATE, OP_SYNC,		/* contents of a file */
	OP_LINK, OP_UNLINK, OP_RENAME, OP_SYNC_DIR, /* names */
	OP_PROMISE,
};

struct op {
	enum op_kind	 kind;
	int		 file;
	int64_t		 at;		/* offset, size or number */
	size_t		 len;
	uint8_t		*data;
	char		 name[32];
	char		 to[32];
};

struct image {
	uint8_t	*p;
	size_t	 len;
};

struct names {
	struct {
		char	name[32];
		int	file;
	} e[NAMES_MAX];
	int count;
};

static struct disk {
	bool		 recording;
	struct op	 ops[OPS_MAX];
	int		 op_count;
	int		 file_count;
	struct names	 live;
	int		 full_after;
	int		 sync_fails_after;
	int		 syncs;
} disk = { .full_after = -1, .sync_fails_after = -1 };

/*
 * Names
 */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
names_find(const struct names *n, const char *name)
{
	for (int i = 0; i < n->count; i++)
		if (strcmp(n->e[i].name, name) == 0)
			return i;
	return -1;
}

static void
names_remove(struct names *n, const char *name)
{
	int i = names_find(n, name);

	if (i >= 0)
		n->e[i] = n->e[--n->count];
}

static void
names_add(struct names *n, const char *name, int file)
{
	names_remove(n, name);
	assert(n->count < NAMES_MAX);
	snprintf(n->e[n->count].name, sizeof(n->e[0].name), "%s", name);
	n->e[n->count++].file = file;
}

static void
names_apply(struct names *n, const struct op *op)
{
	int i;

	if (op->kind == OP_LINK)
		names_add(n, op->name, op->file);
	if (op->kind == OP_UNLINK)
		names_remove(n, op->name);
	if (op->kind == OP_RENAME && (i = names_find(n, op->name)) >= 0) {
		int file = n->e[i].file;

		names_remove(n, op->name);
		names_add(n, op->to, file);
	}
}

/*
 * Recording
 */

static struct op *
record(enum op_kind kind)
{
	struct op *op;

	if (!disk.recording)
		return NULL;
	assert(disk.op_count < OPS_MAX);
	op = &disk.ops[disk.op_count++];
	*op = (struct op){ .kind = kind };
	return op;
}

static void
record_name(enum op_kind kind, const char *name, const char *to, int file)
{
	struct op *op = record(kind);

	if (op == NULL)
		return;
	op->file = file;
	snprintf(op->name, sizeof(op->name), "%s", name);
	snprintf(op->to, sizeof(op->to), "%s", to);
	names_apply(&disk.live, op);
}

static int
record_open(const char *name)
{
	int i;

	if (!disk.recording)
		return -1;
	if ((i = names_find(&disk.live, name)) >= 0)
		return disk.live.e[i].file;
	assert(disk.file_count < FILES_MAX);
	record_name(OP_LINK, name, "", disk.file_count);
	return disk.file_count++;
}

static void
record_file(enum op_kind kind, int file, int64_t at, const void *p,
    size_t len)
{
	struct op *op;

	if (file < 0 || (op = record(kind)) == NULL)
		return;
	op->file = file;
	op->at = at;
	op->len = len;
	if (p == NULL)
		return;
	assert((op->data = malloc(len)) != NULL);
	memcpy(op->data, p, len);
}

void
powerloss_start(void)
{
	powerloss_done();
	disk.recording = true;
}

void
powerloss_stop(void)
{
	disk.recording = false;
}

void
powerloss_done(void)
{
	for (int i = 0; i < disk.op_count; i++)
		free(disk.ops[i].data);
	memset(&disk, 0, sizeof(disk));
	disk.full_after = disk.sync_fails_after = -1;
}

void
powerloss_promise(int number)
{
	struct op *op = record(OP_PROMISE);

	if (op != NULL)
		op->at = number;
}

void
powerloss_full_after(int writes)
{
	disk.full_after = writes;
}

void
powerloss_sync_fails_after(int syncs)
{
	disk.sync_fails_after = syncs;
}

int
powerloss_syncs(void)
{
	return disk.syncs;
}

/*
 * Playing back
 */

struct playback {
	struct image	 synced[FILES_MAX];
	struct names	 names;			/* synced */
	struct op	*pending[OPS_MAX];	/* contents, in order */
	int		 pending_count;
	struct op	*pending_names[OPS_MAX];
	int		 pending_names_count;
	int		 promised;
	uint8_t		(*seen)[16];
	int		 checked;
	int		 dirfd;
	bool		(*check)(void *arg, int dirfd, int promised);
	void		*arg;
};

static void
image_resize(struct image *im, size_t len)
{
	if (len > im->len) {
		assert((im->p = realloc(im->p, len)) != NULL);
		memset(im->p + im->len, 0, len - im->len);
	}
	im->len = len;
}

static void
image_apply(struct image *im, const struct op *op)
{
	if (op->kind == OP_TRUNCATE) {
		image_resize(im, (size_t)op->at);
		return;
	}
	if (im->len < (size_t)op->at + op->len)
		image_resize(im, (size_t)op->at + op->len);
	memcpy(im->p + op->at, op->data, op->len);
}

static void
images_copy(struct image *to, const struct image *from)
{
	for (int i = 0; i < FILES_MAX; i++) {
		to[i] = (struct image){ NULL, 0 };
		image_resize(&to[i], from[i].len);
		if (from[i].len > 0)
			memcpy(to[i].p, from[i].p, from[i].len);
	}
}

static void
images_free(struct image *im)
{
	for (int i = 0; i < FILES_MAX; i++)
		free(im[i].p);
}

static bool
seen_before(struct playback *pb, const struct image *im,
    const struct names *names)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[32];
	uint32_t slot;

	EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	EVP_DigestUpdate(ctx, &pb->promised, sizeof(pb->promised));
	for (int i = 0; i < names->count; i++) {
		const struct image *f = &im[names->e[i].file];

		EVP_DigestUpdate(ctx, names->e[i].name, 32);
		EVP_DigestUpdate(ctx, &f->len, sizeof(f->len));
		EVP_DigestUpdate(ctx, f->p, f->len);
	}
	EVP_DigestFinal_ex(ctx, md, NULL);
	EVP_MD_CTX_free(ctx);
	memcpy(&slot, md + 16, sizeof(slot));
	for (slot %= SEEN_MAX; pb->seen[slot][0] != 0;
	    slot = (slot + 1) % SEEN_MAX)
		if (memcmp(pb->seen[slot] + 1, md, 15) == 0)
			return true;
	assert(pb->checked < SEEN_MAX / 2);
	pb->seen[slot][0] = 1;
	memcpy(pb->seen[slot] + 1, md, 15);
	return false;
}

static void
empty_directory(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	DIR *d;

	assert(fd >= 0 && (d = fdopendir(fd)) != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd, e->d_name, 0);
	closedir(d);
}

static void
write_file(int dirfd, const char *name, const struct image *im)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600);

	assert(fd >= 0);
	assert(im->len == 0 ||
	    write(fd, im->p, im->len) == (ssize_t)im->len);
	close(fd);
}

static bool
check_directory(struct playback *pb, const struct image *im,
    const struct names *names)
{
	if (seen_before(pb, im, names))
		return true;
	pb->checked++;
	empty_directory(pb->dirfd);
	for (int i = 0; i < names->count; i++)
		write_file(pb->dirfd, names->e[i].name,
		    &im[names->e[i].file]);
	return pb->check(pb->arg, pb->dirfd, pb->promised);
}

/* These contents under every set of names that could be there. */
static bool
check_contents(struct playback *pb, const struct image *im)
{
	struct names names = pb->names;

	if (!check_directory(pb, im, &names))
		return false;
	for (int i = 0; i < pb->pending_names_count; i++) {
		names_apply(&names, pb->pending_names[i]);
		if (!check_directory(pb, im, &names))
			return false;
	}
	return true;
}

/* Each prefix of what is pending, from none to all. */
static bool
check_prefixes(struct playback *pb)
{
	struct image im[FILES_MAX];
	bool ok;

	images_copy(im, pb->synced);
	ok = check_contents(pb, im);
	for (int i = 0; ok && i < pb->pending_count; i++) {
		image_apply(&im[pb->pending[i]->file], pb->pending[i]);
		ok = check_contents(pb, im);
	}
	images_free(im);
	return ok;
}

/* One sector of file, from one image into another. */
static void
copy_sector(struct image *to, const struct image *from, size_t at)
{
	size_t end = at + POWERLOSS_SECTOR;

	if (end > from->len)
		end = from->len;
	if (to->len < end)
		image_resize(to, end);
	if (at < end)
		memcpy(to->p + at, from->p + at, end - at);
}

static bool
same_sector(const struct image *a, const struct image *b, size_t at)
{
	size_t n = POWERLOSS_SECTOR;

	if (at + n > a->len || at + n > b->len)
		return false;
	return memcmp(a->p + at, b->p + at, n) == 0;
}

/* base with one sector of other, for each sector that differs. */
static bool
check_sectors(struct playback *pb, const struct image *base,
    const struct image *other)
{
	bool ok = true;

	for (int f = 0; f < disk.file_count; f++)
		for (size_t at = 0; ok && at < other[f].len;
		    at += POWERLOSS_SECTOR) {
			struct image im[FILES_MAX];

			if (same_sector(&base[f], &other[f], at))
				continue;
			images_copy(im, base);
			copy_sector(&im[f], &other[f], at);
			ok = check_contents(pb, im);
			images_free(im);
		}
	return ok;
}

/*
 * What a sector is that never landed: as synced, or zeros. The size did
 * land: what was cut off does not come back sector by sector.
 */
static void
resize_to(struct image *old, const struct image *all)
{
	for (int i = 0; i < FILES_MAX; i++)
		image_resize(&old[i], all[i].len);
}

static bool
check_point(struct playback *pb)
{
	struct image all[FILES_MAX], old[FILES_MAX];
	bool ok;

	if (!check_prefixes(pb))
		return false;
	images_copy(all, pb->synced);
	images_copy(old, pb->synced);
	for (int i = 0; i < pb->pending_count; i++)
		image_apply(&all[pb->pending[i]->file], pb->pending[i]);
	ok = check_sectors(pb, pb->synced, all);
	resize_to(old, all);
	ok = ok && check_sectors(pb, all, old);
	images_free(all);
	images_free(old);
	return ok;
}

static void
sync_file(struct playback *pb, int file)
{
	int kept = 0;

	for (int i = 0; i < pb->pending_count; i++) {
		if (pb->pending[i]->file == file)
			image_apply(&pb->synced[file], pb->pending[i]);
		else
			pb->pending[kept++] = pb->pending[i];
	}
	pb->pending_count = kept;
}

static void
play(struct playback *pb, struct op *op)
{
	switch (op->kind) {
	case OP_WRITE:
	case OP_TRUNCATE:
		pb->pending[pb->pending_count++] = op;
		break;
	case OP_SYNC:
		sync_file(pb, op->file);
		break;
	case OP_LINK:
	case OP_UNLINK:
	case OP_RENAME:
		pb->pending_names[pb->pending_names_count++] = op;
		break;
	case OP_SYNC_DIR:
		for (int i = 0; i < pb->pending_names_count; i++)
			names_apply(&pb->names, pb->pending_names[i]);
		pb->pending_names_count = 0;
		break;
	case OP_PROMISE:
		pb->promised = (int)op->at;
		break;
	}
}

int
powerloss_each(int dirfd,
    bool (*check)(void *arg, int dirfd, int promised), void *arg)
{
	struct playback *pb = calloc(1, sizeof(*pb));
	bool ok = true;
	int n;

	assert(pb != NULL && !disk.recording);
	pb->seen = calloc(SEEN_MAX, sizeof(*pb->seen));
	assert(pb->seen != NULL);
	pb->dirfd = dirfd;
	pb->check = check;
	pb->arg = arg;
	for (int i = 0; ok && i < disk.op_count; i++) {
		play(pb, &disk.ops[i]);
		ok = check_point(pb);
	}
	n = ok ? pb->checked : -1;
	images_free(pb->synced);
	free(pb->seen);
	free(pb);
	return n;
}

/*
 * The VFS: files
 */

struct disk_file {
	sqlite3_file	 file;
	sqlite3_file	*base;
	int		 number;	/* -1: not recorded */
	bool		 sync_dir;	/* with the next sync, as unix does */
};

static struct disk_file *
self(sqlite3_file *f)
{
	return (struct disk_file *)f;
}

static int
disk_close(sqlite3_file *file)
{
	return self(file)->base->pMethods->xClose(self(file)->base);
}

static int
disk_read(sqlite3_file *file, void *p, int len, sqlite3_int64 at)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xRead(base, p, len, at);
}

static int
disk_write(sqlite3_file *file, const void *p, int len, sqlite3_int64 at)
{
	struct disk_file *f = self(file);

	if (disk.full_after == 0)
		return SQLITE_FULL;
	if (disk.full_after > 0)
		disk.full_after--;
	record_file(OP_WRITE, f->number, at, p, (size_t)len);
	return f->base->pMethods->xWrite(f->base, p, len, at);
}

static int
disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct disk_file *f = self(file);

	record_file(OP_TRUNCATE, f->number, size, NULL, 0);
	return f->base->pMethods->xTruncate(f->base, size);
}

static int
disk_sync(sqlite3_file *file, int flags)
{
	struct disk_file *f = self(file);

	(void)flags;
	if (disk.sync_fails_after >= 0 && disk.sync_fails_after-- == 0)
		return SQLITE_IOERR_FSYNC;
	disk.syncs++;
	record_file(OP_SYNC, f->number, 0, NULL, 0);
	if (f->sync_dir)
		record(OP_SYNC_DIR);
	f->sync_dir = false;
	return SQLITE_OK;
}

static int
disk_size(sqlite3_file *file, sqlite3_int64 *size)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xFileSize(base, size);
}

static int
disk_lock(sqlite3_file *file, int level)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xLock(base, level);
}

static int
disk_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xUnlock(base, level);
}

static int
disk_check_reserved(sqlite3_file *file, int *out)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xCheckReservedLock(base, out);
}

static int
disk_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *base = self(file)->base;

	return base->pMethods->xFileControl(base, op, arg);
}

static int
disk_sector_size(sqlite3_file *file)
{
	(void)file;
	return POWERLOSS_SECTOR;
}

static int
disk_characteristics(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods disk_methods = {
	.iVersion = 1,
	.xClose = disk_close,
	.xRead = disk_read,
	.xWrite = disk_write,
	.xTruncate = disk_truncate,
	.xSync = disk_sync,
	.xFileSize = disk_size,
	.xLock = disk_lock,
	.xUnlock = disk_unlock,
	.xCheckReservedLock = disk_check_reserved,
	.xFileControl = disk_control,
	.xSectorSize = disk_sector_size,
	.xDeviceCharacteristics = disk_characteristics,
};

/*
 * The VFS: names
 */

static sqlite3_vfs *
below(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int
disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out_flags)
{
	struct disk_file *f = self(file);
	int rc;

	memset(f, 0, sizeof(*f));
	f->base = (sqlite3_file *)(f + 1);
	f->number = -1;
	rc = below(vfs)->xOpen(below(vfs), name, f->base, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	f->file.pMethods = &disk_methods;
	if (name != NULL)
		f->number = record_open(base_name(name));
	f->sync_dir = (flags & SQLITE_OPEN_CREATE) != 0 &&
	    (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
	return SQLITE_OK;
}

static int
disk_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	int rc = below(vfs)->xDelete(below(vfs), name, 0);

	if (rc != SQLITE_OK)
		return rc;
	record_name(OP_UNLINK, base_name(name), "", 0);
	if (sync_dir)
		record(OP_SYNC_DIR);
	return SQLITE_OK;
}

static int
disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return below(vfs)->xAccess(below(vfs), name, flags, out);
}

static int
disk_full_name(sqlite3_vfs *vfs, const char *name, int len, char *out)
{
	return below(vfs)->xFullPathname(below(vfs), name, len, out);
}

static int
disk_randomness(sqlite3_vfs *vfs, int len, char *out)
{
	return below(vfs)->xRandomness(below(vfs), len, out);
}

static int
disk_sleep(sqlite3_vfs *vfs, int us)
{
	return below(vfs)->xSleep(below(vfs), us);
}

static int
disk_time(sqlite3_vfs *vfs, double *out)
{
	return below(vfs)->xCurrentTime(below(vfs), out);
}

static int
disk_last_error(sqlite3_vfs *vfs, int len, char *out)
{
	return below(vfs)->xGetLastError(below(vfs), len, out);
}

/*
 * What the store does without SQLite
 */

static int
disk_rename(int dirfd, const char *from, const char *to)
{
	if (renameat(dirfd, from, dirfd, to) != 0)
		return -errno;
	record_name(OP_RENAME, from, to, 0);
	return 0;
}

static int
disk_unlink(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) != 0)
		return -errno;
	record_name(OP_UNLINK, name, "", 0);
	return 0;
}

static int
disk_sync_dir(int dirfd)
{
	(void)dirfd;
	if (disk.sync_fails_after >= 0 && disk.sync_fails_after-- == 0)
		return -EIO;
	disk.syncs++;
	record(OP_SYNC_DIR);
	return 0;
}

const struct store_env *
powerloss_env(void)
{
	static const struct store_env env = {
		"powerloss", disk_rename, disk_unlink, disk_sync_dir,
	};
	static sqlite3_vfs vfs = {
		.iVersion = 1,
		.zName = "powerloss",
		.xOpen = disk_open,
		.xDelete = disk_delete,
		.xAccess = disk_access,
		.xFullPathname = disk_full_name,
		.xRandomness = disk_randomness,
		.xSleep = disk_sleep,
		.xCurrentTime = disk_time,
		.xGetLastError = disk_last_error,
	};
	sqlite3_vfs *base;

	if (vfs.pAppData == NULL) {
		assert((base = sqlite3_vfs_find(NULL)) != NULL);
		vfs.pAppData = base;
		vfs.szOsFile = (int)sizeof(struct disk_file) + base->szOsFile;
		vfs.mxPathname = base->mxPathname;
		assert(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	}
	return &env;
}
