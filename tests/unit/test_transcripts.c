/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the cases of conformance/ in the simulator. Prints TAP. */
#include "conformance/sim_target.h"
#include "conformance/transcript.h"

#include <glob.h>
#include <stdlib.h>

static struct {
	unsigned run, failed;
} total;

static void
print_result(void *arg, const struct transcript_result *r)
{
	bool ok = r->outcome == OUTCOME_PASSED;

	total.run++;
	total.failed += !ok;
	printf("%s %u - %s: %s\n", ok ? "ok" : "not ok", total.run,
	    (const char *)arg, r->of->title);
	if (!ok)
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

		transcript_run(g.gl_pathv[i], text, &sim_target, print_result,
		    (void *)(slash != NULL ? slash + 1 : g.gl_pathv[i]));
		free(text);
	}
	globfree(&g);
	printf("1..%u\n", total.run);
	return total.failed > 0 || total.run == 0;
}
