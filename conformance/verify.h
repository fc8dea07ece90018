/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a signature is one: WebAuthn Level 3, 6.5.5, as a relying party
 * sees it. Shares no code with what signs.
 */
#ifndef CONFORMANCE_VERIFY_H
#define CONFORMANCE_VERIFY_H

#include "ctap/span.h"

/* False, too, for a COSE_Key that is none, or of an unknown algorithm. */
bool verify_signature(struct span cose_key, struct span msg,
    struct span sig);

#endif
