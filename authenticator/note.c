/* SPDX-License-Identifier: Apache-2.0 */
/* The note in the lock of a state directory: see note.h. */
#include "authenticator/note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE_MAX	(PATH_MAX + 128)
#define KEY		"\nkey "
#define CONTROL		"\ncontrol "

int
note_write(struct store *st, const char *path, const char *control,
    const char *id, char *msg, size_t msglen)
{
	char text[NOTE_MAX];
	int r;

	snprintf(text, sizeof(text), "pid %d" KEY "%s" CONTROL "%s\n",
	    (int)getpid(), id, control);
	r = store_lock_note(st, text);
	if (r < 0)
		snprintf(msg, msglen, "%s: cannot write its lock: %s", path,
		    strerror(-r));
	return r;
}

/* The rest of the line that begins with name; one that is cut off is still
 * being written. */
static bool
take_line(const char *text, const char *name, char *out, size_t size)
{
	const char *at = strstr(text, name);
	size_t len;

	if (at == NULL)
		return false;
	at += strlen(name);
	len = strcspn(at, "\n");
	if (at[len] != '\n' || len == 0 || len >= size)
		return false;
	memcpy(out, at, len);
	out[len] = '\0';
	return true;
}

int
note_read(int dirfd, char control[static PATH_MAX],
    char id[static NOTE_ID_LEN])
{
	char text[NOTE_MAX];
	int r;

	r = store_lock_read(dirfd, text, sizeof(text));
	if (r < 0)
		return r;
	if (!take_line(text, KEY, id, NOTE_ID_LEN))
		id[0] = '\0';
	return take_line(text, CONTROL, control, PATH_MAX) ? 0 : -ENOENT;
}
