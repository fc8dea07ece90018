/* SPDX-License-Identifier: Apache-2.0 */
/* The note in the lock of a state directory: see note.h. */
#include "authenticator/note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE_MAX	(PATH_MAX + 64)
#define CONTROL		"\ncontrol "

int
note_write(struct store *st, const char *control, char *msg, size_t msglen)
{
	char text[NOTE_MAX];
	int r;

	snprintf(text, sizeof(text), "pid %d" CONTROL "%s\n", (int)getpid(),
	    control);
	r = store_lock_note(st, text);
	if (r < 0)
		snprintf(msg, msglen, "cannot write the lock of the state "
		    "directory: %s", strerror(-r));
	return r;
}

int
note_read(int dirfd, char control[static PATH_MAX])
{
	char text[NOTE_MAX];
	size_t len;
	char *at;
	int r;

	r = store_lock_read(dirfd, text, sizeof(text));
	if (r < 0)
		return r;
	at = strstr(text, CONTROL);
	if (at == NULL)
		return -ENOENT;
	at += strlen(CONTROL);
	len = strcspn(at, "\n");
	/* One that is cut off is still being written. */
	if (at[len] != '\n' || len == 0 || len >= PATH_MAX)
		return -ENOENT;
	memcpy(control, at, len);
	control[len] = '\0';
	return 0;
}
