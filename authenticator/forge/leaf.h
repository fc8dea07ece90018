/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of a chain that is made for one reply: the leaf as its plan
 * says, whatever that is, and above it honest CAs.
 */
#ifndef AUTHENTICATOR_FORGE_LEAF_H
#define AUTHENTICATOR_FORGE_LEAF_H

#include "authenticator/attest/attestation.h"
#include "authenticator/forge/memory.h"

/*
 * Makes chain->x5c. key: the leaf's, public is enough unless it signs itself;
 * signed_data: what its nonce (apple) is of. False: OpenSSL failed, or there
 * is no room.
 */
bool leaf_chain(struct forge_memory *m, const struct attestation_issuer *is,
    struct forge_chain *chain, EVP_PKEY *key, struct span signed_data,
    struct span client_data_hash, int64_t now_s);

#endif
