/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey rp-audit: what does a relying party accept? See rpaudit/. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/device.h"
#include "authenticator/ephemeral.h"
#include "authenticator/interrupt.h"
#include "authenticator/parse.h"
#include "authenticator/paths.h"
#include "authenticator/rpaudit/audit.h"
#include "ctap/cbor.h"

static const char help[] =
"Usage: sealkey rp-audit --origin ORIGIN --options CMD|URL --verify CMD|URL\n"
"                        [OPTION]...\n"
"\n"
"Judges a relying party: registers and signs in with honest keys, which it\n"
"has to accept, and then with every fault that \"sealkey fault list\" lists,\n"
"each of which it has to notice. Prints a line a check, and the sum. What it\n"
"refuses without the fault, too, is not applicable.\n"
"\n"
"  --origin ORIGIN     the relying party's: https://HOST[:PORT], or http for\n"
"                      localhost\n"
"  --options CMD|URL   who gives options: a command, started once, that\n"
"                      reads a JSON object a line and answers with one; or a\n"
"                      URL that such an object is POSTed to; commands find\n"
"                      ORIGIN in their environment\n"
"  --verify CMD|URL    who verifies responses, likewise; the same command\n"
"                      twice is one program\n"
"  --rp CMD|URL        both at once\n"
"  --state DIR         keep the keys in DIR/key and DIR/tpm, so that trust\n"
"                      anchors can be given to the relying party before\n"
"                      (\"sealkey attestation roots --state DIR/key\"); else\n"
"                      they are made for this run\n"
"  --attachment KIND   cross-platform (default) or platform: what the client\n"
"                      claims to be\n"
"  --timeout SECONDS   for each answer (10)\n"
"  --only PATTERN      only checks whose name matches this shell pattern,\n"
"  --skip PATTERN      but for those; both may be repeated\n"
"  --fail-on WHAT      what is a failure: missed (default), what the standard\n"
"                      demands was missed, an honest key refused, or no\n"
"                      answer given; policy, also what only a policy can\n"
"                      refuse was missed, or what is allowed was refused;\n"
"                      never; or patterns of names, with commas: only those\n"
"  --json              print the results as JSON instead\n"
"  --junit FILE        write them as JUnit XML, too\n"
"  --html FILE         write them as a page, too\n"
"  --list              print what is checked, and ask nobody\n"
"  --help, --version\n"
"\n"
"Exit status: 0 no failure, 1 a failure, or every check that was selected was\n"
"not applicable (unless it is to fail never), 2 wrong use. Interrupted,\n"
"it removes the keys and ends by that signal, without a report.\n";

enum {
	OPT_ORIGIN = CLI_OPT_FIRST,
	OPT_OPTIONS,
	OPT_VERIFY,
	OPT_RP,
	OPT_STATE,
	OPT_ATTACHMENT,
	OPT_TIMEOUT,
	OPT_ONLY,
	OPT_SKIP,
	OPT_FAIL_ON,
	OPT_JSON,
	OPT_JUNIT,
	OPT_HTML,
	OPT_LIST,
};

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPT_ORIGIN },
	{ "options", required_argument, NULL, OPT_OPTIONS },
	{ "verify", required_argument, NULL, OPT_VERIFY },
	{ "rp", required_argument, NULL, OPT_RP },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "attachment", required_argument, NULL, OPT_ATTACHMENT },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "fail-on", required_argument, NULL, OPT_FAIL_ON },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "junit", required_argument, NULL, OPT_JUNIT },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "list", no_argument, NULL, OPT_LIST },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

#define PATTERNS_MAX	64
#define TIMEOUT_S	10
#define TIMEOUT_MAX_S	3600
#define FAIL_ON_MAX	4096	/* bytes of a list */

enum fail_on {
	FAIL_ON_MISSED,
	FAIL_ON_POLICY,
	FAIL_ON_NEVER,
	FAIL_ON_LIST,
};

struct rp_audit_use {
	struct rp_audit	 audit;
	const char	*origin;
	const char	*state;
	const char	*only[PATTERNS_MAX];
	const char	*skip[PATTERNS_MAX];
	enum fail_on	 fail_on;
	char		 fail_text[FAIL_ON_MAX];	/* the list, cut up */
	const char	*fail_list[PATTERNS_MAX];
	struct rp_patterns fail_patterns;
	bool		 json;
	const char	*junit;
	const char	*html;
	bool		 list;
	char		 path[PATH_MAX];	/* of the state directory */
	struct ephemeral ephemeral;		/* if it is ours */
};

/*
 * Reading the command line
 */

static int
append(const struct cli *cli, const char **list, struct rp_patterns *p)
{
	if (p->count == PATTERNS_MAX)
		return cli_wrong_use(cli, "more than %d patterns",
		    PATTERNS_MAX);
	list[p->count++] = optarg;
	p->list = list;
	return CLI_DONE;
}

