/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtpms as a TCTI, and the file that it writes to (embedded.md).
 *
 * Invariants:
 *  1. No answer is received before what its command has written is on disk.
 *     After a write that failed nobody knows what is there, so no command is
 *     answered until the file has been opened again.
 *  2. The slot that is written is never the one that would be read.
 */
#include "tpm/embedded.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_nvfilename.h>
#include <openssl/evp.h>

#define FILE_NEW	EMBEDDED_FILE ".new"
#define MAGIC		"sealktpm"	/* 8 bytes */
#define VERSION		1
#define SLOTS		2
#define SLOT_LEN	(256 * 1024)	/* bytes */
#define FILE_LEN	(SLOTS * SLOT_LEN)
#define CHECK_LEN	32		/* bytes; SHA-256 */
#define STATE_MAX	(SLOT_LEN - sizeof(struct header))

#define TCTI_MAGIC	0x656d6264746370ULL
#define TCTI_VERSION	1
#define LOCALITY_MAX	4

struct header {			/* of a slot; numbers are big-endian */
	uint8_t		magic[8];
	uint32_t	version;
	uint32_t	len;
	uint64_t	sequence;
	uint8_t		check[CHECK_LEN];
};

_Static_assert(sizeof(struct header) == 56, "no padding");

enum slot_kind { SLOT_BAD, SLOT_GOOD, SLOT_NEWER };

struct embedded {
	TSS2_TCTI_CONTEXT_COMMON_V1 tcti;	/* first: it is our address */
	int		 dirfd;		/* our own description: the lock */
	int		 fd;		/* -1: there is no file yet */
	int		 null_fd;	/* where libtpms may log to */
	uint64_t	 sequence;	/* of the slot that would be read */
	uint8_t		*state;		/* while powering on: its contents */
	uint32_t	 state_len;
	int		 error;		/* of the write that failed; sticky */
	uint8_t		 locality;
	bool		 answered;	/* transmitted, not received */
	uint8_t		*response;	/* libtpms allocates it */
	uint32_t	 response_len;
	uint32_t	 response_room;
};

/* libtpms calls back without saying for whom. */
static struct embedded *powered;

static void
wipe_free(void *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
	free(p);
}

/* The file. */

static int
slot_check(const struct header *h, const void *state, size_t len,
    uint8_t out[static CHECK_LEN])
{
	EVP_MD_CTX *ctx;
	int ok;

	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(ctx, h, offsetof(struct header, check)) == 1 &&
	    EVP_DigestUpdate(ctx, state, len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static int
read_at(int fd, void *buf, size_t len, off_t at)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, (uint8_t *)buf + done, len - done, at + done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EUCLEAN : -errno;
		done += n;
	}
	return 0;
}

/* state has room for STATE_MAX. Errors are those of the disk. */
static int
slot_read(int fd, int slot, struct header *h, uint8_t *state,
    enum slot_kind *kind)
{
	off_t at = (off_t)slot * SLOT_LEN;
	uint8_t check[CHECK_LEN];
	uint32_t len;
	int r;

	*kind = SLOT_BAD;
	r = read_at(fd, h, sizeof(*h), at);
	if (r != 0)
		return r;
	len = be32toh(h->len);
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 || len > STATE_MAX)
		return 0;
	r = read_at(fd, state, len, at + sizeof(*h));
	if (r == 0)
		r = slot_check(h, state, len, check);
	if (r != 0 || memcmp(check, h->check, sizeof(check)) != 0)
		return r;
	if (be32toh(h->version) > VERSION)
		*kind = SLOT_NEWER;
	else if (be32toh(h->version) == VERSION)
		*kind = SLOT_GOOD;
	return 0;
}

/*
 * The younger one of the good slots. One that is not good was being written
 * when the power failed; two good ones are neighbours, or somebody has put
 * them together.
 */
