/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey tpm csr, answer, enroll: the key's side of an enrolment
 * (enrolment.md). Each has the key's directory for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authenticator/attest/attestation.h"
#include "authenticator/attest/ca_file.h"
#include "authenticator/attest/ca_tpm.h"
#include "authenticator/cmd/cli.h"
#include "authenticator/device.h"
#include "authenticator/attest/enrolment.h"
#include "authenticator/hex.h"
#include "authenticator/paths.h"
#include "authenticator/cmd/tell.h"
#include "authenticator/cmd/tpm_options.h"

#define MESSAGE_LEN	(DEVICE_MESSAGE_LEN + PATH_MAX)

static const char csr_help[] =
"Usage: sealkey tpm csr [--state DIR] [--alg ALG] > request.json\n"
"\n"
"Says who the TPM of a key is, its endorsement keys with their certificates,\n"
"and what its attestation key is: what a CA wants to know first. Makes that\n"
"key if there is none yet.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --recovery FILE     opens a key whose PCRs have changed (first line)\n"
"  --alg ALG           ES256 (default) or RS256: which attestation key\n"
"  --help, --version\n";

static const char answer_help[] =
"Usage: sealkey tpm answer [--state DIR] CHALLENGE.json > answer.json\n"
"\n"
"Lets the TPM open what a CA has sealed to it and to its attestation key\n"
"(\"-\": from standard input).\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --recovery FILE     opens a key whose PCRs have changed (first line)\n"
"  --help, --version\n";

static const char enroll_help[] =
"Usage: sealkey tpm enroll [--state DIR] CHAIN.pem\n"
"\n"
"From now on, tpm attestation shows these certificates of the attestation\n"
"key and its CA, leaf first, in place of the test certificates (\"-\": from\n"
"standard input). Relying parties have to be given that CA's root.\n"
"\n"
"  --state DIR         the key's state directory\n"
"  --recovery FILE     opens a key whose PCRs have changed (first line)\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_ALG,
};

#define KEY_ROWS \
	{ "state", required_argument, NULL, OPT_STATE }, \
	TPM_OPTION_RECOVERY("recovery")

/* Which key, and what is to be done with it. */
struct use {
	const char	*state;
	const char	*alg;
	const char	*path;		/* the operand */
	struct tpm_options tpm;
};

/* A key whose TPM is asked. */
struct enrolling {
	struct device	*device;
	struct keys	*keys;
	struct ak	*ak;
	char		 path[PATH_MAX];
	char		 msg[MESSAGE_LEN];
};

static void
enrolling_done(struct enrolling *e)
{
	ak_free(e->ak);
	device_close(e->device);
}

static int
open_key(struct enrolling *e, const struct use *use)
{
	struct device_config cfg = { .manage = true, .tpm = use->tpm.tpm };
	int r;

	r = paths_state(use->state, e->path, e->msg, sizeof(e->msg));
	if (r < 0)
		return r;
	cfg.path = e->path;
	r = device_open(&cfg, 0, &e->device, e->msg, sizeof(e->msg));
	if (r == -EBUSY)
		snprintf(e->msg, sizeof(e->msg), "%s: the key is in use; end "
		    "it for as long as it is enrolled", e->path);
	if (r < 0)
		return r;
	e->keys = device_provider(e->device);
	if (e->keys->ops->info(e->keys)->tpm)
		return 0;
	snprintf(e->msg, sizeof(e->msg), "%s: its keys do not live in a TPM",
	    e->path);
	return -ENOTSUP;
}

static int
read_ak(struct enrolling *e, int alg)
{
	return ak_read(device_store(e->device), alg, &e->ak, e->msg,
	    sizeof(e->msg));
}

/* The AK of that algorithm; made, with its test certificate, if missing. */
static int
take_ak(struct enrolling *e, int alg)
{
	uint8_t aaguid[16];
	struct attestation_plan plan = { .aaguid = aaguid, .ak_alg = alg,
		.now_s = time(NULL) };
	struct auth_attestation tpm;
	struct attestation *att;
	const char *why;
	int r;

	r = read_ak(e, alg);
	if (r != -ENOENT)
		return r;
	device_aaguid_of(e->device, aaguid);
	r = attestation_load(device_store(e->device), e->keys, &plan, &att,
	    e->msg, sizeof(e->msg));
	if (r != 0)
		return r;
	why = attestation_tpm(att, &tpm);
	if (why != NULL)
		snprintf(e->msg, sizeof(e->msg), "%s", why);
	attestation_free(att);
	return why == NULL ? read_ak(e, alg) : -ENOTSUP;
}

