/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey webauthn: the client's role, for pipes. See webauthn.h. */
#include "authenticator/cmd/cli.h"
#include "authenticator/attest/pem_file.h"
#include "authenticator/device.h"
#include "authenticator/fault/armed.h"
#include "authenticator/fleet/fleet.h"
#include "authenticator/paths.h"
#include "authenticator/cmd/profile_option.h"
#include "authenticator/cmd/tpm_options.h"
#include "authenticator/client/webauthn.h"
#include "authenticator/client/webauthn_options.h"
#include "ctap/cbor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIN_POINTS_MIN	4	/* CTAP 2.3, 6.5.1 */

static const char help[] =
"Usage: sealkey webauthn create --origin ORIGIN [OPTION]... < options.json\n"
"       sealkey webauthn get --origin ORIGIN [OPTION]... < options.json\n"
"       sealkey webauthn --batch --keys N --origin ORIGIN [OPTION]... < lines\n"
"\n"
"Plays the browser: options of a relying party on standard input (JSON as\n"
"PublicKeyCredential.parseCreationOptionsFromJSON() takes it, bare or under\n"
"\"publicKey\"), the response for it on standard output.\n"
"\n"
"  --origin ORIGIN     the page's: https://HOST[:PORT], or http for localhost\n"
"  --state DIR         be the key kept in DIR, which is made if missing\n"
"                      (this is the default, with the default directory)\n"
"  --socket PATH       use the key that serves the socket PATH\n"
"  --device PATH       use the key behind a hidraw device\n"
"  --profile PROFILE   the model of key in DIR, from now on: a name that\n"
"                      \"sealkey profile list\" has, or an INI file\n"
"  --tpm TARGET        where the key in DIR is made, see \"sealkey run\n"
"                      --help\"; likewise --tpm-pcrs and --tpm-recovery\n"
"  --set NAME=VALUE    the kind of key in DIR: \"--set help\" lists what it\n"
"                      can be; may be repeated\n"
"  --attestation KIND  packed (default), self, none, tpm, fido-u2f,\n"
"                      android-key, apple, compound or android-safetynet:\n"
"                      what a key from --state gives to those who ask for\n"
"                      attestation\n"
"  --attachment KIND   cross-platform or platform: what to claim to be; the\n"
"                      default is the profile's, or else cross-platform\n"
"  --pin-file FILE     verify with the PIN in the first line of FILE, if the\n"
"                      key has one; else the key verifies by itself\n"
"  --fault NAME        get this wrong, on purpose: \"sealkey fault list\" has\n"
"                      the names\n"
"  --no-faults         make a key that never gets anything wrong on purpose\n"
"  --batch             one JSON object a line in, one a line out; a line that\n"
"                      fails gives {\"error\": {\"name\", \"message\"}};\n"
"                      blank lines are skipped\n"
"  --keys N            with --batch: be N keys, each with an identity of its\n"
"                      own, made when it is first used: in memory, or in\n"
"                      DIR/keys of --state. Lines go to one key after the\n"
"                      other. Without create or get before the options, a\n"
"                      line says what it is and, if it likes, for which key,\n"
"                      from 0: {\"key\": 17, \"create\": {...}}\n"
"  --jobs J            with --keys: so many work at a time (default 1)\n"
"  --attestation-root CERT.pem, --attestation-root-key KEY.pem\n"
"                      with --keys: a root for all of them to attest under\n"
"  --help, --version\n"
"\n"
"Exit status: 0 done, 1 failed (with --batch: any of them), 2 wrong use.\n";

enum {
	OPT_ORIGIN = CLI_OPT_FIRST,
	OPT_STATE,
	OPT_SOCKET,
	OPT_DEVICE,
	OPT_ATTESTATION,
	OPT_ATTACHMENT,
	OPT_PROFILE,
	OPT_PIN_FILE,
	OPT_FAULT,
	OPT_NO_FAULTS,
	OPT_BATCH,
	OPT_KEYS,
	OPT_JOBS,
	OPT_ROOT,
	OPT_ROOT_KEY,
};

