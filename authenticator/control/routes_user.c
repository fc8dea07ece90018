/* SPDX-License-Identifier: Apache-2.0 */
/* Who touches a key, and whether it recognises them. */
#include <errno.h>
#include <stdlib.h>

#include "authenticator/control/route.h"
#include "authenticator/names.h"
#include "authenticator/parse.h"

#define PRESSES_MAX	16	/* of one key, that wait for a request */

enum press_state {
	PRESS_NONE,
	PRESS_WAITING,
	PRESS_ANSWERED,
	PRESS_IN_VAIN,
};

/* A request that is a finger on the key, as long as its client is there. */
struct pressing {
	struct press	 press;
	enum press_state state;
	struct request	*rq;
	struct loop	*loop;
};

static void
on_press_done(struct press *p, bool answered)
{
	struct pressing *pg = p->arg;

	pg->state = answered ? PRESS_ANSWERED : PRESS_IN_VAIN;
	request_wake(pg->rq);
}

/* Whoever took the finger off has not pressed. */
static void
take_off(struct pressing *pg)
{
	if (pg->state == PRESS_WAITING)
		loop_withdraw(pg->loop, &pg->press);
	pg->state = PRESS_IN_VAIN;
}

static void
free_pressing(void *own)
{
	take_off(own);
	free(own);
}

static struct answer
press_outcome(const struct pressing *pg)
{
	if (pg->state == PRESS_ANSWERED)
		return answer_success(json_object());
	return answer_failure(404, "no such request", "the key did not ask "
	    "for its user within 10 s");
}

/* The request sleeps, at most PRESS_KEPT_MS, until it has answered one. */
static struct answer
start_press(struct request *rq, struct touch touch)
{
	struct loop *l = rq->key->loop;
	struct pressing *pg;

	if (presence_kept(loop_presence(l)) >= PRESSES_MAX)
		return answer_error(-EBUSY, "too many presses wait for a "
		    "request");
	pg = calloc(1, sizeof(*pg));
	if (pg == NULL)
		return answer_success(NULL);
	*pg = (struct pressing){ .state = PRESS_WAITING, .rq = rq, .loop = l,
	    .press = { .touch = touch, .done = on_press_done, .arg = pg } };
	rq->own = pg;
	rq->done = free_pressing;
	if (loop_press(l, &pg->press, hub_now(rq->key, rq->now_ms)) < 0) {
		pg->state = PRESS_IN_VAIN;
		return answer_failure(409, "not manual", "this key asks "
		    "nobody: it does not run with --presence manual");
	}
	hub_tell_trouble(rq->key);
	if (pg->state != PRESS_WAITING)
		return press_outcome(pg);
	if (request_sleep(rq))
		return answer_asleep();
	take_off(pg);
	return answer_error(-EBUSY, "too many requests wait");
}

static struct answer
press(struct request *rq, struct touch touch)
{
	if (rq->own == NULL)
		return start_press(rq, touch);
	if (rq->hung_up || rq->ending)
		take_off(rq->own);
	return press_outcome(rq->own);
}

/* {"finger": 2, "sample": "too-high", "long": true}, any of them */
static bool
take_touch(json_t *json, struct touch *touch)
{
	const char *sample = "good";
	json_int_t finger = 0;
	int status, long_touch = 0;

	if (json_unpack(json, "{s?I, s?s, s?b !}", "finger", &finger,
	    "sample", &sample, "long", &long_touch) == -1)
		return false;
	status = sample_named(sample);
	if (finger < 0 || finger > FINGERS_MAX || status == -1)
		return false;
	*touch = (struct touch){ .finger = { .number = (uint8_t)finger,
	    .status = (uint8_t)status, .long_touch = long_touch != 0 } };
	return true;
}

