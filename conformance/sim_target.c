/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance/sim_target.h"

#include "conformance/sim.h"
#include "conformance/sim_hid.h"

#include <stdlib.h>

struct simulated {
	struct sim	*sim;
	struct sim_hid	*hid;
};

static void *
open_sim(void *arg, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX])
{
	struct simulated *t = calloc(1, sizeof(*t));
	struct sim_setup setup = { .seed = 0 };

	if (arg != NULL)
		setup = *(const struct sim_setup *)arg;
	if (t == NULL) {
		snprintf(why, TRANSCRIPT_WHY_MAX, "no memory");
		return NULL;
	}
	memcpy(setup.set, c->given.set, sizeof(c->given.set));
	t->sim = sim_new(&setup);
	t->hid = sim_hid_new(t->sim, !auth_has_u2f(t->sim->auth));
	return t;
}

static void
close_sim(void *arg)
{
	struct simulated *t = arg;

	sim_hid_free(t->hid);
	sim_free(t->sim);
	free(t);
}

static void
send_sim(void *arg, uint64_t channel, struct span msg)
{
	struct simulated *t = arg;

	sim_send(t->sim, channel, msg);
}

static void
apdu_sim(void *arg, uint64_t channel, struct span msg)
{
	struct simulated *t = arg;

	sim_apdu(t->sim, channel, msg);
}

static enum transcript_state
state_sim(void *arg, struct span *reply, struct span *rp_id)
{
	struct simulated *t = arg;
	struct sim *s = t->sim;

	*reply = s->reply;
	if (s->want == AUTH_REPLY)
		return STATE_REPLY;
	if (s->want != AUTH_USER)
		return STATE_IDLE;
	*rp_id = auth_prompt(s->auth)->rp_id;
	switch (auth_prompt(s->auth)->kind) {
	case PROMPT_VERIFICATION:
		return STATE_VERIFY;
	case PROMPT_SAMPLE:
		return STATE_SAMPLE;
	default:
		return STATE_TOUCH;
	}
}

static bool
act(struct sim *s, const char *what, uint64_t channel)
{
	struct user_finger finger = { 0 };

	if (strcmp(what, "cancel") == 0) {
		sim_cancel(s, channel);
		return true;
	}
	if (strcmp(what, "touch") == 0)
		return sim_touch(s);
	if (s->want != AUTH_USER)
		return false;
	if (strcmp(what, "long touch") == 0)
		sim_answer(s, USER_HELD);
	else if (strcmp(what, "verify") == 0)
		sim_answer(s, USER_VERIFIED);
	else if (strcmp(what, "mismatch") == 0)
		sim_answer(s, USER_MISMATCH);
	else if (strcmp(what, "deny") == 0)
		sim_answer(s, USER_REFUSED);
	else if (transcript_finger(what, &finger.number, &finger.status))
		sim_finger(s, finger);
	else
		return false;
	return true;
}

static enum transcript_step
act_sim(void *arg, const char *what, uint64_t channel,
    char why[static TRANSCRIPT_WHY_MAX])
{
	struct simulated *t = arg;

	(void)why;
	if (strcmp(what, "replug") == 0) {
		sim_power_cycle(t->sim);
		sim_hid_power_cycle(t->hid);
		return STEP_DONE;
	}
	if (!act(t->sim, what, channel))
		return STEP_NOT_NOW;
	sim_hid_acted(t->hid);
	return STEP_DONE;
}

static enum transcript_step
advance_sim(void *arg, uint64_t ms, char why[static TRANSCRIPT_WHY_MAX])
{
	struct simulated *t = arg;

	(void)why;
	sim_hid_advance(t->hid, ms);
	return STEP_DONE;
}

static bool
report_sim(void *arg, const uint8_t report[static 64])
{
	struct simulated *t = arg;

	sim_hid_report(t->hid, report);
	return true;
}

static int
next_report_sim(void *arg, uint8_t report[static 64], unsigned wait_ms)
{
	struct simulated *t = arg;

	return sim_hid_next(t->hid, report, wait_ms);
}

const struct transcript_target sim_target = {
	.open = open_sim,
	.close = close_sim,
	.send = send_sim,
	.state = state_sim,
	.act = act_sim,
	.advance = advance_sim,
	.apdu = apdu_sim,
	.report = report_sim,
	.next_report = next_report_sim,
};
