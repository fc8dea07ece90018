/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for what is done aside: see pending.h. */
#include "authenticator/control/pending.h"

#include <errno.h>
#include <stdlib.h>

struct pending {
	struct request	*rq;		/* NULL: its client has gone */
	struct answer	 answer;
	unsigned	 left;
};

static void
drop(struct pending *p)
{
	json_decref(p->answer.body);
	free(p);
}

static void
on_request_done(void *own)
{
	struct pending *p = own;

	p->rq = NULL;
	if (p->left == 0)
		drop(p);
}

struct pending *
pending_begin(struct request *rq, struct answer answer, struct answer *failed)
{
	struct pending *p = NULL;

	if (!request_may_sleep(rq))
		*failed = answer_error(-EBUSY, "too many requests wait");
	else if ((p = calloc(1, sizeof(*p))) == NULL)
		*failed = answer_success(NULL);
	if (p == NULL) {
		json_decref(answer.body);
		return NULL;
	}
	p->rq = rq;
	p->answer = answer;
	rq->own = p;
	rq->done = on_request_done;
	rq->unhurried = true;
	return p;
}

void
pending_more(struct pending *p)
{
	p->left++;
}

void
pending_less(void *arg)
{
	struct pending *p = arg;

	if (--p->left > 0)
		return;
	if (p->rq != NULL)
		request_wake(p->rq);
	else
		drop(p);
}

void
pending_say(struct pending *p, struct answer answer)
{
	json_decref(p->answer.body);
	p->answer = answer;
}

struct answer
pending_outcome(struct request *rq)
{
	struct pending *p = rq->own;
	struct answer answer = p->answer;

	/* there is a place for it: it cannot fail */
	if (p->left > 0 && !rq->ending && !rq->hung_up && request_sleep(rq))
		return answer_asleep();
	p->answer.body = NULL;
	return answer;
}
