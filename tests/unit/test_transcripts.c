/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the cases of conformance/ in the simulator. Prints TAP. */
#include "conformance/sim.h"
#include "conformance/sim_hid.h"
#include "conformance/transcript.h"

#include <glob.h>
#include <stdlib.h>

struct simulated {
	struct sim	*sim;
	struct sim_hid	*hid;
};

static void *
open_sim(const struct transcript_given *given)
{
	struct simulated *t = calloc(1, sizeof(*t));
	struct sim_setup setup = {
		.no_uv = given->no_uv,
		.no_pin = given->no_pin,
		.always_uv = given->always_uv,
		.no_u2f = given->no_u2f,
		.choice = given->host_chooses ? CHOICE_HOST : CHOICE_TOKEN,
	};

	if (t == NULL)
		exit(1);
	if (strcmp(given->attestation, "self") == 0)
		setup.attestation = ATTESTATION_SELF;
	else if (strcmp(given->attestation, "none") == 0)
		setup.attestation = ATTESTATION_NONE;
	for (size_t i = 0; i < AUTH_ALGS_MAX - 1; i++)
		setup.algs[i] = given->algs[i];
	t->sim = sim_new(&setup);
	t->hid = sim_hid_new(t->sim, setup.no_u2f);
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
	return auth_prompt(s->auth)->kind == PROMPT_VERIFICATION ?
	    STATE_VERIFY : STATE_TOUCH;
}

static bool
act(struct sim *s, const char *what, uint64_t channel)
{
	if (strcmp(what, "cancel") == 0) {
		sim_cancel(s, channel);
		return true;
	}
	if (strcmp(what, "touch") == 0)
		return sim_touch(s);
	if (s->want != AUTH_USER)
		return false;
	if (strcmp(what, "verify") == 0)
		sim_answer(s, USER_VERIFIED);
	else if (strcmp(what, "mismatch") == 0)
		sim_answer(s, USER_MISMATCH);
	else if (strcmp(what, "deny") == 0)
		sim_answer(s, USER_REFUSED);
	else
		return false;
	return true;
}

static bool
act_sim(void *arg, const char *what, uint64_t channel)
{
	struct simulated *t = arg;

	if (strcmp(what, "replug") == 0) {
		sim_power_cycle(t->sim);
		sim_hid_power_cycle(t->hid);
		return true;
	}
	if (!act(t->sim, what, channel))
		return false;
	sim_hid_acted(t->hid);
	return true;
}

static void
advance_sim(void *arg, uint64_t ms)
{
	struct simulated *t = arg;

	sim_hid_advance(t->hid, ms);
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

static const struct transcript_target in_sim = {
	open_sim, close_sim, send_sim, state_sim, act_sim, advance_sim,
	apdu_sim, report_sim, next_report_sim, 0,
};

static struct {
	unsigned run, failed;
} total;

static void
print_result(void *arg, const struct transcript_result *r)
{
	total.run++;
	total.failed += !r->ok;
	printf("%s %u - %s: %s\n", r->ok ? "ok" : "not ok", total.run,
	    (const char *)arg, r->title);
	if (!r->ok)
		printf("# %s\n", r->why);
}

static char *
read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&text, &size);
	int c;

	if (f == NULL || mem == NULL)
		exit(1);
	while ((c = getc(f)) != EOF)
		putc(c, mem);
	fclose(f);
	fclose(mem);
	return text;
}

int
main(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : "conformance/cases/*.txt";
	glob_t g;

	if (glob(pattern, 0, NULL, &g) != 0) {
		printf("Bail out! no cases in %s\n", pattern);
		return 1;
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		const char *slash = strrchr(g.gl_pathv[i], '/');
		char *text = read_file(g.gl_pathv[i]);

		transcript_run(g.gl_pathv[i], text, &in_sim, print_result,
		    (void *)(slash != NULL ? slash + 1 : g.gl_pathv[i]));
		free(text);
	}
	globfree(&g);
	printf("1..%u\n", total.run);
	return total.failed > 0 || total.run == 0;
}
