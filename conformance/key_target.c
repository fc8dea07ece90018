/* SPDX-License-Identifier: Apache-2.0 */
/* A real key as a target of transcripts: see key_target.h. */
#include "conformance/key_impl.h"

#include <errno.h>
#include <stdlib.h>

#define U2F_CHECK_ONLY	0x07	/* P1: never asks for a touch */
#define U2F_PAUSE_MS	50	/* between two tries */
#define U2F_CONTROL_MS	3000	/* until a press has arrived */

static bool
skip(char why[static TRANSCRIPT_WHY_MAX], const char *reason)
{
	snprintf(why, TRANSCRIPT_WHY_MAX, "%s", reason);
	return false;
}

static bool
time_can_pass(const struct key *k, const struct survey *s,
    char why[static TRANSCRIPT_WHY_MAX])
{
	/* what is told in milliseconds is meant to the millisecond */
	if (!s->fine_time && (k->opt.wait || s->time_ms <= KEY_PAUSE_MS))
		return true;
	return skip(why, "needs a virtual clock");
}

static bool
user_can_act(const struct key *k, const struct survey *s,
    char why[static TRANSCRIPT_WHY_MAX])
{
	bool touches = s->touches || s->verifies || s->denies;

	if (s->mismatches)
		return skip(why, "needs a user who is not recognised");
	if (s->denies && k->presence != KEY_MANUAL)
		return skip(why, "needs a user who refuses");
	if (k->presence == KEY_NEVER && (touches || s->lasts))
		return skip(why, "needs a touch");
	if (k->presence == KEY_AUTO && s->waits)
		return skip(why, "needs a user who does not answer at once");
	if (k->presence == KEY_PERSON && k->opt.no_touch &&
	    (touches || s->replugs || s->lasts))
		return skip(why, "needs somebody who touches the key");
	return true;
}

static bool
key_allows(const struct key *k, const struct survey *s,
    char why[static TRANSCRIPT_WHY_MAX])
{
	if (s->ctap2 && k->info_len == 0)
		return skip(why, "needs a key that has CTAP2");
	if (s->lasts && !k->opt.destructive)
		return skip(why, "changes the key: needs --destructive");
	if (s->hosts && !k->opt.hosts)
		return skip(why, "needs several hosts");
	if (s->verifies && !s->samples && !key_has_option(k, "uv"))
		return skip(why, "needs a key that verifies its user");
	if (!k->opt.destructive && key_has_option(k, "clientPin"))
		return skip(why, "the key has a PIN: needs --destructive");
	return true;
}

/* Just powered up, and factory-new as far as that is allowed. */
static bool
prepare(struct key *k)
{
	if ((k->dirty && k->opt.destructive) || k->opt.control != NULL ||
	    k->host_count == 0) {
		if (!key_power_cycle(k))
			return false;
	} else {
		key_forget(k);
	}
	if (!k->dirty || !k->opt.destructive)
		return true;
	/* and once more, where it costs nobody anything */
	return key_reset(k) &&
	    (k->opt.control == NULL || key_power_cycle(k));
}

static void *
open_case(void *arg, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX])
{
	struct key *k = arg;
	struct survey s;

	k->trouble[0] = '\0';
	survey_case(c, &s);
	if (c->needs[0] != '\0') {
		snprintf(why, TRANSCRIPT_WHY_MAX, "needs %s", c->needs);
		return NULL;
	}
	if (!time_can_pass(k, &s, why) || !user_can_act(k, &s, why) ||
	    !key_allows(k, &s, why) || !key_is_given(k, c, why))
		return NULL;
	if (!prepare(k))
		return NULL;
	k->survey = s;
	k->dirty |= s.lasts && k->info_len > 0;
	k->apdu = k->touch_kept = false;
	return k;
}

/* A question that nobody answers would be in the way of the next case. */
static void
close_case(void *arg)
{
	key_take_finger_off(arg);
	key_give_up(arg);
}

static void
send_message(void *arg, uint64_t channel, struct span msg)
{
	struct key *k = arg;

	k->apdu = false;
	key_send(k, channel, CTAPHID_CMD_CBOR, msg);
}

/* Whether the key wants to be touched before it is asked again. */
static bool
wants_touch(const struct key *k, struct span apdu)
{
	return k->reply_len == 2 && k->reply[0] == 0x69 &&
	    k->reply[1] == 0x85 && apdu.len > 2 &&
	    apdu.p[2] != U2F_CHECK_ONLY;
}

