/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey tpm: what a key has in its TPM, and what to do about it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/audit.h"
#include "authenticator/cmd/cli.h"
#include "authenticator/control/describe.h"
#include "authenticator/control/manage.h"
#include "authenticator/date.h"
#include "authenticator/paths.h"
#include "authenticator/cmd/tell.h"
#include "authenticator/cmd/tpm_options.h"

static const char help[] =
"Usage: sealkey tpm status [--state DIR] [--json]\n"
"       sealkey tpm reseal [--state DIR] [--pcrs LIST] [--recovery FILE]\n"
"       sealkey tpm accept-rollback [--state DIR] [--yes]\n"
"       sealkey tpm destroy [--state DIR] [--yes]\n"
"       sealkey tpm csr|answer|enroll ...\n"
"\n"
"  status            which TPM it is, and what it does for the key\n"
"  reseal            seals the key to the PCRs as they are now: those that it\n"
"                    is sealed to, or --pcrs LIST from now on\n"
"  accept-rollback   makes an older copy of the state directory the key again\n"
"                    and says so in DIR/audit.log\n"
"  destroy           removes from the TPM what the key has put there; nothing\n"
"                    in DIR can be used afterwards\n"
"  csr, answer, enroll   see \"sealkey tpm csr --help\" and so on\n"
"\n"
"  --state DIR       the key's state directory\n"
"  --pcrs LIST       such as 7 or 7,11\n"
"  --recovery FILE   its first line is the passphrase that opens a key whose\n"
"                    PCRs have changed. Resealed with it, it does so again;\n"
"                    resealed without, nothing does\n"
"  --json            as JSON, for programs\n"
"  --yes             do not ask; needed where there is no terminal\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_JSON,
	OPT_YES,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "yes", no_argument, NULL, OPT_YES },
	TPM_OPTION_PCRS("pcrs"),
	TPM_OPTION_RECOVERY("recovery"),
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct use {
	const char	*state;
	bool		 json;
	bool		 yes;
	uint32_t	 pcrs;		/* 0: as they are */
	struct tpm_options tpm;
};

static const struct tell_row rows[] = {
	{ "state",		"state directory" },
	{ "tpm.kind",		"TPM" },
	{ "tpm.target",		"reached by" },
	{ "hardware",		"hardware" },
	{ "tpm.manufacturer",	"manufacturer" },
	{ "tpm.manufacturerId",	"manufacturer ID" },
	{ "tpm.vendor",		"vendor" },
	{ "tpm.firmware",	"firmware" },
	{ "tpm.revision",	"specification" },
	{ "tpm.storageRoot",	"storage root key" },
	{ "tpm.pcrs",		"sealed to PCRs" },
	{ "tpm.pin",		"PIN kept by" },
	{ "tpm.pinRetries",	"PIN retries left" },
	{ "tpm.rollbackProtection", "older copies refused" },
	{ "tpm.generation",	"generation of the state" },
	{ "tpm.counter",	"generation by the TPM" },
	{ "tpm.enrolled",	"attestation enrolled" },
	{ "running",		"running" },
	{ "warning",		"warning" },
	{ NULL,			NULL }
};

/* Whether the owner means it. */
static bool
confirmed(const struct use *use, const char *question, const char *path)
{
	char answer[16];

	if (use->yes)
		return true;
	printf("%s %s? Type \"yes\": ", question, path);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	    strcmp(answer, "yes\n") == 0;
}

static int
unchanged(void)
{
	return cli_error("tpm: nothing was changed");
}

/* To be changed; so it must not run. */
static int
open_at_rest(struct manage *m, const struct use *use, bool look)
{
	int r = manage_open_tpm(m, use->state, &use->tpm.tpm, look);

	if (r == 0 && m->device == NULL)
		return cli_error("%s: the key is running; stop it first",
		    m->path);
	if (r < 0)
		return cli_error("%s", m->msg);
	if (device_keys_info(m->device)->tpm)
		return CLI_DONE;
	return cli_error("%s: the keys of this key are not in a TPM", m->path);
}

static int
audit(const char *path, int dirfd, json_t *event)
{
	int r = audit_append(dirfd, event);

	if (r == 0)
		return CLI_DONE;
	return cli_error("%s/%s: cannot be written: %s", path, AUDIT_NAME,
	    strerror(-r));
}

