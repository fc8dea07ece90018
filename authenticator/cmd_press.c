/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey press, sealkey deny: the user's finger. */
#include <stdbool.h>

#include "authenticator/cli.h"
#include "authenticator/manage.h"

static const char press_help[] =
"Usage: sealkey press [--state DIR]\n"
"\n"
"Touches a running key (run --presence manual): grants the request that\n"
"waits for its user, or else the next one within 10 seconds, as long as this\n"
"command runs. Exit status 1 if none came in that time.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --help, --version\n";

static const char deny_help[] =
"Usage: sealkey deny [--state DIR]\n"
"\n"
"Says no to a running key (run --presence manual): refuses the request that\n"
"waits for its user, or else the next one within 10 seconds, as long as this\n"
"command runs. Exit status 1 if none came in that time.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --help, --version\n";

enum { OPT_STATE = CLI_OPT_FIRST };

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

static int
answer(struct cli *cli, bool deny)
{
	const char *state = NULL;
	struct manage m;
	int opt;
	int r;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		state = optarg;
	}
	r = manage_open_running(&m, state);
	if (r == 0)
		r = manage_press(&m, deny);
	return r < 0 ? cli_error("%s", m.msg) : CLI_DONE;
}

int
cmd_press(int argc, char **argv)
{
	struct cli cli = { .command = "press", .help = press_help,
	    .options = options, .argc = argc, .argv = argv };

	return answer(&cli, false);
}

int
cmd_deny(int argc, char **argv)
{
	struct cli cli = { .command = "deny", .help = deny_help,
	    .options = options, .argc = argc, .argv = argv };

	return answer(&cli, true);
}
