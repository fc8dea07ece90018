/* SPDX-License-Identifier: Apache-2.0 */
/* The profile that a key at rest keeps: see profile_state.h. */
#include "authenticator/profile/profile_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define NEW_FILE	PROFILE_STATE_FILE ".new"

int
profile_recall(const char *path, struct profile **out, char *msg,
    size_t msglen)
{
	char file[PATH_MAX + sizeof(PROFILE_STATE_FILE)];
	int r;

	*out = NULL;
	snprintf(file, sizeof(file), "%s/%s", path, PROFILE_STATE_FILE);
	r = profile_read_at(AT_FDCWD, file, file, out, msg, msglen);
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int
write_all(int fd, struct span text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.p, text.len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		text = span(text.p + n, text.len - (size_t)n);
	}
	return fsync(fd) == -1 ? -errno : 0;
}

static int
write_new(struct span text, int dirfd)
{
	int fd = openat(dirfd, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd == -1)
		return -errno;
	r = write_all(fd, text);
	if (close(fd) == -1 && r == 0)
		r = -errno;
	return r;
}

int
profile_keep(const struct profile *p, int dirfd, const char *path, char *msg,
    size_t msglen)
{
	int r = write_new(p->text, dirfd);

	if (r == 0 && renameat(dirfd, NEW_FILE, dirfd,
	    PROFILE_STATE_FILE) == -1)
		r = -errno;
	if (r == 0 && fsync(dirfd) == -1)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dirfd, NEW_FILE, 0);
		snprintf(msg, msglen, "%.200s/%s: %s", path,
		    PROFILE_STATE_FILE, strerror(-r));
	}
	return r;
}
