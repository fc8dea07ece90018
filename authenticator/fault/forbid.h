/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a key may ever be made to get anything wrong. That is decided when
 * it is made, and kept in its store for good: no reset and no setting changes
 * it, so that what such a key has said was honest at any time.
 */
#ifndef AUTHENTICATOR_FAULT_FORBID_H
#define AUTHENTICATOR_FAULT_FORBID_H

#include "authenticator/store/store.h"

/*
 * What was decided. If wanted, and the key has never been started, that is
 * decided now. With one line in msg (but for "path: "): -EINVAL wanted, but
 * the key was made without; others as the store says.
 */
int fault_forbid(struct store *st, bool wanted, bool *forbidden, char *msg,
    size_t msglen);

#endif