static struct answer
post_press(struct request *rq)
{
	struct touch touch = { .deny = false };
	struct answer failed;
	json_t *json;
	bool ok;

	if (!request_object(rq, true, &json, &failed))
		return failed;
	ok = take_touch(json, &touch);
	json_decref(json);
	if (!ok)
		return answer_invalid("a press is a JSON object: finger, a "
		    "number from 1 to 10 or 0, sample, how well it is held, "
		    "and long, true or false");
	return press(rq, touch);
}

static struct answer
post_deny(struct request *rq)
{
	return press(rq, (struct touch){ .deny = true });
}

static struct answer
get_presence(struct request *rq)
{
	const struct presence *p = loop_presence(rq->key->loop);

	return answer_success(json_pack("{s:s, s:I}",
	    "presence", presence_names[p->mode],
	    "delayMs", (json_int_t)p->delay_ms));
}

/* {"presence": "auto", "delayMs": 500} */
static struct answer
put_presence(struct request *rq)
{
	struct hub_key *k = rq->key;
	struct answer failed;
	json_int_t delay = 0;
	const char *name;
	int mode = -1;
	json_t *json;

	if (!request_object(rq, false, &json, &failed))
		return failed;
	if (json_unpack(json, "{s:s, s?I !}", "presence", &name,
	    "delayMs", &delay) == 0)
		mode = parse_choice(name, presence_names);
	json_decref(json);
	if (mode == -1 || delay < 0 || delay > PRESENCE_DELAY_MAX_MS)
		return answer_invalid("presence is auto, manual, never or "
		    "deny; delayMs, of auto and deny, a number up to 600000");
	loop_set_presence(k->loop, mode, delay, hub_now(k, rq->now_ms));
	hub_tell_trouble(k);
	return get_presence(rq);
}

static struct answer
get_verification(struct request *rq)
{
	const struct verifications *v =
	    &loop_presence(rq->key->loop)->verifications;
	json_t *next = json_array();

	for (size_t i = 0; i < v->count; i++)
		json_array_append_new(next,
		    json_string(verification_names[v->next[i]]));
	return answer_success(json_pack("{s:s, s:o}",
	    "default", verification_names[v->always], "next", next));
}

static bool
take_result(const json_t *json, enum verification *out)
{
	const char *name = json_string_value(json);
	int i = name != NULL ? parse_choice(name, verification_names) : -1;

	if (i != -1)
		*out = i;
	return i != -1;
}

/* {"default": "verified", "next": ["mismatch", "verified"]}, any of them */
static bool
take_verifications(json_t *json, struct verifications *v)
{
	json_t *otherwise = NULL, *next = NULL;
	size_t i;

	if (json_unpack(json, "{s?o, s?o !}", "default", &otherwise,
	    "next", &next) == -1)
		return false;
	if (otherwise != NULL && !take_result(otherwise, &v->always))
		return false;
	if (next == NULL)
		return true;
	if (!json_is_array(next) || json_array_size(next) > VERIFICATIONS_MAX)
		return false;
	v->count = (uint8_t)json_array_size(next);
	for (i = 0; i < v->count; i++) {
		if (!take_result(json_array_get(next, i), &v->next[i]))
			return false;
	}
	return true;
}

static struct answer
put_verification(struct request *rq)
{
	struct verifications v =
	    loop_presence(rq->key->loop)->verifications;
	struct answer failed;
	json_t *json;
	bool ok;

	if (!request_object(rq, false, &json, &failed))
		return failed;
	ok = take_verifications(json, &v);
	json_decref(json);
	if (!ok)
		return answer_invalid("default, and each of next, of which "
		    "there are 32 at most, is verified, mismatch or refused");
	loop_set_verifications(rq->key->loop, &v);
	return get_verification(rq);
}

const struct route routes_user[] = {
	{ "POST",	"press",	post_press, "{}" },
	{ "POST",	"deny",		post_deny, NULL },
	{ "GET",	"presence",	get_presence, NULL },
	{ "PUT",	"presence",	put_presence, "{}" },
	{ "GET",	"verification",	get_verification, NULL },
	{ "PUT",	"verification",	put_verification, "{}" },
	{ NULL, NULL, NULL, NULL }
};
