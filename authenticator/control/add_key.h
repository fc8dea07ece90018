/* SPDX-License-Identifier: Apache-2.0 */
/* A new key of the daemon, as the body of POST /v1/keys describes it. */
#ifndef AUTHENTICATOR_ADD_KEY_H
#define AUTHENTICATOR_ADD_KEY_H

#include "authenticator/control/route.h"

/* What becomes of it beside that. */
struct new_key {
	const char	*owner;		/* as in hub_options; for now only */
	/* as soon as it is there; NULL: nothing */
	void		(*born)(struct hub_key *k, bool verified);
	bool		 verified;
	json_t		*(*reply)(struct hub_key *k);	/* a new reference */
};

/*
 * What a handler returns; when it is called again, with rq->own set, that is
 * pending_outcome(). As hub_add_aside(), -EINVAL also for what is no such body.
 * json is not changed before rq is answered.
 */
struct answer add_key(struct request *rq, json_t *json,
    const struct new_key *wanted);

#endif
