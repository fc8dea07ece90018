/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What relying parties know of signature counters: the one that they were told
 * last of each credential. Faults of counters go by it, as the key's own may
 * have moved on since, for others. Of the newest ones, in the store, sealed,
 * across orderly ends; after others it may be one of before, which is lower.
 *
 * Being told 0 is as good as nothing. So a key that only registers has nothing
 * to remember, and one that signs in keeps this, whether a fault was ever armed
 * or not: the process that arms the next one may be another.
 */
#ifndef AUTHENTICATOR_TOLD_H
#define AUTHENTICATOR_TOLD_H

#include "authenticator/engine/engine.h"
#include "authenticator/fault/fault.h"
#include "authenticator/store/store.h"

#define FAULT_TOLD_MAX	64	/* credentials that are remembered */
#define FAULT_TOLD_ID	16	/* bytes of SHA-256 of a credential's ID */

#define FAULT_TOLD_LEN	(1 + FAULT_TOLD_MAX * (FAULT_TOLD_ID + 4)) /* bytes */

struct fault_told {
	bool	changed;	/* since it was loaded */
	size_t	count;		/* of row, oldest first */
	struct {
		uint8_t		id[FAULT_TOLD_ID];
		uint32_t	counter;
	} row[FAULT_TOLD_MAX];
};

/*
 * Of a reply that went out with that fault (NULL: none). One that has to be
 * refused tells nothing that is kept, nor does one without presence.
 */
void fault_told_note(struct fault_told *t, const struct auth_facts *facts,
    const struct fault *fault);
/* 0: none, or nobody knows. */
uint32_t fault_told(const struct fault_told *t, const struct credential *cred);

/* Whatever cannot be read was never told. */
void fault_told_load(struct fault_told *t, struct store *st);
/* Has change, which is not a reset, take it along if it was noted
 * since. bytes live as long as change. False: there is nothing new. */
bool fault_told_save(const struct fault_told *t, struct auth_change *change,
    uint8_t bytes[static FAULT_TOLD_LEN]);
/* No credential is left, after a reset, which the store has forgotten them
 * with. */
void fault_told_clear(struct fault_told *t);

#endif
