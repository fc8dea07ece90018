/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of keys of the daemon, which is over when their state directories may
 * be used by others.
 */
#ifndef AUTHENTICATOR_REMOVE_KEY_H
#define AUTHENTICATOR_REMOVE_KEY_H

#include "authenticator/control/route.h"

/*
 * What a handler returns; when it is called again, with rq->own set, that is
 * pending_outcome(). answer, which is consumed, is what comes then.
 */
struct answer remove_key(struct request *rq, struct hub_key *k,
    struct answer answer);
/* The same of every key of owner; those that are being made come to nothing. */
struct answer remove_keys_of(struct request *rq, const char *owner,
    struct answer answer);

#endif
