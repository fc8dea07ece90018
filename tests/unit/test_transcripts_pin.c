/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every case about a PIN, and every one that resets, against a simulated key
 * whose PIN is kept, compared and counted by its keys: no host can tell it
 * from one that does so itself. (TAP)
 *
 * covers pin.12
 */
#include <stdio.h>
#include <string.h>

#include "conformance/library.h"
#include "conformance/sim.h"
#include "conformance/sim_target.h"

#define CASES_MIN	250	/* there were more when this was written */

static bool
is_about_a_pin(const struct transcript_case *c)
{
	static const char *const words[] = { "cbor 06", "cbor 07", "* pin" };
	char line[TRANSCRIPT_LINE_MAX];
	const char *text = c->body;
	unsigned number = c->line;

	while (transcript_line(&text, &number, line))
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strstr(line, words[i]) != NULL)
				return true;
	return false;
}

int
main(void)
{
	static struct sim_setup setup = { .pin_in_keys = true };
	struct transcript_target target = sim_target;
	struct library lib = { .count = 0 };
	struct transcript_result r;
	unsigned n = 0, failed = 0;

	target.arg = &setup;
	if (library_add_builtin(&lib) < 0)
		return 1;
	for (size_t i = 0; i < lib.count; i++) {
		if (!is_about_a_pin(lib.cases[i]))
			continue;
		transcript_run_case(lib.cases[i], &target, &r);
		printf("%sok %u - %s\n", r.outcome == OUTCOME_PASSED ? "" :
		    "not ", ++n, lib.cases[i]->title);
		if (r.outcome != OUTCOME_PASSED)
			printf("# %s\n", r.why);
		failed += r.outcome != OUTCOME_PASSED;
	}
	printf("%sok %u - most cases are there\n1..%u\n",
	    n < CASES_MIN ? "not " : "", n + 1, n + 1);
	library_done(&lib);
	return failed > 0 || n < CASES_MIN;
}
