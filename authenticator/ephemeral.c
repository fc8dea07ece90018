/* SPDX-License-Identifier: Apache-2.0 */
/* State directories that end with the process: see ephemeral.h. */
#include "authenticator/ephemeral.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/paths.h"

#define PREFIX		"sealkey-ephemeral-"
#define MAKE_TRIES	10	/* another process may sweep it away */
#define DEPTH_FDS	8

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	(void)sb;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

static void
remove_tree(const char *path)
{
	(void)nftw(path, remove_one, DEPTH_FDS, FTW_DEPTH | FTW_PHYS);
}

/* The descriptor that holds the lock; -1: somebody else does, or it is gone */
static int
lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;

	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1 || fstat(fd, &sb) == -1 ||
	    sb.st_nlink == 0 || sb.st_uid != geteuid()) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What processes that were killed have left. */
static void
sweep(const char *dir)
{
	DIR *d = opendir(dir);
	char path[PATH_MAX];
	struct dirent *e;
	int fd;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir,
		    e->d_name) >= sizeof(path))
			continue;
		fd = lock(path);
		if (fd == -1)
			continue;
		remove_tree(path);
		close(fd);
	}
	if (d != NULL)
		closedir(d);
}

static int
make_locked(struct ephemeral *e, const char *dir)
{
	size_t len;

	for (int i = 0; i < MAKE_TRIES; i++) {
		len = (size_t)snprintf(e->root, sizeof(e->root),
		    "%s/" PREFIX "XXXXXX", dir);
		if (len >= sizeof(e->root))
			return -ENAMETOOLONG;
		if (mkdtemp(e->root) == NULL)
			return -errno;
		e->lock_fd = lock(e->root);
		if (e->lock_fd != -1)
			return 0;
	}
	return -EAGAIN;
}

int
ephemeral_make(struct ephemeral *e, char *msg, size_t msglen)
{
	char dir[PATH_MAX];
	int r;

	e->lock_fd = -1;
	e->root[0] = e->path[0] = '\0';
	if (paths_runtime(dir, msg, msglen) < 0)
		snprintf(dir, sizeof(dir), "/tmp");
	sweep(dir);
	r = make_locked(e, dir);
	if (r == 0 && (size_t)snprintf(e->path, sizeof(e->path), "%s/key",
	    e->root) >= sizeof(e->path)) {
		r = -ENAMETOOLONG;
		ephemeral_remove(e);
	}
	if (r < 0)
		snprintf(msg, msglen, "%s: cannot make a directory for the "
		    "key: %s", dir, strerror(-r));
	return r;
}

void
ephemeral_remove(struct ephemeral *e)
{
	if (e->lock_fd == -1)
		return;
	remove_tree(e->root);
	close(e->lock_fd);
	e->lock_fd = -1;
}
