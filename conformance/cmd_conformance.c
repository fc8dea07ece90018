/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey conformance: judges a key, case by case. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/clock.h"
#include "conformance/key_target.h"
#include "conformance/library.h"
#include "conformance/report.h"
#include "conformance/sim_target.h"

static const char help[] =
"Usage: sealkey conformance [OPTION]...\n"
"\n"
"Judges a key: runs conversations that the specifications have a firm answer\n"
"for, and prints what came of each (TAP). Without a key to judge, a simulated\n"
"sealkey is, in a few seconds, with a clock and a user of its own. What a key\n"
"cannot show is skipped, with the reason.\n"
"\n"
"  --socket PATH          judge the key behind this socket (run --socket)\n"
"  --device /dev/hidrawN  judge the key that the kernel drives there\n"
"  --usb VID:PID[,SERIAL] judge the key on the bus, without the kernel\n"
"  --control PATH         the key's control socket, if it is a sealkey that\n"
"                         runs: touches it and cycles its power\n"
"  --no-touch             without --control: nobody is there to touch the\n"
"                         key, or to unplug it\n"
"  --destructive          also cases that change the key for good. It is\n"
"                         RESET before the first one, and after each\n"
"  --wait                 also cases that wait; it takes that long\n"
"  --filter PATTERN       only cases whose \"file: title\", or a requirement\n"
"                         that they cover, matches this shell pattern; may be\n"
"                         given several times\n"
"  --list                 print the cases, and what they cover; run none\n"
"  --cases PATH           a file of cases, or a folder of *.txt, instead of\n"
"                         those of sealkey; may be given several times\n"
"  --junit FILE           write the results as JUnit XML, too\n"
"  --report FILE.html     write them as a page, too, with what was sent and\n"
"                         received before each failure\n"
"  --help, --version\n"
"\n"
"Exit status: 0 no case failed and at least one passed, 1 otherwise, 2 wrong\n"
"use.\n";

enum {
	OPT_FILTER = CLI_OPT_FIRST,
	OPT_LIST,
	OPT_CASES,
	OPT_JUNIT,
	OPT_REPORT,
	OPT_SOCKET,
	OPT_DEVICE,
	OPT_USB,
	OPT_CONTROL,
	OPT_NO_TOUCH,
	OPT_DESTRUCTIVE,
	OPT_WAIT,
};

static const struct option options[] = {
	{ "filter", required_argument, NULL, OPT_FILTER },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "cases", required_argument, NULL, OPT_CASES },
	{ "junit", required_argument, NULL, OPT_JUNIT },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "usb", required_argument, NULL, OPT_USB },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "no-touch", no_argument, NULL, OPT_NO_TOUCH },
	{ "destructive", no_argument, NULL, OPT_DESTRUCTIVE },
	{ "wait", no_argument, NULL, OPT_WAIT },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

#define PATHS_MAX	32

struct conformance {
	struct library	 library;
	const char	*paths[PATHS_MAX];
	size_t		 path_count;
	bool		 list;
	const char	*junit;
	const char	*report;
	struct key_options key;
	unsigned	 keys;		/* how many were named */
	bool		 real;		/* an option for real keys was */
};

static bool
append(const char **list, size_t *count, size_t max)
{
	if (*count == max)
		return false;
	list[(*count)++] = optarg;
	return true;
}

/* Options that say which key, and what may be done to it. */
static void
take_key_option(struct conformance *cf, int opt)
{
	static const struct {
		int	opt;
		int	(*open)(const char *where, struct host_pipe **out,
			    char *msg, size_t msglen);
	} ways[] = {
		{ OPT_SOCKET, host_pipe_open_socket },
		{ OPT_DEVICE, host_pipe_open_hidraw },
		{ OPT_USB, host_pipe_open_usb },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i].opt != opt)
			continue;
		cf->key.open = ways[i].open;
		cf->key.where = optarg;
		cf->key.hosts = opt == OPT_SOCKET;
		cf->keys++;
		return;
	}
	cf->real = true;
	if (opt == OPT_CONTROL)
		cf->key.control = optarg;
	cf->key.no_touch |= opt == OPT_NO_TOUCH;
	cf->key.destructive |= opt == OPT_DESTRUCTIVE;
	cf->key.wait |= opt == OPT_WAIT;
}

