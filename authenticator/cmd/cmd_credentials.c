/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey credentials: list, show and delete. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"

static const char help[] =
"Usage: sealkey credentials list [--state DIR] [--json]\n"
"       sealkey credentials show ID [--state DIR] [--json]\n"
"       sealkey credentials delete ID [--state DIR] [--json]\n"
"\n"
"Manages the discoverable credentials of a key, running or not. IDs are\n"
"base64url, as list prints them. Private keys are never shown.\n"
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

#define TEXT_MAX	1400	/* bytes; an ID in base64url fits */

/* Members of a credential; a path has two steps at most. */
static const struct {
	const char *outer;
	const char *inner;	/* NULL: outer is it */
	const char *title;
} lines[] = {
	{ "id",		NULL,		"ID" },
	{ "rp",		"id",		"relying party" },
	{ "rp",		"name",		"its name" },
	{ "user",	"id",		"user ID" },
	{ "user",	"name",		"user name" },
	{ "user",	"displayName",	"display name" },
	{ "algorithmName", NULL,	"algorithm" },
	{ "credProtect", NULL,		"credential protection" },
	{ "hmacSecret",	NULL,		"hmac-secret" },
	{ "signCount",	NULL,		"signature counter" },
	{ "backupEligibility", NULL,	"backup eligible" },
	{ "backupState", NULL,		"backed up" },
	{ "created",	NULL,		"created" },
	{ "publicKey",	NULL,		"public key (COSE)" },
};

/* Clean text of a member, "-" if there is none. */
static void
member(json_t *cred, const char *outer, const char *inner,
    char out[static TEXT_MAX])
{
	json_t *v = json_object_get(cred, outer);

	if (inner != NULL)
		v = json_object_get(v, inner);
	if (json_is_string(v) && json_string_length(v) > 0)
		cli_clean(json_string_value(v), json_string_length(v), out,
		    TEXT_MAX);
	else if (json_is_integer(v))
		snprintf(out, TEXT_MAX, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
	else if (json_is_boolean(v))
		strcpy(out, json_is_true(v) ? "yes" : "no");
	else
		strcpy(out, "-");
}

/* One line: what comes from relying parties is last, where it can be long. */
static int
list_line(void *arg, json_t *cred)
{
	char id[TEXT_MAX], alg[TEXT_MAX], rp[TEXT_MAX], user[TEXT_MAX];

	(void)arg;
	member(cred, "id", NULL, id);
	member(cred, "algorithmName", NULL, alg);
	member(cred, "rp", "id", rp);
	member(cred, "user", "name", user);
	printf("%s  %s  %s  %s\n", id, alg, rp, user);
	return 0;
}

/* An array on its way out. */
struct json_list {
	struct manage *m;
	bool	any;		/* an element was there before */
};

/* What nobody can read any more is main()'s to find out, not an error. */
static int
list_json(void *arg, json_t *cred)
{
	struct json_list *list = arg;
	char *text = json_dumps(cred, JSON_COMPACT);

	if (text == NULL) {
		snprintf(list->m->msg, sizeof(list->m->msg), "out of memory");
		return -ENOMEM;
	}
	printf("%s%s", list->any ? ",\n" : "[\n", text);
	list->any = true;
	free(text);
	return 0;
}

static int
do_list(struct manage *m, const char *id, bool as_json)
{
	struct json_list list = { .m = m };
	int r;

	(void)id;
	if (!as_json)
		return manage_each(m, list_line, NULL);
	r = manage_each(m, list_json, &list);
	/* Half a list must not parse: the end is missing from it. */
	if (r == 0)
		puts(list.any ? "\n]" : "[]");
	return r;
}

static int
do_show(struct manage *m, const char *id, bool as_json)
{
	char text[TEXT_MAX];
	json_t *cred;
	size_t i;
	int r = manage_show(m, id, &cred);

	if (r < 0)
		return r;
	if (as_json) {
		json_dumpf(cred, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	for (i = 0; !as_json && i < sizeof(lines) / sizeof(lines[0]); i++) {
		member(cred, lines[i].outer, lines[i].inner, text);
		printf("%s: %s\n", lines[i].title, text);
	}
	json_decref(cred);
	return 0;
}

static int
do_delete(struct manage *m, const char *id, bool as_json)
{
	int r = manage_delete(m, id);

	if (r == 0 && as_json)
		printf("{\"deleted\": \"%s\"}\n", id);
	return r;
}

static const struct action {
	const char *name;
	int	operands;
	int	(*run)(struct manage *m, const char *id, bool as_json);
} actions[] = {
	{ "list",	0, do_list },
	{ "show",	1, do_show },
	{ "delete",	1, do_delete },
};

static const struct action *
find_action(const struct cli *cli)
{
	int count = cli->argc - optind;
	size_t i;

	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (count == actions[i].operands + 1 &&
		    strcmp(cli->argv[optind], actions[i].name) == 0)
			return &actions[i];
	}
	return NULL;
}

static int
act(const struct action *action, const char *state, const char *id,
    bool as_json)
{
	struct manage m;
	int r = manage_open(&m, state);

	if (r == 0)
		r = action->run(&m, id, as_json);
	if (r != 0 || m.warning[0] != '\0')
		cli_error("%s", r != 0 ? m.msg : m.warning);
	manage_close(&m);
	return r == 0 ? CLI_DONE : CLI_FAILED;
}

int
cmd_credentials(int argc, char **argv)
{
	struct cli cli = { .command = "credentials", .help = help,
	    .options = options, .operands = "list, show or delete",
	    .argc = argc, .argv = argv };
	const struct action *action;
	const char *state = NULL;
	bool as_json = false;
	int opt;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		if (opt == OPT_STATE)
			state = optarg;
		else
			as_json = true;
	}
	action = find_action(&cli);
	if (action == NULL)
		return cli_wrong_use(&cli, "what to do is list, show ID or "
		    "delete ID");
	return act(action, state, argv[argc - 1], as_json);
}