static int
take_fail_on(const struct cli *cli, struct rp_audit_use *use)
{
	static const char *const names[] = { "missed", "policy", "never",
	    NULL };
	int i = parse_choice(optarg, names);
	char *name, *rest = use->fail_text;

	use->fail_on = i >= 0 ? (enum fail_on)i : FAIL_ON_LIST;
	if (i >= 0)
		return CLI_DONE;
	if (strlen(optarg) >= sizeof(use->fail_text))
		return cli_wrong_use(cli, "--fail-on is too long");
	strcpy(use->fail_text, optarg);
	use->fail_patterns.list = use->fail_list;
	use->fail_patterns.count = 0;
	while ((name = strsep(&rest, ",")) != NULL) {
		if (name[0] == '\0')
			return cli_wrong_use(cli, "--fail-on has an empty "
			    "name in \"%s\"", optarg);
		if (use->fail_patterns.count == PATTERNS_MAX)
			return cli_wrong_use(cli, "more than %d patterns",
			    PATTERNS_MAX);
		use->fail_list[use->fail_patterns.count++] = name;
	}
	return CLI_DONE;
}

static int
take_timeout(const struct cli *cli, struct rp_audit *a)
{
	uint64_t seconds;
	int status = cli_take_number(cli, "--timeout", 1, TIMEOUT_MAX_S,
	    &seconds);

	if (status == CLI_DONE)
		a->timeout_ms = (unsigned)seconds * 1000;
	return status;
}

static int
take_output_option(int opt, struct rp_audit_use *use)
{
	if (opt == OPT_JSON)
		use->json = true;
	else if (opt == OPT_JUNIT)
		use->junit = optarg;
	else if (opt == OPT_HTML)
		use->html = optarg;
	else if (opt == OPT_LIST)
		use->list = true;
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct rp_audit_use *use)
{
	struct rp_audit *a = &use->audit;

	switch (opt) {
	case OPT_ORIGIN:
		use->origin = optarg;
		return CLI_DONE;
	case OPT_RP:
	case OPT_OPTIONS:
		a->options = optarg;
		if (opt == OPT_OPTIONS)
			return CLI_DONE;
		/* fallthrough */
	case OPT_VERIFY:
		a->verify = optarg;
		return CLI_DONE;
	case OPT_STATE:
		use->state = optarg;
		return CLI_DONE;
	case OPT_ATTACHMENT:
		return cli_take_attachment(cli, &a->platform);
	case OPT_TIMEOUT:
		return take_timeout(cli, a);
	case OPT_ONLY:
		return append(cli, use->only, &a->only);
	case OPT_SKIP:
		return append(cli, use->skip, &a->skip);
	case OPT_FAIL_ON:
		return take_fail_on(cli, use);
	default:
		return take_output_option(opt, use);
	}
}

static bool
is_utf8(const char *s)
{
	return cbor_utf8_cut(span_str(s), strlen(s)) == strlen(s);
}

/* A slip of the pen would make a pipeline green for good. */
static int
check_patterns(const struct cli *cli, const struct rp_audit_use *use)
{
	const struct {
		const char	*option;
		const struct rp_patterns *patterns;
	} all[] = {
		{ "--only", &use->audit.only },
		{ "--skip", &use->audit.skip },
		{ "--fail-on", &use->fail_patterns },
	};
	const char *unknown;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unknown = rp_patterns_unknown(all[i].patterns);
		if (unknown != NULL)
			return cli_wrong_use(cli, "%s: no check has such a "
			    "name: \"%s\"; --list has them", all[i].option,
			    unknown);
	}
	return CLI_DONE;
}

static int
check_use(const struct cli *cli, struct rp_audit_use *use)
{
	const char *why;

	if (check_patterns(cli, use) != CLI_DONE)
		return CLI_WRONG_USE;
	if (use->list)
		return CLI_DONE;
	if (use->origin == NULL)
		return cli_wrong_use(cli, "--origin is missing");
	if (!origin_parse(use->origin, &use->audit.origin, &why))
		return cli_wrong_use(cli, "--origin: %s", why);
	if (use->audit.options == NULL || use->audit.verify == NULL)
		return cli_wrong_use(cli, "say who the relying party is: "
		    "--options and --verify, or --rp");
	if (use->json && !is_utf8(use->audit.verify))
		return cli_wrong_use(cli, "--json: the report names the "
		    "relying party, whose name is not UTF-8");
	return CLI_DONE;
}

/*
 * Where the keys are
 */

static int
make_state(struct rp_audit_use *use)
{
	char msg[DEVICE_MESSAGE_LEN];
	int r;

	if (use->state != NULL) {
		r = paths_state(use->state, use->path, msg, sizeof(msg));
		use->audit.state = use->path;
	} else {
		r = ephemeral_make(&use->ephemeral, msg, sizeof(msg));
		use->audit.state = use->ephemeral.root;
	}
	return r < 0 ? cli_error("rp-audit: %s", msg) : CLI_DONE;
}

