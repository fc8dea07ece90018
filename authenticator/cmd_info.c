/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey info: what a key is. */
#include <stdio.h>

#include "authenticator/cli.h"
#include "authenticator/manage.h"

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
static const struct {
	const char *name;
	const char *title;
} lines[] = {
	{ "version",		"sealkey" },
	{ "aaguid",		"AAGUID" },
	{ "state",		"state directory" },
	{ "keys",		"private keys" },
	{ "hardware",		"in hardware" },
	{ "credentials",	"credentials" },
	{ "signatureCounterCeiling", "signature counter at most" },
	{ "running",		"running" },
	{ "pid",		"process" },
	{ "transport",		"transport" },
	{ "hosts",		"hosts connected" },
	{ "presence",		"presence" },
	{ "attestation",	"attestation" },
	{ "accountChoice",	"account choice" },
};

static void
print_line(const char *title, const json_t *value)
{
	char text[PATH_MAX];

	if (json_is_string(value)) {
		cli_clean(json_string_value(value), json_string_length(value),
		    text, sizeof(text));
		printf("%s: %s\n", title, text);
	} else if (json_is_integer(value)) {
		printf("%s: %" JSON_INTEGER_FORMAT "\n", title,
		    json_integer_value(value));
	} else if (json_is_boolean(value)) {
		printf("%s: %s\n", title, json_is_true(value) ? "yes" : "no");
	}
}

static void
print_info(json_t *info, bool as_json)
{
	size_t i;

	if (as_json) {
		json_dumpf(info, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		print_line(lines[i].title,
		    json_object_get(info, lines[i].name));
}

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
		print_info(info, as_json);
	else
		cli_error("%s", m.msg);
	json_decref(info);
	manage_close(&m);
	return r == 0 ? CLI_DONE : CLI_FAILED;
}
