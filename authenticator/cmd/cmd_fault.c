/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey fault: the catalogue, and what of it a running key gets wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/cmd/hidraw.h"
#include "authenticator/cmd/tell.h"
#include "authenticator/control/describe_fault.h"
#include "authenticator/control/manage.h"

static const char help[] =
"Usage: sealkey fault list [--stage STAGE] [--json]\n"
"       sealkey fault show NAME [--json]\n"
"       sealkey fault arm NAME [--next N | --until-cleared] [--rp ID]\n"
"                         [--browser NAME] [--quiet] [--state DIR] [--json]\n"
"       sealkey fault armed [--state DIR] [--json]\n"
"       sealkey fault clear [ID] [--state DIR] [--json]\n"
"\n"
"What a key can be made to get wrong, so that a relying party is seen to\n"
"notice. Each fault breaks one thing; everything else stays as it should be.\n"
"list and show are about the catalogue; the others about a running key, which\n"
"\"sealkey run --no-faults\" makes impossible for good.\n"
"\n"
"  --stage STAGE       only those of registration, authentication, client,\n"
"                      transport, or metadata\n"
"  --next N            it happens in the next N operations that it fits\n"
"                      (default: 1)\n"
"  --until-cleared     it happens until it is cleared, or the key ends\n"
"  --rp ID             only at the relying party with this RP ID\n"
"  --browser NAME      warn if this one, chromium or firefox, keeps it from\n"
"                      its page (default: the one that has the key open, if\n"
"                      that can be seen, or else any)\n"
"  --quiet             no such warning\n"
"  --state DIR         the key's state directory\n"
"  --json              as JSON, for programs\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_STAGE,
	OPT_NEXT,
	OPT_UNTIL_CLEARED,
	OPT_RP,
	OPT_BROWSER,
	OPT_QUIET,
	OPT_JSON,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "stage", required_argument, NULL, OPT_STAGE },
	{ "next", required_argument, NULL, OPT_NEXT },
	{ "until-cleared", no_argument, NULL, OPT_UNTIL_CLEARED },
	{ "rp", required_argument, NULL, OPT_RP },
	{ "browser", required_argument, NULL, OPT_BROWSER },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "json", no_argument, NULL, OPT_JSON },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct fault_use {
	const char	*operand;	/* NULL: none */
	const char	*state;
	const char	*rp;
	const char	*browser;	/* NULL: not said */
	int		 stage;		/* -1: any */
	long		 uses;		/* -1: not said */
	bool		 quiet;
	bool		 json;
};

/* Members of a fault in the order in which they are told. */
static const struct tell_row lines[] = {
	{ "name",		"fault" },
	{ "breaks",		"what is wrong" },
	{ "check",		"what a relying party does" },
	{ "section",		"WebAuthn Level 3" },
	{ "references",		"see" },
	{ "stage",		"stage" },
	{ "verdict",		"to be noticed" },
	{ "value",		"takes" },
	{ "default",		"without that" },
	{ "u2f",		"in replies of U2F" },
	{ "reach.chromium",	"through Chromium" },
	{ "reach.firefox",	"through Firefox" },
	{ "warning",		"note" },
	{ NULL,			NULL }
};

static int
list(const struct fault_use *use)
{
	json_t *all = use->json ? json_array() : NULL;
	const struct fault *f;

	for (size_t i = 0; (f = fault_at(i)) != NULL; i++) {
		if (use->stage != -1 && (int)f->stage != use->stage)
			continue;
		if (use->json)
			json_array_append_new(all, describe_fault(f));
		else
			printf("%-32s %s\n", f->name, f->breaks);
	}
	return use->json ? tell_json("fault", all) : CLI_DONE;
}

static void
tell_needs(json_t *fault)
{
	json_t *need;
	size_t i;

	json_array_foreach(json_object_get(fault, "needs"), i, need)
		printf("needs: %s\n", json_string_value(need));
}

