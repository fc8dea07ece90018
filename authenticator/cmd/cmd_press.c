/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey press, sealkey deny: the user's finger. */
#include <stdbool.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"
#include "authenticator/names.h"

static const char press_help[] =
"Usage: sealkey press [--state DIR] [--long] [--finger N]\n"
"                     [--sample STATUS]\n"
"\n"
"Touches a running key (run --presence manual): grants the request that\n"
"waits for its user, or else the next one within 10 seconds, as long as this\n"
"command runs. Exit status 1 if none came in that time.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --long              for long: what a reset may want, and any other request\n"
"                      takes for a touch\n"
"  --finger N          on a key with a fingerprint reader, finger 1 to 10;\n"
"                      without it, the one that fits\n"
"  --sample STATUS     what the reader says of it: good (default), too-high,\n"
"                      too-low, too-left, too-right, too-fast, too-slow,\n"
"                      poor-quality, too-skewed, too-short, merge-failure,\n"
"                      exists, no-activity, no-transition\n"
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

enum { OPT_STATE = CLI_OPT_FIRST, OPT_FINGER, OPT_SAMPLE,
	OPT_LONG };

static const struct option press_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "finger", required_argument, NULL, OPT_FINGER },
	{ "sample", required_argument, NULL, OPT_SAMPLE },
	{ "long", no_argument, NULL, OPT_LONG },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

static const struct option deny_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

static bool
take_finger(struct cli *cli, struct touch *touch)
{
	uint64_t n = 0;

	cli->status = cli_take_number(cli, "--finger", 1, FINGERS_MAX, &n);
	touch->finger.number = (uint8_t)n;
	return cli->status == CLI_DONE;
}

static bool
take_sample(struct cli *cli, struct touch *touch)
{
	int status = sample_named(optarg);

	if (status == -1) {
		cli->status = cli_wrong_use(cli, "--sample takes one of the "
		    "names that --help lists");
		return false;
	}
	touch->finger.status = (uint8_t)status;
	return true;
}

static int
answer(struct cli *cli, struct touch touch)
{
	const char *state = NULL;
	struct manage m;
	int opt;
	int r;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		if (opt == OPT_STATE)
			state = optarg;
		if (opt == OPT_LONG)
			touch.finger.long_touch = true;
		if (opt == OPT_FINGER && !take_finger(cli, &touch))
			return cli->status;
		if (opt == OPT_SAMPLE && !take_sample(cli, &touch))
			return cli->status;
	}
	r = manage_open_running(&m, state);
	if (r == 0)
		r = manage_press(&m, &touch);
	return r < 0 ? cli_error("%s", m.msg) : CLI_DONE;
}

int
cmd_press(int argc, char **argv)
{
	struct cli cli = { .command = "press", .help = press_help,
	    .options = press_options, .argc = argc, .argv = argv };

	return answer(&cli, (struct touch){ .deny = false });
}

int
cmd_deny(int argc, char **argv)
{
	struct cli cli = { .command = "deny", .help = deny_help,
	    .options = deny_options, .argc = argc, .argv = argv };

	return answer(&cli, (struct touch){ .deny = true });
}