static const struct option options[] = {
	{ "origin", required_argument, NULL, OPT_ORIGIN },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "attestation", required_argument, NULL, OPT_ATTESTATION },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "attachment", required_argument, NULL, OPT_ATTACHMENT },
	{ "pin-file", required_argument, NULL, OPT_PIN_FILE },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "no-faults", no_argument, NULL, OPT_NO_FAULTS },
	{ "batch", no_argument, NULL, OPT_BATCH },
	{ "keys", required_argument, NULL, OPT_KEYS },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "attestation-root", required_argument, NULL, OPT_ROOT },
	{ "attestation-root-key", required_argument, NULL, OPT_ROOT_KEY },
	TPM_OPTIONS,
	CLI_SET,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct webauthn_use {
	bool		 ready;		/* else --help was all that was asked */
	bool		(*run)(struct webauthn_client *c, struct span text,
			    struct json_out *out, struct dom_error *err);
	const char	*origin_text;
	struct origin	 origin;
	const char	*state;
	const char	*socket;
	const char	*device;
	struct auth_config auth;	/* of a key from --state, */
	bool		 configured;	/* as options made it */
	struct profile_option profile;
	struct tpm_options tpm;
	bool		 platform;
	const char	*pin_file;
	struct fault_choice fault;	/* fault NULL: none */
	struct fault_set *faults;	/* of the key, if it is the key's */
	bool		 told_ordinary;
	bool		 batch;
	uint64_t	 keys;		/* 0: one, and no fleet */
	uint64_t	 jobs;		/* 0: not said */
	const char	*root;
	const char	*root_key;
};

static int
take_fault(const struct cli *cli, struct webauthn_use *use)
{
	char msg[FAULT_MESSAGE_LEN];

	if (use->fault.fault != NULL)
		return cli_wrong_use(cli, "only one --fault at a time");
	if (fault_choose(optarg, &use->fault, msg, sizeof(msg)) < 0)
		return cli_wrong_use(cli, "%s", msg);
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct webauthn_use *use)
{
	switch (opt) {
	case OPT_ORIGIN:
		use->origin_text = optarg;
		break;
	case OPT_STATE:
		use->state = optarg;
		break;
	case OPT_SOCKET:
		use->socket = optarg;
		break;
	case OPT_DEVICE:
		use->device = optarg;
		break;
	case CLI_OPT_SET:
	case OPT_PROFILE:	/* profile_option_take() has */
		use->configured = true;
		break;
	case OPT_ATTESTATION:
		use->configured = true;
		return cli_take_setting(cli, "--attestation", "attestation");
	case OPT_ATTACHMENT:
		return cli_take_attachment(cli, &use->platform);
	case OPT_PIN_FILE:
		use->pin_file = optarg;
		break;
	case OPT_FAULT:
		return take_fault(cli, use);
	case OPT_NO_FAULTS:
		use->configured = true;
		use->auth.no_faults = true;
		break;
	case OPT_BATCH:
		use->batch = true;
		break;
	case OPT_KEYS:
		return cli_take_number(cli, "--keys", 1, FLEET_KEYS_MAX,
		    &use->keys);
	case OPT_JOBS:
		return cli_take_number(cli, "--jobs", 1, FLEET_JOBS_MAX,
		    &use->jobs);
	case OPT_ROOT:
		use->root = optarg;
		break;
	case OPT_ROOT_KEY:
		use->root_key = optarg;
		break;
	}
	return tpm_options_take(cli, opt, &use->tpm);
}

/* Whether that ceremony can have it. */
static bool
fault_fits(const struct fault *f, bool create)
{
	switch (f->stage) {
	case FAULT_REGISTRATION:
		return create;
	case FAULT_AUTHENTICATION:
		return !create;
	case FAULT_CLIENT:
		return create ? f->client.create != NULL :
		    f->client.get != NULL;
	default:
		return false;
	}
}

