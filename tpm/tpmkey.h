/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that live in a TPM: TPM2_Create under the storage root key, fixedTPM,
 * fixedParent, scheme NULL. What the TPM hands out goes into a blob, sealed
 * under the storage key and the epoch (blobs: tpmkey.md), so that it opens
 * only for whom it was made, and not at all once its epoch is forgotten.
 * CredRandom secrets are made by an HMAC key that lives there too.
 *
 * Loaded keys stay loaded while there is room; the one least recently used
 * goes first, leaving its saved context behind.
 *
 * Algorithms the TPM lacks are none of ours: see softkey.h, whose blobs are
 * marked as such (tpmkey_is_ours()). In the key helper, above link.h.
 *
 * Errors: as in key.h, with one line in link_strerror().
 */
#ifndef TPM_TPMKEY_H
#define TPM_TPMKEY_H

#include "tpm/link.h"
#include "tpm/seal.h"

struct tpmkeys;

int tpmkey_new(struct link *l, struct tpmkeys **out);
void tpmkey_free(struct tpmkeys *tk);		/* accepts NULL */
void tpmkey_unlock(struct tpmkeys *tk,
    const uint8_t storage_key[static SEAL_KEY_LEN]);

bool tpmkey_has_alg(const struct tpmkeys *tk, int alg);
/* By the first byte of a blob. */
bool tpmkey_is_ours(struct span blob);

/* Every verb that concerns a key. Sets and returns op->result. */
int tpmkey_perform(struct tpmkeys *tk, struct key_op *op);

#endif