static void
send_apdu(void *arg, uint64_t channel, struct span apdu)
{
	struct key *k = arg;
	uint64_t until_ms = key_clock_ms(k) +
	    (k->presence == KEY_PERSON ? KEY_PERSON_MS : U2F_CONTROL_MS);

	k->apdu = true;
	for (;;) {
		key_send(k, channel, CTAPHID_CMD_MSG, apdu);
		if (!k->touch_kept)
			return;
		key_proceed(k);
		if (!wants_touch(k, apdu) || key_clock_ms(k) >= until_ms)
			break;
		key_pause(U2F_PAUSE_MS);
	}
	/* what was done without a touch has not used it up */
	if (apdu.len > 2 && apdu.p[2] != U2F_CHECK_ONLY)
		k->touch_kept = false;
}

static enum transcript_state
state(void *arg, struct span *reply, struct span *rp_id)
{
	struct key *k = arg;

	*rp_id = span(NULL, 0);
	key_proceed(k);
	if (k->trouble[0] != '\0')
		return STATE_TROUBLE;
	if (k->asks || k->survey.hid)
		return STATE_USER;
	*reply = span(k->reply, k->reply_len);
	return k->reply_len > 0 ? STATE_REPLY : STATE_IDLE;
}

static enum transcript_step
act(void *arg, const char *what, uint64_t channel,
    char why[static TRANSCRIPT_WHY_MAX])
{
	struct user_finger held = { .long_touch = true };
	struct key *k = arg;
	struct user_finger finger = { .long_touch = false };

	if (strcmp(what, "replug") == 0)
		return key_power_cycle(k) ? STEP_DONE : STEP_NOT_NOW;
	if (strcmp(what, "cancel") == 0) {
		key_proceed(k);
		/* a question that crosses it on the way is no news */
		k->asks = false;
		k->answered = true;
		k->answered_ms = key_clock_ms(k);
		return key_cancel(k, channel) ? STEP_DONE : STEP_NOT_NOW;
	}
	if (strcmp(what, "touch") == 0 || strcmp(what, "verify") == 0)
		return key_touch(k, false);
	if (strcmp(what, "deny") == 0)
		return key_touch(k, true);
	if (strcmp(what, "long touch") == 0)
		return key_finger(k, held, why);
	if (transcript_finger(what, &finger.number, &finger.status))
		return key_finger(k, finger, why);
	snprintf(why, TRANSCRIPT_WHY_MAX, "nobody can %.40s here", what);
	return STEP_CANNOT;
}

static enum transcript_step
advance(void *arg, uint64_t ms, char why[static TRANSCRIPT_WHY_MAX])
{
	struct key *k = arg;

	(void)why;
	key_listen(k, key_clock_ms(k) + ms + KEY_SLACK_MS);
	return STEP_DONE;
}

static bool
report(void *arg, const uint8_t bytes[static 64])
{
	struct key *k = arg;
	struct host_pipe *p = k->hosts[0].host.pipe;

	return p->ops->send(p, bytes) == 0;
}

static int
next_report(void *arg, uint8_t bytes[static 64], unsigned wait_ms)
{
	struct key *k = arg;
	struct host_pipe *p = k->hosts[0].host.pipe;
	int r = p->ops->receive(p, bytes, wait_ms);

	return r < 0 ? -1 : r;
}

static const char *
trouble(void *arg)
{
	const struct key *k = arg;

	return k->trouble[0] != '\0' ? k->trouble : NULL;
}

static const struct transcript_target operations = {
	.open = open_case,
	.close = close_case,
	.send = send_message,
	.state = state,
	.act = act,
	.advance = advance,
	.apdu = send_apdu,
	.report = report,
	.next_report = next_report,
	.trouble = trouble,
	.patience_ms = KEY_PATIENCE_MS,
};

int
key_open(const struct key_options *opt, struct key **out, char *msg,
    size_t msglen)
{
	struct key *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		snprintf(msg, msglen, "out of memory");
		return -ENOMEM;
	}
	k->opt = *opt;
	k->finger = -1;
	k->dirty = true;	/* who knows what it was used for */
	if (!key_look_at_control(k, msg, msglen) ||
	    !key_open_host(k, 0, msg, msglen))
		goto fail;
	if (!key_ask_info(k)) {
		snprintf(msg, msglen, "%s: %s", opt->where, k->trouble);
		goto fail;
	}
	/* nothing that U2F does lasts, nor could it be undone */
	if (k->info_len == 0)
		k->dirty = false;
	k->target = operations;
	k->target.arg = k;
	k->target.answers = k->presence == KEY_AUTO;
	*out = k;
	return 0;
fail:
	key_close(k);
	return -EIO;
}

/* Whoever let us change the key gets it back as new. */
void
key_close(struct key *k)
{
	if (k == NULL)
		return;
	key_take_finger_off(k);
	k->trouble[0] = '\0';
	if (k->opt.destructive && k->dirty && k->target.arg != NULL)
		(void)prepare(k);
	key_forget(k);
	if (k->host_count > 0)
		host_pipe_free(k->hosts[0].host.pipe);
	free(k);
}

const struct transcript_target *
key_target(const struct key *k)
{
	return &k->target;
}