static int
status(const struct use *use)
{
	json_t *info = NULL;
	struct manage m;
	int r;

	r = manage_open_tpm(&m, use->state, &use->tpm.tpm, true);
	if (r == 0)
		r = manage_info(&m, &info);
	if (r < 0)
		r = cli_error("%s", m.msg);
	else if (json_object_get(info, "tpm") == NULL)
		r = cli_error("%s: the keys of this key are not in a TPM",
		    m.path);
	else
		tell(info, rows, use->json);
	json_decref(info);
	manage_close(&m);
	return r;
}

/* NULL: the same as before */
static json_t *
list_pcrs(uint32_t pcrs)
{
	json_t *list = pcrs != 0 ? json_array() : NULL;

	for (int i = 0; i < 32; i++)
		if ((pcrs >> i & 1) != 0)
			json_array_append_new(list, json_integer(i));
	return list;
}

static int
reseal_device(struct manage *m, const struct use *use)
{
	const char *recovery = use->tpm.tpm.recovery;

	if (use->pcrs == 0 && !device_keys_info(m->device)->pcrs)
		return cli_error("%s: is not sealed to PCRs; --pcrs LIST "
		    "seals it to some", m->path);
	if (audit(m->path, device_dirfd(m->device), json_pack(
	    "{s:s, s:b, s:o*}", "event", "reseal", "recovery",
	    recovery != NULL, "pcrs", list_pcrs(use->pcrs))) != CLI_DONE)
		return CLI_FAILED;
	if (device_rewrap(m->device, use->pcrs, recovery) < 0)
		return cli_error("%s: %s", m->path,
		    device_strerror(m->device));
	printf("Sealed to %sPCRs as they are now, %s recovery passphrase.\n",
	    use->pcrs != 0 ? "these " : "the ",
	    recovery != NULL ? "with that" : "without a");
	return CLI_DONE;
}

static int
reseal(const struct use *use)
{
	struct manage m;
	int r = open_at_rest(&m, use, false);

	if (r == CLI_DONE)
		r = reseal_device(&m, use);
	manage_close(&m);
	return r;
}

static int
remember_newest(void *arg, const struct credential *cred)
{
	uint64_t *newest = arg;

	if (cred->created_s > *newest)
		*newest = cred->created_s;
	return 0;
}

/* What the owner is about to get, and the same for the audit log. */
static json_t *
explain_rollback(struct manage *m)
{
	uint64_t has = device_generation(m->device);
	uint64_t counter = device_counter(m->device);
	char when[DATE_LEN] = "";
	struct auth_state state;
	uint64_t newest = 0;
	json_t *event;

	if (store_load(device_store(m->device), &state) < 0 ||
	    store_each(device_store(m->device), remember_newest, &newest) < 0)
		return NULL;
	if (newest != 0)
		date_write((int64_t)newest, when);
	printf("%s is of generation %" PRIu64 ", and the TPM says %" PRIu64
	    ".\nIt has %" PRIu32 " credential%s%s%s. Changes since, %" PRIu64
	    " of them, are\nunknown to it: credentials made then are lost, "
	    "deleted ones are back.\n", m->path, has, counter,
	    state.credentials, state.credentials == 1 ? "" : "s",
	    when[0] != '\0' ? ", the newest made " : "", when,
	    counter - has);
	event = json_pack("{s:s, s:I, s:I, s:I, s:s*}",
	    "event", "accept-rollback",
	    "from", (json_int_t)has,
	    "to", (json_int_t)counter + 1,
	    "credentials", (json_int_t)state.credentials,
	    "newest", newest != 0 ? when : NULL);
	explicit_bzero(&state, sizeof(state));
	return event;
}

static int
accept_device(struct manage *m, const struct use *use)
{
	json_t *event;

	if (!device_is_stale(m->device))
		return cli_error("%s: is no older copy; there is nothing to "
		    "accept", m->path);
	if (device_generation(m->device) > device_counter(m->device))
		return cli_error("%s: belongs to another TPM, which no "
		    "acceptance changes", m->path);
	event = explain_rollback(m);
	if (event == NULL)
		return cli_error("%s", store_strerror(
		    device_store(m->device)));
	if (!confirmed(use, "Accept this older copy as the key in", m->path)) {
		json_decref(event);
		return unchanged();
	}
	/* in this order: it is never accepted without a trace */
	if (audit(m->path, device_dirfd(m->device), event) != CLI_DONE)
		return CLI_FAILED;
	if (device_accept(m->device) < 0)
		return cli_error("%s", device_strerror(m->device));
	printf("Accepted.\n");
	return CLI_DONE;
}

