/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA with keys that are used once and forgotten.
 *
 * This is the one place that uses OpenSSL's EC_KEY, deprecated since 3.0,
 * in place of EVP_PKEY. OpenSSL 3.0 builds the curve anew for every
 * EVP_PKEY it imports, which costs nearly as much as the signature itself
 * (on P-256 12 us beside 14 us); an EC_KEY shares the curve, and import and
 * signature together cost 14.5 us. With it, a key that holds a hundred
 * thousand credentials signs as fast as one that holds one, and no cache of
 * unwrapped private keys is needed. The arithmetic behind both is the same
 * code. Should EC_KEY go away, ecdsa.c is what changes.
 *
 * Owns one EC_KEY, in which the private key stays only for the duration of
 * a call. Errors: -ENOMEM, -EIO (OpenSSL failed).
 */
#ifndef TPM_ECDSA_H
#define TPM_ECDSA_H

#include <stddef.h>
#include <stdint.h>

#include "ctap/cose.h"

#define ECDSA_LEN_MAX	66	/* bytes, P-521: a scalar or a coordinate */
#define ECDSA_SIG_MAX	139	/* bytes, DER: 2 * (66 + 2) + 3 */
#define ECDSA_STOCK	32	/* keys that are made ahead */

struct ecdsa;

/* NULL: no memory, or a curve that this OpenSSL was built without. */
struct ecdsa *ecdsa_new(enum cose_curve crv);
void ecdsa_free(struct ecdsa *e);	/* accepts NULL */

/* Bytes of a scalar or a coordinate. */
size_t ecdsa_len(enum cose_curve crv);

/* priv is ecdsa_len() bytes; pub twice as many, x || y. */
int ecdsa_generate(struct ecdsa *e, uint8_t *priv, uint8_t *pub);

/*
 * Keys of one curve, made ahead. OpenSSL has a public key in coordinates that
 * take an inversion to be written, on P-256 a third of what a key costs (3.3 us
 * of 9.7). Many keys take one inversion together.
 *
 * All zero: none yet. A key is given out once, and wiped. As with what is
 * random, a child process must not have those of its parent: this is for memory
 * that a fork wipes, see seal_wiped_on_fork().
 */
struct ecdsa_stock {
	size_t	 left;		/* at the end of pair */
	uint8_t	 pair[ECDSA_STOCK][3 * ECDSA_LEN_MAX];	/* priv, pub */
};

/* As ecdsa_generate(), from s, which is only used with keys of e's curve. */
int ecdsa_take(struct ecdsa *e, struct ecdsa_stock *s, uint8_t *priv,
    uint8_t *pub);

/* Signs a digest; sig is DER and has room for ECDSA_SIG_MAX bytes. */
int ecdsa_sign(struct ecdsa *e, const uint8_t *priv, const uint8_t *digest,
    size_t digest_len, uint8_t *sig, size_t *sig_len);

#endif
