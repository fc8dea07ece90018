/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record. One reading has one meaning: the lines are there in this order,
 * once, and nothing else is; numbers and bytes are written in one way only.
 */
#include "tpm/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "ctap/span.h"

#define RECORD_FILE_NEW	RECORD_FILE ".new"
#define RECORD_MAGIC	"sealkey tpm "
#define RECORD_VERSION	1
#define RECORD_LEN_MAX	1024	/* bytes, of the file */

/* Text. */

/* The value of the line "name value\n"; p NULL if that is not next. */
static struct span
take_line(struct span *text, const char *name)
{
	size_t len = strlen(name);
	const uint8_t *end;
	struct span value;

	if (text->len < len || memcmp(text->p, name, len) != 0)
		return span(NULL, 0);
	value.p = text->p + len;
	end = memchr(value.p, '\n', text->len - len);
	if (end == NULL)
		return span(NULL, 0);
	value.len = end - value.p;
	text->len -= end + 1 - text->p;
	text->p = end + 1;
	return value;
}

/* A TCTI string: what can be printed, so that lines of messages are lines. */
static bool
take_target(struct span *text, char out[static RECORD_TARGET_MAX])
{
	struct span v = take_line(text, "target ");

	if (v.p == NULL || v.len == 0 || v.len >= RECORD_TARGET_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < ' ' || v.p[i] > '~')
			return false;
	memcpy(out, v.p, v.len);
	memset(out + v.len, 0, RECORD_TARGET_MAX - v.len);
	return true;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_hex(struct span v, uint8_t *out, size_t len)
{
	if (v.p == NULL || v.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(v.p[2 * i]);
		int low = hex_digit(v.p[2 * i + 1]);

		if (high == -1 || low == -1)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* 0x and eight digits: an NV handle that an owner may have, or none */
static bool
take_handle(struct span *text, const char *name, uint32_t *out)
{
	struct span v = take_line(text, name);
	uint8_t b[4];
	uint32_t handle;

	if (v.p == NULL || v.len != 10 || memcmp(v.p, "0x", 2) != 0 ||
	    !take_hex(span(v.p + 2, 8), b, sizeof(b)))
		return false;
	handle = (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
	if (handle != 0 &&
	    (handle < RECORD_HANDLE_FIRST || handle > RECORD_HANDLE_LAST))
		return false;
	*out = handle;
	return true;
}

/* Nothing can be said about the lines of a newer version. */
static int
take_version(struct span *text)
{
	struct span v = take_line(text, RECORD_MAGIC);
	unsigned version = 0;

	if (v.p == NULL || v.len == 0 || v.len > 4 || v.p[0] == '0')
		return -EUCLEAN;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -EUCLEAN;
		version = 10 * version + (v.p[i] - '0');
	}
	return version == RECORD_VERSION ? 0 : -EPROTO;
}

static int
parse(struct span text, struct record *out)
{
	struct record rec;
	int r;

	memset(&rec, 0, sizeof(rec));
	r = take_version(&text);
	if (r != 0)
		return r;
	if (!take_target(&text, rec.target) ||
	    !take_hex(take_line(&text, "id "), rec.id, sizeof(rec.id)) ||
	    !take_handle(&text, "counter ", &rec.counter) ||
	    !take_handle(&text, "pin ", &rec.pin) || text.len != 0)
		return -EUCLEAN;
	*out = rec;
	return 0;
}

static int
format(const struct record *rec, char out[static RECORD_LEN_MAX], size_t *len)
{
	char id[2 * RECORD_ID_LEN + 1];
	struct record again;
	int n;

	for (size_t i = 0; i < RECORD_ID_LEN; i++)
		snprintf(id + 2 * i, 3, "%02x", rec->id[i]);
	n = snprintf(out, RECORD_LEN_MAX, RECORD_MAGIC "%d\ntarget %s\nid %s\n"
	    "counter 0x%08x\npin 0x%08x\n", RECORD_VERSION, rec->target, id,
	    rec->counter, rec->pin);
	/* What cannot be read again is not written. */
	if (n >= RECORD_LEN_MAX || parse(span(out, n), &again) != 0)
		return -EINVAL;
	*len = n;
	return 0;
}

/* The file. */

static int
check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EUCLEAN;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? -EPERM : 0;
}

static int
read_whole(int fd, char buf[static RECORD_LEN_MAX], size_t *len)
{
	ssize_t n;

	*len = 0;
	do {
		n = read(fd, buf + *len, RECORD_LEN_MAX - *len);
		if (n > 0)
			*len += n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1)
		return -errno;
	return *len == RECORD_LEN_MAX ? -EUCLEAN : 0;
}

int
record_read(int dirfd, struct record *out)
{
	char buf[RECORD_LEN_MAX];
	size_t len;
	int fd, r;

	/* O_NONBLOCK: a FIFO of that name must not stop us. */
	fd = openat(dirfd, RECORD_FILE,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return errno == ELOOP ? -EUCLEAN : -errno;
	r = check_file(fd);
	if (r == 0)
		r = read_whole(fd, buf, &len);
	if (r == 0)
		r = parse(span(buf, len), out);
	close(fd);
	return r;
}

static int
write_new(int dirfd, const char *buf, size_t len)
{
	ssize_t n;
	int fd, r = 0;

	/* Left behind by a crash; whoever writes here has the directory. */
	if (unlinkat(dirfd, RECORD_FILE_NEW, 0) == -1 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, RECORD_FILE_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	n = write(fd, buf, len);
	if (n != (ssize_t)len)
		r = n == -1 ? -errno : -ENOSPC;
	if (r == 0 && fsync(fd) == -1)
		r = -errno;
	if (close(fd) == -1 && r == 0)
		r = -errno;
	return r;
}

int
record_write(int dirfd, const struct record *rec)
{
	char buf[RECORD_LEN_MAX];
	size_t len;
	int r;

	r = format(rec, buf, &len);
	if (r != 0)
		return r;
	r = write_new(dirfd, buf, len);
	if (r == 0 &&
	    renameat(dirfd, RECORD_FILE_NEW, dirfd, RECORD_FILE) == -1)
		r = -errno;
	if (r != 0)
		unlinkat(dirfd, RECORD_FILE_NEW, 0);
	else if (fsync(dirfd) == -1)
		r = -errno;
	return r;
}

int
record_remove(int dirfd)
{
	if (unlinkat(dirfd, RECORD_FILE, 0) == -1 && errno != ENOENT)
		return -errno;
	return fsync(dirfd) == -1 ? -errno : 0;
}
