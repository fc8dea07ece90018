/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded TPM and its file: what is acknowledged stays, whatever happens
 * to the process, the power and the disk; what is not intact is refused. An
 * NV counter tells which state came back. The file is read and forged here
 * from embedded.md alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <openssl/sha.h>

#include "tpm/embedded.h"
#include "tpm/link.h"

#define SLOT		262144
#define FILE_LEN	(2 * SLOT)
#define HEADER		56
#define AT_VERSION	8
#define AT_LEN		12
#define AT_SEQUENCE	16
#define AT_CHECK	24
#define INDEX		0x01800123

struct fixture {
	char		 dir[64];
	int		 dirfd;
	struct link	*link;
	struct keys_info info;
	char		 msg[256];
	uint8_t		*image;		/* FILE_LEN: embedded.tpm */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_embedded.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(f->dirfd, -1);
	f->image = calloc(1, FILE_LEN + 1);
	assert_non_null(f->image);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	link_close(f->link);
	if (unlinkat(f->dirfd, EMBEDDED_FILE, 0) == -1 && errno == EISDIR)
		unlinkat(f->dirfd, EMBEDDED_FILE, AT_REMOVEDIR);
	unlinkat(f->dirfd, "elsewhere", 0);
	close(f->dirfd);
	assert_int_equal(rmdir(f->dir), 0);
	free(f->image);
	free(f);
	return 0;
}

static int
try_open(struct fixture *f, bool create)
{
	f->msg[0] = '\0';
	return link_open("embedded", f->dirfd, create, &f->link, &f->info,
	    f->msg, sizeof(f->msg));
}

static void
power_on(struct fixture *f, bool create)
{
	int r = try_open(f, create);

	if (r != 0)
		fail_msg("%d: %s", r, f->msg);
}

static void
power_off(struct fixture *f)
{
	link_close(f->link);
	f->link = NULL;
}

static void
assert_refused(struct fixture *f, int error, const char *line)
{
	assert_int_equal(try_open(f, true), error);
	assert_null(f->link);
	if (strstr(f->msg, line) == NULL || strchr(f->msg, '\n') != NULL)
		fail_msg("\"%s\" is not in \"%s\"", line, f->msg);
}

/* The counter. */

static void
define_counter(struct fixture *f)
{
	TPM2B_AUTH auth = { 0 };
	TPM2B_NV_PUBLIC pub = { .nvPublic = { .nvIndex = INDEX,
		.nameAlg = TPM2_ALG_SHA256, .dataSize = 8,
		.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE |
		    TPMA_NV_NO_DA | (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT)
	} };
	ESYS_TR tr;

	assert_int_equal(Esys_NV_DefineSpace(link_esys(f->link),
	    ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
	    &auth, &pub, &tr), 0);
}

static TSS2_RC
find_counter(struct fixture *f, ESYS_TR *out)
{
	return Esys_TR_FromTPMPublic(link_esys(f->link), INDEX, ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, out);
}

static TSS2_RC
increment(struct fixture *f)
{
	ESYS_TR tr;
	TSS2_RC rc;

	rc = find_counter(f, &tr);
	if (rc != 0)
		return rc;
	return Esys_NV_Increment(link_esys(f->link), ESYS_TR_RH_OWNER, tr,
	    ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
}

static uint64_t
counter(struct fixture *f)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	uint64_t value;
	ESYS_TR tr;

	assert_int_equal(find_counter(f, &tr), 0);
	assert_int_equal(Esys_NV_Read(link_esys(f->link), ESYS_TR_RH_OWNER,
	    tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &data), 0);
	assert_int_equal(data->size, 8);
	memcpy(&value, data->buffer, sizeof(value));
	Esys_Free(data);
	return be64toh(value);
}

/* The file. */

