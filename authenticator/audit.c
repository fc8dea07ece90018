/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's deeds: see audit.h. */
#include "authenticator/audit.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/date.h"

#define LINE_MAX_LEN	4096	/* bytes, with the line breaks */

bool
audit_ends_within_a_line(int fd)
{
	struct stat sb;
	char last;

	return fstat(fd, &sb) == 0 && sb.st_size > 0 &&
	    pread(fd, &last, 1, sb.st_size - 1) == 1 && last != '\n';
}

static int
open_named(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDWR | O_APPEND | O_CREAT |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	return fd == -1 ? -errno : fd;
}

int
audit_open_log(int dirfd)
{
	return open_named(dirfd, AUDIT_NAME);
}

static int
append(int dirfd, const char *text)
{
	char line[LINE_MAX_LEN];
	int fd, r = 0, len;
	ssize_t n;

	fd = audit_open_log(dirfd);
	if (fd < 0)
		return fd;
	len = snprintf(line, sizeof(line), "%s%s\n",
	    audit_ends_within_a_line(fd) ? "\n" : "", text);
	if (len >= (int)sizeof(line)) {
		r = -EMSGSIZE;
	} else {
		n = write(fd, line, (size_t)len);
		if (n != len)
			r = n == -1 ? -errno : -ENOSPC;
	}
	if (r == 0 && (fsync(fd) == -1 || fsync(dirfd) == -1))
		r = -errno;
	close(fd);
	return r;
}

int
audit_append(int dirfd, json_t *event)
{
	char when[DATE_LEN], *text = NULL;
	int r = -ENOMEM;

	date_write(time(NULL), when);
	if (event == NULL ||
	    json_object_set_new(event, "time", json_string(when)) == -1 ||
	    json_object_set_new(event, "uid", json_integer(getuid())) == -1)
		goto out;
	text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);
	if (text != NULL)
		r = append(dirfd, text);
out:
	free(text);
	json_decref(event);
	return r;
}

void
audit_file_name(unsigned n, char out[static AUDIT_NAME_LEN])
{
	if (n == 0)
		snprintf(out, AUDIT_NAME_LEN, "%s", AUDIT_NAME);
	else if (n < AUDIT_FILES)
		snprintf(out, AUDIT_NAME_LEN, "%s.%u", AUDIT_NAME, n);
	else
		snprintf(out, AUDIT_NAME_LEN, "%s", AUDIT_OLD);
}

/* The owner's are in the clear, and no operation has a user ID. */
static bool
is_deed(const char *line)
{
	return line[0] == '{' && strstr(line, "\"uid\":") != NULL;
}

static int
copy_deeds(FILE *from, int to)
{
	char line[AUDIT_LINE_MAX];
	size_t len;
	ssize_t n;

	while (fgets(line, sizeof(line), from) != NULL) {
		len = strlen(line);
		if (!is_deed(line) || line[len - 1] != '\n')
			continue;
		n = write(to, line, len);
		if (n != (ssize_t)len)
			return n == -1 ? -errno : -ENOSPC;
	}
	return ferror(from) || fsync(to) == -1 ? -EIO : 0;
}

/* The owner's deeds of the log that goes stay for good: there are few. */
static int
keep_deeds(int dirfd, const char *name)
{
	int in, out, r;
	FILE *f;

	in = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (in == -1)
		return errno == ENOENT ? 0 : -errno;
	f = fdopen(in, "r");
	if (f == NULL) {
		close(in);
		return -ENOMEM;
	}
	r = out = open_named(dirfd, AUDIT_OLD);
	if (out >= 0) {
		r = copy_deeds(f, out);
		close(out);
	}
	fclose(f);
	return r;
}

int
audit_rotate(int dirfd)
{
	char from[AUDIT_NAME_LEN], to[AUDIT_NAME_LEN];
	unsigned n = AUDIT_FILES - 1;
	int r;

	audit_file_name(n, to);
	r = keep_deeds(dirfd, to);
	for (; r == 0 && n > 0; n--) {
		audit_file_name(n, to);
		audit_file_name(n - 1, from);
		if (renameat(dirfd, from, dirfd, to) == -1 && errno != ENOENT)
			r = -errno;
	}
	return r;
}
