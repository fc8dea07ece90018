/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software keys in the form that others have them in: PKCS #8 (RFC 5958),
 * unencrypted, DER. Knows the secrets of softalg.h, and nothing of blobs. A
 * secret, and what was written, is the caller's to wipe.
 *
 * What is read is hostile: nothing behind it, a named curve of ours, a public
 * key that belongs to the private one, RSA of 2048 bits with two primes that
 * are such and the exponent 65537.
 */
#ifndef TPM_PKCS8_H
#define TPM_PKCS8_H

#include "tpm/softalg.h"

#define PKCS8_MAX	5120	/* bytes; ML-DSA-87 has about 4970 if its seed
				 * is not all that there is of it */

/*
 * The secret in der, for the algorithm alg, and its public key in op->out_pub;
 * 0: for the one that such keys are mostly for, which *out and op->alg say.
 *	-EINVAL		no such key, or one that contradicts itself
 *	-ENOTSUP	a key, but not for alg, or not for any that there is
 *	-ENOMEM, -EIO	the obvious
 */
int pkcs8_read(const struct softalg_tools *t, struct span der, int alg,
    const struct softalg **out, uint8_t secret[static SOFTALG_SECRET_MAX],
    struct key_op *op);

/*
 * -EIO, or what parsing the secret says; *len is at most cap, KEY_SIG_MAX is
 * enough. Of ML-DSA, the seed alone.
 */
int pkcs8_write(struct softalg_tools *t, const struct softalg *a,
    const uint8_t *secret, uint8_t *out, size_t cap, size_t *len);

#endif
