/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: what kind of key this is, as text. NAME=VALUE, by the names that
 * getInfo uses (CTAP 2.3, 6.4) where it has one. The command line, the
 * conformance cases and whatever else describes keys in words come through
 * here, so that a word means the same everywhere.
 *
 * A setting says what is wanted. What does not fit together is settled by
 * the engine: see auth_config_features().
 */
#ifndef AUTHENTICATOR_SETTINGS_H
#define AUTHENTICATOR_SETTINGS_H

#include <stdio.h>

#include "authenticator/engine/engine.h"

#define SETTINGS_MESSAGE_LEN	256	/* bytes, room for msg */

/*
 * Changes cfg. -EINVAL with one line for the user in msg: there is no such
 * name, or it cannot be that. "versions" also switches off what came after
 * the newest of them; what is set behind it counts.
 */
int settings_set(struct auth_config *cfg, const char *name,
    const char *value, char *msg, size_t msglen);
/* The same for "NAME=VALUE". */
int settings_assign(struct auth_config *cfg, const char *assignment,
    char *msg, size_t msglen);

/*
 * What contradicts itself in cfg, when all of it is set: a line, or NULL.
 */
const char *settings_judge(const struct auth_config *cfg);

/* A kind of attestation by the name that settings have for it, and back;
 * false if there is none of that name. */
const char *settings_attestation_name(enum attestation_kind kind);
bool settings_attestation_named(const char *name,
    enum attestation_kind *kind);

/*
 * The feature that a setting with "on" asks for, 0 if none; and the setting
 * that asks for a feature, NULL if none.
 */
uint64_t settings_feature(const char *name);
const char *settings_feature_name(uint64_t feature);

/* Every name, what it can be, and what it means; a line each. */
void settings_print(FILE *f);

#endif
