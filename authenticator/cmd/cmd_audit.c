/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey audit: what a key was asked to do, and did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authenticator/audit.h"
#include "authenticator/audit_log.h"
#include "authenticator/audit_read.h"
#include "authenticator/clock.h"
#include "authenticator/cmd/cli.h"
#include "authenticator/control/manage.h"
#include "authenticator/watch.h"

static const char help[] =
"Usage: sealkey audit [OPTION]...\n"
"\n"
"Tells what a key was asked to do, and did, oldest first, whether it runs or\n"
"not. How much of that it keeps, and how it is told not to: \"sealkey run\n"
"--audit\".\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --since TIME        from then on: 2026-01-31, 2026-01-31T12:00:00Z (UTC),\n"
"                      or ago: -90s, -30m, -1h, -2d\n"
"  --until TIME        until before then\n"
"  --operation NAME    only those of that name, such as makeCredential, or\n"
"                      events of that name, such as reset\n"
"  --rp ID             only those of that relying party\n"
"  --json              a line of JSON for each, for programs\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_OPERATION,
	OPT_RP,
	OPT_JSON,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "operation", required_argument, NULL, OPT_OPERATION },
	{ "rp", required_argument, NULL, OPT_RP },
	{ "json", no_argument, NULL, OPT_JSON },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct audit_use {
	const char	*state;
	struct audit_filter filter;
	bool		 json;
};

/* Told in this order, as far as they are there. */
static const char *const told[] = { "rpId", "rpIdHash", "result", "format",
    "fault", "profile", "credentialId", "value", "offsetMs", "count",
    "durationUs" };

static void
tell_value(const json_t *value)
{
	char clean[256];

	if (json_is_string(value)) {
		cli_clean(json_string_value(value), json_string_length(value),
		    clean, sizeof(clean));
		printf(" %s", clean);
	} else if (json_is_integer(value)) {
		printf(" %" JSON_INTEGER_FORMAT, json_integer_value(value));
	}
}

static void
tell_flags(const json_t *flags)
{
	for (size_t i = 0; i < json_array_size(flags); i++)
		printf("%s%s", i == 0 ? " " : ",",
		    json_string_value(json_array_get(flags, i)));
}

/* 2026-01-31T12:00:00.000Z getAssertion example.com OK UP,UV ... */
static void
tell_line(json_t *line)
{
	json_t *name = json_object_get(line, "operation");
	size_t i;

	if (name == NULL)
		name = json_object_get(line, "event");
	printf("%s", json_string_value(json_object_get(line, "time")));
	tell_value(name);
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (strcmp(told[i], "format") == 0)
			tell_flags(json_object_get(line, "flags"));
		tell_value(json_object_get(line, told[i]));
		if (strcmp(told[i], "durationUs") == 0 &&
		    json_object_get(line, told[i]) != NULL)
			printf(" us");
	}
	putchar('\n');
}

static int
each_line(void *arg, json_t *line)
{
	const struct audit_use *use = arg;
	char *text;

	if (!audit_filter_fits(&use->filter, line))
		return 0;
	if (!use->json) {
		tell_line(line);
	} else {
		text = json_dumps(line, JSON_COMPACT);
		if (text == NULL)
			return -ENOMEM;
		puts(text);
		free(text);
	}
	return ferror(stdout) ? -EPIPE : 0;
}

static int
take_time(const struct cli *cli, const char *option, uint64_t *out)
{
	if (audit_time(optarg, clock_real_ms(), out))
		return CLI_DONE;
	return cli_wrong_use(cli, "%s is a time such as 2026-01-31, "
	    "2026-01-31T12:00:00Z or -1h", option);
}

/* Of an operation, or of what else is noted. */
static bool
is_name(const char *name)
{
	int kind = event_find(name);

	/* the log has no aliases */
	return watch_is_operation(name) || strcmp(name, AUDIT_LOST) == 0 ||
	    (kind != -1 && audit_notes((enum event_kind)kind) &&
	    strcmp(event_name(kind), name) == 0);
}

static int
take_option(const struct cli *cli, int opt, struct audit_use *use)
{
	switch (opt) {
	case OPT_STATE:
		use->state = optarg;
		break;
	case OPT_SINCE:
		return take_time(cli, "--since", &use->filter.since_ms);
	case OPT_UNTIL:
		return take_time(cli, "--until", &use->filter.until_ms);
	case OPT_OPERATION:
		if (!is_name(optarg))
			return cli_wrong_use(cli, "--operation: there is no "
			    "\"%s\", such as makeCredential or reset",
			    optarg);
		use->filter.operation = optarg;
		break;
	case OPT_RP:
		use->filter.rp_id = optarg;
		break;
	case OPT_JSON:
		use->json = true;
		break;
	}
	return CLI_DONE;
}

int
cmd_audit(int argc, char **argv)
{
	struct cli cli = { .command = "audit", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	struct audit_use use = { .state = NULL };
	uint64_t damaged = 0;
	struct manage m;
	int opt, r, status;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, &use);
		if (status != CLI_DONE)
			return status;
	}
	r = manage_open(&m, use.state);
	if (r == 0)
		r = manage_audit(&m, &use.filter, each_line, &use, &damaged);
	if (r < 0 && r != -EPIPE)
		cli_error("%s", m.msg);
	else if (damaged > 0)
		cli_error("audit: %llu lines cannot be read: not whole, or "
		    "not of this key", (unsigned long long)damaged);
	manage_close(&m);
	return r == 0 ? CLI_DONE : CLI_FAILED;
}
