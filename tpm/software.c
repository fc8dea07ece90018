/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software provider. Root secret (software.key) wraps the storage key
 * (kept by the store), which wraps everything else: software.md.
 */
#include "tpm/key.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "tpm/seal.h"
#include "tpm/softkey.h"

#define ROOT_FILE	"software.key"
#define ROOT_FILE_NEW	ROOT_FILE ".new"
#define ROOT_MAGIC	"sealkey"	/* 7 bytes; the eighth is the version */
#define ROOT_VERSION	1
#define ROOT_LEN	SEAL_KEY_LEN
#define CHECK_LEN	8		/* bytes, of the SHA-256 before it */

#define WRAP_VERSION	1
#define WRAPPED_LEN	(1 + SEAL_OVERHEAD + SEAL_KEY_LEN)

struct root_file {
	uint8_t	magic[7];
	uint8_t	version;
	uint8_t	secret[ROOT_LEN];
	uint8_t	check[CHECK_LEN];
};

_Static_assert(sizeof(struct root_file) == 48, "no padding");
_Static_assert(WRAPPED_LEN <= KEY_WRAPPED_MAX, "fits");

struct software {
	struct keys		 base;
	uint8_t			 root[ROOT_LEN];
	size_t			 epochs;	/* 0: not for many keys */
	uint8_t			 wrapped[WRAPPED_LEN];	/* then, the storage
							 * key */
	bool			 unlocked;
	struct seal_storage	 storage;
	struct softkeys		*softkeys;
};

static struct software *
software_of(struct keys *k)
{
	return (struct software *)k;
}

/* The root secret file. */

static int
root_check(const struct root_file *f, uint8_t out[static CHECK_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(f, offsetof(struct root_file, check), digest, NULL,
	    EVP_sha256(), NULL) != 1)
		return -EIO;
	memcpy(out, digest, CHECK_LEN);
	return 0;
}

/* Nothing longer or shorter is a root secret. */
static int
read_whole(int fd, struct root_file *f)
{
	uint8_t buf[sizeof(*f) + 1];
	size_t len = 0;
	ssize_t n;
	int r = 0;

	do {
		n = read(fd, buf + len, sizeof(buf) - len);
		if (n > 0)
			len += n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1)
		r = -errno;
	else if (len != sizeof(*f))
		r = -EUCLEAN;
	else
		memcpy(f, buf, sizeof(*f));
	explicit_bzero(buf, sizeof(buf));
	return r;
}

static int
check_mode(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	return (st.st_mode & (S_IRWXG | S_IRWXO)) != 0 ? -EPERM : 0;
}

static int
parse_root(const struct root_file *f, uint8_t root[static ROOT_LEN])
{
	uint8_t check[CHECK_LEN];
	int r;

	if (memcmp(f->magic, ROOT_MAGIC, sizeof(f->magic)) != 0)
		return -EUCLEAN;
	r = root_check(f, check);
	if (r != 0)
		return r;
	if (memcmp(f->check, check, sizeof(check)) != 0)
		return -EUCLEAN;
	if (f->version > ROOT_VERSION)
		return -EPROTO;
	if (f->version != ROOT_VERSION)
		return -EUCLEAN;
	memcpy(root, f->secret, ROOT_LEN);
	return 0;
}

