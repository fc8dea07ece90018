/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the catalogue that are about attestation statements
 * share: how a row says which kind it is about, and the hooks that break any
 * kind alike. Section 8 of WebAuthn Level 3.
 */
#ifndef AUTHENTICATOR_FAULT_STATEMENT_H
#define AUTHENTICATOR_FAULT_STATEMENT_H

#include "authenticator/engine/engine.h"
#include "authenticator/fault/fault.h"

/* One of fault.mc.kinds, and the member of a row that is about it alone. */
#define FAULT_KIND(kind)	(1u << ATTESTATION_##kind)
#define FAULT_OF(kind)		.mc.kinds = 1u << ATTESTATION_##kind

/* The last bit of its signature is another one. For sign. */
bool fault_sign_bad(struct forge_mc *mc);
/* For plan, of kinds that have certificates. */
bool fault_untrusted_root(struct forge_mc *mc);
bool fault_leaf_ca(struct forge_mc *mc);
bool fault_leaf_no_constraints(struct forge_mc *mc);

#endif
