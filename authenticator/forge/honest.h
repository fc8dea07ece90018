/* SPDX-License-Identifier: Apache-2.0 */
/* What plans say as long as nobody bends them; see plan.h. */
#ifndef AUTHENTICATOR_FORGE_HONEST_H
#define AUTHENTICATOR_FORGE_HONEST_H

#include "authenticator/forge/forge.h"

/*
 * The plan for what the facts say. False: the reply or its authenticator data
 * is not the engine's.
 */
bool honest_mc(struct forge_memory *m, const struct forge_config *cfg,
    const struct forge_source *src, struct forge_mc *out);

/* The same of a registration by U2F. */
bool honest_u2f(struct forge_memory *m, const struct forge_config *cfg,
    const struct forge_source *src, struct forge_mc *out);

#endif