static void
read_image(struct fixture *f)
{
	int fd = openat(f->dirfd, EMBEDDED_FILE, O_RDONLY | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(read(fd, f->image, FILE_LEN + 1), FILE_LEN);
	close(fd);
}

static void
write_file(struct fixture *f, const void *data, size_t len)
{
	int fd = openat(f->dirfd, EMBEDDED_FILE,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void
write_image(struct fixture *f)
{
	write_file(f, f->image, FILE_LEN);
}

static void
make(struct fixture *f)
{
	power_on(f, true);
	define_counter(f);
	assert_int_equal(increment(f), 0);
	assert_int_equal(increment(f), 0);
	power_off(f);
	read_image(f);
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static uint32_t
blob_len(const uint8_t *slot)
{
	uint32_t v;

	memcpy(&v, slot + AT_LEN, sizeof(v));
	return be32toh(v);
}

/* The check of a slot, made right again. */
static void
forge(uint8_t *slot)
{
	SHA256_CTX ctx;

/* the old interface, so as to share nothing with embedded.c */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	SHA256_Init(&ctx);
	SHA256_Update(&ctx, slot, AT_CHECK);
	SHA256_Update(&ctx, slot + HEADER, blob_len(slot));
	SHA256_Final(slot + AT_CHECK, &ctx);
#pragma GCC diagnostic pop
}

static uint8_t *
newest(struct fixture *f)
{
	uint8_t *a = f->image, *b = f->image + SLOT;

	return get64(a + AT_SEQUENCE) > get64(b + AT_SEQUENCE) ? a : b;
}

static uint8_t *
oldest(struct fixture *f)
{
	return newest(f) == f->image ? f->image + SLOT : f->image;
}

/* Tests. */

static void
memory_survives(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	power_on(f, true);
	define_counter(f);
	assert_int_equal(increment(f), 0);
	before = counter(f);
	power_off(f);
	for (int i = 1; i <= 5; i++) {
		power_on(f, false);
		assert_int_equal(counter(f), before + i - 1);
		assert_int_equal(increment(f), 0);
		power_off(f);
	}
}

static void
file_is_as_documented(void **state)
{
	struct fixture *f = *state;
	uint8_t copy[HEADER];
	struct stat st;

	make(f);
	assert_int_equal(fstatat(f->dirfd, EMBEDDED_FILE, &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, FILE_LEN);
	/* all of it is there already */
	assert_true(st.st_blocks * 512 >= FILE_LEN);
	for (int i = 0; i < 2; i++) {
		uint8_t *slot = f->image + i * SLOT;

		assert_memory_equal(slot, "sealktpm\0\0\0\1", 12);
		assert_int_equal(get64(slot + AT_SEQUENCE) % 2, i);
		memcpy(copy, slot, HEADER);
		forge(slot);
		assert_memory_equal(slot, copy, HEADER);
	}
	assert_int_equal(get64(newest(f) + AT_SEQUENCE),
	    get64(oldest(f) + AT_SEQUENCE) + 1);
	assert_int_equal(faccessat(f->dirfd, EMBEDDED_FILE ".new", F_OK, 0),
	    -1);
}

static void
none_is_made_unasked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_open(f, false), -ENOENT);
	assert_non_null(strstr(f->msg, "is gone"));
	assert_int_equal(faccessat(f->dirfd, EMBEDDED_FILE, F_OK, 0), -1);
}

static void
remains_of_a_crash_are_no_obstacle(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->dirfd, EMBEDDED_FILE ".new",
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	power_on(f, true);
	assert_int_equal(faccessat(f->dirfd, EMBEDDED_FILE ".new", F_OK, 0),
	    -1);
}

/*
 * The last write, as far as it came: up to each byte, and without each of its
 * sectors. Before it was acknowledged it is there or not; nothing else is.
 */
static void
torn_write_leaves_the_state_before(void **state)
{
	struct fixture *f = *state;
	uint8_t *before = malloc(FILE_LEN), *after = malloc(FILE_LEN), *slot;
	size_t len, at, step;
	uint64_t value;
	bool whole;

	make(f);
	memcpy(before, f->image, FILE_LEN);
	power_on(f, false);	/* starting writes as well */
	value = counter(f);
	read_image(f);
	memcpy(before, f->image, FILE_LEN);
	assert_int_equal(increment(f), 0);
	read_image(f);
	memcpy(after, f->image, FILE_LEN);
	slot = newest(f);
	at = slot - f->image;
	len = HEADER + blob_len(slot);
	power_off(f);

	for (size_t n = 0; n <= len; n += step) {
		step = n < HEADER ? 1 : n + 31 > len && n < len ? len - n : 31;
		memcpy(f->image, before, FILE_LEN);
		memcpy(f->image + at, after + at, n);
		whole = memcmp(f->image, after, FILE_LEN) == 0;
		write_image(f);
		power_on(f, false);
		assert_int_equal(counter(f), value + whole);
		power_off(f);
	}
	for (size_t n = 0; n < len; n += 512) {
		memcpy(f->image, after, FILE_LEN);
		memcpy(f->image + at + n, before + at + n,
		    len - n < 512 ? len - n : 512);
		if (memcmp(f->image, after, FILE_LEN) == 0)
			continue;
		write_image(f);
		power_on(f, false);
		assert_int_equal(counter(f), value);
		/* and it goes on from there */
		assert_int_equal(increment(f), 0);
		power_off(f);
		power_on(f, false);
		assert_int_equal(counter(f), value + 1);
		power_off(f);
	}
	free(before);
	free(after);
}

/* Each byte of the headers, and some of the blobs, in both slots at once. */
static void
damage_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t *good = malloc(FILE_LEN);
	size_t len, at;

	make(f);
	memcpy(good, f->image, FILE_LEN);
	len = HEADER + blob_len(oldest(f));
	for (size_t i = 0; i < len; i += i < HEADER ? 1 : 41) {
		memcpy(f->image, good, FILE_LEN);
		f->image[i] ^= 0x04;
		f->image[SLOT + i] ^= 0x04;
		write_image(f);
		assert_refused(f, -EUCLEAN, "is damaged");
		/* nor is anything done about it */
		at = newest(f) - f->image;
		read_image(f);
		assert_int_equal(f->image[at + i] ^ 0x04, good[at + i]);
	}
	free(good);
}

static void
lengths_beyond_the_slot_are_refused(void **state)
{
	static const uint32_t lengths[] = { 0, SLOT - HEADER + 1, SLOT,
		0x7fffffff, 0xffffffff };
	struct fixture *f = *state;
	uint32_t be;

	make(f);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		be = htobe32(lengths[i]);
		memcpy(f->image + AT_LEN, &be, sizeof(be));
		memcpy(f->image + SLOT + AT_LEN, &be, sizeof(be));
		write_image(f);
		assert_refused(f, -EUCLEAN, "is damaged");
	}
}

static void
other_lengths_are_refused(void **state)
{
	struct fixture *f = *state;

	make(f);
	for (size_t len = 0; len < HEADER + 8; len++) {
		write_file(f, f->image, len);
		assert_refused(f, -EUCLEAN, "is damaged");
	}
	for (size_t len = FILE_LEN - 3; len <= FILE_LEN + 1; len++) {
		if (len == FILE_LEN)
			continue;
		write_file(f, f->image, len);
		assert_refused(f, -EUCLEAN, "is damaged");
	}
	write_file(f, f->image, SLOT);
	assert_refused(f, -EUCLEAN, "is damaged");
}

/* Slots of two files, and slots that have changed places. */
static void
slots_put_together_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t *old = malloc(SLOT);
	size_t at;

	make(f);
	at = oldest(f) - f->image;
	memcpy(old, oldest(f), SLOT);
	power_on(f, false);
	for (int i = 0; i < 4; i++)
		assert_int_equal(increment(f), 0);
	power_off(f);
	read_image(f);
	memcpy(f->image + at, old, SLOT);
	write_image(f);
	assert_refused(f, -EUCLEAN, "is damaged");

	memset(f->image + !at * SLOT, 0, SLOT);
	memcpy(f->image + !at * SLOT, old, SLOT);
	memset(f->image + at, 0, SLOT);
	write_image(f);
	assert_refused(f, -EUCLEAN, "is damaged");
	free(old);
}

