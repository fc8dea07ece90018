/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey info: what a key is. */
#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"
#include "authenticator/cmd/tell.h"

static const char help[] =
"Usage: sealkey info [--state DIR] [--json]\n"
"\n"
"Tells what a key is and, if it is running, how.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --json              as JSON, for programs\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_JSON,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "json", no_argument, NULL, OPT_JSON },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

/* Members in the order in which they are told; all but "running". */
static const struct tell_row lines[] = {
	{ "version",		"sealkey" },
	{ "aaguid",		"AAGUID" },
	{ "profile",		"profile" },
	{ "state",		"state directory" },
	{ "keys",		"private keys" },
	{ "hardware",		"in hardware" },
	{ "faultsAllowed",	"can be made to get things wrong" },
	{ "tpm.kind",		"TPM" },
	{ "tpm.manufacturer",	"TPM manufacturer" },
	{ "tpm.vendor",		"TPM vendor" },
	{ "tpm.firmware",	"TPM firmware" },
	{ "tpm.revision",	"TPM specification" },
	{ "tpm.pin",		"PIN kept by" },
	{ "tpm.rollbackProtection", "older copies refused" },
	{ "tpm.pcrs",		"sealed to PCRs" },
	{ "credentials",	"credentials" },
	{ "signatureCounterCeiling", "signature counter at most" },
	{ "running",		"running" },
	{ "pid",		"process" },
	{ "transport",		"transport" },
	{ "hosts",		"hosts connected" },
	{ "presence",		"presence" },
	{ "attestation",	"attestation" },
	{ "accountChoice",	"account choice" },
	{ "warning",		"warning" },
	{ NULL,			NULL }
};

int
cmd_info(int argc, char **argv)
{
	struct cli cli = { .command = "info", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	const char *state = NULL;
	bool as_json = false;
	json_t *info = NULL;
	struct manage m;
	int opt;
	int r;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		if (opt == OPT_STATE)
			state = optarg;
		else
			as_json = true;
	}
	r = manage_open(&m, state);
	if (r == 0)
		r = manage_info(&m, &info);
	if (r == 0)
		tell(info, lines, as_json);
	else
		cli_error("%s", m.msg);
	json_decref(info);
	manage_close(&m);
	return r == 0 ? CLI_DONE : CLI_FAILED;
}
