/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit of a relying party: honest keys first, then every fault of the
 * catalogue (fault.h), each in ceremonies of its own with a user of its own.
 * The client and the key are in this process; the relying party is asked as
 * peer.h does it, in the words of rpaudit.md.
 *
 * Whatever the relying party does is a result. Only our own trouble, or one
 * that never answers anything, ends the audit.
 */
#ifndef AUTHENTICATOR_RPAUDIT_AUDIT_H
#define AUTHENTICATOR_RPAUDIT_AUDIT_H

#include "authenticator/client/webauthn_origin.h"
#include "authenticator/rpaudit/result.h"

#define RP_AUDIT_MESSAGE_LEN	640	/* bytes, room for msg */

/* Shell patterns for names of checks. */
struct rp_patterns {
	const char *const *list;
	size_t		 count;
};

struct interrupt;

struct rp_audit {
	const char	*options;	/* see peer_new() */
	const char	*verify;
	unsigned	 timeout_ms;	/* for each answer */
	struct origin	 origin;
	bool		 platform;	/* what the client claims to be */
	const char	*state;		/* absolute; where the keys are kept */
	struct rp_patterns only;	/* none: all */
	struct rp_patterns skip;
	bool		 progress;	/* on standard error */
	struct interrupt *interrupt;	/* ends the audit; NULL: none */
};

bool rp_patterns_match(const struct rp_patterns *patterns, const char *name);
/* The first that no check has a name for; NULL: each has one. */
const char *rp_patterns_unknown(const struct rp_patterns *patterns);

/* Names of all checks, with what they are about. */
void rp_audit_list(const struct rp_audit *a, FILE *f);

/*
 * -EINTR once interrupt has come; -errno, with one line in msg; results has
 * what there is until then.
 */
int rp_audit_run(const struct rp_audit *a, struct rp_results *results,
    char *msg, size_t msglen);

#endif