static void
newer_versions_are_refused(void **state)
{
	struct fixture *f = *state;

	make(f);
	newest(f)[AT_VERSION + 3] = 2;
	forge(newest(f));
	write_image(f);
	assert_refused(f, -EPROTO, "newer");
	/* which no damage to the version looks like */
	newest(f)[AT_VERSION + 3] = 0;
	forge(newest(f));
	memset(oldest(f), 0, SLOT);
	write_image(f);
	assert_refused(f, -EUCLEAN, "is damaged");
}

/* An intact file: what libtpms makes of it is its business, not a new TPM. */
static void
blobs_that_libtpms_refuses_are_kept(void **state)
{
	struct fixture *f = *state;
	uint8_t *good = malloc(FILE_LEN);
	static const size_t at[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	unsigned refused = 0;

	make(f);
	memcpy(good, f->image, FILE_LEN);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		memcpy(f->image, good, FILE_LEN);
		newest(f)[HEADER + at[i]] ^= 0xff;
		forge(newest(f));
		write_image(f);
		if (try_open(f, true) == 0) {
			power_off(f);
			continue;
		}
		refused++;
		assert_non_null(strstr(f->msg, "newer sealkey or libtpms"));
		memcpy(f->image, good, FILE_LEN);
		write_image(f);
		power_on(f, true);
		assert_true(counter(f) >= 2);
		power_off(f);
	}
	assert_true(refused >= 4);
	free(good);
}

