/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that are to happen at a key: armed for the next so many operations,
 * or until somebody clears them, at one relying party or at any. Several may
 * be armed; a ceremony has at most one, the one armed first of those that fit.
 *
 * Of each ceremony that goes well, the set remembers whose it was, because
 * some faults are about an account that is not the one of the ceremony.
 *
 * Memory only: a key that starts has no faults, a power cycle leaves them.
 */
#ifndef AUTHENTICATOR_ARMED_H
#define AUTHENTICATOR_ARMED_H

#include "authenticator/credential.h"
#include "authenticator/fault/fault.h"
#include "ctap/span.h"

#define FAULTS_ARMED_MAX	32
#define FAULT_USES_MAX		1000000

struct fault_scope {
	uint32_t	 uses;		/* left, to FAULT_USES_MAX; 0: until it
					 * is cleared */
	struct rp_id_text rp;		/* len 0: any */
	enum fault_browser browser;	/* that the page is behind: for who is
					 * told of it; it happens anyway */
};

struct fault_armed {
	uint32_t	 id;		/* never given twice, from 1 */
	struct fault_choice choice;
	struct fault_scope scope;
	uint64_t	 used;		/* how often so far */
};

struct fault_set;

/* forbidden: for good. NULL: out of memory. */
struct fault_set *fault_set_new(bool forbidden);
void fault_set_free(struct fault_set *set);	/* accepts NULL */
bool fault_set_forbidden(const struct fault_set *set);
#define FAULT_FORBIDDEN_TEXT	"this key was made with --no-faults, and " \
				"cannot get anything wrong on purpose"

/*
 * Whether a ceremony can be of this RP ID: a host's name as browsers have it,
 * or what OpenSSH has instead, which begins with "ssh:".
 */
bool fault_is_rp_id(struct span rp_id);
#define FAULT_NO_RP_ID	"an RP ID is a host name such as example.com"

/*
 * 0, and *id (may be NULL) is the id. With one line for the user in msg:
 *	-EPERM	the key was made with --no-faults
 *	-ENOTSUP a stage that does not happen at a key (client, metadata)
 *	-ENOSPC	FAULTS_ARMED_MAX are armed
 */
int fault_arm(struct fault_set *set, struct fault_choice choice,
    const struct fault_scope *scope, uint32_t *id, char *msg, size_t msglen);
/* Number i of those that are armed, oldest first; NULL behind the last. */
const struct fault_armed *fault_armed_at(const struct fault_set *set,
    size_t i);
/* -ENOENT: no such id, or it is used up. */
int fault_clear(struct fault_set *set, uint32_t id);
void fault_clear_all(struct fault_set *set);

/*
 * The first one of that stage that fits rp_id (NULL: one that nobody knows,
 * which only those for any fit), was armed after the one with the id after (0:
 * all were), and is not used up; it stays armed as it is. False: there is none.
 */
bool fault_next(const struct fault_set *set, enum fault_stage stage,
    struct span rp_id, uint32_t after, struct fault_armed *out);
/* It happened: counts it down. No matter if it was cleared meanwhile. */
void fault_used(struct fault_set *set, uint32_t id);
/* Both in one. */
bool fault_take(struct fault_set *set, enum fault_stage stage,
    struct span rp_id, struct fault_armed *out);

#endif
