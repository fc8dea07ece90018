/* SPDX-License-Identifier: Apache-2.0 */
/* A real key: who touches it, who unplugs it. */
#include "conformance/key_impl.h"

#include "authenticator/control/control_client.h"
#include "authenticator/names.h"
#include "ctap/status.h"

#include <poll.h>
#include <unistd.h>

#define RESET	0x07
#define PLUG_MS		200	/* between looks whether it is back */
#define ARRIVE_MS	3000	/* for a press to reach the key */

static void
tell(const char *what)
{
	/* where the line of progress is */
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
	fprintf(stderr, "%s\n", what);
}

static bool
control(struct key *k, const char *method, const char *target,
    json_t **out)
{
	char msg[256];

	if (control_call(k->opt.control, method, target, out, msg,
	    sizeof(msg)) == 0)
		return true;
	return key_trouble(k, "%s: %s", target, msg);
}

bool
key_look_at_control(struct key *k, char *msg, size_t msglen)
{
	static const char *const modes[] = { "person", "auto", "manual",
	    "never" };
	const char *presence, *choice, *attestation;
	json_t *info;

	if (k->opt.control == NULL)
		return true;
	if (!control(k, "GET", "/v1/info", &info)) {
		snprintf(msg, msglen, "%s", k->trouble);
		return false;
	}
	presence = json_string_value(json_object_get(info, "presence"));
	choice = json_string_value(json_object_get(info, "accountChoice"));
	attestation = json_string_value(json_object_get(info, "attestation"));
	for (int i = KEY_AUTO; i <= KEY_NEVER && presence != NULL; i++)
		if (strcmp(presence, modes[i]) == 0)
			k->presence = (enum key_presence)i;
	snprintf(k->choice, sizeof(k->choice), "%s",
	    choice != NULL ? choice : "");
	snprintf(k->attestation, sizeof(k->attestation), "%s",
	    attestation != NULL ? attestation : "");
	json_decref(info);
	if (k->presence != KEY_PERSON)
		return true;
	snprintf(msg, msglen, "%s: it does not say who touches the key",
	    k->opt.control);
	return false;
}

void
key_take_finger_off(struct key *k)
{
	if (k->finger != -1)
		close(k->finger);
	k->finger = -1;
	k->touch_kept = false;
}

/* A person does something until the key asks no more. */
static enum transcript_step
ask_person(struct key *k)
{
	uint64_t until_ms = key_clock_ms(k) + KEY_PERSON_MS;

	tell("Touch the key, please.");
	k->asks = false;
	while (k->waiting && key_clock_ms(k) < until_ms) {
		/* the key goes on asking until it is touched */
		k->answered = true;
		k->answered_ms = key_clock_ms(k);
		key_listen(k, key_clock_ms(k) + 100);
		if (!k->answered || !k->waiting)
			return STEP_DONE;
	}
	return k->waiting ? STEP_NOT_NOW : STEP_DONE;
}

/* Whether the press answered something, or waits for a question by now. */
static bool
has_arrived(struct key *k)
{
	uint64_t until_ms = key_clock_ms(k) + ARRIVE_MS;
	json_int_t presses;
	json_t *info;

	while (key_clock_ms(k) < until_ms) {
		if (host_pipe_wait(k->finger, POLLIN, 1) != 0)
			return true;
		if (!control(k, "GET", "/v1/info", &info))
			return false;
		presses = json_integer_value(json_object_get(info,
		    "presses"));
		json_decref(info);
		if (presses > 0)
			return true;
	}
	return false;
}

/* Between two messages of U2F, or while the case speaks CTAPHID itself. */
static enum transcript_step
touch_ahead(struct key *k, bool deny)
{
	if (k->presence == KEY_AUTO)
		return STEP_DONE;
	if (k->presence == KEY_PERSON) {
		tell("Touch the key, please.");
		k->touch_kept = true;
		return STEP_DONE;
	}
	key_take_finger_off(k);
	k->finger = control_begin(k->opt.control, "POST",
	    deny ? "/v1/deny" : "/v1/press");
	k->touch_kept = k->finger >= 0 && has_arrived(k);
	return k->touch_kept ? STEP_DONE : STEP_NOT_NOW;
}