/*
 * Telling
 */

static bool
is_failure(const struct rp_audit_use *use, const struct rp_row *row)
{
	if (!rp_row_is_bad(row))
		return false;
	switch (use->fail_on) {
	case FAIL_ON_NEVER:
		return false;
	case FAIL_ON_LIST:
		return rp_patterns_match(&use->fail_patterns, row->name);
	case FAIL_ON_POLICY:
		return true;
	case FAIL_ON_MISSED:
		break;
	}
	if (row->outcome == RP_MISSED)
		return row->level == RP_REQUIRED;
	return row->outcome != RP_REFUSED || row->level == RP_HONEST;
}

static int
write_file(const struct rp_results *rs, const char *path,
    void (*write)(const struct rp_results *rs, FILE *f))
{
	int r;

	if (path == NULL)
		return CLI_DONE;
	r = rp_results_write(rs, path, write);
	return r < 0 ? cli_error("rp-audit: %s: %s", path, strerror(-r)) :
	    CLI_DONE;
}

/* Or nobody would notice a pipeline that has not checked anything for years. */
static bool
nothing_was_checked(const struct rp_audit_use *use,
    const struct rp_results *rs)
{
	for (size_t i = 0; i < rs->count; i++)
		if (rs->rows[i].outcome != RP_NOT_APPLICABLE)
			return false;
	return use->fail_on != FAIL_ON_NEVER;
}

/* Every form that was asked for, even if one of them cannot be had. */
static int
tell(const struct rp_audit_use *use, const struct rp_results *rs)
{
	int status = CLI_DONE;

	if (!use->json)
		rp_results_print(rs, stdout);
	else if (!rp_results_json(rs, stdout))
		status = cli_error("rp-audit: out of memory");
	if (write_file(rs, use->junit, rp_results_junit) != CLI_DONE)
		status = CLI_FAILED;
	if (write_file(rs, use->html, rp_results_html) != CLI_DONE)
		status = CLI_FAILED;
	for (size_t i = 0; i < rs->count; i++)
		if (is_failure(use, &rs->rows[i]))
			status = CLI_FAILED;
	if (nothing_was_checked(use, rs))
		status = cli_error("rp-audit: nothing was checked: every "
		    "check that was selected is not applicable; the report "
		    "says why");
	return status;
}

/* Half a report would be taken for a whole one. */
static int
tell_end(const struct rp_audit_use *use, const struct rp_results *rs, int r,
    const char *msg)
{
	int status;

	if (use->audit.interrupt->signal != 0)
		return cli_error("rp-audit: interrupted by signal %d after "
		    "%zu checks: there is no report",
		    use->audit.interrupt->signal, rs->count);
	if (r == 0 && rs->count == 0)
		return cli_error("rp-audit: --skip leaves nothing of what "
		    "--only selects");
	status = rs->count > 0 ? tell(use, rs) : CLI_FAILED;
	return r < 0 ? cli_error("rp-audit: %s", msg) : status;
}

/* No key is left when something is told: nobody may be there to read it. */
static int
audit(struct rp_audit_use *use)
{
	struct rp_results rs = { .target = use->audit.verify };
	char msg[RP_AUDIT_MESSAGE_LEN];
	int status = make_state(use), r;

	if (status != CLI_DONE)
		return status;
	use->audit.progress = isatty(STDERR_FILENO) == 1;
	r = rp_audit_run(&use->audit, &rs, msg, sizeof(msg));
	ephemeral_remove(&use->ephemeral);
	status = tell_end(use, &rs, r, msg);
	rp_results_done(&rs);
	return status;
}

static int
run(struct rp_audit_use *use)
{
	struct dom_error err = { .name = NULL };
	struct interrupt interrupt;
	int status, r;

	if (use->list) {
		rp_audit_list(&use->audit, stdout);
		return CLI_DONE;
	}
	if (!origin_is_usable(&use->audit.origin, &err))
		return cli_error("rp-audit: %s: %s", err.name, err.message);
	/* for the commands; whoever has one of their own knows why */
	if (setenv("ORIGIN", use->origin, 0) == -1)
		return cli_error("rp-audit: out of memory");
	r = interrupt_open(&interrupt);
	if (r < 0)
		return cli_error("rp-audit: %s", strerror(-r));
	use->audit.interrupt = &interrupt;
	status = audit(use);
	interrupt_close(&interrupt);
	return status;
}

int
cmd_rp_audit(int argc, char **argv)
{
	struct cli cli = { .command = "rp-audit", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	struct rp_audit_use use = {
		.audit.timeout_ms = TIMEOUT_S * 1000,
		.ephemeral.lock_fd = -1,
	};
	int opt, status;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, &use);
		if (status != CLI_DONE)
			return status;
	}
	status = check_use(&cli, &use);
	return status == CLI_DONE ? run(&use) : status;
}
