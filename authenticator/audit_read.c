/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the audit log: see audit_read.h. */
#include "authenticator/audit_read.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/audit.h"
#include "authenticator/base64url.h"
#include "authenticator/date.h"

/* One call of audit_read(). */
struct reading {
	struct audit_reader *reader;
	size_t		 left;		/* of the budget, bytes */
	int		(*each)(void *arg, json_t *line);
	void		*arg;
};

/* Nothing was noted before 1970. */
static bool
parse_time(const char *text, uint64_t *out)
{
	int64_t time_ms;

	if (!date_parse(text, &time_ms) || time_ms < 0)
		return false;
	*out = (uint64_t)time_ms;
	return true;
}

static uint64_t
unit_ms(const char *unit)
{
	static const struct {
		const char	*name;
		uint64_t	 ms;
	} units[] = {
		{ "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 86400000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

bool
audit_time(const char *text, uint64_t now_ms, uint64_t *out)
{
	unsigned long n;
	uint64_t unit;
	char *end;

	if (text[0] != '-')
		return parse_time(text, out);
	if (text[1] < '0' || text[1] > '9')
		return false;
	errno = 0;
	n = strtoul(text + 1, &end, 10);
	unit = unit_ms(end);
	if (errno != 0 || unit == 0 || n > now_ms / unit)
		return false;
	*out = now_ms - n * unit;
	return true;
}

static bool
is_text(json_t *line, const char *name, const char *want)
{
	const char *text = json_string_value(json_object_get(line, name));

	return text != NULL && strcmp(text, want) == 0;
}

bool
audit_filter_fits(const struct audit_filter *f, json_t *line)
{
	const char *text = json_string_value(json_object_get(line, "time"));
	uint64_t time_ms;

	if (text == NULL || !parse_time(text, &time_ms))
		return false;
	if (time_ms < f->since_ms ||
	    (f->until_ms != 0 && time_ms >= f->until_ms))
		return false;
	if (f->operation != NULL && !is_text(line, "operation",
	    f->operation) && !is_text(line, "event", f->operation))
		return false;
	return f->rp_id == NULL || is_text(line, "rpId", f->rp_id);
}

/* text without its line break. A new reference, NULL: nothing of ours. */
static json_t *
parse_line(struct audit_reader *r, const char *text, size_t len)
{
	uint8_t sealed[AUDIT_LINE_MAX], plain[AUDIT_LINE_MAX];
	json_t *line = NULL;
	size_t n;

	if (len > 0 && text[0] == '{') {
		line = json_loadb(text, len, 0, NULL);
	} else if (r->keys != NULL && len < AUDIT_LINE_MAX &&
	    base64url_decode(span(text, len), sealed, &n) &&
	    n >= KEY_SEAL_OVERHEAD && r->keys->ops->open(r->keys,
	    span_str(AUDIT_SEAL_LABEL), span(sealed, n), plain) == 0) {
		line = json_loadb((const char *)plain, n - KEY_SEAL_OVERHEAD,
		    0, NULL);
		explicit_bzero(plain, n - KEY_SEAL_OVERHEAD);
	}
	if (json_string_value(json_object_get(line, "time")) != NULL)
		return line;
	json_decref(line);
	return NULL;
}

static int
take_line(struct reading *rd, const char *text, size_t len)
{
	json_t *line = parse_line(rd->reader, text, len);
	int r = 0;

	if (line == NULL)
		rd->reader->damaged += len > 0;
	else if (audit_filter_fits(&rd->reader->filter, line))
		r = rd->each(rd->arg, line);
	json_decref(line);
	return r;
}

/* 0: to the end; 1: the budget is used up; or as each() said, or -errno. */
static int
read_lines(struct reading *rd, FILE *f, bool newest)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&text, &cap, f)) > 0) {
		if (text[n - 1] != '\n' && newest)
			break;
		rd->reader->offset += (size_t)n;
		r = take_line(rd, text, (size_t)n - (text[n - 1] == '\n'));
		if (r == 0 && rd->left <= (size_t)n)
			r = 1;
		rd->left -= r == 0 ? (size_t)n : 0;
	}
	if (r == 0 && ferror(f))
		r = -EIO;
	free(text);
	return r;
}

static int
read_file(struct reading *rd, int fd, bool newest)
{
	FILE *f = fdopen(fd, "r");
	int r;

	if (f == NULL) {
		close(fd);
		return -ENOMEM;
	}
	r = fseeko(f, (off_t)rd->reader->offset, SEEK_SET) == 0 ?
	    read_lines(rd, f, newest) : -errno;
	fclose(f);
	return r;
}

/* The file that is n old, with its number; -ENOENT. */
static int
open_file(int dirfd, unsigned n, uint64_t *inode)
{
	char name[AUDIT_NAME_LEN];
	struct stat sb;
	int fd;

	audit_file_name(n, name);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (fstat(fd, &sb) == -1 || !S_ISREG(sb.st_mode)) {
		close(fd);
		return -EUCLEAN;
	}
	*inode = sb.st_ino;
	return fd;
}

/* Where the reader stopped: how old that file is by now. */
static unsigned
place_now(struct audit_reader *r)
{
	uint64_t inode;
	int fd;

	for (unsigned n = 0; n <= AUDIT_FILES && r->inode != 0; n++) {
		fd = open_file(r->dirfd, n, &inode);
		if (fd < 0)
			continue;
		close(fd);
		if (inode == r->inode)
			return n;
	}
	r->offset = 0;		/* at the beginning, or what is left */
	return r->inode == 0 ? AUDIT_FILES : AUDIT_FILES - 1;
}

int
audit_read(struct audit_reader *r, size_t budget,
    int (*each)(void *arg, json_t *line), void *arg)
{
	struct reading rd = { r, budget, each, arg };
	unsigned n = place_now(r);
	uint64_t inode;
	int fd, error;

	for (;; n--) {
		fd = open_file(r->dirfd, n, &inode);
		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd >= 0) {
			if (inode != r->inode)
				r->offset = 0;
			r->inode = inode;
			error = read_file(&rd, fd, n == 0);
			if (error != 0)
				return error;
		}
		if (n == 0)
			return 0;
	}
}
