/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note that a running key leaves in the lock of its state directory, for
 * those who find it locked: three lines,
 *
 *	pid 4711
 *	key key1
 *	control /run/user/1000/sealkey/801-2f.sock
 *
 * A process that died leaves its note behind; only the lock tells whether
 * somebody is there.
 */
#ifndef AUTHENTICATOR_NOTE_H
#define AUTHENTICATOR_NOTE_H

#include <limits.h>
#include <stddef.h>

#include "authenticator/store/store.h"

/* Into that of st, which is in path. 0, or -errno and one line in msg. */
int note_write(struct store *st, const char *path, const char *control,
    const char *id, char *msg, size_t msglen);

#define NOTE_ID_LEN	49	/* bytes, with the NUL; see HUB_ID_MAX */

/*
 * The control socket that the note names, and which key of that daemon it
 * is, "" if it does not say; -ENOENT: it names none.
 */
int note_read(int dirfd, char control[static PATH_MAX],
    char id[static NOTE_ID_LEN]);

#endif
