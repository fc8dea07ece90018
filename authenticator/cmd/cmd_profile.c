/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey profile: models of keys, and which of them a key is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"
#include "authenticator/names.h"
#include "authenticator/profile/profile_json.h"

static const char help[] =
"Usage: sealkey profile list [--json]\n"
"       sealkey profile show PROFILE [--json]\n"
"       sealkey profile check FILE...\n"
"       sealkey profile set PROFILE [--state DIR]\n"
"\n"
"Models of keys: what one is and can, what it says of itself, and what its\n"
"metadata say. PROFILE is a name that list has, or an INI file (a name with\n"
"\"/\" or \".ini\" in it). The shape of a model is imitated, not the trust in\n"
"it: attestation chains to the test root of the key's state directory.\n"
"\n"
"  list                those that sealkey brings along\n"
"  show                one of them, as a file to begin with\n"
"  check               is there anything wrong with these files?\n"
"  set                 a key becomes this model, running or not, and stays\n"
"                      it; its credentials stay, too, as after an update of\n"
"                      its firmware\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --json              as JSON, for programs; list: an array\n"
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

struct profile_use {
	const char	*state;
	bool		 as_json;
	char		**operands;
	int		 count;
};

static int
print_json(json_t *o, size_t flags)
{
	if (o == NULL)
		return cli_error("out of memory");
	json_dumpf(o, stdout, flags);
	json_decref(o);
	return CLI_DONE;
}

static void
print_line(const struct profile *p)
{
	struct auth_config cfg = { .features = 0 };
	uint64_t firmware;
	char aaguid[37];

	profile_apply(p, &cfg);
	firmware = cfg.firmware_version;
	aaguid_write(cfg.aaguid, aaguid);
	printf("%-26s %s  %s", p->name, aaguid, p->device.product);
	/* as makers write it: three bytes */
	if (firmware > 0xffff && firmware <= 0xffffff)
		printf(", firmware %u.%u.%u\n", (unsigned)(firmware >> 16),
		    (unsigned)(firmware >> 8 & 0xff), (unsigned)(firmware &
		    0xff));
	else
		putchar('\n');
}

static int
do_list(const struct profile_use *use)
{
	char name[PROFILE_NAME_MAX + 1], msg[PROFILE_MESSAGE_LEN];
	struct profile *p;
	int status = CLI_DONE;

	for (size_t i = 0; status == CLI_DONE && profile_builtin_name(i, name);
	    i++) {
		if (profile_load(name, &p, msg, sizeof(msg)) < 0)
			return cli_error("%s", msg);
		if (use->as_json) {
			fputs(i == 0 ? "[\n" : ",\n", stdout);
			status = print_json(profile_json(p), JSON_COMPACT);
		} else {
			print_line(p);
		}
		profile_free(p);
	}
	if (use->as_json && status == CLI_DONE)
		puts("\n]");
	return status;
}

static int
do_show(const struct profile_use *use)
{
	char msg[PROFILE_MESSAGE_LEN];
	struct profile *p;
	int status = CLI_DONE;

	if (profile_load(use->operands[0], &p, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	if (use->as_json) {
		status = print_json(profile_json(p), JSON_INDENT(2));
		if (status == CLI_DONE)
			putchar('\n');
	} else {
		fwrite(p->text.p, 1, p->text.len, stdout);
	}
	profile_free(p);
	return status;
}

static int
do_check(const struct profile_use *use)
{
	char msg[PROFILE_MESSAGE_LEN];
	int status = CLI_DONE;

	for (int i = 0; i < use->count; i++) {
		struct profile *p = NULL;

		if (profile_load(use->operands[i], &p, msg, sizeof(msg)) < 0)
			status = cli_error("%s", msg);
		profile_free(p);
	}
	return status;
}

static int
do_set(const struct profile_use *use)
{
	char msg[PROFILE_MESSAGE_LEN];
	struct profile *p;
	struct manage m;
	int r;

	if (profile_load(use->operands[0], &p, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	r = manage_open(&m, use->state);
	if (r == 0)
		r = manage_set_profile(&m, p);
	if (r < 0 || m.warning[0] != '\0')
		cli_error("%s", r < 0 ? m.msg : m.warning);
	manage_close(&m);
	profile_free(p);
	return r < 0 ? CLI_FAILED : CLI_DONE;
}

static const struct action {
	const char *name;
	int	min, max;	/* operands */
	int	(*run)(const struct profile_use *use);
} actions[] = {
	{ "list",	0, 0,		do_list },
	{ "show",	1, 1,		do_show },
	{ "check",	1, 1024,	do_check },
	{ "set",	1, 1,		do_set },
};

static const struct action *
find_action(const char *name, int operands)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(name, actions[i].name) == 0 &&
		    operands >= actions[i].min && operands <= actions[i].max)
			return &actions[i];
	return NULL;
}

int
cmd_profile(int argc, char **argv)
{
	struct cli cli = { .command = "profile", .help = help,
	    .options = options, .operands = "list, show, check or set",
	    .argc = argc, .argv = argv };
	struct profile_use use = { .state = NULL };
	const struct action *action = NULL;
	int opt;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		if (opt == OPT_STATE)
			use.state = optarg;
		else
			use.as_json = true;
	}
	if (optind < argc) {
		use.operands = argv + optind + 1;
		use.count = argc - optind - 1;
		action = find_action(argv[optind], use.count);
	}
	if (action == NULL)
		return cli_wrong_use(&cli, "what to do is list, show PROFILE, "
		    "check FILE... or set PROFILE");
	return action->run(&use);
}