static int
choose_slot(struct embedded *e, const enum slot_kind kind[static SLOTS],
    const struct header h[static SLOTS], uint8_t *const state[static SLOTS])
{
	uint64_t seq[SLOTS];
	int best;

	for (int i = 0; i < SLOTS; i++)
		seq[i] = be64toh(h[i].sequence);
	if (kind[0] == SLOT_NEWER || kind[1] == SLOT_NEWER)
		return -EPROTO;
	if (kind[0] != SLOT_GOOD && kind[1] != SLOT_GOOD)
		return -EUCLEAN;
	if (kind[0] == SLOT_GOOD && kind[1] == SLOT_GOOD) {
		best = seq[1] > seq[0];
		if (seq[best] - seq[!best] != 1)
			return -EUCLEAN;
	} else {
		best = kind[1] == SLOT_GOOD;
	}
	if (seq[best] % SLOTS != (unsigned)best)
		return -EUCLEAN;
	e->state_len = be32toh(h[best].len);
	e->state = malloc(e->state_len + 1);
	if (e->state == NULL)
		return -ENOMEM;
	memcpy(e->state, state[best], e->state_len);
	e->sequence = seq[best];
	return 0;
}

static int
read_state(struct embedded *e)
{
	enum slot_kind kind[SLOTS];
	struct header h[SLOTS] = { 0 };
	uint8_t *state[SLOTS] = { NULL };
	int r = 0;

	for (int i = 0; i < SLOTS && r == 0; i++) {
		state[i] = malloc(STATE_MAX);
		r = state[i] == NULL ? -ENOMEM :
		    slot_read(e->fd, i, &h[i], state[i], &kind[i]);
	}
	if (r == 0)
		r = choose_slot(e, kind, h, state);
	for (int i = 0; i < SLOTS; i++)
		wipe_free(state[i], STATE_MAX);
	return r;
}

static int
check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return -EPERM;
	return st.st_size == FILE_LEN ? 0 : -EUCLEAN;
}

static int
lock_file(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

static int
open_file(struct embedded *e)
{
	int r;

	/* O_NONBLOCK: a FIFO of that name must not stop us. */
	e->fd = openat(e->dirfd, EMBEDDED_FILE,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (e->fd == -1)
		return errno == ELOOP || errno == EISDIR ? -EUCLEAN : -errno;
	r = check_file(e->fd);
	if (r == 0)
		r = lock_file(e->fd);
	if (r == 0)
		r = read_state(e);
	return r;
}

static int
write_at(int fd, const void *buf, size_t len, off_t at)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(fd, (const uint8_t *)buf + done, len - done,
		    at + done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -ENOSPC : -errno;
		done += n;
	}
	return 0;
}

static int
write_slot(int fd, uint64_t sequence, const void *state, uint32_t len)
{
	struct header h = { .version = htobe32(VERSION), .len = htobe32(len),
		.sequence = htobe64(sequence) };
	off_t at = (off_t)(sequence % SLOTS) * SLOT_LEN;
	int r;

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	r = slot_check(&h, state, len, h.check);
	if (r == 0)
		r = write_at(fd, &h, sizeof(h), at);
	if (r == 0)
		r = write_at(fd, state, len, at + sizeof(h));
	return r;
}

/*
 * Under its own name, and with all the room it will ever need, when this
 * returns 0. Whoever holds the lock on the directory owns what a crash may
 * have left behind.
 */
static int
make_file(struct embedded *e, const void *state, uint32_t len)
{
	int fd, r;

	if (unlinkat(e->dirfd, FILE_NEW, 0) == -1 && errno != ENOENT)
		return -errno;
	fd = openat(e->dirfd, FILE_NEW,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	r = lock_file(fd);
	if (r == 0)
		r = -posix_fallocate(fd, 0, FILE_LEN);
	if (r == 0)
		r = write_slot(fd, e->sequence + 1, state, len);
	if (r == 0 && fsync(fd) == -1)
		r = -errno;
	if (r == 0 &&
	    renameat(e->dirfd, FILE_NEW, e->dirfd, EMBEDDED_FILE) == -1)
		r = -errno;
	if (r != 0) {
		unlinkat(e->dirfd, FILE_NEW, 0);
		close(fd);
		return r;
	}
	e->fd = fd;
	return fsync(e->dirfd) == -1 ? -errno : 0;
}

static int
replace_state(struct embedded *e, const void *state, uint32_t len)
{
	struct stat st;
	int r;

	/* Nobody would find again what is written to a file without a name. */
	if (fstat(e->fd, &st) == -1)
		return -errno;
	if (st.st_nlink == 0)
		return -ESTALE;
	r = write_slot(e->fd, e->sequence + 1, state, len);
	if (r == 0 && fdatasync(e->fd) == -1)
		r = -errno;
	return r;
}

/* What libtpms calls. */

static TPM_RESULT
nvram_init(void)
{
	return TPM_SUCCESS;
}

static TPM_RESULT
nvram_load(unsigned char **data, uint32_t *len,
    uint32_t tpm_number __attribute__((unused)), const char *name)
{
	struct embedded *e = powered;

	if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0 || e->state == NULL)
		return TPM_RETRY;	/* that is: there is none */
	*data = malloc(e->state_len + 1);
	if (*data == NULL)
		return TPM_FAIL;
	memcpy(*data, e->state, e->state_len);
	*len = e->state_len;
	return TPM_SUCCESS;
}

static int
keep_for_loading(struct embedded *e, const void *state, uint32_t len)
{
	uint8_t *copy;

	copy = malloc(len + 1);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, state, len);
	wipe_free(e->state, e->state_len);
	e->state = copy;
	e->state_len = len;
	return 0;
}

