/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note that a running key leaves in the lock of its state directory, for
 * those who find it locked: two lines,
 *
 *	pid 4711
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

/* 0, or -errno and one line in msg. */
int note_write(struct store *st, const char *control, char *msg,
    size_t msglen);

/* The control socket that the note names; -ENOENT: it names none. */
int note_read(int dirfd, char control[static PATH_MAX]);

#endif
