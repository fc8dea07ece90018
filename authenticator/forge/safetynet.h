/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response of android-safetynet (WebAuthn Level 3, 8.5): a JWS in compact
 * form, RS256, with its certificates in the header.
 */
#ifndef AUTHENTICATOR_FORGE_SAFETYNET_H
#define AUTHENTICATOR_FORGE_SAFETYNET_H

#include "authenticator/forge/memory.h"

/* What is signed: header, a dot, claims. */
struct span safetynet_input(struct forge_memory *m,
    const struct forge_statement *st, struct span signed_data);
/* That with its signature. */
struct span safetynet_jws(struct forge_memory *m, struct span input,
    struct span sig);

#endif
