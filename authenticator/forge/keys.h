/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that are made on the spot, and signing with them. By COSE algorithm:
 * ES256, ES384, ES512, ES256K, EdDSA (Ed25519), RS256, PS256, and RS1, which
 * is RSA with SHA-1.
 */
#ifndef AUTHENTICATOR_FORGE_KEYS_H
#define AUTHENTICATOR_FORGE_KEYS_H

#include "authenticator/forge/memory.h"

/* NULL: not one of these, or OpenSSL failed. */
EVP_PKEY *forge_key_new(int alg);
/* The COSE algorithm that a key of that kind usually signs with; 0: none. */
int forge_key_alg(const EVP_PKEY *key);
/*
 * Signs data as WebAuthn wants it: ECDSA in DER, the others bare. p NULL:
 * OpenSSL failed, or there is no room.
 */
struct span forge_key_sign(struct forge_memory *m, EVP_PKEY *key, int alg,
    struct span data);
/* SHA-256 of a and then b; b may be empty. */
bool forge_sha256(struct span a, struct span b, uint8_t out[static 32]);

#endif
