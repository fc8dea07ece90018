/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile that a key at rest keeps: the file profile.ini in its state
 * directory, a copy of the one that it was told last. So it is the same key
 * the next time, whatever has become of the file that it came from. It says
 * what the key is, not what it knows: there is nothing secret in it, and it
 * survives a reset.
 *
 * Errors are negative errno values, with one line in msg.
 */
#ifndef AUTHENTICATOR_PROFILE_STATE_H
#define AUTHENTICATOR_PROFILE_STATE_H

#include "authenticator/profile/profile.h"

#define PROFILE_STATE_FILE	"profile.ini"

/*
 * That of the state directory path, which need not exist. *out is NULL if it
 * keeps none.
 */
int profile_recall(const char *path, struct profile **out, char *msg,
    size_t msglen);
/* Keeps p in the state directory dirfd (path), which we have locked. */
int profile_keep(const struct profile *p, int dirfd, const char *path,
    char *msg, size_t msglen);

#endif
