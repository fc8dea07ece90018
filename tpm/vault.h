/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TPM keeps for one state directory besides its keys: the storage key,
 * sealed; the counter that dates the state; the PIN. In the key helper, above
 * link.h.
 *
 * The file tpm of the state directory (record.h) says which TPM that is and
 * which of its indices are ours; it is written before an index is defined,
 * so that nothing in a TPM is ever nobody's.
 *
 * What it needs, in terms of the TPM: owner authorization without a password,
 * to define and remove two NV indices. They count no failures towards the
 * TPM's own lockout (noDA), nor do any of its keys.
 *
 * Errors: as in key.h, with one line in link_strerror().
 */
#ifndef TPM_VAULT_H
#define TPM_VAULT_H

#include "tpm/link.h"
#include "tpm/seal.h"

struct vault;

int vault_new(struct link *l, int dirfd, struct vault **out);
void vault_free(struct vault *v);		/* accepts NULL */

/*
 * A fresh storage key, sealed under the storage root key; to the PCRs of the
 * mask if there are any, or to recovery (a passphrase; NULL: none), whichever
 * is there when it is opened. Defines the counter. wrapped has to be kept.
 */
int vault_create(struct vault *v, const char *target, uint32_t pcrs,
    const char *recovery, uint8_t key[static SEAL_KEY_LEN],
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len);
/*
 * Pins the storage root key and opens it: -EBADMSG not of this TPM, or
 * altered; -ESTALE other PCRs, and recovery is not there or wrong; -ENODEV the
 * TPM was cleared, or has lost what is ours.
 */
int vault_unlock(struct vault *v, struct span wrapped, const char *recovery,
    uint8_t key[static SEAL_KEY_LEN]);
/* Sealed anew; pcrs 0: to those that it is sealed to. */
int vault_rewrap(struct vault *v, const uint8_t key[static SEAL_KEY_LEN],
    uint32_t pcrs, const char *recovery,
    uint8_t wrapped[static KEY_WRAPPED_MAX], size_t *len);

/* Fills pin, pin_index, counter, pcrs, srk_kept and what is as at unlock. */
void vault_info(const struct vault *v, struct keys_info *info);

/* The verbs, see key.h. */
int vault_advance(struct vault *v, struct key_op *op);
int vault_pin_check(struct vault *v, struct key_op *op);
int vault_pin_set(struct vault *v, struct key_op *op);
int vault_pin_clear(struct vault *v, struct key_op *op);

/* Takes our indices out of the TPM, and the record away. */
int vault_destroy(struct vault *v);

#endif
