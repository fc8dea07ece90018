/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the user has asked for: see output_file.h. */
#include "authenticator/output_file.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static mode_t users_mask = 077;

void
output_file_set_mask(mode_t mask)
{
	users_mask = mask & 0777;
}

/* A full disk is told of some files only when they are closed. */
static int
write_and_close(int fd, struct span bytes, bool sync)
{
	ssize_t n;
	int r = 0;

	while (r == 0 && bytes.len > 0) {
		n = write(fd, bytes.p, bytes.len);
		if (n == -1 && errno != EINTR)
			r = -errno;
		if (n > 0)
			bytes = span(bytes.p + n, bytes.len - (size_t)n);
	}
	if (r == 0 && sync && fsync(fd) == -1)
		r = -errno;
	if (close(fd) == -1 && r == 0)
		r = -errno;
	return r;
}

static int
write_in_place(const char *path, struct span bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY |
	    O_CLOEXEC, 0666);
	int r;

	if (fd == -1)
		return -errno;
	r = write_and_close(fd, bytes, false);
	if (r < 0 && truncate(path, 0) == -1)
		return r;	/* nothing can be taken back from a pipe */
	return r;
}

/* What of the old file the new one shall have. */
static int
inherit(int fd, const struct stat *old)
{
	struct stat now;

	if (fstat(fd, &now) == -1 || (now.st_gid != old->st_gid &&
	    fchown(fd, (uid_t)-1, old->st_gid) == -1) ||
	    fchmod(fd, old->st_mode & 0777) == -1)
		return -errno;
	return 0;
}

static int
fill(int fd, const struct stat *old, struct span bytes)
{
	int r = 0;

	if (old != NULL)
		r = inherit(fd, old);
	else if (fchmod(fd, 0666 & ~users_mask) == -1)
		r = -errno;
	if (r == 0)
		return write_and_close(fd, bytes, true);
	close(fd);
	return r;
}

/* old: what is there; NULL: nothing */
static int
replace(const char *path, const struct stat *old, struct span bytes)
{
	char new[PATH_MAX];
	int fd, r;

	if ((size_t)snprintf(new, sizeof(new), "%s.XXXXXX", path) >=
	    sizeof(new))
		return -ENAMETOOLONG;
	fd = mkostemp(new, O_CLOEXEC);
	if (fd == -1)
		return -errno;
	r = fill(fd, old, bytes);
	if (r == 0 && rename(new, path) == -1)
		r = -errno;
	if (r < 0)
		(void)unlink(new);
	return r;
}

/*
 * The directory cannot be written, or what is there cannot be replaced: it is
 * a mount point, or in a group that we cannot give files to.
 */
static bool
has_to_stay(int error)
{
	return error == -EACCES || error == -EPERM || error == -EROFS ||
	    error == -EBUSY || error == -ENAMETOOLONG;
}

/* All that the new one will have of it is a mode and a group: with an access
 * control list, that mode is not what its group may do. */
static bool
may_be_replaced(const char *path, const struct stat *old)
{
	return S_ISREG(old->st_mode) && old->st_nlink == 1 &&
	    old->st_uid == geteuid() && access(path, W_OK) == 0 &&
	    lgetxattr(path, "system.posix_acl_access", NULL, 0) == -1;
}

int
output_file_write(const char *path, struct span bytes)
{
	struct stat old;
	int r = -EPERM;

	if (lstat(path, &old) == -1)
		r = replace(path, NULL, bytes);
	else if (may_be_replaced(path, &old))
		r = replace(path, &old, bytes);
	return has_to_stay(r) ? write_in_place(path, bytes) : r;
}

int
output_file_begin(struct output_file *o)
{
	*o = (struct output_file){ .text = NULL };
	o->f = open_memstream(&o->text, &o->len);
	return o->f != NULL ? 0 : -ENOMEM;
}

int
output_file_end(struct output_file *o, const char *path)
{
	bool whole = ferror(o->f) == 0;
	int r = -ENOMEM;

	if (fclose(o->f) == 0 && whole)
		r = output_file_write(path, span(o->text, o->len));
	free(o->text);
	return r;
}
