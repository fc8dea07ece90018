/* SPDX-License-Identifier: Apache-2.0 */
/* Which ceremonies a fault on the way (stage "transport") happens to. */
#ifndef AUTHENTICATOR_FAULT_WAY_H
#define AUTHENTICATOR_FAULT_WAY_H

#include "authenticator/fault/armed.h"

/*
 * Takes the fault that is armed for msg, of CTAP2 (command byte and CBOR) or
 * U2F (apdu); *rp_id is its relying party, NULL where nobody knows. False:
 * none is, or msg is nothing that a user would notice: only registrations and
 * sign-ins are, and not those that are to be silent, which clients make to
 * look around.
 */
bool fault_on_the_way(struct fault_set *set, bool apdu, struct span msg,
    struct fault_armed *out, struct span *rp_id);

#endif