static int
load_root(int dirfd, uint8_t root[static ROOT_LEN])
{
	struct root_file f;
	int fd, r;

	/* O_NONBLOCK: a FIFO of that name must not stop us. */
	fd = openat(dirfd, ROOT_FILE,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ELOOP ? -EUCLEAN : -errno;
	r = check_mode(fd);
	if (r == 0)
		r = read_whole(fd, &f);
	if (r == 0)
		r = parse_root(&f, root);
	close(fd);
	explicit_bzero(&f, sizeof(f));
	return r;
}

static int
fill_root(struct root_file *f)
{
	memcpy(f->magic, ROOT_MAGIC, sizeof(f->magic));
	f->version = ROOT_VERSION;
	if (RAND_priv_bytes(f->secret, sizeof(f->secret)) != 1)
		return -EIO;
	return root_check(f, f->check);
}

/* Durable under its own name when this returns 0. */
static int
write_root(int dirfd, const struct root_file *f)
{
	ssize_t n;
	int fd, r = 0;

	fd = openat(dirfd, ROOT_FILE_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	n = write(fd, f, sizeof(*f));
	if (n != sizeof(*f))
		r = n == -1 ? -errno : -ENOSPC;
	if (r == 0 && fsync(fd) == -1)
		r = -errno;
	if (close(fd) == -1 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, ROOT_FILE_NEW, dirfd, ROOT_FILE) == -1)
		r = -errno;
	if (r != 0)
		unlinkat(dirfd, ROOT_FILE_NEW, 0);
	else if (fsync(dirfd) == -1)
		r = -errno;
	return r;
}

/*
 * Two processes may find the file missing at the same time; the lock, which
 * is on a description of our own, lets one of them make it. Whoever holds
 * it owns what a crash may have left behind.
 */
static int
make_root(int dirfd)
{
	struct root_file f;
	int lock, r;

	lock = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock == -1)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) == -1) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		goto out;
	}
	r = 0;
	if (faccessat(dirfd, ROOT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		goto out;
	if (unlinkat(dirfd, ROOT_FILE_NEW, 0) == -1 && errno != ENOENT)
		r = -errno;
	if (r == 0)
		r = fill_root(&f);
	if (r == 0)
		r = write_root(lock, &f);
out:
	close(lock);
	explicit_bzero(&f, sizeof(f));
	return r;
}

/* The storage key. */

static int
storage_box(struct software *sw, struct seal_box *box)
{
	uint8_t key[SEAL_KEY_LEN];
	int r;

	r = seal_derive(sw->root, span_str(""), "sealkey storage key 1", key);
	if (r == 0)
		r = seal_box_init(box, key);
	explicit_bzero(key, sizeof(key));
	return r;
}

/* Everything that was derived from another storage key goes. */
static int
lock_again(struct software *sw)
{
	struct softkeys *fresh = NULL;
	int r;

	if (!sw->unlocked)
		return 0;
	r = softkey_new(&fresh);
	if (r == 0 && sw->epochs > 0)
		r = softkey_share(fresh, sw->epochs);
	if (r != 0) {
		softkey_free(fresh);
		return r;
	}
	softkey_free(sw->softkeys);
	sw->softkeys = fresh;
	seal_storage_done(&sw->storage);
	sw->unlocked = false;
	return 0;
}

/*
 * More than once if the store that a key was made for could not be opened
 * after all, or is opened right after it was made.
 */
static int
use_storage_key(struct software *sw, const uint8_t key[static SEAL_KEY_LEN])
{
	int r;

	r = lock_again(sw);
	if (r != 0)
		return r;
	r = seal_storage_init(&sw->storage, key);
	if (r != 0)
		return r;
	softkey_unlock(sw->softkeys, key);
	sw->unlocked = true;
	return 0;
}

static const uint8_t wrap_version[] = { WRAP_VERSION };

static int
software_new_storage_key(struct keys *k,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	struct software *sw = software_of(k);
	struct seal_box box = { NULL, NULL };
	uint8_t key[SEAL_KEY_LEN];
	int r = -EIO;

	if (RAND_priv_bytes(key, sizeof(key)) == 1)
		r = storage_box(sw, &box);
	if (r == 0)
		r = seal_box_seal(&box, span(wrap_version, 1), span_str(""),
		    span(key, sizeof(key)), wrapped + 1);
	if (r == 0)
		r = use_storage_key(sw, key);
	if (r == 0) {
		wrapped[0] = WRAP_VERSION;
		*len = WRAPPED_LEN;
	}
	seal_box_done(&box);
	explicit_bzero(key, sizeof(key));
	return r;
}

static int
software_unlock(struct keys *k, struct span wrapped)
{
	struct software *sw = software_of(k);
	struct seal_box box = { NULL, NULL };
	uint8_t key[SEAL_KEY_LEN];
	int r;

	if (wrapped.len != WRAPPED_LEN || wrapped.p[0] != WRAP_VERSION)
		return -EBADMSG;
	r = storage_box(sw, &box);
	if (r == 0)
		r = seal_box_open(&box, span(wrap_version, 1), span_str(""),
		    span(wrapped.p + 1, wrapped.len - 1), key);
	if (r == 0)
		r = use_storage_key(sw, key);
	seal_box_done(&box);
	explicit_bzero(key, sizeof(key));
	return r;
}

static int
software_seal(struct keys *k, struct span ad, struct span plain, uint8_t *out)
{
	struct software *sw = software_of(k);

	assert(sw->unlocked);
	return seal_box_seal(&sw->storage.rows, ad, span_str(""), plain, out);
}

static int
software_open(struct keys *k, struct span ad, struct span sealed,
    uint8_t *out)
{
	struct software *sw = software_of(k);

	assert(sw->unlocked);
	return seal_box_open(&sw->storage.rows, ad, span_str(""), sealed, out);
}

static int
software_tag(struct keys *k, const char *label, struct span data,
    uint8_t out[static KEY_TAG_LEN])
{
	struct software *sw = software_of(k);

	assert(sw->unlocked);
	return seal_storage_tag(&sw->storage, label, data, out, KEY_TAG_LEN);
}

static bool
software_start(struct keys *k, struct key_op *op)
{
	return softkey_start(software_of(k)->softkeys, op);
}

static struct key_op *
software_poll(struct keys *k)
{
	return softkey_poll(software_of(k)->softkeys);
}

static int
software_fd(const struct keys *k)
{
	return softkey_fd(((const struct software *)k)->softkeys);
}

static void
software_abandon(struct keys *k, struct key_op *op)
{
	softkey_abandon(software_of(k)->softkeys, op);
}

static bool
software_has_alg(const struct keys *k, int alg)
{
	return softkey_has_alg(((const struct software *)k)->softkeys, alg);
}

static bool
software_in_tpm(const struct keys *k, int alg)
{
	(void)k;
	(void)alg;
	return false;
}

static const struct keys_info *
software_info(const struct keys *k)
{
	static const struct keys_info info = { .kind = "software",
	    .target = "none" };

	(void)k;
	return &info;
}

static int
software_rewrap(struct keys *k, uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len)
{
	(void)k;
	(void)pcrs;
	(void)recovery;
	(void)wrapped;
	(void)len;
	return -ENOTSUP;
}

static int
software_destroy(struct keys *k)
{
	(void)k;
	return -ENOTSUP;
}

static const char *
software_strerror(const struct keys *k)
{
	(void)k;
	return "";
}

static void
software_free(struct keys *k)
{
	struct software *sw = software_of(k);

	softkey_free(sw->softkeys);
	seal_storage_done(&sw->storage);
	seal_memory_free(sw, sizeof(*sw));
}

static const struct keys_ops software_ops = {
	.name = "software",
	.new_storage_key = software_new_storage_key,
	.unlock = software_unlock,
	.start = software_start,
	.poll = software_poll,
	.fd = software_fd,
	.abandon = software_abandon,
	.seal = software_seal,
	.open = software_open,
	.tag = software_tag,
	.has_alg = software_has_alg,
	.in_tpm = software_in_tpm,
	.info = software_info,
	.rewrap = software_rewrap,
	.destroy = software_destroy,
	.strerror = software_strerror,
	.free = software_free,
};

int
keys_open_software(int dirfd, bool create, struct keys **out)
{
	struct software *sw;
	int r;

	sw = seal_memory_new(sizeof(*sw));
	if (sw == NULL)
		return -ENOMEM;
	sw->base.ops = &software_ops;
	r = load_root(dirfd, sw->root);
	if (r == -ENOENT && create) {
		r = make_root(dirfd);
		if (r == 0)
			r = load_root(dirfd, sw->root);
	}
	if (r == 0)
		r = softkey_new(&sw->softkeys);
	if (r != 0) {
		keys_free(&sw->base);
		return r;
	}
	*out = &sw->base;
	return 0;
}

/* Not unlocked yet; for so many epochs. */
static int
new_memory(size_t epochs, struct software **out)
{
	struct software *sw = seal_memory_new(sizeof(*sw));
	int r;

	if (sw == NULL)
		return -ENOMEM;
	sw->base.ops = &software_ops;
	sw->epochs = epochs;
	r = softkey_new(&sw->softkeys);
	if (r == 0)
		r = softkey_share(sw->softkeys, epochs);
	if (r != 0) {
		keys_free(&sw->base);
		return r;
	}
	*out = sw;
	return 0;
}

int
keys_open_memory(size_t epochs, struct keys **out)
{
	uint8_t wrapped[KEY_WRAPPED_MAX];
	struct software *sw;
	size_t len;
	int r;

	r = new_memory(epochs, &sw);
	if (r != 0)
		return r;
	if (RAND_priv_bytes(sw->root, sizeof(sw->root)) != 1)
		r = -EIO;
	if (r == 0)
		r = software_new_storage_key(&sw->base, wrapped, &len);
	if (r != 0) {
		keys_free(&sw->base);
		return r;
	}
	memcpy(sw->wrapped, wrapped, sizeof(sw->wrapped));
	*out = &sw->base;
	return 0;
}

int
keys_copy_memory(const struct keys *k, struct keys **out)
{
	const struct software *from = (const struct software *)k;
	struct software *sw;
	int r;

	r = new_memory(from->epochs, &sw);
	if (r != 0)
		return r;
	memcpy(sw->root, from->root, sizeof(sw->root));
	memcpy(sw->wrapped, from->wrapped, sizeof(sw->wrapped));
	r = software_unlock(&sw->base, span(sw->wrapped,
	    sizeof(sw->wrapped)));
	if (r != 0) {
		keys_free(&sw->base);
		return r;
	}
	*out = &sw->base;
	return 0;
}
