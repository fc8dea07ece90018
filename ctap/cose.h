/* SPDX-License-Identifier: Apache-2.0 */
/*
 * COSE algorithm identifiers and COSE_Key encodings as WebAuthn Level 3,
 * 6.5.1.1 and 5.8.5 restrict them: only the required members, in canonical
 * order, EC2 points uncompressed and full width, RSA exponent 65537.
 *
 * EdDSA means Ed25519 there and nothing else, so that Ed448 has only its
 * identifier of RFC 9864. The other ones of that RFC are second names of
 * what is here, and relying parties are to ask for the first; one key under
 * two names would only make two things of it. ML-DSA: RFC 9964.
 *
 * Owns nothing. Every encoder writes to out, returns the number of bytes
 * written, and asserts that out has room for COSE_KEY_MAX bytes.
 */
#ifndef CTAP_COSE_H
#define CTAP_COSE_H

#include "ctap/span.h"

#define COSE_KEY_MAX	2602	/* bytes; ML-DSA-87 */
#define COSE_P256_POINT_LEN	65	/* bytes: 04, x, y */

enum cose_alg {
	COSE_ES256 = -7,
	COSE_EDDSA = -8,
	COSE_ECDH_ES_HKDF_256 = -25,
	COSE_ES384 = -35,
	COSE_ES512 = -36,
	COSE_PS256 = -37,
	COSE_ES256K = -47,
	COSE_ML_DSA_44 = -48,
	COSE_ML_DSA_65 = -49,
	COSE_ML_DSA_87 = -50,
	COSE_ED448 = -53,
	COSE_RS256 = -257,
	COSE_RS1 = -65535,
};

enum cose_curve {
	COSE_P256 = 1,
	COSE_P384 = 2,
	COSE_P521 = 3,
	COSE_ED25519 = 6,
	COSE_CRV_ED448 = 7,
	COSE_SECP256K1 = 8,
};

/* x and y have equal length, the width of the curve in bytes. */
size_t cose_ec2(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    enum cose_curve crv, struct span x, struct span y);
size_t cose_okp(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    enum cose_curve crv, struct span x);
/* pub is what FIPS 204 calls pk. */
size_t cose_akp(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    struct span pub);
/* The point in a key that cose_ec2() wrote for P-256 (asserted). */
void cose_p256_point(struct span key,
    uint8_t out[static COSE_P256_POINT_LEN]);
/* n is the modulus, big-endian, without leading zeros. e is 65537. */
size_t cose_rsa(uint8_t out[static COSE_KEY_MAX], enum cose_alg alg,
    struct span n);

#endif
