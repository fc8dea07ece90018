/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/attest/ca_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
ca_file_read_fd(int fd, uint8_t *buf, size_t size, size_t *len)
{
	size_t got = 0;
	ssize_t n;

	while (got < size) {
		n = read(fd, buf + got, size - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*len = got;
	return got < size ? 0 : -EFBIG;
}

int
ca_file_read(int dirfd, const char *name, size_t max, struct ca_file *out)
{
	int fd, r = -ENOMEM;

	if (dirfd == AT_FDCWD && strcmp(name, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return -errno;
	out->size = max + 1;
	out->p = malloc(out->size);
	if (out->p != NULL)
		r = ca_file_read_fd(fd, out->p, out->size, &out->len);
	close(fd);
	if (r != 0)
		ca_file_done(out);
	return r;
}

void
ca_file_done(struct ca_file *f)
{
	if (f->p != NULL)
		explicit_bzero(f->p, f->size);
	free(f->p);
	*f = (struct ca_file){ NULL, 0, 0 };
}

static int
write_all(int fd, struct span bytes)
{
	size_t done = 0;
	ssize_t n;

	while (done < bytes.len) {
		n = write(fd, bytes.p + done, bytes.len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		done += (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

int
ca_file_create(int dirfd, const char *name, struct span bytes)
{
	int fd, r;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (fd == -1)
		return -errno;
	r = write_all(fd, bytes);
	close(fd);
	if (r == 0 && fsync(dirfd) == -1)
		r = -errno;
	if (r != 0)
		(void)unlinkat(dirfd, name, 0);
	return r;
}

int
ca_file_remove(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == -1)
		return -errno;
	return fsync(dirfd) == 0 ? 0 : -errno;
}
