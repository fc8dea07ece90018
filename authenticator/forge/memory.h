/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for everything that one reply is made of: taken piece by piece, freed
 * and wiped as a whole. See forge/plan.h for what hooks may do with it.
 */
#ifndef AUTHENTICATOR_FORGE_MEMORY_H
#define AUTHENTICATOR_FORGE_MEMORY_H

#include "authenticator/forge/plan.h"

#define FORGE_MEMORY	65536	/* bytes; a reply has 7609 at most */

struct forge_memory {
	uint8_t	bytes[FORGE_MEMORY];
	size_t	used;
	bool	full;		/* something did not fit */
};

void forge_memory_wipe(struct forge_memory *m);

#endif
