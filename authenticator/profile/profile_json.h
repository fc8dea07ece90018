/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as JSON, as the command line and the control interface tell it. */
#ifndef AUTHENTICATOR_PROFILE_JSON_H
#define AUTHENTICATOR_PROFILE_JSON_H

#include <jansson.h>

#include "authenticator/profile/profile.h"

/*
 * name, product, aaguid, settings (as the file has them, by name and in
 * order), metadata (what the file says and what follows from it). NULL: out
 * of memory.
 */
json_t *profile_json(const struct profile *p);

#endif
