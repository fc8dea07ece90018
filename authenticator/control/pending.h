/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that waits for keys to begin and to end, which the hub does aside
 * (hub.h), for as long as that takes. What was begun goes on if its client
 * hangs up: nobody is told then.
 *
 *	pending_begin(), pending_more()... --> pending_outcome(): it sleeps
 *	pending_less()... the last one wakes it --> pending_outcome(): answered
 */
#ifndef AUTHENTICATOR_PENDING_H
#define AUTHENTICATOR_PENDING_H

#include "authenticator/control/route.h"

struct pending;

/*
 * answer, which is consumed, is what comes back, also if the daemon ends
 * before. NULL: *failed is the answer, and nothing may be begun.
 */
struct pending *pending_begin(struct request *rq, struct answer answer,
    struct answer *failed);
/* It waits for one thing more. */
void pending_more(struct pending *p);
/* One has happened; frees p with the last one, if nobody waits. */
void pending_less(void *p);
/* Before the last one: this is the answer instead. */
void pending_say(struct pending *p, struct answer answer);
/* What the handler returns, then and whenever it is called again. */
struct answer pending_outcome(struct request *rq);

#endif