static void
files_open_to_others_are_refused(void **state)
{
	static const mode_t modes[] = { 0604, 0602, 0640, 0620, 0601, 0644,
		0666 };
	struct fixture *f = *state;

	make(f);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(fchmodat(f->dirfd, EMBEDDED_FILE, modes[i],
		    0), 0);
		assert_refused(f, -EPERM, "others may read or write");
	}
	assert_int_equal(fchmodat(f->dirfd, EMBEDDED_FILE, 0600, 0), 0);
	power_on(f, false);
}

static void
other_kinds_of_files_are_refused(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_int_equal(renameat(f->dirfd, EMBEDDED_FILE, f->dirfd,
	    "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", f->dirfd, EMBEDDED_FILE), 0);
	assert_refused(f, -EUCLEAN, "not one of ours");
	assert_int_equal(unlinkat(f->dirfd, EMBEDDED_FILE, 0), 0);
	assert_int_equal(mkfifoat(f->dirfd, EMBEDDED_FILE, 0600), 0);
	assert_refused(f, -EUCLEAN, "not one of ours");
	assert_int_equal(unlinkat(f->dirfd, EMBEDDED_FILE, 0), 0);
	assert_int_equal(mkdirat(f->dirfd, EMBEDDED_FILE, 0700), 0);
	assert_refused(f, -EUCLEAN, "not one of ours");
}

static void
one_process_has_it_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct link *second = NULL;
	int ready[2], status;
	char c;
	pid_t pid;

	power_on(f, true);
	assert_int_equal(link_open("embedded", f->dirfd, true, &second,
	    &f->info, f->msg, sizeof(f->msg)), -EBUSY);
	power_off(f);

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (try_open(f, true) == 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_refused(f, -EBUSY, "another process uses");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	power_on(f, false);
	close(ready[0]);
	close(ready[1]);
}

