/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only keys in a TPM can do, played by software keys of the simulator:
 * the PIN is theirs, and they certify each other. The format of what they say
 * is that of a TPM (WebAuthn Level 3, 8.3), the keys are not: of ES256 only,
 * and no more protected than any other of the simulator.
 */
#ifndef CONFORMANCE_SIM_TPM_H
#define CONFORMANCE_SIM_TPM_H

#include "tpm/key.h"

struct sim_tpm {
	bool		pin_set;
	uint8_t		pin_hash[KEY_PIN_HASH_LEN];
	uint8_t		pin_failures;
	/* the key made last: the one that is going to be certified */
	uint8_t		blob[KEY_BLOB_MAX];
	size_t		blob_len;
	uint8_t		point[COSE_P256_POINT_LEN];
};

/* Performs op, with keys or by itself. */
void sim_tpm_perform(struct sim_tpm *t, struct keys *keys,
    struct key_op *op);

#endif