static int
check_fault(const struct cli *cli, const struct webauthn_use *use)
{
	const struct fault *f = use->fault.fault;
	bool local = use->socket == NULL && use->device == NULL;

	if (f == NULL)
		return CLI_DONE;
	if (f->stage == FAULT_METADATA)
		return cli_wrong_use(cli, "the fault %s is one of metadata: "
		    "sealkey mds blob --fault %s", f->name, f->name);
	if (f->stage == FAULT_TRANSPORT || (f->stage != FAULT_CLIENT && !local))
		return cli_wrong_use(cli, "the fault %s is for a running key: "
		    "sealkey fault arm %s", f->name, f->name);
	if (!fault_fits(f, use->run == webauthn_create))
		return cli_wrong_use(cli, "the fault %s is not one of %s",
		    f->name, use->run == webauthn_create ? "create" : "get");
	if ((f->needs & FAULT_NEEDS_BEFORE) && !use->batch)
		return cli_wrong_use(cli, "the fault %s sends an earlier "
		    "response once more: it takes --batch, where the first "
		    "line goes without", f->name);
	if (use->auth.no_faults)
		return cli_wrong_use(cli, "--fault and --no-faults exclude "
		    "each other");
	return CLI_DONE;
}

/* What is said of a fleet, and what cannot be said of one. */
static int
check_fleet(const struct cli *cli, const struct webauthn_use *use)
{
	if (use->keys == 0 && (use->jobs != 0 || use->root != NULL ||
	    use->root_key != NULL))
		return cli_wrong_use(cli, "--jobs and --attestation-root are "
		    "for --keys");
	if (use->keys == 0)
		return CLI_DONE;
	if (!use->batch)
		return cli_wrong_use(cli, "--keys is for --batch");
	if (use->socket != NULL || use->device != NULL || use->tpm.given ||
	    use->pin_file != NULL)
		return cli_wrong_use(cli, "--keys are software keys without a "
		    "PIN: not --socket, --device, --tpm or --pin-file");
	if (use->fault.fault != NULL)
		return cli_wrong_use(cli, "--fault is for one key, not for "
		    "--keys");
	if ((use->root == NULL) != (use->root_key == NULL))
		return cli_wrong_use(cli, "--attestation-root and "
		    "--attestation-root-key go together");
	return CLI_DONE;
}

static int
check_use(const struct cli *cli, struct webauthn_use *use)
{
	const char *why;
	int tokens = (use->state != NULL) + (use->socket != NULL) +
	    (use->device != NULL);
	int status;

	if (use->origin_text == NULL)
		return cli_wrong_use(cli, "--origin is missing");
	if (!origin_parse(use->origin_text, &use->origin, &why))
		return cli_wrong_use(cli, "--origin: %s", why);
	if (tokens > 1)
		return cli_wrong_use(cli,
		    "--state, --socket and --device exclude each other");
	if ((use->configured || use->tpm.given) && tokens > 0 &&
	    use->state == NULL)
		return cli_wrong_use(cli, "--profile, --set, --attestation, "
		    "--no-faults and --tpm are for a key from --state");
	status = check_fleet(cli, use);
	if (status == CLI_DONE)
		status = check_fault(cli, use);
	if (status == CLI_DONE)
		status = profile_option_check(cli, &use->profile);
	use->ready = status == CLI_DONE;
	return status;
}

/* A key somewhere else is what it is. */
static void
take_profile(const struct cli *cli, struct webauthn_use *use)
{
	if (cli_peek(cli, "socket") != NULL || cli_peek(cli, "device") != NULL)
		return;
	profile_option_take(cli, &use->profile);
	if (use->profile.profile != NULL)
		use->platform = (use->auth.features & FEATURE_PLAT) != 0;
}