/* An operation on the AK. */
static int
perform(struct enrolling *e, struct key_op *op, const char *what)
{
	static const uint8_t no_epoch[KEY_EPOCH_LEN];
	const char *line;
	int r;

	op->blob = ak_blob(e->ak);
	op->epoch = span(no_epoch, sizeof(no_epoch));
	op->bound = span_str(AUTH_ATTESTATION_BOUND);
	r = keys_perform(e->keys, op);
	if (r == 0)
		return 0;
	line = e->keys->ops->strerror(e->keys);
	snprintf(e->msg, sizeof(e->msg), "%s: %s", what, line[0] != '\0' ?
	    line : strerror(-r));
	return r;
}

/* False, with *out as it was, if it does not fit. */
static bool
keep(struct enrol_bytes *out, const uint8_t *p, size_t len)
{
	if (len > sizeof(out->p))
		return false;
	memcpy(out->p, p, len);
	out->len = len;
	return true;
}

static int
ask_ek(struct enrolling *e, unsigned i, struct enrol_request *req)
{
	struct key_op op = { .verb = KEY_EK, .alg = (int)i };
	int r;

	r = perform(e, &op, "the TPM's endorsement key cannot be read");
	if (r == -ENOENT || r == -ENOTSUP)
		return 0;
	if (r != 0)
		return r;
	if (keep(&req->ek[i].public, op.out_pub_area, op.out_pub_area_len) &&
	    keep(&req->ek[i].certificate, op.out_sig, op.out_sig_len))
		return 0;
	snprintf(e->msg, sizeof(e->msg), "the TPM's endorsement key is too "
	    "big");
	return -EFBIG;
}

/* The TPMT_PUBLIC of the AK, as the TPM says it. */
static int
ask_ak(struct enrolling *e, struct enrol_bytes *out)
{
	struct key_op op = { .verb = KEY_PUBLIC };
	int r;

	r = perform(e, &op, "the TPM's attestation key cannot be read");
	if (r == 0)
		(void)keep(out, op.out_pub_area, op.out_pub_area_len);
	return r;
}

static int
csr(const struct use *use)
{
	int alg = ak_alg(use->alg);
	struct enrol_request *req = calloc(1, sizeof(*req));
	struct enrolling e = { .device = NULL };
	int status = CLI_DONE;
	int r;

	if (req == NULL)
		return cli_error("tpm: out of memory");
	r = open_key(&e, use);
	if (r == 0)
		r = take_ak(&e, alg);
	snprintf(req->alg, sizeof(req->alg), "%s", ak_alg_name(alg));
	if (r == 0)
		r = ask_ak(&e, &req->ak);
	for (unsigned i = 0; r == 0 && i < ENROL_EKS; i++)
		r = ask_ek(&e, i, req);
	if (r != 0)
		status = cli_error("tpm csr: %s", e.msg);
	else
		status = tell_json("tpm csr", enrol_request_json(req));
	enrolling_done(&e);
	free(req);
	return status;
}

/* The operand: a whole file, or standard input. */
static int
read_operand(const char *command, const char *path, struct ca_file *out)
{
	int r = ca_file_read(AT_FDCWD, path, ENROL_TEXT_MAX, out);

	return r == 0 ? CLI_DONE : cli_error("%s: %s: %s", command, path,
	    strerror(-r));
}

/* Whether the challenge is about the AK that we have. */
static int
check_name(struct enrolling *e, const struct enrol_challenge *c)
{
	char name[ENROL_NAME_MAX + 1] = "";
	struct enrol_bytes ak = { .len = 0 };
	struct ca_public public;
	int r;

	r = ask_ak(e, &ak);
	if (r != 0)
		return r;
	if (ca_public_parse(span(ak.p, ak.len), &public) == NULL) {
		hex_encode(span(public.name, public.name_len), name);
		ca_public_done(&public);
	}
	if (strcmp(name, c->name) == 0)
		return 0;
	snprintf(e->msg, sizeof(e->msg), "the challenge is for another "
	    "attestation key");
	return -EINVAL;
}

static int
activate(struct enrolling *e, const struct enrol_challenge *c,
    struct enrol_answer *out)
{
	struct key_op op = {
		.verb = KEY_ACTIVATE,
		.alg = (int)c->ek,
		.data = { span(c->blob.p, c->blob.len),
		    span(c->seed.p, c->seed.len) },
	};
	int r;

	r = perform(e, &op, "the TPM does not open the challenge");
	if (r == -EBADMSG)
		snprintf(e->msg, sizeof(e->msg), "the challenge is not for "
		    "this TPM and its attestation key, or was altered");
	if (r == 0 && !keep(&out->secret, op.out_sig, op.out_sig_len))
		r = -EFBIG;
	explicit_bzero(op.out_sig, sizeof(op.out_sig));
	memcpy(out->id, c->id, sizeof(out->id));
	return r;
}

