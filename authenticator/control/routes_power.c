/* SPDX-License-Identifier: Apache-2.0 */
/* A key's plug, its power, and its clock. */
#include "authenticator/control/route.h"

static void
tell_watchers(const struct hub_key *k, const struct event *e)
{
	watch_tell(device_watch(k->device), e);
}

static struct answer
post_plug(struct request *rq)
{
	char msg[DEVICE_MESSAGE_LEN];
	int r = hub_plug(rq->key, rq->now_ms, msg, sizeof(msg));

	return r < 0 ? answer_error(r, msg) : answer_success(json_object());
}

static struct answer
post_unplug(struct request *rq)
{
	hub_unplug(rq->key, rq->now_ms);
	hub_tell_trouble(rq->key);
	return answer_success(json_object());
}

static struct answer
post_power_cycle(struct request *rq)
{
	const struct event e = { .kind = EVENT_POWER_CYCLED, .owner = true };
	int r = loop_power_cycle(rq->key->loop,
	    hub_now(rq->key, rq->now_ms));

	if (r == 0)
		tell_watchers(rq->key, &e);
	hub_tell_trouble(rq->key);
	return r < 0 ? answer_store_error(rq, r) :
	    answer_success(json_object());
}

static struct answer
get_clock(struct request *rq)
{
	return answer_success(json_pack("{s:I}", "offsetMs",
	    (json_int_t)rq->key->offset_ms));
}

/* {"advanceMs": 30000} */
static struct answer
post_clock(struct request *rq)
{
	json_int_t advance = -1;
	struct answer failed;
	json_t *json;
	bool ok;

	if (!request_object(rq, false, &json, &failed))
		return failed;
	ok = json_unpack(json, "{s:I !}", "advanceMs", &advance) == 0;
	json_decref(json);
	if (!ok || advance < 0 || hub_advance(rq->key, (uint64_t)advance,
	    rq->now_ms) < 0)
		return answer_invalid("advanceMs is a number; all of them "
		    "together are less than 100 years");
	tell_watchers(rq->key, &(struct event){ .kind = EVENT_CLOCK_ADVANCED,
	    .owner = true, .offset_ms = rq->key->offset_ms });
	return get_clock(rq);
}

const struct route routes_power[] = {
	{ "POST",	"plug",		post_plug, NULL },
	{ "POST",	"unplug",	post_unplug, NULL },
	{ "POST",	"power-cycle",	post_power_cycle, NULL },
	{ "GET",	"clock",	get_clock, NULL },
	{ "POST",	"clock",	post_clock, "{}" },
	{ NULL, NULL, NULL, NULL }
};
