/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a fault can show in a ceremony with these options (fault.h, enum
 * fault_need): a relying party that does not ask for attestation misses
 * nothing when it is forged.
 */
#ifndef AUTHENTICATOR_RPAUDIT_NEEDS_H
#define AUTHENTICATOR_RPAUDIT_NEEDS_H

#include "authenticator/fault/fault.h"

#include <jansson.h>

/* options: bare, or under "publicKey". False, and why in one line. */
bool needs_are_met(const struct fault *f, const json_t *options, bool create,
    char *why, size_t size);

#endif
