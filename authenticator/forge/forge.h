/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forge makes replies that the engine does not: attestation of other
 * formats and shapes, and replies with a fault in them. It takes the engine's
 * honest reply apart into a plan (plan.h), lets a fault bend that, signs it
 * anew, and puts it together again. Only registrations and assertions of CTAP2
 * can be forged; what U2F answers stays honest.
 *
 *	forge_begin() -- forge_run() --+--- FORGE_DONE: forge_reply()
 *	                    ^          |
 *	             forge_key_done()  +--- FORGE_KEY: perform forge_key_op()
 *	                    ^------------------+
 *
 * Whoever signs is a key made on the spot, certified by the CAs of the state
 * directory, or the credential's, or (honest fido-u2f) the attestation key for
 * what it is there for: a key that relying parties may have come to trust
 * never signs what is wrong.
 *
 * No I/O: the CAs' keys are read from the store when certificates are made,
 * and wiped after it. One reply at a time.
 */
#ifndef AUTHENTICATOR_FORGE_FORGE_H
#define AUTHENTICATOR_FORGE_FORGE_H

#include "authenticator/engine/engine.h"
#include "authenticator/fault/fault.h"
#include "authenticator/forge/plan.h"
#include "authenticator/store/store.h"

/* What lives as long as the key runs. */
struct forge_config {
	struct store	*store;		/* has the CAs */
	const struct auth_config *auth;	/* of the engine */
	uint8_t		 number[8];	/* of the key, for enterprises
					 * (attest/attestation.h) */
};

/* One reply of the engine, as long as it is AUTH_REPLY. */
struct forge_source {
	struct auth_facts facts;
	struct span	reply;
	struct fault_choice choice;	/* fault NULL: forge an honest one */
	struct span	other_id;	/* see plan.h; NULL: none */
	struct span	other_user_id;
	uint32_t	told;		/* of an assertion, see plan.h */
	int64_t		now_s;		/* seconds since 1970 */
};

struct forge;

/* NULL: out of memory */
struct forge *forge_new(const struct forge_config *cfg);
void forge_free(struct forge *f);	/* accepts NULL */

/* Registration or assertion of CTAP2, and done, or of U2F, for the faults that
 * it can have: nothing else can be forged. */
bool forge_can(const struct auth_facts *facts);
/* Whether the honest reply is not what was asked for. */
bool forge_must(const struct forge *f, const struct auth_facts *facts);

/*
 * Takes it apart and runs the fault's plan. False: the fault does not fit, or
 * the reply is none of the above; then there is nothing to run. What cannot be
 * taken apart, and is to be forged honestly, is run, and fails.
 */
bool forge_begin(struct forge *f, const struct forge_source *src);

enum forge_want {
	FORGE_KEY,		/* perform forge_key_op() */
	FORGE_DONE,		/* there is a reply */
};
enum forge_want forge_run(struct forge *f);
struct key_op *forge_key_op(struct forge *f);
/* After op->result and the outputs were set. */
enum forge_want forge_key_done(struct forge *f);
/*
 * Status byte, then CBOR, until forge_end(). If it could not be made, the
 * status is CTAP1_ERR_OTHER, and forge_trouble() is a line; otherwise NULL.
 * What the reply is about is committed by then, and there is no way back: a
 * credential for the same account, which the new one took the place of, is
 * gone. So whoever sends that error leaves the new one where it is, and the
 * next registration for the account takes its place.
 */
struct span forge_reply(const struct forge *f);
const char *forge_trouble(const struct forge *f);
/* Whether it has the fault. */
bool forge_bent(const struct forge *f);
/* Of that reply; p NULL: it has none. And what kind a registration's is, none
 * otherwise. */
struct span forge_auth_data(const struct forge *f);
enum attestation_kind forge_kind(const struct forge *f);
/* The reply was taken, or is not wanted any more: wipes everything. */
void forge_end(struct forge *f);

#endif