static int
show(const struct fault_use *use)
{
	char msg[FAULT_MESSAGE_LEN];
	struct fault_choice choice;
	json_t *json;

	if (fault_choose(use->operand, &choice, msg, sizeof(msg)) < 0)
		return cli_error("fault: %s", msg);
	json = describe_fault(choice.fault);
	if (json == NULL)
		return cli_error("fault: out of memory");
	tell(json, lines, use->json);
	if (!use->json)
		tell_needs(json);
	json_decref(json);
	return CLI_DONE;
}

/* path and body to the running key; *out is what it says. */
static int
ask(const struct fault_use *use, const char *method, const char *path,
    json_t *body, json_t **out)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct manage m;
	int r = manage_open_running(&m, use->state);

	if (r == 0)
		r = manage_request(&m, method, path, text, out);
	free(text);
	json_decref(body);
	return r < 0 ? cli_error("%s", m.msg) : CLI_DONE;
}

static void
print_armed(const json_t *a)
{
	json_int_t uses = json_integer_value(json_object_get(a, "uses"));
	const char *rp = json_string_value(json_object_get(a, "rpId"));
	char clean[RP_ID_KEPT + 1] = "";

	if (rp != NULL)
		cli_clean(rp, strlen(rp), clean, sizeof(clean));
	printf("%" JSON_INTEGER_FORMAT "  %s", json_integer_value(
	    json_object_get(a, "id")),
	    json_string_value(json_object_get(a, "fault")));
	if (uses == 0)
		printf("  until cleared");
	else
		printf("  next %" JSON_INTEGER_FORMAT, uses);
	printf("%s%s\n", rp != NULL ? "  at " : "", clean);
}

/* The browser that has the key open; NULL: nobody knows. */
static const char *
connected_browser(const struct fault_use *use)
{
	const char *serial, *browser = NULL;
	json_t *info = NULL;
	struct manage m;
	char device[64];

	if (manage_open_running(&m, use->state) < 0 ||
	    manage_request(&m, "GET", "info", NULL, &info) < 0)
		return NULL;
	serial = json_string_value(json_object_get(info, "serial"));
	if (serial != NULL && hidraw_find(serial, device, sizeof(device)))
		browser = hidraw_browser("/proc", device);
	json_decref(info);
	return browser;
}

static int
arm(const struct fault_use *use)
{
	json_t *body = json_pack("{s:s, s:I, s:s?, s:s?}",
	    "fault", use->operand,
	    "uses", (json_int_t)(use->uses == -1 ? 1 : use->uses),
	    "rpId", use->rp,
	    "browser", use->browser != NULL || use->quiet ? use->browser :
	    connected_browser(use));
	json_t *json = NULL;
	const char *warning;
	int status;

	if (body == NULL)
		return cli_wrong_use(&(struct cli){ .command = "fault" },
		    "the name and --rp have to be UTF-8");
	status = ask(use, "POST", "faults", body, &json);
	if (status != CLI_DONE)
		return status;
	warning = json_string_value(json_object_get(json, "warning"));
	if (warning != NULL && !use->quiet)
		fprintf(stderr, "sealkey: fault: %s\n", warning);
	if (use->json)
		return tell_json("fault", json);
	print_armed(json);
	json_decref(json);
	return CLI_DONE;
}

static int
armed(const struct fault_use *use)
{
	json_t *json = NULL, *a;
	int status = ask(use, "GET", "faults", NULL, &json);
	size_t i;

	if (status != CLI_DONE)
		return status;
	if (use->json)
		return tell_json("fault", json);
	json_array_foreach(json_object_get(json, "armed"), i, a)
		print_armed(a);
	json_decref(json);
	return CLI_DONE;
}

