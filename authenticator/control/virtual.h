/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual authenticators (WebAuthn Level 3, 11): keys of the daemon as
 * WebDriver knows them, and its protocol of browsers, CDP. What is common to
 * both: what they are made of, whose they are, and their credentials as JSON.
 *
 * An authenticator belongs to a session, which is any text; to other sessions
 * it does not exist. It is an ephemeral key with software keys, keeps every
 * credential, counts for each of them, and asks nobody: whether its user
 * consents and is recognised is a property.
 *
 * Beyond WebDriver, by names with a colon: "sealkey:transport" ("uhid" or
 * "socket"), "sealkey:socket" (a path), "sealkey:profile" and
 * "sealkey:settings" (an object), as POST /v1/keys has them.
 */
#ifndef AUTHENTICATOR_VIRTUAL_H
#define AUTHENTICATOR_VIRTUAL_H

#include "authenticator/control/credential_json.h"
#include "authenticator/control/route.h"

/* "NAME WHAT" as an invalid argument; false, for who has failed. */
bool virtual_bad(struct answer *failed, const char *what,
    const char *name);

/*
 * A key of session as config says, as add_key(): reply(k) when it is there.
 * With cdp, by CDP's names (VirtualAuthenticatorOptions).
 */
struct answer virtual_add(struct request *rq, const char *session,
    json_t *config, bool cdp, json_t *(*reply)(struct hub_key *k));
/* NULL: session has none of that ID. */
struct hub_key *virtual_find(const struct request *rq, const char *session,
    const char *id);
/* Whether it recognises its user from now on. */
void virtual_set_verified(struct hub_key *k, bool yes);
/* Whether its user says yes from now on. */
void virtual_set_consenting(struct request *rq, struct hub_key *k, bool yes);

/*
 * Credential Parameters (11.5) of one credential, with its private key, or
 * without one that is not to be had; a new reference. NULL: no memory.
 */
json_t *virtual_credential(struct hub_key *k, const struct credential *cred,
    enum credential_form form);
/* All of them, an array; one event tells how many private keys it has. */
json_t *virtual_credentials(struct hub_key *k, enum credential_form form);
/* Adds one; true, or *failed is the answer. */
bool virtual_import(struct hub_key *k, json_t *parameters,
    enum credential_form form, struct answer *failed);
/* The one of that ID; false: there is none. */
bool virtual_find_credential(struct hub_key *k, const char *id,
    enum credential_form form, struct credential *out);
/* Removes all of them; as device_delete(). */
int virtual_clear(struct hub_key *k);
/* backupEligibility, backupState and signCount, any of them. */
bool virtual_set_properties(struct hub_key *k, const struct credential *cred,
    json_t *parameters, struct answer *failed);

#endif
