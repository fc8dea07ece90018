/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other account: some faults mix up two of a relying party. Those that
 * the store has are found there; of the others the newest ones are
 * remembered, as long as the process lives.
 */
#ifndef AUTHENTICATOR_FAULT_OTHER_H
#define AUTHENTICATOR_FAULT_OTHER_H

#include "authenticator/engine/engine.h"
#include "authenticator/store/store.h"

#define FAULT_ACCOUNTS_MAX	16	/* that are remembered */

struct fault_account {
	uint8_t		rp_id_hash[32];
	uint16_t	id_len;		/* 0: none */
	uint8_t		user_id_len;
	uint8_t		id[CREDENTIAL_ID_MAX];
	uint8_t		user_id[USER_ID_MAX];
};

/* All zero: none. */
struct fault_accounts {
	size_t		next;		/* the oldest one's place */
	uint32_t	hash[FAULT_ACCOUNTS_MAX];	/* of their IDs */
	struct fault_account account[FAULT_ACCOUNTS_MAX];
};

/* Of an operation that went well and had a credential. */
void fault_account_note(struct fault_accounts *a,
    const struct auth_facts *facts);
/*
 * The newest account of the same relying party that has another credential
 * and another user. False: there is none.
 */
bool fault_account_other(const struct fault_accounts *a, struct store *st,
    const struct auth_facts *facts, struct fault_account *out);

#endif
