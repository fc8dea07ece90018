/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SubjectPublicKeyInfo (RFC 5280, 4.1) of a COSE_Key: what getPublicKey()
 * of WebAuthn Level 3, 5.2.1.1 answers. P-256, P-384, P-521, secp256k1,
 * Ed25519, Ed448, RSA, ML-DSA.
 *
 * Nothing is checked about the key itself: a point may be off its curve.
 */
#ifndef AUTHENTICATOR_WEBAUTHN_SPKI_H
#define AUTHENTICATOR_WEBAUTHN_SPKI_H

#include "ctap/span.h"

#define SPKI_MAX	2614	/* bytes; ML-DSA-87 */

/*
 * Writes the DER and returns its length; 0 for a key that is none of these,
 * or malformed. *alg is its COSE algorithm, 0 if it has none.
 */
size_t spki_from_cose(struct span cose, uint8_t out[static SPKI_MAX],
    int *alg);

#endif