static TPM_RESULT
nvram_store(const unsigned char *data, uint32_t len,
    uint32_t tpm_number __attribute__((unused)), const char *name)
{
	struct embedded *e = powered;

	/* Nothing else is kept, so nothing else was ever stored. */
	if (strcmp(name, TPM_PERMANENT_ALL_NAME) != 0)
		return TPM_FAIL;
	if (e->error == 0 && len > STATE_MAX)
		e->error = -EFBIG;
	/* What it manufactures, it loads again before it is on. */
	if (e->error == 0 && e->fd == -1)
		e->error = keep_for_loading(e, data, len);
	if (e->error == 0)
		e->error = e->fd == -1 ? make_file(e, data, len) :
		    replace_state(e, data, len);
	if (e->error != 0)
		return TPM_FAIL;
	e->sequence++;
	return TPM_SUCCESS;
}

static TPM_RESULT
nvram_delete(uint32_t tpm_number __attribute__((unused)), const char *name,
    TPM_BOOL must_exist)
{
	if (strcmp(name, TPM_PERMANENT_ALL_NAME) == 0)
		return TPM_FAIL;
	return must_exist ? TPM_FAIL : TPM_SUCCESS;
}

static TPM_RESULT
io_init(void)
{
	return TPM_SUCCESS;
}

static TPM_RESULT
io_locality(TPM_MODIFIER_INDICATOR *out,
    uint32_t tpm_number __attribute__((unused)))
{
	*out = powered->locality;
	return TPM_SUCCESS;
}

static TPM_RESULT
io_presence(TPM_BOOL *out, uint32_t tpm_number __attribute__((unused)))
{
	*out = FALSE;
	return TPM_SUCCESS;
}

/* The TCTI. */

static struct embedded *
embedded_of(TSS2_TCTI_CONTEXT *ctx)
{
	struct embedded *e = (struct embedded *)ctx;

	return e != NULL && e->tcti.magic == TCTI_MAGIC ? e : NULL;
}

