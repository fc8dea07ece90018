/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey mds: metadata for relying parties (mds.md). */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authenticator/attest/pem_file.h"
#include "authenticator/cmd/mds_options.h"
#include "authenticator/cmd/tell.h"
#include "authenticator/fault/fault.h"
#include "authenticator/mds/text.h"
#include "authenticator/output_file.h"
#include "authenticator/parse.h"
#include "authenticator/paths.h"
#include "authenticator/settings.h"

#define URL_MAX_LEN	512	/* bytes, of a CRL */

static const char help[] =
"Usage: sealkey mds statement [--state DIR] [--profile P] [OPTION]...\n"
"       sealkey mds blob [--state DIR] [--profile P]... [OPTION]...\n"
"       sealkey mds serve [--state DIR] [--profile P]... [OPTION]...\n"
"       sealkey mds root [--state DIR]\n"
"\n"
"Metadata that a relying party can be given in place of the FIDO Metadata\n"
"Service's: what the key in DIR, or models that are made there, are and\n"
"attest with. It is for tests: its root is not the FIDO Alliance's.\n"
"\n"
"  statement   a metadata statement, as JSON\n"
"  blob        a signed BLOB with an entry for each profile\n"
"  serve       the same over HTTP on this machine: /blob.jwt, /root.pem, and\n"
"              revocation lists: /crl/attestation.crl,\n"
"              /crl/attestation-root.crl, /crl/metadata.crl,\n"
"              /crl/metadata-root.crl; until SIGTERM\n"
"  root        the certificate that BLOBs must be verified with, PEM\n"
"\n"
"  --state DIR            the key's state directory; a key is made if none is\n"
"                         there yet\n"
"  --profile P            a model, by name or file; without it: the one that\n"
"                         the key in DIR is\n"
"  --set NAME=VALUE       what kind of key that is; see \"--set help\"\n"
"  --format VERSION       of the specification: 3.1.1 (default) or 3.0\n"
"  --status ID=STATUS[@DATE]\n"
"                         one more status report, such as REVOKED, of the\n"
"                         model with that AAGUID (U2F: key identifier)\n"
"  --status-file FILE     status reports as JSON (mds.md), which serve reads\n"
"                         for each request\n"
"  --next-update DATE     until when the BLOB is good; default: 30 days\n"
"  --no N                 its number; default: it is counted\n"
"  --alg ALG              ES256 (default) or RS256\n"
"  --fault NAME           one thing about it is wrong: \"sealkey fault list\n"
"                         --stage metadata\"\n"
"  --crl URL              where relying parties find /crl/metadata.crl\n"
"                         (blob; serve knows it)\n"
"  --listen ADDRESS       127.0.0.1:PORT (default, port 0: any that is free),\n"
"                         or [::1]:PORT (serve)\n"
"  --ready-fd N           as of \"sealkey run\" (serve)\n"
"  --output FILE          instead of standard output\n"
"  --root CERT.pem, --root-key KEY.pem\n"
"                         sign BLOBs below this root from now on, instead of\n"
"                         below one's own (root)\n"
"  --tpm TARGET, --tpm-pcrs, --tpm-recovery\n"
"                         where a new key is made, see \"sealkey run --help\"\n"
"  --help, --version\n";

/* In the order of options[]. */
enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_PROFILE,
	OPT_FORMAT,
	OPT_STATUS,
	OPT_STATUS_FILE,
	OPT_NEXT_UPDATE,
	OPT_NO,
	OPT_ALG,
	OPT_FAULT,
	OPT_CRL,
	OPT_LISTEN,
	OPT_READY_FD,
	OPT_OUTPUT,
	OPT_ROOT,
	OPT_ROOT_KEY,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "status", required_argument, NULL, OPT_STATUS },
	{ "status-file", required_argument, NULL, OPT_STATUS_FILE },
	{ "next-update", required_argument, NULL, OPT_NEXT_UPDATE },
	{ "no", required_argument, NULL, OPT_NO },
	{ "alg", required_argument, NULL, OPT_ALG },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "crl", required_argument, NULL, OPT_CRL },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "root-key", required_argument, NULL, OPT_ROOT_KEY },
	TPM_OPTIONS,
	CLI_SET,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

enum mds_verb { STATEMENT, BLOB, SERVE, ROOT };

static const char *const verbs[] = { "statement", "blob", "serve", "root",
    NULL };
static const char *const formats[] = { "3.1.1", "3.0", NULL };
static const char *const algs[] = { "ES256", "RS256", NULL };

