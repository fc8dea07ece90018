/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey attestation roots: what a relying party must trust. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"
#include "authenticator/cmd/tpm_options.h"

static const char help[] =
"Usage: sealkey attestation roots [--state DIR]\n"
"\n"
"Prints the trust anchors that a relying party must be given to verify this\n"
"key's packed attestation, as PEM, and its tpm attestation unless another\n"
"CA's certificate was enrolled. Makes the key if there is none yet, so that\n"
"they can be given before it first runs.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --tpm TARGET        where a new key is made, see \"sealkey run --help\";\n"
"                      likewise --tpm-pcrs and --tpm-recovery\n"
"  --help, --version\n";

enum { OPT_STATE = CLI_OPT_FIRST };

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	TPM_OPTIONS,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

static int
print_roots(const char *state, const struct device_tpm *tpm)
{
	struct manage m;
	char *pem = NULL;
	int r = manage_open_or_make(&m, state, tpm);

	if (r == 0)
		r = manage_roots(&m, &pem);
	if (r == 0)
		fputs(pem, stdout);
	else
		cli_error("%s", m.msg);
	free(pem);
	manage_close(&m);
	return r == 0 ? CLI_DONE : CLI_FAILED;
}

static int
read_and_run(struct cli *cli, const char **state, struct tpm_options *o)
{
	int opt, r;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		if (opt == OPT_STATE)
			*state = optarg;
		r = tpm_options_take(cli, opt, o);
		if (r != CLI_DONE)
			return r;
	}
	if (cli->argc - optind != 1 || strcmp(cli->argv[optind], "roots") != 0)
		return cli_wrong_use(cli, "the only thing to ask for is "
		    "\"roots\"");
	return print_roots(*state, &o->tpm);
}

int
cmd_attestation(int argc, char **argv)
{
	struct cli cli = { .command = "attestation", .help = help,
	    .options = options, .operands = "roots", .argc = argc,
	    .argv = argv };
	struct tpm_options o = { .given = false };
	const char *state = NULL;
	int r;

	r = read_and_run(&cli, &state, &o);
	tpm_options_done(&o);
	return r;
}