static int
accept_rollback(const struct use *use)
{
	struct manage m;
	int r = open_at_rest(&m, use, true);

	if (r == CLI_DONE)
		r = accept_device(&m, use);
	manage_close(&m);
	return r;
}

static int
destroy(const struct use *use)
{
	char path[PATH_MAX], msg[DEVICE_MESSAGE_LEN];
	int dirfd, r;

	if (paths_state(use->state, path, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	if (!confirmed(use, "Destroy, for good, every credential in", path))
		return unchanged();
	if (device_destroy(path, msg, sizeof(msg)) < 0)
		return cli_error("%s", msg);
	printf("The TPM has nothing of %s any more, and nothing can be\nread "
	    "there: delete the directory.\n", path);
	dirfd = paths_open_dir(path, false, msg, sizeof(msg));
	if (dirfd < 0)
		return cli_error("%s", msg);
	r = audit(path, dirfd, json_pack("{s:s}", "event", "destroy"));
	close(dirfd);
	return r;
}

static const struct {
	const char *name;
	int	(*run)(const struct use *use);
	bool	 asks;
} verbs[] = {
	{ "status",		status,			false },
	{ "reseal",		reseal,			false },
	{ "accept-rollback",	accept_rollback,	true },
	{ "destroy",		destroy,		true },
};

static int
take_option(const struct cli *cli, int opt, struct use *use)
{
	int r;

	switch (opt) {
	case OPT_STATE:
		use->state = optarg;
		break;
	case OPT_JSON:
		use->json = true;
		break;
	case OPT_YES:
		use->yes = true;
		break;
	}
	r = tpm_options_take(cli, opt, &use->tpm);
	/* not what it is to be made with, or is said to be */
	if (opt == TPM_OPT_PCRS) {
		use->pcrs = use->tpm.tpm.pcrs;
		use->tpm.tpm.pcrs = 0;
	}
	return r;
}

/* They have options of their own. */
static const struct {
	const char *name;
	int	(*run)(int argc, char **argv);
} commands[] = {
	{ "csr",	cmd_tpm_csr },
	{ "answer",	cmd_tpm_answer },
	{ "enroll",	cmd_tpm_enroll },
};

/* Its place in commands[], or -1. */
static int
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return (int)i;
	return -1;
}

static int
run_verb(struct cli *cli, struct use *use)
{
	int opt, r;
	size_t i;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		r = take_option(cli, opt, use);
		if (r != CLI_DONE)
			return r;
	}
	if (cli->argc - optind != 1)
		return cli_wrong_use(cli, "say what: status, reseal, "
		    "accept-rollback, destroy, csr, answer or enroll");
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(cli->argv[optind], verbs[i].name) != 0)
			continue;
		if (use->pcrs != 0 && verbs[i].run != reseal)
			return cli_wrong_use(cli, "--pcrs is for reseal");
		if (verbs[i].asks && !use->yes && !isatty(STDIN_FILENO))
			return cli_wrong_use(cli, "there is no terminal to "
			    "ask on: use --yes");
		return verbs[i].run(use);
	}
	return cli_wrong_use(cli, find_command(cli->argv[optind]) >= 0 ?
	    "\"%s\" goes before its options" : "there is no \"tpm %s\"",
	    cli->argv[optind]);
}

int
cmd_tpm(int argc, char **argv)
{
	struct cli cli = { .command = "tpm", .help = help,
	    .options = options, .operands = "COMMAND", .argc = argc,
	    .argv = argv };
	struct use use = { .state = NULL };
	int i = argc > 1 ? find_command(argv[1]) : -1;
	int r;

	if (i >= 0)
		return commands[i].run(argc - 1, argv + 1);
	r = run_verb(&cli, &use);
	tpm_options_done(&use.tpm);
	return r;
}