#define GIVEN(opt)	(1u << ((opt) - CLI_OPT_FIRST))
#define OF_BLOBS	(GIVEN(OPT_STATUS) | GIVEN(OPT_STATUS_FILE) | \
			 GIVEN(OPT_NEXT_UPDATE) | GIVEN(OPT_NO) | \
			 GIVEN(OPT_ALG) | GIVEN(OPT_FAULT))
#define OF_MODELS	(GIVEN(OPT_STATE) | GIVEN(OPT_PROFILE) | \
			 GIVEN(OPT_FORMAT))

/* What each verb knows of. */
static const unsigned options_of[] = {
	[STATEMENT] = OF_MODELS | GIVEN(OPT_OUTPUT),
	[BLOB] = OF_MODELS | OF_BLOBS | GIVEN(OPT_CRL) | GIVEN(OPT_OUTPUT),
	[SERVE] = OF_MODELS | OF_BLOBS | GIVEN(OPT_LISTEN) |
	    GIVEN(OPT_READY_FD),
	[ROOT] = GIVEN(OPT_STATE) | GIVEN(OPT_ROOT) | GIVEN(OPT_ROOT_KEY),
};

/* Options. */

static int
take_profile(const struct cli *cli, struct mds_use *use)
{
	char msg[PROFILE_MESSAGE_LEN];

	if (mds_models_load(&use->models, optarg, msg, sizeof(msg)) == 0)
		return CLI_DONE;
	return cli_wrong_use(cli, "--profile: %s", msg);
}

static int
take_fault(const struct cli *cli, struct mds_use *use)
{
	const struct fault *f = fault_find(optarg);

	if (f == NULL || f->stage != FAULT_METADATA)
		return cli_wrong_use(cli, "--fault: \"%s\" is no fault of "
		    "metadata", optarg);
	use->publisher.bend = (enum mds_bend)f->metadata;
	return CLI_DONE;
}

/* It goes into a certificate, where ',' and ';' would separate more of them. */
static int
take_url(const struct cli *cli, const char **out)
{
	size_t len = strlen(optarg);

	for (size_t i = 0; i < len; i++)
		if (optarg[i] <= ' ' || optarg[i] > '~' ||
		    strchr(",;\"\\", optarg[i]) != NULL)
			len = 0;
	if (len == 0 || len > URL_MAX_LEN ||
	    (strncmp(optarg, "http://", 7) != 0 &&
	    strncmp(optarg, "https://", 8) != 0))
		return cli_wrong_use(cli, "--crl takes an http URL");
	*out = optarg;
	return CLI_DONE;
}

static int
take_blob_option(const struct cli *cli, int opt, struct mds_use *use)
{
	struct mds_publisher *p = &use->publisher;
	int choice = 0, r;

	switch (opt) {
	case OPT_STATUS_FILE:
		p->reports_file = optarg;
		return CLI_DONE;
	case OPT_NEXT_UPDATE:
		p->next_update = optarg;
		return mds_is_date(optarg) ? CLI_DONE : cli_wrong_use(cli,
		    "--next-update takes a day as YYYY-MM-DD");
	case OPT_NO:
		return cli_take_number(cli, "--no", 1, INT32_MAX, &p->no);
	case OPT_ALG:
		r = cli_take_choice(cli, "--alg", algs, &choice);
		p->rsa = choice == 1;
		return r;
	case OPT_FAULT:
		return take_fault(cli, use);
	default:
		return take_url(cli, &p->crl_url);
	}
}

/* Reports wait for --format, which may come behind them. */
static int
take_option(const struct cli *cli, int opt, struct mds_use *use)
{
	int choice = 0, r;

	switch (opt) {
	case OPT_STATE:
		use->state = optarg;
		return CLI_DONE;
	case OPT_PROFILE:
		return take_profile(cli, use);
	case CLI_OPT_SET:
		use->configured = true;
		return CLI_DONE;
	case OPT_FORMAT:
		r = cli_take_choice(cli, "--format", formats, &choice);
		use->publisher.shape = choice == 1 ? MDS_3_0 : MDS_3_1_1;
		return r;
	case OPT_STATUS:
		if (json_array_append_new(use->reports, json_string(optarg))
		    == 0)
			return CLI_DONE;
		return cli_wrong_use(cli, "--status: it is not UTF-8");
	case OPT_LISTEN:
		return loopback_parse(optarg, &use->address,
		    &use->address_len) ? CLI_DONE : cli_wrong_use(cli,
		    "--listen takes an address of this machine alone, such as "
		    "127.0.0.1:8080");
	case OPT_READY_FD:
		return ready_take(cli, &use->ready_fd);
	case OPT_OUTPUT:
		use->output = optarg;
		return CLI_DONE;
	case OPT_ROOT:
		use->root = optarg;
		return CLI_DONE;
	case OPT_ROOT_KEY:
		use->root_key = optarg;
		return CLI_DONE;
	default:
		return take_blob_option(cli, opt, use);
	}
}