static int
clear(const struct fault_use *use)
{
	char path[32] = "faults";
	json_t *json = NULL;
	int status;

	if (use->operand != NULL && (strlen(use->operand) > 9 ||
	    strspn(use->operand, "0123456789") != strlen(use->operand)))
		return cli_error("fault: \"sealkey fault armed\" tells the ids "
		    "of those that are armed: numbers");
	if (use->operand != NULL)
		snprintf(path, sizeof(path), "faults/%s", use->operand);
	status = ask(use, "DELETE", path, NULL, &json);
	if (status == CLI_DONE && use->json)
		return tell_json("fault", json);
	json_decref(json);
	return status;
}

static const struct action {
	const char	*name;
	int		 least, most;	/* operands */
	bool		 arms;		/* --next and its like are for it */
	int		(*run)(const struct fault_use *use);
} actions[] = {
	{ "list",	0, 0, false, list },
	{ "show",	1, 1, false, show },
	{ "arm",	1, 1, true, arm },
	{ "armed",	0, 0, false, armed },
	{ "clear",	0, 1, false, clear },
};

static const struct action *
find_action(const struct cli *cli)
{
	int count = cli->argc - optind - 1;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (count >= actions[i].least && count <= actions[i].most &&
		    strcmp(cli->argv[optind], actions[i].name) == 0)
			return &actions[i];
	}
	return NULL;
}

static int
take_next(const struct cli *cli, struct fault_use *use)
{
	uint64_t n;

	if (cli_take_number(cli, "--next", 1, FAULT_USES_MAX, &n) != CLI_DONE)
		return CLI_WRONG_USE;
	if (use->uses == 0)
		return cli_wrong_use(cli, "--next and --until-cleared exclude "
		    "each other");
	use->uses = (long)n;
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct fault_use *use)
{
	switch (opt) {
	case OPT_STATE:
		use->state = optarg;
		break;
	case OPT_STAGE:
		use->stage = fault_stage_named(optarg);
		if (use->stage == -1)
			return cli_wrong_use(cli, "--stage cannot be \"%s\": "
			    "it is registration, authentication, client, "
			    "transport or metadata", optarg);
		break;
	case OPT_NEXT:
		return take_next(cli, use);
	case OPT_UNTIL_CLEARED:
		if (use->uses > 0)
			return cli_wrong_use(cli, "--next and --until-cleared "
			    "exclude each other");
		use->uses = 0;
		break;
	case OPT_RP:
		if (!fault_is_rp_id(span_str(optarg)))
			return cli_wrong_use(cli, "--rp: " FAULT_NO_RP_ID);
		use->rp = optarg;
		break;
	case OPT_BROWSER:
		if (fault_browser_named(optarg) == -1)
			return cli_wrong_use(cli, "--browser is chromium or "
			    "firefox");
		use->browser = optarg;
		break;
	case OPT_QUIET:
		use->quiet = true;
		break;
	case OPT_JSON:
		use->json = true;
		break;
	}
	return CLI_DONE;
}

static int
check_use(const struct cli *cli, const struct action *action,
    const struct fault_use *use)
{
	if (action == NULL)
		return cli_wrong_use(cli, "what to do is list, show NAME, arm "
		    "NAME, armed, or clear [ID]");
	if (use->stage != -1 && action->run != list)
		return cli_wrong_use(cli, "--stage is for list");
	if (!action->arms && (use->uses != -1 || use->rp != NULL ||
	    use->browser != NULL || use->quiet))
		return cli_wrong_use(cli, "--next, --until-cleared, --rp, "
		    "--browser and --quiet are for arm");
	return CLI_DONE;
}

int
cmd_fault(int argc, char **argv)
{
	struct cli cli = { .command = "fault", .help = help,
	    .options = options, .operands = "list, show, arm, armed or clear",
	    .argc = argc, .argv = argv };
	struct fault_use use = { .stage = -1, .uses = -1 };
	const struct action *action;
	int opt, status;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, &use);
		if (status != CLI_DONE)
			return status;
	}
	action = optind < argc ? find_action(&cli) : NULL;
	status = check_use(&cli, action, &use);
	if (status != CLI_DONE)
		return status;
	if (argc - optind == 2)
		use.operand = argv[optind + 1];
	return action->run(&use);
}