/* CLI_DONE; or an exit status, after a message. */
static int
take_option(struct conformance *cf, struct cli *cli, int opt)
{
	bool ok = true;

	switch (opt) {
	case OPT_FILTER:
		ok = append(cf->library.filters, &cf->library.filter_count,
		    LIBRARY_FILTERS_MAX);
		break;
	case OPT_CASES:
		ok = append(cf->paths, &cf->path_count, PATHS_MAX);
		break;
	case OPT_LIST:
		cf->list = true;
		break;
	case OPT_JUNIT:
		cf->junit = optarg;
		break;
	case OPT_REPORT:
		cf->report = optarg;
		break;
	default:
		take_key_option(cf, opt);
		break;
	}
	return ok ? CLI_DONE : cli_wrong_use(cli, "too many of an option");
}

static int
collect(struct conformance *cf)
{
	char msg[512] = "out of memory";
	int r = 0;

	if (cf->path_count == 0)
		r = library_add_builtin(&cf->library);
	for (size_t i = 0; r == 0 && i < cf->path_count; i++)
		r = library_add_path(&cf->library, cf->paths[i], msg,
		    sizeof(msg));
	if (r < 0)
		return cli_error("%s", msg);
	if (cf->library.count == 0)
		return cli_error("no case matches");
	return CLI_DONE;
}

static int
list_cases(const struct library *lib)
{
	for (size_t i = 0; i < lib->count; i++) {
		const struct transcript_case *c = lib->cases[i];

		printf("%.*s: %s", (int)strcspn(c->file, "."), c->file,
		    c->title);
		if (c->covers[0] != '\0')
			printf(" (%s)", c->covers);
		putchar('\n');
	}
	return CLI_DONE;
}

static int
run_cases(const struct library *lib, const struct transcript_target *target,
    struct report *rp)
{
	struct transcript_result result;
	uint64_t begun_ms;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lib->count; i++) {
		report_begin(rp, lib->cases[i]);
		begun_ms = clock_ms();
		transcript_run_case(lib->cases[i], target, &result);
		r = report_add(rp, &result, clock_ms() - begun_ms);
	}
	return r;
}

/* Every file that was asked for, even if one of them cannot be written. */
static int
write_files(const struct conformance *cf, const struct report *rp)
{
	int status = CLI_DONE, r = 0;

	if (cf->junit != NULL)
		r = report_write_junit(rp, cf->junit);
	if (r < 0)
		status = cli_error("%s: %s", cf->junit, strerror(-r));
	r = 0;
	if (cf->report != NULL)
		r = report_write_html(rp, cf->report);
	if (r < 0)
		status = cli_error("%s: %s", cf->report, strerror(-r));
	return status;
}

static int
judge(const struct conformance *cf, const struct transcript_target *target,
    const char *name)
{
	struct report *rp = report_new(name, (unsigned)cf->library.count,
	    isatty(STDERR_FILENO) == 1);
	int status = CLI_DONE;

	if (rp == NULL)
		return cli_error("out of memory");
	if (run_cases(&cf->library, target, rp) < 0)
		status = cli_error("out of memory");
	report_end(rp);
	if (write_files(cf, rp) != CLI_DONE ||
	    report_count(rp, OUTCOME_FAILED) > 0 ||
	    report_count(rp, OUTCOME_PASSED) == 0)
		status = CLI_FAILED;
	report_free(rp);
	return status;
}

static int
judge_real(const struct conformance *cf)
{
	struct key *key;
	char msg[TRANSCRIPT_WHY_MAX];
	int status;

	if (key_open(&cf->key, &key, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	status = judge(cf, key_target(key), cf->key.where);
	key_close(key);
	return status;
}

static int
check_use(const struct cli *cli, const struct conformance *cf)
{
	if (cf->keys > 1)
		return cli_wrong_use(cli, "one key at a time");
	if (cf->keys == 0 && cf->real)
		return cli_wrong_use(cli, "--control, --no-touch, "
		    "--destructive and --wait are for real keys: see "
		    "--socket, --device and --usb");
	if (cf->key.control != NULL && cf->key.no_touch)
		return cli_wrong_use(cli, "--control touches the key, "
		    "--no-touch does not");
	return CLI_DONE;
}

static int
run(const struct conformance *cf)
{
	if (cf->list)
		return list_cases(&cf->library);
	if (cf->keys > 0)
		return judge_real(cf);
	return judge(cf, &sim_target, "a simulated sealkey");
}

int
cmd_conformance(int argc, char **argv)
{
	struct cli cli = { .command = "conformance", .help = help,
	    .options = options, .argc = argc, .argv = argv };
	struct conformance cf = { .list = false };
	int opt, status;

	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cf, &cli, opt);
		if (status != CLI_DONE)
			return status;
	}
	status = check_use(&cli, &cf);
	if (status == CLI_DONE)
		status = collect(&cf);
	if (status == CLI_DONE)
		status = run(&cf);
	library_done(&cf.library);
	return status;
}