/* From texts to what the publisher takes. */
static int
take_reports(const struct cli *cli, struct mds_use *use)
{
	json_t *reports = json_object();
	char msg[MDS_MESSAGE_LEN];
	const char *why = NULL;

	for (size_t i = 0; i < json_array_size(use->reports) && why == NULL;
	    i++)
		why = mds_take_report(json_string_value(json_array_get(
		    use->reports, i)), use->publisher.shape, reports, msg,
		    sizeof(msg));
	json_decref(use->reports);
	use->reports = reports;
	use->publisher.reports = reports;
	return why == NULL ? CLI_DONE : cli_wrong_use(cli, "--status: %s",
	    why);
}

/* A pipe is over when it was read, or never is, and nobody else is served. */
static bool
can_be_read_again(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 &&
	    (stat(path, &st) == -1 || S_ISREG(st.st_mode));
}

static int
check_use(const struct cli *cli, struct mds_use *use)
{
	unsigned wrong = use->given & ~options_of[use->verb];
	int r;

	for (size_t i = 0; options[i].name != NULL; i++)
		if (options[i].val >= CLI_OPT_FIRST &&
		    options[i].val <= OPT_ROOT_KEY &&
		    (wrong & GIVEN(options[i].val)))
			return cli_wrong_use(cli, "--%s is not for %s",
			    options[i].name, verbs[use->verb]);
	if (use->verb == ROOT && use->configured)
		return cli_wrong_use(cli, "--set is not for root");
	if (use->configured && use->models.count > 0)
		return cli_wrong_use(cli, "--set and --profile exclude each "
		    "other");
	if (use->verb == STATEMENT && use->models.count > 1)
		return cli_wrong_use(cli, "statement takes one --profile");
	if (use->verb == SERVE && use->publisher.reports_file != NULL &&
	    !can_be_read_again(use->publisher.reports_file))
		return cli_wrong_use(cli, "--status-file has to be a file: "
		    "serve reads it for each request");
	if ((use->root == NULL) != (use->root_key == NULL))
		return cli_wrong_use(cli, "--root and --root-key go together");
	r = take_reports(cli, use);
	use->ready = r == CLI_DONE;
	return r;
}

static int
read_use(struct cli *cli, struct mds_use *use)
{
	int opt, r;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		if (opt >= CLI_OPT_FIRST && opt <= OPT_ROOT_KEY)
			use->given |= GIVEN(opt);
		r = opt >= TPM_OPT_TARGET ? tpm_options_take(cli, opt,
		    &use->tpm) : take_option(cli, opt, use);
		if (r != CLI_DONE)
			return r;
	}
	if (optind >= cli->argc)
		return cli_wrong_use(cli, "say statement, blob, serve or root");
	use->verb = parse_choice(cli->argv[optind], verbs);
	if (use->verb < 0)
		return cli_wrong_use(cli, "there is no \"%s\"",
		    cli->argv[optind]);
	if (cli->argc - optind > 1)
		return cli_wrong_use(cli, "unexpected \"%s\"",
		    cli->argv[optind + 1]);
	return check_use(cli, use);
}

/* What they need. */

/* Who was not told another AAGUID keeps the one that it last ran with. */
static void
keep_aaguid(const struct mds_use *use, struct auth_config *auth)
{
	const char *text = json_string_value(json_object_get(use->anchors,
	    "aaguid"));
	char msg[SETTINGS_MESSAGE_LEN];

	if (text != NULL && memcmp(auth->aaguid, device_aaguid,
	    sizeof(auth->aaguid)) == 0)
		(void)settings_set(auth, "aaguid", text, msg, sizeof(msg));
}

/* What is said of a key that is honest for good is as honest. */
static int
check_fault(const struct mds_use *use)
{
	if (use->publisher.bend == MDS_HONEST || !(use->auth.no_faults ||
	    json_is_false(json_object_get(use->anchors, "faultsAllowed"))))
		return CLI_DONE;
	return cli_error("mds: --fault: %s: made with --no-faults: what is "
	    "published of it gets nothing wrong, either; use another key",
	    use->path);
}

/* Nobody said which models: the one that the key is. */
static int
take_kept(struct mds_use *use)
{
	int r;

	if (use->models.count > 0)
		return 0;
	keep_aaguid(use, &use->auth);
	r = mds_models_add(&use->models, &use->auth, use->kept.profile);
	use->kept.profile = NULL;
	return r;
}

