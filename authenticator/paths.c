/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are: see paths.h. */
#include "authenticator/paths.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_DEFAULT	"sealkey/default"
#define ENTRY_LEN	4096	/* bytes of an entry of passwd or group */

/* A variable that is set, not empty, and if it must be an absolute path. */
static const char *
env(const char *name, bool absolute)
{
	const char *value = getenv(name);

	if (value == NULL || value[0] == '\0')
		return NULL;
	return absolute && value[0] != '/' ? NULL : value;
}

static const char *
home_dir(void)
{
	const char *home = env("HOME", true);
	const struct passwd *pw;

	if (home != NULL)
		return home;
	pw = getpwuid(getuid());
	return pw != NULL && pw->pw_dir[0] == '/' ? pw->pw_dir : NULL;
}

/* prefix/name, or name alone if prefix is empty. */
static int
join(char out[static PATH_MAX], const char *prefix, size_t prefix_len,
    const char *name)
{
	int n = snprintf(out, PATH_MAX, "%.*s%s%s", (int)prefix_len, prefix,
	    prefix_len > 0 && name[0] != '\0' ? "/" : "", name);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int
make_absolute(const char *path, char out[static PATH_MAX])
{
	char cwd[PATH_MAX];

	if (path[0] == '\0')
		return -ENOENT;
	if (path[0] == '/')
		return join(out, "", 0, path);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return -errno;
	return join(out, cwd, strlen(cwd), path);
}

static int
find_state(const char *option, char out[static PATH_MAX])
{
	const char *dir;

	if (option != NULL)
		return make_absolute(option, out);
	/* systemd separates several directories with colons */
	dir = env("STATE_DIRECTORY", false);
	if (dir != NULL) {
		char first[PATH_MAX];
		int r = join(first, dir, strcspn(dir, ":"), "");

		return r < 0 ? r : make_absolute(first, out);
	}
	dir = env("XDG_STATE_HOME", true);
	if (dir != NULL)
		return join(out, dir, strlen(dir), KEY_DEFAULT);
	dir = home_dir();
	if (dir == NULL)
		return -ENOENT;
	return join(out, dir, strlen(dir), ".local/state/" KEY_DEFAULT);
}

int
paths_state(const char *option, char out[static PATH_MAX],
    char *msg, size_t msglen)
{
	int r = find_state(option, out);

	if (r == -ENAMETOOLONG)
		snprintf(msg, msglen, "the path of the state directory is "
		    "too long");
	else if (r < 0)
		snprintf(msg, msglen, "no state directory: use --state DIR, "
		    "or set HOME");
	return r;
}

int
paths_absolute(const char *path, char out[static PATH_MAX], char *msg,
    size_t msglen)
{
	int r = make_absolute(path, out);

	if (r < 0)
		snprintf(msg, msglen, "%s: %s", path, strerror(-r));
	return r;
}

/* mkdir -p */
static int
make_dirs(const char *path)
{
	char part[PATH_MAX];
	char *slash;
	int r;

	r = join(part, "", 0, path);
	if (r < 0)
		return r;
	for (slash = part + 1;; slash++) {
		slash = strchrnul(slash, '/');
		if (*slash == '\0')
			break;
		*slash = '\0';
		if (mkdir(part, 0700) == -1 && errno != EEXIST &&
		    access(part, F_OK) == -1)
			return -errno;
		*slash = '/';
	}
	if (mkdir(part, 0700) == -1 && errno != EEXIST)
		return -errno;
	return 0;
}

/* Who can write into a directory puts files of his own in place of others. */
static bool
others_can_write(const struct stat *st)
{
	return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/*
 * Whether the group of the directory is its owner's alone: of the same name,
 * with nobody else in it. Where users have such groups, as Debian's do, their
 * umask is 002 (pam_umask(8), usergroups), and what they made themselves is
 * writable for its group. With an access control list those bits say something
 * else.
 */
static bool
group_is_owner(int fd, const struct stat *st)
{
	char user_text[ENTRY_LEN], group_text[ENTRY_LEN];
	struct passwd user, *u = NULL;
	struct group group, *g = NULL;

	if (st->st_uid == 0 ||
	    fgetxattr(fd, "system.posix_acl_access", NULL, 0) >= 0 ||
	    getpwuid_r(st->st_uid, &user, user_text, sizeof(user_text),
	    &u) != 0 || u == NULL || u->pw_gid != st->st_gid ||
	    getgrgid_r(st->st_gid, &group, group_text, sizeof(group_text),
	    &g) != 0 || g == NULL || strcmp(g->gr_name, u->pw_name) != 0)
		return false;
	for (char **name = g->gr_mem; *name != NULL; name++)
		if (strcmp(*name, u->pw_name) != 0)
			return false;
	return true;
}

/* As good as: what root does with another's directory, root was told to. */
static bool
is_ours(const struct stat *st)
{
	uid_t uid = geteuid();

	return uid == 0 || st->st_uid == uid;
}

/* Changing the mode of another's directory, or of /tmp, is not the answer. */
static int
check_mode(int fd, const char *path, char *msg, size_t msglen)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		snprintf(msg, msglen, "%s: %s", path, strerror(errno));
		return -EIO;
	}
	if (!others_can_write(&st) ||
	    ((st.st_mode & S_IWOTH) == 0 && group_is_owner(fd, &st)))
		return 0;
	snprintf(msg, msglen, "%s: others can write to this directory: %s",
	    path, is_ours(&st) && (st.st_mode & S_ISVTX) == 0 ?
	    "chmod 700 it, if it is to be trusted still" :
	    "use one of your own, such as a new one in it");
	return -EPERM;
}