static TSS2_RC
embedded_transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct embedded *e = embedded_of(ctx);
	uint8_t copy[TPM2_MAX_COMMAND_SIZE];
	TPM_RESULT r;

	if (e == NULL)
		return TSS2_TCTI_RC_BAD_CONTEXT;
	if (command == NULL)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (e->answered)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (size < 10 || size > sizeof(copy))
		return TSS2_TCTI_RC_BAD_VALUE;
	if (e->error != 0)
		return TSS2_TCTI_RC_IO_ERROR;
	memcpy(copy, command, size);	/* libtpms wants it writable */
	r = TPMLIB_Process(&e->response, &e->response_len, &e->response_room,
	    copy, size);
	explicit_bzero(copy, size);
	if (r != TPM_SUCCESS && e->error == 0)
		e->error = -EIO;
	if (e->error != 0)
		return TSS2_TCTI_RC_IO_ERROR;
	e->answered = true;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
embedded_receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response,
    int32_t timeout __attribute__((unused)))
{
	struct embedded *e = embedded_of(ctx);
	size_t room;

	if (e == NULL)
		return TSS2_TCTI_RC_BAD_CONTEXT;
	if (size == NULL)
		return TSS2_TCTI_RC_BAD_REFERENCE;
	if (!e->answered)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	room = *size;
	*size = e->response_len;
	if (response == NULL)
		return TSS2_RC_SUCCESS;
	if (room < e->response_len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, e->response, e->response_len);
	explicit_bzero(e->response, e->response_len);
	e->answered = false;
	return TSS2_RC_SUCCESS;
}

/* Commands are done when transmit returns: there is nothing to stop. */
static TSS2_RC
embedded_cancel(TSS2_TCTI_CONTEXT *ctx)
{
	struct embedded *e = embedded_of(ctx);

	if (e == NULL)
		return TSS2_TCTI_RC_BAD_CONTEXT;
	return e->answered ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_BAD_SEQUENCE;
}

static TSS2_RC
embedded_poll_handles(TSS2_TCTI_CONTEXT *ctx,
    TSS2_TCTI_POLL_HANDLE *handles __attribute__((unused)),
    size_t *n __attribute__((unused)))
{
	return embedded_of(ctx) == NULL ? TSS2_TCTI_RC_BAD_CONTEXT :
	    TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
embedded_set_locality(TSS2_TCTI_CONTEXT *ctx, uint8_t locality)
{
	struct embedded *e = embedded_of(ctx);

	if (e == NULL)
		return TSS2_TCTI_RC_BAD_CONTEXT;
	if (e->answered)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	if (locality > LOCALITY_MAX)
		return TSS2_TCTI_RC_BAD_VALUE;
	e->locality = locality;
	return TSS2_RC_SUCCESS;
}

static void
power_off(struct embedded *e)
{
	if (powered == e) {
		TPMLIB_Terminate();
		TPMLIB_SetDebugFD(-1);
		powered = NULL;
	}
	wipe_free(e->response, e->response_room);
	wipe_free(e->state, e->state_len);
	e->response = NULL;
	e->state = NULL;
	if (e->fd != -1)
		close(e->fd);
	if (e->dirfd != -1)
		close(e->dirfd);
	if (e->null_fd != -1)
		close(e->null_fd);
	e->tcti.magic = 0;
}

static void
embedded_finalize(TSS2_TCTI_CONTEXT *ctx)
{
	struct embedded *e = embedded_of(ctx);

	if (e != NULL)
		power_off(e);
}

/* Powering on. */

/*
 * libtpms writes the command that it fails at to standard error, whatever is
 * in there, and can only be given another descriptor for that.
 */
static int
silence(struct embedded *e)
{
	e->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (e->null_fd == -1)
		return -errno;
	TPMLIB_SetDebugFD(e->null_fd);
	return 0;
}

static int
power_on(struct embedded *e)
{
	struct libtpms_callbacks calls = {
		.sizeOfStruct = sizeof(calls),
		.tpm_nvram_init = nvram_init,
		.tpm_nvram_loaddata = nvram_load,
		.tpm_nvram_storedata = nvram_store,
		.tpm_nvram_deletename = nvram_delete,
		.tpm_io_init = io_init,
		.tpm_io_getlocality = io_locality,
		.tpm_io_getphysicalpresence = io_presence,
	};
	bool fresh = e->fd == -1;
	int r;

	powered = e;
	r = silence(e);
	if (r != 0)
		return r;
	if (TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2) != TPM_SUCCESS ||
	    TPMLIB_RegisterCallbacks(&calls) != TPM_SUCCESS)
		return -EIO;
	if (TPMLIB_MainInit() != TPM_SUCCESS) {
		if (e->error != 0)
			return e->error;
		/* intact, and yet it can make nothing of it */
		return fresh ? -EIO : -EPROTO;
	}
	if (e->error == 0 && e->fd == -1)
		e->error = -EIO;
	wipe_free(e->state, e->state_len);
	e->state = NULL;
	return e->error;
}

