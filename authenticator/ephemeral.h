/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State directories of keys that end with the process: made in the runtime
 * directory (paths_runtime()), or /tmp if there is none, mode 0700, under a
 * name of their own.
 *
 * Who has one holds a lock on it. One without was left behind by a process
 * that was killed; the next that makes one removes it.
 */
#ifndef AUTHENTICATOR_EPHEMERAL_H
#define AUTHENTICATOR_EPHEMERAL_H

#include <limits.h>
#include <stddef.h>

struct ephemeral {
	int	lock_fd;		/* -1: there is none */
	char	root[PATH_MAX];		/* what is locked */
	char	path[PATH_MAX];		/* for the state, in it; not made */
};

/* 0, or -errno and one line in msg; then e is as one that is gone. */
int ephemeral_make(struct ephemeral *e, char *msg, size_t msglen);
/* With everything in it. Accepts one that is gone. */
void ephemeral_remove(struct ephemeral *e);

#endif