/* What was answered is there, whenever the process ends. */
static void
killed_at_any_moment(void **state)
{
	struct fixture *f = *state;
	int out[2];
	uint64_t value, last = 0;
	pid_t pid;

	make(f);
	for (int i = 0; i < 25; i++) {
		assert_int_equal(pipe2(out, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0) {
			if (try_open(f, false) != 0)
				_exit(1);
			for (;;) {
				if (increment(f) != 0)
					_exit(1);
				value = counter(f);
				if (write(out[1], &value, sizeof(value)) !=
				    sizeof(value))
					_exit(1);
			}
		}
		close(out[1]);
		for (int n = 0; n <= i; n++)
			assert_int_equal(read(out[0], &last, sizeof(last)),
			    sizeof(last));
		kill(pid, SIGKILL);
		while (read(out[0], &value, sizeof(value)) == sizeof(value))
			last = value;
		close(out[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		power_on(f, false);
		value = counter(f);
		/* the last one may have been done and not told */
		assert_true(value == last || value == last + 1);
		power_off(f);
	}
}

static void
limit_files(rlim_t len)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = len == RLIM_INFINITY ? limit.rlim_max : len;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int
catch_stderr(struct fixture *f)
{
	int before = dup(STDERR_FILENO), fd;

	fd = openat(f->dirfd, "elsewhere", O_WRONLY | O_CREAT | O_CLOEXEC,
	    0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	return before;
}

/* How much was written to it. */
static off_t
release_stderr(struct fixture *f, int before)
{
	struct stat st;

	assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
	close(before);
	assert_int_equal(fstatat(f->dirfd, "elsewhere", &st, 0), 0);
	return st.st_size;
}

static void
failed_write_ends_it(void **state)
{
	struct fixture *f = *state;
	TPM2B_DIGEST *random = NULL;
	uint64_t value;
	TSS2_RC rc;
	int said;

	make(f);
	signal(SIGXFSZ, SIG_IGN);
	power_on(f, false);
	value = counter(f);
	limit_files(16);
	said = catch_stderr(f);
	rc = increment(f);
	limit_files(RLIM_INFINITY);
	/* libtpms would print the command it fails at */
	assert_int_equal(release_stderr(f, said), 0);
	assert_int_equal(rc, TSS2_TCTI_RC_IO_ERROR);
	assert_int_equal(link_result(f->link, rc, "count"), -EIO);
	assert_string_equal(link_strerror(f->link), "cannot count: cannot"
	    " write embedded.tpm: File too large");
	assert_true(link_broken(f->link));
	/* nothing is answered any more, not even what writes nothing */
	assert_int_not_equal(Esys_GetRandom(link_esys(f->link), ESYS_TR_NONE,
	    ESYS_TR_NONE, ESYS_TR_NONE, 4, &random), 0);
	assert_int_not_equal(increment(f), 0);
	power_off(f);
	power_on(f, false);
	assert_int_equal(counter(f), value);
}

static void
no_room_for_a_new_one_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	signal(SIGXFSZ, SIG_IGN);
	limit_files(FILE_LEN - 1);
	assert_int_equal(try_open(f, true), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(f->msg, "File too large"));
	assert_int_equal(faccessat(f->dirfd, EMBEDDED_FILE, F_OK, 0), -1);
	assert_int_equal(faccessat(f->dirfd, EMBEDDED_FILE ".new", F_OK, 0),
	    -1);
}

/* The directory was replaced under a running process, by a backup say. */
static void
file_without_a_name_is_not_written(void **state)
{
	struct fixture *f = *state;

	make(f);
	power_on(f, false);
	assert_int_equal(unlinkat(f->dirfd, EMBEDDED_FILE, 0), 0);
	assert_int_equal(increment(f), TSS2_TCTI_RC_IO_ERROR);
}

static void
tcti_keeps_its_sequence(void **state)
{
	static const uint8_t get_random[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1,
		0x7b, 0, 4 };
	struct fixture *f = *state;
	TSS2_TCTI_CONTEXT *tcti;
	TSS2_TCTI_POLL_HANDLE handle;
	uint8_t answer[64], big[5000] = { 0x80, 1 };
	size_t len = sizeof(answer), n = 1;

	power_on(f, true);
	assert_int_equal(Esys_GetTcti(link_esys(f->link), &tcti), 0);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer, -1),
	    TSS2_TCTI_RC_BAD_SEQUENCE);
	assert_int_equal(Tss2_Tcti_Cancel(tcti), TSS2_TCTI_RC_BAD_SEQUENCE);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, 12, NULL),
	    TSS2_TCTI_RC_BAD_REFERENCE);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, 9, get_random),
	    TSS2_TCTI_RC_BAD_VALUE);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(big), big),
	    TSS2_TCTI_RC_BAD_VALUE);
	assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, &handle, &n),
	    TSS2_TCTI_RC_NOT_IMPLEMENTED);
	assert_int_equal(Tss2_Tcti_SetLocality(tcti, 5),
	    TSS2_TCTI_RC_BAD_VALUE);
	assert_int_equal(Tss2_Tcti_SetLocality(tcti, 0), 0);

	assert_int_equal(Tss2_Tcti_Transmit(tcti, 12, get_random), 0);
	assert_int_equal(Tss2_Tcti_Transmit(tcti, 12, get_random),
	    TSS2_TCTI_RC_BAD_SEQUENCE);
	assert_int_equal(Tss2_Tcti_SetLocality(tcti, 1),
	    TSS2_TCTI_RC_BAD_SEQUENCE);
	assert_int_equal(Tss2_Tcti_Cancel(tcti), 0);
	assert_int_equal(Tss2_Tcti_Receive(tcti, NULL, answer, -1),
	    TSS2_TCTI_RC_BAD_REFERENCE);
	len = 0;
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, NULL, -1), 0);
	assert_int_equal(len, 16);
	len = 15;
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer, -1),
	    TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
	assert_int_equal(len, 16);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer, -1), 0);
	assert_memory_equal(answer, "\x80\1\0\0\0\20\0\0\0\0\0\4", 12);
	assert_int_equal(Tss2_Tcti_Receive(tcti, &len, answer, -1),
	    TSS2_TCTI_RC_BAD_SEQUENCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(memory_survives),
		TEST(file_is_as_documented),
		TEST(none_is_made_unasked),
		TEST(remains_of_a_crash_are_no_obstacle),
		TEST(torn_write_leaves_the_state_before),
		TEST(damage_is_refused),
		TEST(lengths_beyond_the_slot_are_refused),
		TEST(other_lengths_are_refused),
		TEST(slots_put_together_are_refused),
		TEST(newer_versions_are_refused),
		TEST(blobs_that_libtpms_refuses_are_kept),
		TEST(files_open_to_others_are_refused),
		TEST(other_kinds_of_files_are_refused),
		TEST(one_process_has_it_at_a_time),
		TEST(killed_at_any_moment),
		TEST(failed_write_ends_it),
		TEST(no_room_for_a_new_one_leaves_nothing),
		TEST(file_without_a_name_is_not_written),
		TEST(tcti_keeps_its_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
