/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endorsement keys: who a TPM is, for those who have its manufacturer's
 * certificate to check it with (TCG EK Credential Profile for TPM Family 2.0,
 * 2.5). Each is looked for at the handles where manufacturers and operating
 * systems leave it, and made from its templates otherwise; the one that the
 * certificate in the TPM is about is the one. Nothing is made persistent.
 *
 * Errors: as in key.h; -ENOENT: no such key.
 */
#ifndef TPM_EK_H
#define TPM_EK_H

#include "tpm/link.h"

enum ek {
	EK_RSA2048,
	EK_P256,
	EK_P384,
};
#define EK_KINDS	3
#define EK_CERTIFICATE_MAX 4096	/* bytes, DER */

/*
 * TPMT_PUBLIC of an endorsement key, and its certificate: cert_len 0 if there
 * is none, or only one of another key. cert has room for EK_CERTIFICATE_MAX.
 */
int ek_read(struct link *l, enum ek which,
    uint8_t pub_area[static KEY_PUB_AREA_MAX], size_t *pub_area_len,
    uint8_t *cert, size_t *cert_len);

/*
 * TPM2_ActivateCredential for the loaded object key. credential and secret
 * are without their sizes; out has room for a digest. -EBADMSG: not for this
 * endorsement key and that object. rc, in any case: what the TPM said to it.
 */
int ek_activate(struct link *l, enum ek which, ESYS_TR key,
    struct span credential, struct span secret,
    uint8_t out[static sizeof(TPMU_HA)], size_t *out_len, TSS2_RC *rc);

#endif