static int
cannot_open(const char *path, int error, char *msg, size_t msglen)
{
	if (error == ENOENT)
		snprintf(msg, msglen, "%s: there is no key here (\"sealkey "
		    "run --state DIR\" makes one)", path);
	else
		snprintf(msg, msglen, "%s: cannot open the state directory: "
		    "%s", path, strerror(error));
	return -error;
}

int
paths_open_dir(const char *path, bool create, char *msg, size_t msglen)
{
	int fd;
	int r;

	if (create && access(path, F_OK) == -1) {
		r = make_dirs(path);
		if (r < 0) {
			snprintf(msg, msglen, "%s: cannot make the state "
			    "directory: %s", path, strerror(-r));
			return r;
		}
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return cannot_open(path, errno, msg, msglen);
	r = check_mode(fd, path, msg, msglen);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

/* A directory for sockets; NULL if the environment offers none that works, or
 * one where others can put sockets of their own. */
static const char *
runtime_dir(char buf[static PATH_MAX])
{
	struct stat st;
	const char *dir = env("RUNTIME_DIRECTORY", true);

	if (dir != NULL) {
		if (join(buf, dir, strcspn(dir, ":"), "") < 0)
			return NULL;
	} else {
		dir = env("XDG_RUNTIME_DIR", true);
		if (dir == NULL || join(buf, dir, strlen(dir), "sealkey") < 0)
			return NULL;
		if (mkdir(buf, 0700) == -1 && errno != EEXIST)
			return NULL;
	}
	if (stat(buf, &st) == -1 || !is_ours(&st) || others_can_write(&st))
		return NULL;
	return access(buf, W_OK | X_OK) == 0 ? buf : NULL;
}

int
paths_runtime(char out[static PATH_MAX], char *msg, size_t msglen)
{
	char buf[PATH_MAX];
	const char *dir = runtime_dir(buf);

	if (dir == NULL) {
		snprintf(msg, msglen, "no runtime directory that you can "
		    "write, and nobody else: set XDG_RUNTIME_DIR");
		return -ENOENT;
	}
	memcpy(out, dir, strlen(dir) + 1);
	return 0;
}

int
paths_control_alone(char out[static PATH_MAX], char *msg, size_t msglen)
{
	char dir[PATH_MAX];
	int r = paths_runtime(dir, msg, msglen);

	if (r == 0) {
		r = join(out, dir, strlen(dir), "control.sock");
		if (r < 0)
			snprintf(msg, msglen, "the path of the control socket "
			    "is too long");
	}
	return r;
}

int
paths_control(int dirfd, const char *path, char out[static PATH_MAX],
    char *msg, size_t msglen)
{
	char buf[PATH_MAX];
	char name[64];
	const char *dir = runtime_dir(buf);
	struct stat st;
	int r;

	if (dir != NULL && fstat(dirfd, &st) == 0) {
		/* The store's lock keeps a second user of it away. */
		snprintf(name, sizeof(name), "%jx-%jx.sock",
		    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
		r = join(out, dir, strlen(dir), name);
	} else {
		r = join(out, path, strlen(path), "control.sock");
	}
	if (r < 0)
		snprintf(msg, msglen, "the path of the control socket is too "
		    "long");
	return r;
}
