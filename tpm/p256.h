/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA over P-256 with keys that are used once and forgotten.
 *
 * This is the one place that uses OpenSSL's EC_KEY, deprecated since 3.0,
 * in place of EVP_PKEY. OpenSSL 3.0 builds the curve anew for every
 * EVP_PKEY it imports, which costs nearly as much as the signature itself
 * (12 us beside 14 us); an EC_KEY shares the curve, and import and
 * signature together cost 14.5 us. With it, a key that holds a hundred
 * thousand credentials signs as fast as one that holds one, and no cache of
 * unwrapped private keys is needed. The arithmetic behind both is the same
 * code. Should EC_KEY go away, p256.c is what changes.
 *
 * Owns one EC_KEY, in which the private key stays only for the duration of
 * a call. Errors: -ENOMEM, -EIO (OpenSSL failed).
 */
#ifndef TPM_P256_H
#define TPM_P256_H

#include <stddef.h>
#include <stdint.h>

#define P256_LEN	32	/* bytes, a scalar or a coordinate */
#define P256_SIG_MAX	72	/* bytes, DER */

struct p256;

struct p256 *p256_new(void);	/* NULL: no memory */
void p256_free(struct p256 *p);	/* accepts NULL */

/* pub is x || y. */
int p256_generate(struct p256 *p, uint8_t priv[static P256_LEN],
    uint8_t pub[static 2 * P256_LEN]);

/* Signs a SHA-256 digest; sig is DER. */
int p256_sign(struct p256 *p, const uint8_t priv[static P256_LEN],
    const uint8_t digest[static 32], uint8_t sig[static P256_SIG_MAX],
    size_t *sig_len);

#endif