/*
 * Two processes may find the file missing at the same time; the lock, on a
 * description of our own, lets one of them make it.
 */
static int
lock_directory(struct embedded *e, int dirfd)
{
	e->dirfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->dirfd == -1)
		return -errno;
	return lock_file(e->dirfd);
}

static int
open_or_make(struct embedded *e, int dirfd, bool create)
{
	int r;

	r = lock_directory(e, dirfd);
	if (r == 0)
		r = open_file(e);
	if (r == -ENOENT && create)
		r = 0;
	if (r == 0)
		r = power_on(e);
	/* From here on it is the file that is locked. */
	if (r == 0 && flock(e->dirfd, LOCK_UN) == -1)
		r = -errno;
	return r;
}

static void
explain(int error, char *msg, size_t len)
{
	switch (error) {
	case -ENOENT:
		snprintf(msg, len, "there is no " EMBEDDED_FILE
		    ": the embedded TPM is gone, and its keys with it");
		break;
	case -EUCLEAN:
		snprintf(msg, len, EMBEDDED_FILE
		    " is damaged, or not one of ours: restore it together"
		    " with its directory");
		break;
	case -EPROTO:
		snprintf(msg, len, EMBEDDED_FILE
		    " was written by a newer sealkey or libtpms: upgrade");
		break;
	case -EPERM:
		snprintf(msg, len, "others may read or write " EMBEDDED_FILE
		    ": make it private with chmod 600, if nobody has");
		break;
	case -EBUSY:
		snprintf(msg, len, "another process uses " EMBEDDED_FILE
		    ": stop it first");
		break;
	default:
		snprintf(msg, len, EMBEDDED_FILE ": %s", strerror(-error));
	}
}

int
embedded_open(int dirfd, bool create, TSS2_TCTI_CONTEXT **out, char *msg,
    size_t msglen)
{
	struct embedded *e;
	int r;

	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->fd = e->dirfd = e->null_fd = -1;
	e->tcti = (TSS2_TCTI_CONTEXT_COMMON_V1){
		.magic = TCTI_MAGIC,
		.version = TCTI_VERSION,
		.transmit = embedded_transmit,
		.receive = embedded_receive,
		.finalize = embedded_finalize,
		.cancel = embedded_cancel,
		.getPollHandles = embedded_poll_handles,
		.setLocality = embedded_set_locality,
	};
	r = powered != NULL ? -EBUSY : open_or_make(e, dirfd, create);
	if (r != 0) {
		explain(r, msg, msglen);
		power_off(e);
		free(e);
		return r;
	}
	*out = (TSS2_TCTI_CONTEXT *)e;
	return 0;
}

int
embedded_error(TSS2_TCTI_CONTEXT *ctx)
{
	struct embedded *e = embedded_of(ctx);

	return e == NULL ? -EINVAL : e->error;
}