static int
answer(const struct use *use, const struct enrol_challenge *c)
{
	struct enrol_answer out = { .id = "" };
	struct enrolling e = { .device = NULL };
	int alg = ak_alg(c->alg);
	int status = CLI_DONE;
	int r;

	r = open_key(&e, use);
	if (r == 0)
		r = read_ak(&e, alg);
	if (r == 0)
		r = check_name(&e, c);
	if (r == 0)
		r = activate(&e, c, &out);
	if (r != 0)
		status = cli_error("tpm answer: %s", e.msg);
	else
		status = tell_json("tpm answer", enrol_answer_json(&out));
	explicit_bzero(&out, sizeof(out));
	enrolling_done(&e);
	return status;
}

static int
answer_file(const struct use *use)
{
	struct ca_file f = { NULL, 0, 0 };
	struct enrol_challenge c;
	const char *why;
	int status;

	status = read_operand("tpm answer", use->path, &f);
	if (status != CLI_DONE)
		return status;
	why = enrol_challenge_parse(span(f.p, f.len), &c);
	ca_file_done(&f);
	if (why != NULL)
		return cli_error("tpm answer: the challenge %s", why);
	return answer(use, &c);
}

/* Of all AKs that there are, the one that the chain is for. */
static int
enroll_any(struct enrolling *e, struct span pem)
{
	static const int algs[] = { COSE_ES256, COSE_RS256 };
	int64_t now_s = time(NULL);
	bool any = false;
	int r = -ENOENT;

	for (size_t i = 0; i < 2; i++) {
		r = read_ak(e, algs[i]);
		if (r == -ENOENT)
			continue;
		if (r != 0)
			return r;
		any = true;
		if (ak_is_for(e->ak, pem))
			return ak_enroll(e->ak, device_store(e->device), pem,
			    now_s, e->msg, sizeof(e->msg));
		ak_free(e->ak);
		e->ak = NULL;
	}
	snprintf(e->msg, sizeof(e->msg), any ? "the certificate chain is for "
	    "no attestation key of this key, or is not PEM" : "there is no "
	    "attestation key yet (\"sealkey tpm csr\" makes one)");
	return -EINVAL;
}

static int
enroll(const struct use *use)
{
	struct enrolling e = { .device = NULL };
	struct ca_file f = { NULL, 0, 0 };
	int status, r;

	status = read_operand("tpm enroll", use->path, &f);
	if (status != CLI_DONE)
		return status;
	r = open_key(&e, use);
	if (r == 0)
		r = enroll_any(&e, span(f.p, f.len));
	if (r != 0)
		status = cli_error("tpm enroll: %s", e.msg);
	ca_file_done(&f);
	enrolling_done(&e);
	return status;
}

/* Options; CLI_STOP: the status is in cli->status. */
static int
read_options(struct cli *cli, struct use *use)
{
	int opt, r;

	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return CLI_STOP;
		if (opt == OPT_STATE)
			use->state = optarg;
		if (opt == OPT_ALG)
			use->alg = optarg;
		r = tpm_options_take(cli, opt, &use->tpm);
		if (r != CLI_DONE) {
			cli->status = r;
			return CLI_STOP;
		}
	}
	return CLI_DONE;
}

int
cmd_tpm_csr(int argc, char **argv)
{
	static const struct option options[] = {
		KEY_ROWS,
		{ "alg", required_argument, NULL, OPT_ALG },
		CLI_COMMON,
		{ NULL, 0, NULL, 0 }
	};
	struct cli cli = { .command = "tpm csr", .help = csr_help,
	    .options = options, .argc = argc, .argv = argv };
	struct use use = { .alg = "ES256" };

	if (read_options(&cli, &use) == CLI_DONE) {
		if (ak_alg(use.alg) == COSE_ES256 ||
		    ak_alg(use.alg) == COSE_RS256)
			cli.status = csr(&use);
		else
			cli.status = cli_wrong_use(&cli,
			    "--alg is ES256 or RS256");
	}
	tpm_options_done(&use.tpm);
	return cli.status;
}

/* With one operand. */
static int
run_with_file(struct cli *cli, int (*run)(const struct use *use))
{
	struct use use = { .state = NULL };

	if (read_options(cli, &use) == CLI_DONE) {
		use.path = cli->argv[optind];
		cli->status = cli->argc - optind == 1 ? run(&use) :
		    cli_wrong_use(cli, "say which %s, and no more",
		    cli->operands);
	}
	tpm_options_done(&use.tpm);
	return cli->status;
}

static const struct option file_options[] = {
	KEY_ROWS,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

int
cmd_tpm_answer(int argc, char **argv)
{
	struct cli cli = { .command = "tpm answer", .help = answer_help,
	    .options = file_options, .operands = "challenge", .argc = argc,
	    .argv = argv };

	return run_with_file(&cli, answer_file);
}

int
cmd_tpm_enroll(int argc, char **argv)
{
	struct cli cli = { .command = "tpm enroll", .help = enroll_help,
	    .options = file_options, .operands = "chain", .argc = argc,
	    .argv = argv };

	return run_with_file(&cli, enroll);
}
