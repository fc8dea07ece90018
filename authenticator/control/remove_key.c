/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticator/control/remove_key.h"

#include <string.h>

#include "authenticator/control/pending.h"

static void
begin(struct pending *p, struct hub_key *k)
{
	pending_more(p);
	hub_remove_aside(k, pending_less, p);
}

struct answer
remove_key(struct request *rq, struct hub_key *k, struct answer answer)
{
	struct answer failed;
	struct pending *p = pending_begin(rq, answer, &failed);

	if (p == NULL)
		return failed;
	begin(p, k);
	return pending_outcome(rq);
}

struct answer
remove_keys_of(struct request *rq, const char *owner, struct answer answer)
{
	struct answer failed;
	struct pending *p = pending_begin(rq, answer, &failed);
	struct hub_key *k, *next;

	if (p == NULL)
		return failed;
	hub_call_off(rq->hub, owner);
	for (k = hub_first(rq->hub); k != NULL; k = next) {
		next = hub_next(k);
		if (strcmp(k->owner, owner) == 0)
			begin(p, k);
	}
	return pending_outcome(rq);
}
