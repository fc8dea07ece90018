/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX sockets with a name in the file system: see unix.h. */
#include "uhid/unix.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG	128

/* An address for path. *dirfd, if not -1, must stay open while it is used. */
static int
make_address(const char *path, struct sockaddr_un *sun, int *dirfd)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (path[0] == '\0')
		return -ENOENT;
	if (strlen(path) < sizeof(sun->sun_path)) {
		memcpy(sun->sun_path, path, strlen(path));
		return 0;
	}
	if (slash == NULL || (size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, slash - path);
	dir[slash - path] = '\0';
	*dirfd = open(slash == path ? "/" : dir,
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dirfd == -1)
		return -errno;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path),
	    "/proc/self/fd/%d/%s", *dirfd, slash + 1);
	return n < (int)sizeof(sun->sun_path) ? 0 : -ENAMETOOLONG;
}

static int
connect_address(const struct sockaddr_un *sun, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int r;

	if (fd == -1)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int
unix_connect(const char *path, int type)
{
	struct sockaddr_un sun;
	int dirfd = -1;
	int r;

	r = make_address(path, &sun, &dirfd);
	if (r == 0)
		r = connect_address(&sun, type);
	if (dirfd != -1)
		close(dirfd);
	return r;
}

/*
 * Makes room for a socket at path. Whether somebody listens is found out by
 * connecting: a socket of a process that died refuses. Between that and the
 * removal another process could start to listen; who starts two keys on one
 * path at the same moment gets one of them.
 */
static int
remove_stale(const char *path, const struct sockaddr_un *sun, int type)
{
	struct stat st;
	int r;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	r = connect_address(sun, type | SOCK_NONBLOCK);
	if (r >= 0) {
		close(r);
		return -EADDRINUSE;
	}
	/* EPROTOTYPE, EAGAIN: it is alive, and of another type, or busy */
	if (r == -EPROTOTYPE || r == -EAGAIN)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED && r != -ENOENT)
		return r;
	return unlink(path) == -1 && errno != ENOENT ? -errno : 0;
}

/*
 * On Linux a name gets the mode of the socket that it is bound to. The umask is
 * of the whole process, and other threads may be making files.
 */
static int
bind_private(int fd, const struct sockaddr_un *sun)
{
	if (fchmod(fd, 0600) == -1 ||
	    bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) == -1)
		return -errno;
	return 0;
}

static int
listen_address(const char *path, const struct sockaddr_un *sun, int type,
    struct unix_name *name)
{
	struct stat st;
	int fd;
	int r;

	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -errno;
	r = bind_private(fd, sun);
	if (r == 0 && (listen(fd, BACKLOG) == -1 || lstat(path, &st) == -1))
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*name = (struct unix_name){ st.st_dev, st.st_ino };
	return fd;
}

int
unix_listen(const char *path, int type, struct unix_name *name)
{
	struct sockaddr_un sun;
	int dirfd = -1;
	int r;

	r = make_address(path, &sun, &dirfd);
	if (r == 0)
		r = remove_stale(path, &sun, type);
	if (r == 0)
		r = listen_address(path, &sun, type, name);
	if (dirfd != -1)
		close(dirfd);
	return r;
}

void
unix_unlink(const char *path, const struct unix_name *name)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_dev == name->dev && st.st_ino == name->ino)
		(void)unlink(path);
}