static int
open_authority(struct mds_use *use, char *msg, size_t msglen)
{
	struct attestation_root brought;
	struct pem_files pems = { 0 };
	int r = 0;

	if (use->root != NULL)
		r = pem_files_read(&pems, use->root, use->root_key, msg,
		    msglen);
	brought.cert = span(pems.cert, pems.cert_len);
	brought.key = span(pems.key, pems.key_len);
	if (r == 0)
		r = mds_authority_open(use->path, use->root != NULL ?
		    &brought : NULL, time(NULL), &use->authority, msg, msglen);
	pem_files_done(&pems);
	use->publisher.authority = use->authority;
	return r;
}

/*
 * The key's anchors, and with authority its metadata authority, into use and
 * use->publisher.
 */
static int
open_use(struct mds_use *use, bool authority)
{
	char msg[PATH_MAX + DEVICE_MESSAGE_LEN];
	struct manage m;
	int r;

	r = manage_open_or_make(&m, use->state, &use->tpm.tpm);
	if (r == 0)
		r = manage_anchors(&m, &use->anchors);
	snprintf(use->path, sizeof(use->path), "%s", m.path);
	if (r != 0)
		cli_error("mds: %s", m.msg);
	manage_close(&m);
	if (r != 0)
		return CLI_FAILED;
	if (check_fault(use) != CLI_DONE)
		return CLI_FAILED;
	if (take_kept(use) != 0)
		return cli_error("mds: out of memory");
	use->publisher.anchors = use->anchors;
	use->publisher.models = &use->models;
	if (authority && open_authority(use, msg, sizeof(msg)) != 0)
		return cli_error("mds: %s", msg);
	return CLI_DONE;
}

/* The verbs. */

static int
write_output(const struct mds_use *use, const char *text)
{
	int r;

	if (use->output == NULL) {
		(void)fputs(text, stdout);	/* main() looks at it */
		return CLI_DONE;
	}
	r = output_file_write(use->output, span_str(text));
	return r < 0 ? cli_error("mds: %s: %s", use->output, strerror(-r)) :
	    CLI_DONE;
}

static int
write_statement(struct mds_use *use)
{
	char msg[MDS_MESSAGE_LEN], *text, *line;
	struct mds_model model = { .auth = &use->models.one[0].auth,
		.profile = use->models.one[0].profile,
		.anchors = use->anchors };
	json_t *statement;
	int status;

	statement = mds_statement(&model, use->publisher.shape, msg,
	    sizeof(msg));
	if (statement == NULL)
		return cli_error("mds: %s", msg);
	text = json_dumps(statement, JSON_INDENT(2));
	json_decref(statement);
	if (text == NULL || asprintf(&line, "%s\n", text) == -1) {
		free(text);
		return cli_error("mds: out of memory");
	}
	status = write_output(use, line);
	free(text);
	free(line);
	return status;
}

static int
write_blob(struct mds_use *use)
{
	char msg[PATH_MAX + MDS_MESSAGE_LEN];
	const char *blob;

	if (mds_publish(&use->publisher, time(NULL), &blob, msg, sizeof(msg))
	    != 0)
		return cli_error("mds: %s", msg);
	return write_output(use, blob);
}

static int
write_root(struct mds_use *use)
{
	char *pem = mds_authority_root_pem(use->authority);
	int status;

	if (pem == NULL)
		return cli_error("mds: out of memory");
	status = write_output(use, pem);
	free(pem);
	return status;
}

static int
run(struct mds_use *use)
{
	int status = open_use(use, use->verb != STATEMENT);

	if (status != CLI_DONE)
		return status;
	switch (use->verb) {
	case STATEMENT:
		return write_statement(use);
	case BLOB:
		return write_blob(use);
	case SERVE:
		return mds_serve(use);
	default:
		return write_root(use);
	}
}

int
cmd_mds(int argc, char **argv)
{
	struct mds_use use = { .ready = false, .ready_fd = READY_NONE,
		.reports = json_array() };
	struct cli cli = { .command = "mds", .help = help,
	    .options = options, .operands = "VERB", .argc = argc,
	    .argv = argv, .auth = &use.auth };
	struct device_config defaults;
	int status;

	device_config_default(&defaults);
	use.auth = defaults.auth;
	(void)loopback_parse("127.0.0.1:0", &use.address, &use.address_len);
	if (cli_peek(&cli, "profile") == NULL)
		profile_option_take(&cli, &use.kept);
	status = read_use(&cli, &use);
	if (use.ready)
		status = profile_option_check(&cli, &use.kept);
	if (use.ready && status == CLI_DONE)
		status = run(&use);
	mds_publisher_done(&use.publisher);
	mds_authority_free(use.authority);
	mds_models_done(&use.models);
	profile_option_done(&use.kept);
	json_decref(use.reports);
	json_decref(use.anchors);
	tpm_options_done(&use.tpm);
	return status;
}
