/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Software keys: the part of a provider that makes and uses keys in this
 * process, each in a blob wrapped under the storage key and the epoch. The
 * software provider has only these; others use them for what their device
 * cannot do. Algorithms: softalg.c. Blob format: software.md.
 *
 * Every use authenticates the blob anew. Parsed RSA, EdDSA and ML-DSA keys
 * are kept (SOFTKEY_PARSED of them, least recently used out first), because
 * importing them costs as much as the signature; those of ECDSA need not be,
 * see ecdsa.h. The keys of an epoch that is no longer used are wiped when
 * another epoch takes its place.
 *
 * RSA keys come from a child process, see rsa.h; everything else is done
 * when softkey_start() returns.
 *
 * Errors as in key.h.
 */
#ifndef TPM_SOFTKEY_H
#define TPM_SOFTKEY_H

#include "tpm/key.h"
#include "tpm/seal.h"

#define SOFTKEY_PARSED	64

struct softkeys;

int softkey_new(struct softkeys **out);
void softkey_free(struct softkeys *sk);		/* accepts NULL */

/*
 * For many keys, of about so many epochs, in a process of many threads: no
 * children then, softkey_start() always finishes, and keys of ES256 are made
 * ahead. Before any other. -ENOMEM.
 */
int softkey_share(struct softkeys *sk, size_t epochs);
/* Needed before any of the rest, once. */
void softkey_unlock(struct softkeys *sk,
    const uint8_t storage_key[static SEAL_KEY_LEN]);

/* As their namesakes in struct keys_ops. */
bool softkey_has_alg(const struct softkeys *sk, int alg);
bool softkey_start(struct softkeys *sk, struct key_op *op);
struct key_op *softkey_poll(struct softkeys *sk);
int softkey_fd(const struct softkeys *sk);
void softkey_abandon(struct softkeys *sk, struct key_op *op);

#endif