/* argv[1] is what to do; the options are behind it. */
static int
read_use(struct cli *cli, struct webauthn_use *use)
{
	int opt, status;

	if (cli->argc > 1 && strcmp(cli->argv[1], "create") == 0)
		use->run = webauthn_create;
	else if (cli->argc > 1 && strcmp(cli->argv[1], "get") == 0)
		use->run = webauthn_get;
	if (use->run != NULL) {
		cli->argc--;
		cli->argv++;
	}
	take_profile(cli, use);
	while ((opt = cli_next(cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli->status;
		status = take_option(cli, opt, use);
		if (status != CLI_DONE)
			return status;
	}
	if (use->run == NULL && use->keys == 0)
		return cli_wrong_use(cli, "say create or get first");
	return check_use(cli, use);
}

static int
open_token(const struct webauthn_use *use, struct token **out)
{
	char msg[DEVICE_MESSAGE_LEN], path[PATH_MAX];
	int r;

	if (use->socket != NULL)
		r = token_open_socket(use->socket, out, msg, sizeof(msg));
	else if (use->device != NULL)
		r = token_open_device(use->device, out, msg, sizeof(msg));
	else if ((r = paths_state(use->state, path, msg, sizeof(msg))) == 0)
		r = token_open_local(path, &use->auth, &use->tpm.tpm, out,
		    msg, sizeof(msg));
	if (r == 0 && use->socket == NULL && use->device == NULL)
		r = profile_option_keep(&use->profile, path, msg,
		    sizeof(msg));
	return r == 0 ? CLI_DONE : cli_error("webauthn: %s", msg);
}

/*
 * What the key gets wrong, as long as this process has it. A fault of the
 * client is none of the key's, but would be in its audit log.
 */
static int
arm_fault(struct webauthn_use *use, struct token *token)
{
	static const struct fault_scope until_cleared;
	bool local = use->socket == NULL && use->device == NULL;
	char msg[FAULT_MESSAGE_LEN];
	struct fault_set *faults;

	if (use->fault.fault == NULL || !local)
		return CLI_DONE;
	faults = device_faults(token_local_device(token));
	if (fault_set_forbidden(faults))
		return cli_error("webauthn: %s", FAULT_FORBIDDEN_TEXT);
	if (use->fault.fault->stage == FAULT_CLIENT)
		return CLI_DONE;
	use->faults = faults;
	if (fault_arm(use->faults, use->fault, &until_cleared, NULL, msg,
	    sizeof(msg)) < 0)
		return cli_error("webauthn: %s", msg);
	return CLI_DONE;
}

/*
 * The key knows of what it gets wrong itself, and has its events. What the
 * client got wrong is told here, of a key in this process.
 */
static void
tell_fault(const struct webauthn_use *use, const struct webauthn_client *c)
{
	struct event e = { .kind = EVENT_FAULT_USED, .owner = true };
	char name[FAULT_NAME_MAX];

	if (!c->fault_made || use->socket != NULL || use->device != NULL)
		return;
	fault_choice_name(use->fault, name);
	e.fault = name;
	watch_tell(device_watch(token_local_device(c->token)), &e);
}

/* As a browser does it, silently: not what a tester has in mind. Once. */
static void
tell_ordinary(const struct webauthn_client *c, struct webauthn_use *use)
{
	if (!c->not_enterprise || use->told_ordinary)
		return;
	use->told_ordinary = true;
	fprintf(stderr, "sealkey: webauthn: enterprise attestation was asked "
	    "for and is off on this key, which gives what everybody gets%s\n",
	    use->socket == NULL && use->device == NULL ?
	    "; --set ep=enabled makes a new key have it on" : "");
}

/* CTAP 2.3, 6.5.1: 4 code points or more, at most 63 bytes of UTF-8. */
static bool
is_pin(struct span pin)
{
	size_t points = 0;

	for (size_t i = 0; i < pin.len; i++)
		points += (pin.p[i] & 0xc0) != 0x80;
	return points >= PIN_POINTS_MIN && pin.len <= TOKEN_PIN_MAX &&
	    memchr(pin.p, '\0', pin.len) == NULL &&
	    cbor_utf8_cut(pin, pin.len) == pin.len;
}

/* The first line of a file; without a buffer that nobody would wipe. */
static int
give_pin(const char *path, struct token *token)
{
	char line[TOKEN_PIN_MAX + 2];
	int status = CLI_DONE, fd;
	ssize_t n = 1;
	size_t len = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_error("webauthn: %s: %s", path, strerror(errno));
	while (len < sizeof(line) && (n = read(fd, line + len, 1)) == 1 &&
	    line[len] != '\n')
		len++;
	close(fd);
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (n < 0)
		status = cli_error("webauthn: %s: %s", path, strerror(errno));
	else if (!is_pin(span(line, len)))
		status = cli_error("webauthn: %s: the first line is no PIN, "
		    "which has %d characters to %d bytes", path,
		    PIN_POINTS_MIN, TOKEN_PIN_MAX);
	else
		token->ops->set_pin(token, span(line, len));
	explicit_bzero(line, sizeof(line));
	return status;
}

/* What was read, and whether there was more than fits. */
struct input {
	char	*buf;		/* WEBAUTHN_INPUT_MAX bytes */
	size_t	 len;
	bool	 too_long;
};

/* Up to the end of a line, or of the file. False: nothing left. */
static bool
read_input(struct input *in, bool line)
{
	bool any = false;
	int c;

	in->len = 0;
	in->too_long = false;
	while ((c = getc_unlocked(stdin)) != EOF) {
		any = true;
		if (line && c == '\n')
			break;
		if (in->len < WEBAUTHN_INPUT_MAX)
			in->buf[in->len++] = (char)c;
		else
			in->too_long = true;
	}
	return any;
}

static uint64_t
times_used(const struct webauthn_use *use)
{
	return use->faults != NULL ? fault_armed_at(use->faults, 0)->used : 0;
}

/* What is sent once more is sent honestly before. */
static bool
is_missing_fault(const struct webauthn_use *use,
    const struct webauthn_client *c)
{
	const struct fault *f = use->fault.fault;

	return f != NULL && !c->fault_made &&
	    (f->needs & FAULT_NEEDS_BEFORE) == 0;
}

static bool
perform(struct webauthn_use *use, struct webauthn_client *c,
    const struct input *in, struct json_out *out, struct dom_error *err)
{
	uint64_t used = times_used(use);

	if (!in->too_long && !use->run(c, span(in->buf, in->len), out, err))
		return false;
	memset(err, 0, sizeof(*err));
	if (in->too_long)
		return dom_fail(err, "NotSupportedError",
		    "the options are longer than %d bytes",
		    WEBAUTHN_INPUT_MAX);
	/* an honest response would be taken for the one that was wanted */
	if (is_missing_fault(use, c) && times_used(use) == used)
		return dom_fail(err, "NotSupportedError", "the fault %s does "
		    "not fit this ceremony, which went well; sealkey fault "
		    "show %s", use->fault.fault->name, use->fault.fault->name);
	tell_fault(use, c);
	tell_ordinary(c, use);
	return true;
}

/* One line, seen at once by whoever waits for it. */
static int
print_line(const struct json_out *out)
{
	struct span text = json_out_text(out);

	if (text.p == NULL)
		return cli_error("webauthn: out of memory");
	if (fwrite(text.p, 1, text.len, stdout) == text.len &&
	    putchar('\n') != EOF && fflush(stdout) != EOF)
		return CLI_DONE;
	return cli_output_failed();
}

static int
cannot_read(void)
{
	return cli_error("webauthn: cannot read the options: %s",
	    strerror(errno));
}

static int
run_once(struct webauthn_use *use, struct webauthn_client *c,
    struct input *in, struct json_out *out)
{
	struct dom_error err;

	read_input(in, false);
	if (ferror(stdin))
		return cannot_read();
	if (!perform(use, c, in, out, &err))
		return cli_error("webauthn: %s: %s", err.name, err.message);
	return print_line(out);
}

static bool
is_blank(const struct input *in)
{
	size_t i;

	for (i = 0; i < in->len; i++) {
		if (in->buf[i] == '\0' || !strchr(" \t\r", in->buf[i]))
			return false;
	}
	return !in->too_long;
}

static int
run_batch(struct webauthn_use *use, struct webauthn_client *c,
    struct input *in, struct json_out *out)
{
	int status = CLI_DONE;
	struct dom_error err;

	while (read_input(in, true)) {
		if (ferror(stdin))
			break;		/* half a line is no line */
		if (is_blank(in))
			continue;
		if (!perform(use, c, in, out, &err)) {
			status = CLI_FAILED;
			dom_error_put(out, &err);
		}
		if (print_line(out) != CLI_DONE)
			return CLI_FAILED;	/* nobody is listening */
	}
	return ferror(stdin) ? cannot_read() : status;
}

static int
run_input(struct webauthn_use *use, struct webauthn_client *c,
    struct input *in, struct json_out *out)
{
	c->fault = use->fault.fault;
	return use->batch ? run_batch(use, c, in, out) :
	    run_once(use, c, in, out);
}

static int
run_client(struct webauthn_use *use, struct token *token)
{
	struct input in = { .buf = malloc(WEBAUTHN_INPUT_MAX) };
	struct webauthn_client c;
	struct json_out out;
	int status, r;

	json_out_init(&out);
	r = webauthn_client_init(&c, &use->origin, use->platform, token);
	if (r > 0)
		status = cli_error("webauthn: the token answered %s (0x%02x) "
		    "to getInfo", ctap_status_name((uint8_t)r) != NULL ?
		    ctap_status_name((uint8_t)r) : "an unknown status", r);
	else if (r < 0 || in.buf == NULL)
		status = cli_error("webauthn: %s",
		    strerror(r < 0 ? -r : ENOMEM));
	else
		status = run_input(use, &c, &in, &out);
	json_out_done(&out);
	webauthn_client_done(&c);
	free(in.buf);
	return status;
}

static int
keep_profile(void *arg, const char *path, char *msg, size_t msglen)
{
	const struct webauthn_use *use = arg;

	return profile_option_keep(&use->profile, path, msg, msglen);
}

/* What comes and goes on standard input and output is whole lines. */
static int
run_fleet(struct webauthn_use *use)
{
	char msg[DEVICE_MESSAGE_LEN] = "", path[PATH_MAX];
	struct fleet_plan plan = { .keys = use->keys,
	    .jobs = use->jobs > 0 ? use->jobs : 1, .auth = &use->auth,
	    .origin = &use->origin, .platform = use->platform,
	    .opened = keep_profile, .arg = use };
	struct attestation_root root;
	struct pem_files pems = { 0 };
	struct fleet *fleet = NULL;
	bool failed = false;
	int r = 0;

	if (use->run != NULL)
		plan.verb = use->run == webauthn_create ? FLEET_CREATE :
		    FLEET_GET;
	if (plan.jobs > plan.keys)
		plan.jobs = plan.keys;
	if (use->state != NULL) {
		r = paths_state(use->state, path, msg, sizeof(msg));
		plan.state = path;
	}
	if (r == 0 && use->root != NULL) {
		r = pem_files_read(&pems, use->root, use->root_key, msg,
		    sizeof(msg));
		root.cert = span(pems.cert, pems.cert_len);
		root.key = span(pems.key, pems.key_len);
		plan.root = &root;
	}
	if (r == 0)
		r = fleet_open(&plan, &fleet, msg, sizeof(msg));
	if (r == 0)
		r = fleet_run(fleet, STDIN_FILENO, STDOUT_FILENO, &failed,
		    msg, sizeof(msg));
	fleet_close(fleet);
	pem_files_done(&pems);
	if (r != 0)
		return cli_error("webauthn: %s", msg);
	return failed ? CLI_FAILED : CLI_DONE;
}

int
cmd_webauthn(int argc, char **argv)
{
	struct webauthn_use use = { .ready = false };
	struct cli cli = { .command = "webauthn", .help = help,
	    .options = options, .leads = "create or get", .argc = argc,
	    .argv = argv, .auth = &use.auth };
	struct device_config defaults;
	struct token *token = NULL;
	struct dom_error err;
	int status;

	device_config_default(&defaults);
	use.auth = defaults.auth;
	status = read_use(&cli, &use);
	if (!use.ready)
		goto out;
	/* No key is made, or disturbed, for a page that may not use any. */
	memset(&err, 0, sizeof(err));
	if (!origin_is_usable(&use.origin, &err)) {
		status = cli_error("webauthn: %s: %s", err.name, err.message);
		goto out;
	}
	if (use.keys > 0) {
		status = run_fleet(&use);
		goto out;
	}
	status = open_token(&use, &token);
	if (status == CLI_DONE && use.pin_file != NULL)
		status = give_pin(use.pin_file, token);
	if (status == CLI_DONE)
		status = arm_fault(&use, token);
	if (status == CLI_DONE)
		status = run_client(&use, token);
	token_free(token);
out:
	profile_option_done(&use.profile);
	tpm_options_done(&use.tpm);
	return status;
}
