/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the algorithms of keys in a TPM differ in: one row each. Knows how
 * their public areas look, and makes of the TPM's structures what WebAuthn
 * wants; does not talk to a TPM, and owns nothing.
 *
 * A public area is made from its row, the shape and the unique part alone
 * (x || y, or the modulus), so that a blob need not hold the rest. It has
 * scheme NULL, for relying parties know no other, unless the key is
 * restricted, for the TPM has no other.
 *
 * Errors: -ENOMEM, -EIO (not what that row's keys look like).
 */
#ifndef TPM_TPMALG_H
#define TPM_TPMALG_H

#include <tss2/tss2_tpm2_types.h>

#include "tpm/key.h"

#define TPMALG_ROWS		6
#define TPMALG_UNIQUE_MAX	256	/* bytes; RSA-2048 */
#define TPMALG_DIGEST_MAX	64	/* bytes; SHA-512 */

struct tpmalg {
	int		 alg;
	uint8_t		 code;		/* in blobs: never change one */
	bool		 plain;		/* signs what it is given */
	bool		 restricted;	/* may be KEY_RESTRICTED */
	TPM2_ALG_ID	 scheme;
	TPM2_ALG_ID	 hash;
	const char	*md;		/* the same for OpenSSL */
	TPM2_ECC_CURVE	 curve;		/* TPM2_ECC_NONE: RSA-2048 */
	int		 crv;		/* enum cose_curve */
	size_t		 len;		/* bytes of a coordinate, a modulus */
};

/* NULL: no such row. */
const struct tpmalg *tpmalg_find(int alg);
const struct tpmalg *tpmalg_find_code(uint8_t code);
const struct tpmalg *tpmalg_row(size_t i);	/* i < TPMALG_ROWS */

size_t tpmalg_unique_len(const struct tpmalg *a);

/* All but the unique part, which is empty: what TPM2_Create is given. */
void tpmalg_template(const struct tpmalg *a, unsigned shape, TPMT_PUBLIC *out);
/* unique is tpmalg_unique_len() bytes. */
void tpmalg_set_unique(const struct tpmalg *a, const uint8_t *unique,
    TPMT_PUBLIC *pub);
/*
 * The other way round. -EAGAIN: this TPM leaves away leading zeros, and this
 * key has some: the TPM's name for it could not be that of a public area as
 * relying parties want it. -EIO: not a key that the template describes.
 */
int tpmalg_get_unique(const struct tpmalg *a, unsigned shape,
    const TPMT_PUBLIC *pub, uint8_t unique[static TPMALG_UNIQUE_MAX]);
/* TPMT_PUBLIC as the TPM hashes it. */
int tpmalg_marshal(const TPMT_PUBLIC *pub,
    uint8_t out[static KEY_PUB_AREA_MAX], size_t *len);

/* For TPM2_TestParms: the key, with the scheme it will sign with. */
TPMT_PUBLIC_PARMS tpmalg_parms(const struct tpmalg *a);
/* For TPM2_Sign. */
TPMT_SIG_SCHEME tpmalg_sig_scheme(const struct tpmalg *a);

size_t tpmalg_cose(const struct tpmalg *a, const uint8_t *unique,
    uint8_t out[static COSE_KEY_MAX]);
/* ECDSA in DER, RSA bare; out has room for KEY_SIG_MAX bytes. */
int tpmalg_signature(const struct tpmalg *a, const TPMT_SIGNATURE *sig,
    uint8_t *out, size_t *len);
/* As TPMT_SIGNATURE, into as much room. */
int tpmalg_signature_strict(const TPMT_SIGNATURE *sig, uint8_t *out,
    size_t *len);

#endif
