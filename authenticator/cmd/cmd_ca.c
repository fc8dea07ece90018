/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey ca: the CA's side of an enrolment (enrolment.md). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authenticator/attest/ca.h"
#include "authenticator/attest/ca_file.h"
#include "authenticator/attest/certificate.h"
#include "authenticator/cmd/cli.h"
#include "authenticator/cmd/tell.h"
#include "authenticator/parse.h"
#include "authenticator/settings.h"

#define ROOTS_MAX	512
#define ROOTS_BYTES_MAX	(4 << 20)
#define MINUTES_DEFAULT	10
#define MINUTES_MAX	1440
#define DAYS_DEFAULT	730
#define DAYS_MAX	7300
#define DAY_S		86400LL

static const char help[] =
"Usage: sealkey ca init DIR [--name NAME]\n"
"       sealkey ca challenge DIR --ek-roots FILE [--minutes N] REQUEST.json\n"
"       sealkey ca issue DIR [--manufacturer ID] [--days N] ANSWER.json\n"
"\n"
"A small CA, kept in DIR, that certifies attestation keys once it has seen\n"
"that they live in a TPM whose maker it is told to trust. Relying parties\n"
"that are given DIR/root.pem accept such keys, and no others. Files can be\n"
"\"-\", standard input; what comes out goes to standard output.\n"
"\n"
"  init        makes the CA\n"
"  challenge   judges what \"sealkey tpm csr\" said; answers with what only\n"
"              that TPM can open\n"
"  issue       certifies whoever could open it; each challenge once\n"
"\n"
"  --name NAME         what the CA's certificates are called; \"sealkey\"\n"
"  --ek-roots FILE     the TPM makers' CA certificates, PEM: the self-signed\n"
"                      ones are trusted, the others lead to them\n"
"  --minutes N         how long there is to answer; 10\n"
"  --manufacturer ID   the TPM's maker to name, four letters or eight\n"
"                      hexadecimal digits, if relying parties do not know the\n"
"                      one that the maker's certificate names\n"
"  --days N            how long the certificate is good; 730\n"
"  --help, --version\n";

enum {
	OPT_NAME = CLI_OPT_FIRST,
	OPT_EK_ROOTS,
	OPT_MINUTES,
	OPT_MANUFACTURER,
	OPT_DAYS,
};

static const struct option options[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "ek-roots", required_argument, NULL, OPT_EK_ROOTS },
	{ "minutes", required_argument, NULL, OPT_MINUTES },
	{ "manufacturer", required_argument, NULL, OPT_MANUFACTURER },
	{ "days", required_argument, NULL, OPT_DAYS },
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

enum verb { INIT, CHALLENGE, ISSUE };

static const char *const verbs[] = { "init", "challenge", "issue", NULL };

struct ca_use {
	bool		 ready;		/* else --help was all */
	enum verb	 verb;
	unsigned	 given;		/* options, by bit */
	const char	*dir;
	const char	*file;
	const char	*name;
	const char	*ek_roots;
	uint64_t	 minutes;
	uint64_t	 days;
	uint32_t	 manufacturer;
};

#define GIVEN(opt)	(1u << ((opt) - CLI_OPT_FIRST))

/* What each verb knows of. */
static const unsigned options_of[] = {
	[INIT] = GIVEN(OPT_NAME),
	[CHALLENGE] = GIVEN(OPT_EK_ROOTS) | GIVEN(OPT_MINUTES),
	[ISSUE] = GIVEN(OPT_MANUFACTURER) | GIVEN(OPT_DAYS),
};

/* As the setting, but for "none": the certificate names one. */
static int
take_manufacturer(const struct cli *cli, uint32_t *out)
{
	struct auth_config cfg = { .tpm_manufacturer = 0 };
	char msg[SETTINGS_MESSAGE_LEN];

	if (settings_set(&cfg, "tpmManufacturer", optarg, msg, sizeof(msg)) !=
	    0 || cfg.tpm_manufacturer == 0)
		return cli_wrong_use(cli, "--manufacturer cannot be \"%s\": "
		    "it is four characters, or 8 hexadecimal digits like "
		    "49424D00", optarg);
	*out = cfg.tpm_manufacturer;
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct ca_use *use)
{
	use->given |= GIVEN(opt);
	switch (opt) {
	case OPT_NAME:
		use->name = optarg;
		return CLI_DONE;
	case OPT_EK_ROOTS:
		use->ek_roots = optarg;
		return CLI_DONE;
	case OPT_MINUTES:
		return cli_take_number(cli, "--minutes", 1, MINUTES_MAX,
		    &use->minutes);
	case OPT_DAYS:
		return cli_take_number(cli, "--days", 1, DAYS_MAX,
		    &use->days);
	default:
		return take_manufacturer(cli, &use->manufacturer);
	}
}

