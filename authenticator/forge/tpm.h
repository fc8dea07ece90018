/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM would say of a key, written by somebody who has none: TPMT_PUBLIC
 * and TPMS_ATTEST of TPM2_Certify (TPM 2.0 Part 2, 12.2.4 and 10.12.12), from
 * the fields of a plan, whatever they say.
 */
#ifndef AUTHENTICATOR_FORGE_TPM_H
#define AUTHENTICATOR_FORGE_TPM_H

#include "authenticator/forge/memory.h"

#define TPM_SHA1	0x0004
#define TPM_SHA256	0x000b
#define TPM_SHA384	0x000c
#define TPM_NULL	0x0010
#define TPM_RSASSA	0x0014
#define TPM_ECDSA	0x0018

/*
 * Sets what an honest TPM says of that COSE_Key. False, and *out untouched: it
 * is of a kind that TPMs do not have.
 */
bool tpm_honest(struct forge_memory *m, struct span cose,
    struct forge_tpm *out);
/* As the fields say, if they are not there already. */
struct span tpm_pub_area(struct forge_memory *m, const struct forge_tpm *t);
/* extra_data, if the plan does not say; pub_area is what is certified. */
struct span tpm_cert_info(struct forge_memory *m, const struct forge_tpm *t,
    struct span extra_data, struct span pub_area);
/* A TPMT_SIGNATURE of the bare one: ECDSA in DER, or RSA. hash: TPM_SHA... */
struct span tpm_signature(struct forge_memory *m, struct span bare, bool rsa,
    uint16_t hash);

#endif
