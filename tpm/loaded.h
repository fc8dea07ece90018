/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that are in the TPM now, or were lately. A TPM has room for three
 * or so, so that the one least recently used goes when another has to come.
 * It leaves its saved context behind: a TPM takes that back in a quarter of
 * the time that TPM2_Load takes (libtpms 0.9, P-256: 0.07 ms, not 0.30; those
 * of hardware have to decrypt and check either, but for a context they need
 * no key of a parent, and no ECC or RSA). A context is saved once, at the
 * first eviction, and good for as often as it is wanted, until the TPM is
 * reset; it is encrypted by the TPM.
 *
 * One per link: it takes link_on_evict().
 *
 * Errors: those of the load function, and of link_room().
 */
#ifndef TPM_LOADED_H
#define TPM_LOADED_H

#include "tpm/link.h"

#define LOADED_ENTRIES	64
#define LOADED_ID_LEN	32	/* bytes; a hash of what the object is */

struct loaded;

/* NULL: no memory. The link has to outlive it. */
struct loaded *loaded_new(struct link *l);
void loaded_free(struct loaded *ld);		/* accepts NULL */

/*
 * Puts an object into the TPM that is neither there nor saved. link_room() has
 * been called, link_loaded() will be.
 */
struct loaded_source {
	int		(*load)(void *arg, ESYS_TR *out);
	void		*arg;
};

/*
 * The object id of owner. It is held: it stays in the TPM, whatever else is
 * loaded, until loaded_release().
 */
int loaded_get(struct loaded *ld, const void *owner,
    const uint8_t id[static LOADED_ID_LEN], const struct loaded_source *src,
    ESYS_TR *out);
void loaded_release(struct loaded *ld);

/* Whether rc says that an object is not in the TPM any more. */
bool loaded_lost(TSS2_RC rc);
/*
 * The TPM has lost one: all of them go, for who took that may have taken more,
 * and the handle of what is gone may soon be that of another object.
 */
void loaded_drop(struct loaded *ld);

/* All that belongs to owner leaves the TPM, and cannot come back. */
void loaded_forget(struct loaded *ld, const void *owner);

#endif
