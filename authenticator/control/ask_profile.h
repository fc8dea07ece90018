/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles in requests: the name of one that sealkey brings along, or the text
 * of a file. Paths are none: the daemon reads no files for others.
 */
#ifndef AUTHENTICATOR_ASK_PROFILE_H
#define AUTHENTICATOR_ASK_PROFILE_H

#include <jansson.h>

#include "authenticator/profile/profile.h"

/*
 * name, or text, a string of JSON; the other is NULL. *out is NULL if both
 * are. 0, or -errno with one line in msg.
 */
int ask_profile(const char *name, json_t *text, struct profile **out,
    char *msg, size_t msglen);

#endif
