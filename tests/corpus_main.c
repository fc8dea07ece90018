/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the conformance cases down as conversations, to seed the fuzzer:
 *
 *	corpus DIR CASES.txt...
 *
 * One file a case, with the name of its file of cases. They run in the
 * simulator, which is seeded, so that tokens and keys are those that the fuzz
 * target will meet again: as long as nothing changes what is random before
 * them (tests/unit/test_sim.c). To write the committed ones anew, with $PWD
 * the folder of the cases:
 *
 *	../../build/tests/corpus ../../tests/fuzz/corpus/conversation *.txt
 */
#include "conformance/sim.h"
#include "conformance/transcript.h"
#include "tests/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct recorder {
	struct sim	*sim;
	uint8_t		 bytes[65536];
	size_t		 len;
	size_t		 opened;	/* bytes that only say what key it is */
};

/* transcript_run() has one target at a time. */
static struct recorder *last;

static void
put(struct recorder *r, const void *p, size_t len)
{
	if (len > sizeof(r->bytes) - r->len)
		abort();
	memcpy(r->bytes + r->len, p, len);
	r->len += len;
}

static void
put_event(struct recorder *r, enum conversation_event event)
{
	uint8_t byte = (uint8_t)event;

	put(r, &byte, 1);
}

static void *
open_recorder(void *arg, const struct transcript_case *c,
    char why[static TRANSCRIPT_WHY_MAX])
{
	const struct transcript_given *given = &c->given;
	struct sim_setup setup = { .set = { NULL } };
	struct recorder *r = calloc(1, sizeof(*r));
	int key = conversation_key(given->set);
	uint8_t byte = (uint8_t)key;

	(void)arg;
	(void)why;
	/* a kind of key that the fuzzer does not know */
	if (key == -1) {
		free(r);
		return NULL;
	}
	conversation_setup(key, &setup);
	if (r == NULL)
		abort();
	r->sim = sim_new(&setup);
	put_event(r, EVENT_KEY);
	put(r, &byte, 1);
	r->opened = r->len;
	return r;
}

static void
close_recorder(void *t)
{
	struct recorder *r = t;

	sim_free(r->sim);
	r->sim = NULL;
	free(last);
	last = r;
}

static void
send_recorder(void *t, uint64_t channel, struct span msg)
{
	struct recorder *r = t;
	uint8_t len[2] = { (uint8_t)(msg.len >> 8), (uint8_t)msg.len };

	put_event(r, channel >> 32 > 1 ? EVENT_SEND_3 :
	    channel == 2 ? EVENT_SEND_2 : EVENT_SEND_1);
	put(r, len, sizeof(len));
	put(r, msg.p, msg.len);
	if (r->sim->want == AUTH_USER)
		sim_answer(r->sim, USER_REFUSED);
	sim_send(r->sim, channel, msg);
}

static void
apdu_recorder(void *t, uint64_t channel, struct span msg)
{
	struct recorder *r = t;
	uint8_t len[2] = { (uint8_t)(msg.len >> 8), (uint8_t)msg.len };

	put_event(r, EVENT_APDU);
	put(r, len, sizeof(len));
	put(r, msg.p, msg.len);
	if (r->sim->want == AUTH_USER)
		sim_answer(r->sim, USER_REFUSED);
	sim_apdu(r->sim, channel, msg);
}

static enum transcript_state
state_recorder(void *t, struct span *reply, struct span *rp_id)
{
	struct recorder *r = t;

	*reply = r->sim->reply;
	if (r->sim->want != AUTH_USER)
		return STATE_REPLY;
	*rp_id = auth_prompt(r->sim->auth)->rp_id;
	switch (auth_prompt(r->sim->auth)->kind) {
	case PROMPT_VERIFICATION:
		return STATE_VERIFY;
	case PROMPT_SAMPLE:
		return STATE_SAMPLE;
	default:
		return STATE_TOUCH;
	}
}

static void
put_finger(struct recorder *r, struct user_finger finger)
{
	uint8_t byte = (uint8_t)(finger.number << 4 | finger.status);

	put_event(r, EVENT_FINGER);
	put(r, &byte, 1);
	if (r->sim->want == AUTH_USER)
		sim_finger(r->sim, finger);
}

static enum transcript_step
act_recorder(void *t, const char *what, uint64_t channel,
    char why[static TRANSCRIPT_WHY_MAX])
{
	static const struct {
		const char *what;
		enum conversation_event event;
		enum user_answer answer;
	} acts[] = {
		{ "touch", EVENT_TOUCH, USER_PRESENT },
		{ "long touch", EVENT_HOLD, USER_HELD },
		{ "verify", EVENT_VERIFY, USER_VERIFIED },
		{ "mismatch", EVENT_MISMATCH, USER_MISMATCH },
		{ "deny", EVENT_DENY, USER_REFUSED },
	};
	struct recorder *r = t;
	struct user_finger finger = { 0 };

	(void)why;
	if (transcript_finger(what, &finger.number, &finger.status))
		put_finger(r, finger);
	if (strcmp(what, "replug") == 0) {
		put_event(r, EVENT_REPLUG);
		sim_power_cycle(r->sim);
	} else if (strcmp(what, "cancel") == 0) {
		put_event(r, EVENT_CANCEL);
		sim_cancel(r->sim, channel);
	}
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].what, what) != 0)
			continue;
		put_event(r, acts[i].event);
		if (acts[i].answer == USER_PRESENT)
			sim_touch(r->sim);
		else if (r->sim->want == AUTH_USER)
			sim_answer(r->sim, acts[i].answer);
	}
	return STEP_DONE;
}

static enum transcript_step
advance_recorder(void *t, uint64_t ms, char why[static TRANSCRIPT_WHY_MAX])
{
	struct recorder *r = t;
	uint8_t tenths;

	(void)why;
	sim_advance(r->sim, ms);
	for (; ms > 0; ms -= tenths * UINT64_C(100)) {
		tenths = (uint8_t)(ms > 25500 ? 255 : (ms + 99) / 100);
		put_event(r, EVENT_TIME);
		put(r, &tenths, 1);
		if (ms < tenths * UINT64_C(100))
			break;
	}
	return STEP_DONE;
}

static const struct transcript_target recorder = {
	.open = open_recorder,
	.close = close_recorder,
	.send = send_recorder,
	.state = state_recorder,
	.act = act_recorder,
	.advance = advance_recorder,
	.apdu = apdu_recorder,
};

/*
 * Cases that want other algorithms fail on the way; they seed too. Those
 * that are about reports say nothing here.
 */
static void
write_case(void *arg, const struct transcript_result *result)
{
	const char *file = result->of->file;
	static const char *before;
	static unsigned number;
	char path[512];
	FILE *f;

	if (last == NULL || last->len <= last->opened)
		return;
	number = before == file ? number + 1 : 0;
	before = file;
	snprintf(path, sizeof(path), "%s/%.*s-%03u", (const char *)arg,
	    (int)strcspn(file, "."), file, number);
	f = fopen(path, "w");
	if (f == NULL || fwrite(last->bytes, last->len, 1, f) != 1 ||
	    fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	last->len = 0;
}

static char *
read_file(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: corpus DIR CASES.txt...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		transcript_run(argv[i], read_file(argv[i]), &recorder,
		    write_case, argv[1]);
	free(last);
	return 0;
}