static enum transcript_step
has_answered(struct key *k)
{
	k->asks = false;
	k->answered = true;
	k->answered_ms = key_clock_ms(k);
	return STEP_DONE;
}

enum transcript_step
key_finger(struct key *k, struct user_finger finger,
    char why[static TRANSCRIPT_WHY_MAX])
{
	bool fits = finger.number == 0 && finger.status == SAMPLE_GOOD;
	bool manual = k->presence == KEY_MANUAL;
	char body[128], msg[256];
	json_t *answer;

	if (fits && finger.long_touch && k->presence == KEY_PERSON)
		tell("For as long as it blinks:");
	/* where users answer at once, they do so for long */
	if (fits && (!finger.long_touch || !manual))
		return key_touch(k, false);
	if (!manual) {
		snprintf(why, TRANSCRIPT_WHY_MAX, "nobody has that many "
		    "fingers here");
		return STEP_CANNOT;
	}
	key_proceed(k);
	if (!k->asks)
		return STEP_NOT_NOW;
	snprintf(body, sizeof(body), "{\"finger\": %u, \"sample\": \"%s\", "
	    "\"long\": %s}", finger.number, sample_name(finger.status),
	    finger.long_touch ? "true" : "false");
	if (control_call_with(k->opt.control, "POST", "/v1/press", body,
	    &answer, msg, sizeof(msg)) != 0) {
		key_trouble(k, "/v1/press: %s", msg);
		return STEP_NOT_NOW;
	}
	json_decref(answer);
	return has_answered(k);
}

enum transcript_step
key_touch(struct key *k, bool deny)
{
	json_t *answer;

	if (k->apdu || k->survey.hid)
		return touch_ahead(k, deny);
	key_proceed(k);
	if (k->presence == KEY_AUTO && k->reply_len > 0)
		return STEP_DONE;
	if (!k->asks)
		return STEP_NOT_NOW;
	if (k->presence == KEY_PERSON)
		return ask_person(k);
	if (!control(k, "POST", deny ? "/v1/deny" : "/v1/press", &answer))
		return STEP_NOT_NOW;
	json_decref(answer);
	return has_answered(k);
}

/* The device goes and comes back, perhaps under another number. */
static bool
replug_by_hand(struct key *k)
{
	uint64_t until_ms = key_clock_ms(k) + KEY_PERSON_MS;
	uint8_t report[CTAPHID_REPORT_LEN];
	struct host_pipe *pipe = k->hosts[0].host.pipe;
	char msg[256];

	tell("Unplug the key, please, and plug it in again.");
	while (pipe->ops->receive(pipe, report, PLUG_MS) >= 0)
		if (key_clock_ms(k) >= until_ms)
			return key_trouble(k, "nobody has unplugged the key");
	host_pipe_free(pipe);
	k->host_count = 0;
	while (!key_open_host(k, 0, msg, sizeof(msg))) {
		if (key_clock_ms(k) >= until_ms)
			return key_trouble(k, "%s", msg);
		key_pause(PLUG_MS);
	}
	return true;
}

bool
key_power_cycle(struct key *k)
{
	json_t *answer;

	key_take_finger_off(k);
	key_forget(k);
	if (k->host_count == 0 && !key_open_host(k, 0, k->trouble,
	    sizeof(k->trouble)))
		return false;
	if (k->opt.control == NULL)
		return replug_by_hand(k);
	if (!control(k, "POST", "/v1/power-cycle", &answer))
		return false;
	json_decref(answer);
	key_forget(k);
	return true;
}

bool
key_reset(struct key *k)
{
	static const uint8_t msg = RESET;
	struct user_finger held = { .long_touch = true };
	char why[TRANSCRIPT_WHY_MAX];

	k->apdu = false;
	k->survey.hid = false;
	key_send(k, 1, CTAPHID_CMD_CBOR, span(&msg, 1));
	/* a case may have made it want that */
	if (key_finger(k, held, why) != STEP_DONE)
		return key_trouble(k, "the key cannot be reset: it asks for "
		    "no touch, or gets none");
	key_proceed(k);
	if (k->reply_len != 1 || k->reply[0] != CTAP2_OK)
		return key_trouble(k, "the key refuses to be reset (%02x)",
		    k->reply_len > 0 ? k->reply[0] : 0xff);
	k->dirty = false;
	return true;
}
