/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey reset: forgets every credential, after asking. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"

static const char help[] =
"Usage: sealkey reset [--state DIR] [--yes]\n"
"\n"
"Forgets every credential of a key for good, also those that relying parties\n"
"keep for it, its PIN and its settings. The key's attestation stays.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --yes               do not ask; needed where there is no terminal\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_YES,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "yes", no_argument, NULL, OPT_YES },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

static bool
confirm(const char *path)
{
	char answer[16];

	printf("Forget every credential in %s? Type \"yes\": ", path);
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return false;
	return strcmp(answer, "yes\n") == 0;
}

static int
reset(const char *state, bool yes)
{
	struct manage m;
	int r = manage_open(&m, state);
	int status = CLI_DONE;

	if (r < 0)
		return cli_error("%s", m.msg);
	if (!yes && !confirm(m.path)) {
		status = cli_error("reset: nothing was changed");
	} else {
		r = manage_reset(&m);
		if (r < 0)
			status = cli_error("reset: %s", m.msg);
		else if (m.warning[0] != '\0')
			cli_error("reset: %s", m.warning);
	}
	manage_close(&m);
	return status;
}

int
cmd_reset(int argc, char **argv)
{
	struct cli cli = { .command = "reset", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	const char *state = NULL;
	bool yes = false;
	int opt;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		if (opt == OPT_STATE)
			state = optarg;
		else
			yes = true;
	}
	if (!yes && !isatty(STDIN_FILENO))
		return cli_wrong_use(&cli, "there is no terminal to ask on: "
		    "use --yes");
	return reset(state, yes);
}
