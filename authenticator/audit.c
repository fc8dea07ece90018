/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's deeds: see audit.h. */
#include "authenticator/audit.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN	4096	/* bytes, with the line breaks */

/* Losing power may have left half a line, which is not to swallow ours. */
static bool
ends_within_a_line(int fd)
{
	struct stat sb;
	char last;

	return fstat(fd, &sb) == 0 && sb.st_size > 0 &&
	    pread(fd, &last, 1, sb.st_size - 1) == 1 && last != '\n';
}

static int
append(int dirfd, const char *text)
{
	char line[LINE_MAX_LEN];
	int fd, r = 0, len;
	ssize_t n;

	fd = openat(dirfd, AUDIT_NAME, O_RDWR | O_APPEND | O_CREAT |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		return -errno;
	len = snprintf(line, sizeof(line), "%s%s\n",
	    ends_within_a_line(fd) ? "\n" : "", text);
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
	time_t now = time(NULL);
	char when[32], *text = NULL;
	struct tm tm;
	int r = -ENOMEM;

	if (event == NULL || gmtime_r(&now, &tm) == NULL)
		goto out;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (json_object_set_new(event, "time", json_string(when)) == -1 ||
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
