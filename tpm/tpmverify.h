/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a signature that a TPM made is by the key that was asked for. Talks
 * to no TPM, owns nothing.
 */
#ifndef TPM_TPMVERIFY_H
#define TPM_TPMVERIFY_H

#include "ctap/span.h"
#include "tpm/tpmalg.h"

/*
 * sig is as tpmalg_signature() writes it, unique tpmalg_unique_len() bytes.
 * -EBADMSG: it is not; -ENOMEM.
 */
int tpmverify(const struct tpmalg *a, const uint8_t *unique,
    const TPM2B_DIGEST *digest, struct span sig);

#endif
