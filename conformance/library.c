/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/library.h"

#include "conformance/builtin.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FILE_MAX	(4 << 20)	/* bytes */

static bool
matches_covers(const char *pattern, const char *covers)
{
	char id[64];
	size_t len;

	for (; *covers != '\0'; covers += len) {
		covers += strspn(covers, " \t");
		len = strcspn(covers, " \t");
		snprintf(id, sizeof(id), "%.*s", (int)(len < 63 ? len : 63),
		    covers);
		if (len > 0 && fnmatch(pattern, id, 0) == 0)
			return true;
	}
	return false;
}

/* "pin: setPIN: what is missing", and each requirement that it covers. */
static bool
matches(const struct library *lib, const struct transcript_case *c)
{
	char name[sizeof(c->title) + 80];
	size_t len = strcspn(c->file, ".");

	snprintf(name, sizeof(name), "%.*s: %s", (int)(len < 64 ? len : 64),
	    c->file, c->title);
	for (size_t i = 0; i < lib->filter_count; i++)
		if (fnmatch(lib->filters[i], name, 0) == 0 ||
		    matches_covers(lib->filters[i], c->covers))
			return true;
	return lib->filter_count == 0;
}

static int
keep_case(struct library *lib, struct transcript_case *c)
{
	size_t room = lib->room > 0 ? lib->room * 2 : 256;
	struct transcript_case **cases = lib->cases;

	if (lib->count == lib->room) {
		cases = realloc(cases, room * sizeof(struct transcript_case *));
		if (cases == NULL)
			return -ENOMEM;
		lib->cases = cases;
		lib->room = room;
	}
	lib->cases[lib->count++] = c;
	return 0;
}

static int
add_text(struct library *lib, const char *name, const char *text)
{
	struct transcript_file file = { .name = name, .text = text };
	struct transcript_case *c;
	int r = 0;

	while (r == 0) {
		c = malloc(sizeof(*c));
		if (c == NULL)
			return -ENOMEM;
		if (!transcript_next(&file, c)) {
			free(c);
			return 0;
		}
		if (!matches(lib, c))
			free(c);
		else if ((r = keep_case(lib, c)) < 0)
			free(c);
	}
	return r;
}

int
library_add_builtin(struct library *lib)
{
	const struct builtin *b = conformance_builtin;
	int r = 0;

	for (; r == 0 && b->name != NULL; b++)
		r = add_text(lib, b->name, b->text);
	return r;
}

/* The name and the text of a file in one allocation, kept for the cases. */
static char *
read_file(const char *path, const char *name, char **text)
{
	size_t head = strlen(name) + 1, len;
	char *p = malloc(head + FILE_MAX + 1), *small;
	FILE *f = p != NULL ? fopen(path, "re") : NULL;
	int why;

	if (f == NULL) {
		free(p);
		return NULL;
	}
	memcpy(p, name, head);
	len = fread(p + head, 1, FILE_MAX, f);
	p[head + len] = '\0';
	/* a file that is cut short would hide cases */
	why = ferror(f) ? EIO : getc(f) != EOF ? EFBIG :
	    strlen(p + head) != len ? EILSEQ : 0;
	fclose(f);
	if (why != 0) {
		free(p);
		errno = why;
		return NULL;
	}
	small = realloc(p, head + len + 1);
	p = small != NULL ? small : p;
	*text = p + head;
	return p;
}

static int
add_file(struct library *lib, const char *path, char *msg, size_t msglen)
{
	const char *slash = strrchr(path, '/');
	char **texts, *text;
	char *p = read_file(path, slash != NULL ? slash + 1 : path, &text);

	if (p == NULL) {
		snprintf(msg, msglen, "%s: %s", path, strerror(errno));
		return -errno;
	}
	texts = realloc(lib->texts, (lib->text_count + 1) * sizeof(*texts));
	if (texts == NULL) {
		free(p);
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	lib->texts = texts;
	texts[lib->text_count++] = p;
	return add_text(lib, p, text);
}

static int
add_folder(struct library *lib, const char *path, char *msg, size_t msglen)
{
	char pattern[4096];
	glob_t g;
	int r = 0;

	snprintf(pattern, sizeof(pattern), "%s/*.txt", path);
	if (glob(pattern, 0, NULL, &g) != 0) {
		snprintf(msg, msglen, "%s: no cases (*.txt) in there", path);
		return -ENOENT;
	}
	for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
		r = add_file(lib, g.gl_pathv[i], msg, msglen);
	globfree(&g);
	return r;
}

int
library_add_path(struct library *lib, const char *path, char *msg,
    size_t msglen)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		snprintf(msg, msglen, "%s: %s", path, strerror(errno));
		return -errno;
	}
	return S_ISDIR(st.st_mode) ? add_folder(lib, path, msg, msglen) :
	    add_file(lib, path, msg, msglen);
}

void
library_done(struct library *lib)
{
	for (size_t i = 0; i < lib->count; i++)
		free(lib->cases[i]);
	free(lib->cases);
	for (size_t i = 0; i < lib->text_count; i++)
		free(lib->texts[i]);
	free(lib->texts);
	*lib = (struct library){ .count = 0 };
}