static int
check_use(const struct cli *cli, struct ca_use *use)
{
	int operands = cli->argc - optind;
	int verb = operands > 0 ? parse_choice(cli->argv[optind], verbs) : -1;

	if (verb < 0)
		return cli_wrong_use(cli, "say init, challenge or issue");
	use->verb = verb;
	if ((use->given & ~options_of[verb]) != 0)
		return cli_wrong_use(cli, "there is an option that is not "
		    "for \"%s\"", verbs[verb]);
	if (operands != (verb == INIT ? 2 : 3))
		return cli_wrong_use(cli, verb == INIT ? "say which directory, "
		    "and no more" : "say which directory and which file, and "
		    "no more");
	if (verb == CHALLENGE && use->ek_roots == NULL)
		return cli_wrong_use(cli, "--ek-roots is missing: whose TPMs "
		    "are to be trusted?");
	use->dir = cli->argv[optind + 1];
	use->file = cli->argv[optind + 2];
	use->ready = true;
	return CLI_DONE;
}

static int
read_use(struct cli *cli, struct ca_use *use)
{
	int opt, status;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		status = take_option(cli, opt, use);
		if (status != CLI_DONE)
			return status;
	}
	return check_use(cli, use);
}

struct root_list {
	X509	*cert[ROOTS_MAX];
	size_t	 count;
};

static void
roots_done(struct root_list *roots)
{
	for (size_t i = 0; i < roots->count; i++)
		X509_free(roots->cert[i]);
}

static int
read_roots(const char *path, struct root_list *out)
{
	struct ca_file f = { NULL, 0, 0 };
	const char *why;
	int r;

	r = ca_file_read(AT_FDCWD, path, ROOTS_BYTES_MAX, &f);
	if (r != 0)
		return cli_error("ca: %s: %s", path, strerror(-r));
	why = certificate_parse_chain(span(f.p, f.len), out->cert, ROOTS_MAX,
	    &out->count);
	ca_file_done(&f);
	return why == NULL ? CLI_DONE : cli_error("ca: %s %s", path, why);
}

static int
challenge(struct ca *ca, const struct ca_use *use, struct span text)
{
	struct enrol_challenge *c = calloc(1, sizeof(*c));
	struct root_list roots = { .count = 0 };
	char msg[CA_MESSAGE_LEN];
	int status;

	if (c == NULL)
		return cli_error("ca: out of memory");
	status = read_roots(use->ek_roots, &roots);
	if (status == CLI_DONE && ca_challenge(ca, text, (struct ca_roots){
	    roots.cert, roots.count }, time(NULL), (int64_t)use->minutes * 60,
	    c, msg, sizeof(msg)) != 0)
		status = cli_error("ca challenge: %s", msg);
	if (status == CLI_DONE)
		status = tell_json("ca", enrol_challenge_json(c));
	roots_done(&roots);
	free(c);
	return status;
}

static int
issue(struct ca *ca, const struct ca_use *use, struct span text)
{
	char msg[CA_MESSAGE_LEN];
	char *pem = NULL;

	if (ca_issue(ca, text, use->manufacturer, time(NULL),
	    (int64_t)use->days * DAY_S, &pem, msg, sizeof(msg)) != 0)
		return cli_error("ca issue: %s", msg);
	fputs(pem, stdout);
	free(pem);
	return CLI_DONE;
}

static int
work(const struct ca_use *use)
{
	struct ca_file f = { NULL, 0, 0 };
	struct ca *ca = NULL;
	char msg[CA_MESSAGE_LEN];
	int status, r;

	if (use->verb == INIT) {
		r = ca_init(use->dir, use->name, time(NULL), msg,
		    sizeof(msg));
		return r == 0 ? CLI_DONE : cli_error("ca init: %s", msg);
	}
	r = ca_file_read(AT_FDCWD, use->file, ENROL_TEXT_MAX, &f);
	if (r != 0)
		return cli_error("ca: %s: %s", use->file, strerror(-r));
	r = ca_open(use->dir, &ca, msg, sizeof(msg));
	if (r != 0)
		status = cli_error("ca: %s", msg);
	else if (use->verb == CHALLENGE)
		status = challenge(ca, use, span(f.p, f.len));
	else
		status = issue(ca, use, span(f.p, f.len));
	ca_close(ca);
	ca_file_done(&f);
	return status;
}

int
cmd_ca(int argc, char **argv)
{
	struct cli cli = { .command = "ca", .help = help, .options = options,
	    .operands = "VERB DIR FILE", .argc = argc, .argv = argv };
	struct ca_use use = { .name = "sealkey", .minutes = MINUTES_DEFAULT,
		.days = DAYS_DEFAULT };
	int status = read_use(&cli, &use);

	return use.ready ? work(&use) : status;
}
