/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey run: opens a key, plugs it in, says that it is ready, and serves it,
 * and those that are added through its control interface, until SIGTERM,
 * SIGINT or SIGHUP.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/clock.h"
#include "authenticator/cmd/profile_option.h"
#include "authenticator/cmd/ready.h"
#include "authenticator/control/control.h"
#include "authenticator/control/control_tcp.h"
#include "authenticator/control/describe.h"
#include "authenticator/hub.h"
#include "authenticator/names.h"
#include "authenticator/paths.h"
#include "authenticator/attest/pem_file.h"
#include "authenticator/reactor.h"
#include "authenticator/signals.h"
#include "authenticator/cmd/tpm_options.h"

static const char help[] =
"Usage: sealkey run [OPTION]...\n"
"\n"
"Plugs the key in and serves until SIGTERM.\n"
"\n"
"  --state DIR            the key's state directory, made if missing; default\n"
"                         $STATE_DIRECTORY, $XDG_STATE_HOME/sealkey/default,\n"
"                         ~/.local/state/sealkey/default\n"
"  --uhid                 be a HID device of this machine (default)\n"
"  --socket PATH          serve a UNIX SEQPACKET socket instead: one 64-byte\n"
"                         report per packet, each client a host of its own\n"
"  --gadget /dev/hidgN    be a USB device to another machine instead\n"
"  --profile PROFILE      the model of key, from now on: a name out of\n"
"                         \"sealkey profile list\", or an INI file\n"
"  --name NAME            what the device is called; default the profile's\n"
"                         product, or sealkey\n"
"  --presence MODE        who touches the key: auto (it answers at once,\n"
"                         default), manual (\"sealkey press\"), never,\n"
"                         deny (it says no at once)\n"
"  --tpm TARGET           where a new key is made: auto (default), embedded\n"
"                         (a TPM in software, in DIR), none, or a TCTI such\n"
"                         as device:/dev/tpmrm0; default $SEALKEY_TPM\n"
"  --tpm-pcrs LIST        seal a new key to these PCRs, such as 7,11\n"
"  --tpm-recovery FILE    its first line is a passphrase for when they change\n"
"  --set NAME=VALUE       what kind of key it is this time, on top of the\n"
"                         profile: \"--set help\" lists the names; may be\n"
"                         repeated\n"
"  --attestation KIND     packed (default), self, none, tpm, fido-u2f,\n"
"                         android-key, apple, compound, android-safetynet\n"
"  --attestation-root CERT.pem, --attestation-root-key KEY.pem\n"
"                         a root to attest under, instead of the key's own\n"
"  --no-faults            make a key that never gets anything wrong on\n"
"                         purpose, however it is started later\n"
"  --account-choice WHO   who picks among several accounts: token or host;\n"
"                         default token with --presence auto, else host\n"
"  --id ID                what the control interface calls the key\n"
"                         (default: key1)\n"
"  --empty                start without a key: its control interface adds\n"
"                         some\n"
"  --control PATH         the socket of the control interface\n"
"  --control-tcp ADDRESS  control it also at 127.0.0.1:PORT, for who knows\n"
"  --control-token FILE   the token in it, of 16 characters at least; FILE\n"
"                         has mode 0600, and is made if it is missing\n"
"  --audit MODE           note each operation in DIR/audit.log: sealed (only\n"
"                         \"sealkey audit\" can read it; default), plain, off\n"
"  --quiet                no line on standard error when ready\n"
"  --ready-fd N           when ready, write \"READY=1\" and a newline to\n"
"                         descriptor N and close it\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_UHID,
	OPT_SOCKET,
	OPT_GADGET,
	OPT_NAME,
	OPT_PROFILE,
	OPT_PRESENCE,
	OPT_ATTESTATION,
	OPT_ROOT,
	OPT_ROOT_KEY,
	OPT_NO_FAULTS,
	OPT_CHOICE,
	OPT_AUDIT,
	OPT_QUIET,
	OPT_READY_FD,
	OPT_ID,
	OPT_EMPTY,
	OPT_CONTROL,
	OPT_CONTROL_TCP,
	OPT_CONTROL_TOKEN,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "uhid", no_argument, NULL, OPT_UHID },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "gadget", required_argument, NULL, OPT_GADGET },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "profile", required_argument, NULL, OPT_PROFILE },
	{ "presence", required_argument, NULL, OPT_PRESENCE },
	{ "attestation", required_argument, NULL, OPT_ATTESTATION },
	{ "attestation-root", required_argument, NULL, OPT_ROOT },
	{ "attestation-root-key", required_argument, NULL, OPT_ROOT_KEY },
	{ "no-faults", no_argument, NULL, OPT_NO_FAULTS },
	{ "account-choice", required_argument, NULL, OPT_CHOICE },
	{ "audit", required_argument, NULL, OPT_AUDIT },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "id", required_argument, NULL, OPT_ID },
	{ "empty", no_argument, NULL, OPT_EMPTY },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "control-tcp", required_argument, NULL, OPT_CONTROL_TCP },
	{ "control-token", required_argument, NULL, OPT_CONTROL_TOKEN },
	TPM_OPTIONS,
	CLI_SET,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

struct run_options {
	const char	*state;
	const char	*socket;
	const char	*gadget;
	const char	*name;
	const char	*id;
	const char	*control;
	const char	*control_tcp;
	const char	*control_token;
	bool		 empty;
	bool		 quiet;
	bool		 of_key;	/* anything that --empty cannot have */
	const char	*root;
	const char	*root_key;
	int		 transports;	/* how many were named */
	int		 presence;	/* enum presence_mode */
	int		 audit;		/* enum audit_mode */
	bool		 choice;	/* was named */
	struct profile_option profile;
	struct auth_config auth;	/* as --set and its like made it */
	int		 ready_fd;	/* -1: none */
	struct tpm_options tpm;
};

/* Everything a running daemon consists of; freed in one place. */
struct run {
	const struct run_options *opt;
	struct reactor	 reactor;
	struct hub	*hub;
	struct hub_key	*key;		/* the one that was started with */
	struct control	*control;
	char		 control_path[PATH_MAX];
	struct signals	 signals;
	struct source	 controls;
};

/* What --empty can have. */
static bool
is_of_daemon(int opt)
{
	return opt == OPT_EMPTY || opt == OPT_CONTROL ||
	    opt == OPT_CONTROL_TCP || opt == OPT_CONTROL_TOKEN ||
	    opt == OPT_QUIET || opt == OPT_READY_FD;
}

static int
take_option(const struct cli *cli, int opt, struct run_options *o)
{
	o->of_key |= !is_of_daemon(opt);
	switch (opt) {
	case OPT_ID:
		o->id = optarg;
		break;
	case OPT_EMPTY:
		o->empty = true;
		break;
	case OPT_CONTROL:
		o->control = optarg;
		break;
	case OPT_CONTROL_TCP:
		o->control_tcp = optarg;
		break;
	case OPT_CONTROL_TOKEN:
		o->control_token = optarg;
		break;
	case OPT_STATE:
		o->state = optarg;
		break;
	case OPT_UHID:
		o->transports++;
		break;
	case OPT_SOCKET:
		o->transports++;
		o->socket = optarg;
		break;
	case OPT_GADGET:
		o->transports++;
		o->gadget = optarg;
		break;
	case OPT_NAME:
		o->name = optarg;
		break;
	case OPT_PROFILE:	/* profile_option_take() has */
		break;
	case OPT_ROOT:
		o->root = optarg;
		break;
	case OPT_ROOT_KEY:
		o->root_key = optarg;
		break;
	case OPT_PRESENCE:
		return cli_take_choice(cli, "--presence", presence_names,
		    &o->presence);
	case CLI_OPT_SET:
		o->choice |= strncmp(optarg, "accountChoice=", 14) == 0;
		break;
	case OPT_ATTESTATION:
		return cli_take_setting(cli, "--attestation", "attestation");
	case OPT_NO_FAULTS:
		o->auth.no_faults = true;
		break;
	case OPT_AUDIT:
		return cli_take_choice(cli, "--audit", audit_mode_names,
		    &o->audit);
	case OPT_CHOICE:
		o->choice = true;
		return cli_take_setting(cli, "--account-choice",
		    "accountChoice");
	case OPT_QUIET:
		o->quiet = true;
		break;
	case OPT_READY_FD:
		return ready_take(cli, &o->ready_fd);
	}
	return tpm_options_take(cli, opt, &o->tpm);
}

static int
check_options(const struct cli *cli, struct run_options *o)
{
	if (o->transports > 1)
		return cli_wrong_use(cli, "only one of --uhid, --socket and "
		    "--gadget");
	if (o->name != NULL && !hub_is_name(o->name))
		return cli_wrong_use(cli, "--name takes 1 to 127 printable "
		    "ASCII characters");
	if (o->id != NULL && !hub_is_id(o->id))
		return cli_wrong_use(cli, "--id takes 1 to 48 letters, "
		    "digits, or -._~");
	if (o->empty && o->of_key)
		return cli_wrong_use(cli, "--empty is without a key: only "
		    "--control and its like, and --ready-fd, go with it");
	if ((o->control_tcp == NULL) != (o->control_token == NULL))
		return cli_wrong_use(cli, "--control-tcp and --control-token "
		    "go together");
	if ((o->root == NULL) != (o->root_key == NULL))
		return cli_wrong_use(cli, "--attestation-root and "
		    "--attestation-root-key go together");
	if (!o->choice)
		o->auth.choice = o->presence == PRESENCE_AUTO ?
		    CHOICE_TOKEN : CHOICE_HOST;
	return CLI_DONE;
}

/* CLI_DONE, CLI_WRONG_USE, or *done and what to exit with. */
static int
read_options(int argc, char **argv, struct run_options *o, bool *done)
{
	struct cli cli = { .command = "run", .help = help,
	    .options = options, .argc = argc, .argv = argv,
	    .auth = &o->auth };
	int status;
	int opt;

	*done = true;
	profile_option_take(&cli, &o->profile);
	o->choice = profile_option_says(&o->profile, "accountChoice");
	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, o);
		if (status != CLI_DONE)
			return status;
	}
	status = check_options(&cli, o);
	if (status == CLI_DONE && !o->empty)
		status = profile_option_check(&cli, &o->profile);
	*done = status != CLI_DONE;
	return status;
}

static void
on_key_failed(void *arg, const struct hub_key *k, const char *line)
{
	struct run *r = arg;

	cli_error("%s: %s", device_path(k->device), line);
	if (k->essential)
		reactor_stop(&r->reactor, -EIO);
}

/* Whoever reads the log has to do something about it; hosts cannot. */
static void
on_trouble(void *arg, const struct hub_key *k, const char *line)
{
	(void)arg;
	cli_error("%s: %s", device_path(k->device), line);
}

static void
on_control(void *arg, uint64_t now_ms)
{
	struct run *r = arg;

	control_dispatch(r->control, now_ms);
}

static uint64_t
controls_deadline(const void *arg)
{
	return control_deadline(((const struct run *)arg)->control,
	    clock_ms());
}

static void
choose_transport(const struct run_options *o, struct hub_options *ho)
{
	ho->transport = HUB_UHID;
	if (o->socket != NULL) {
		ho->transport = HUB_SOCKET;
		ho->path = o->socket;
	} else if (o->gadget != NULL) {
		ho->transport = HUB_GADGET;
		ho->path = o->gadget;
	}
}

/* It is plugged in when signals can take it out again: see start(). */
static int
add_key(struct run *r, char *msg, size_t msglen)
{
	const struct run_options *o = r->opt;
	char path[PATH_MAX];
	struct hub_options ho = { .id = o->id, .name = o->name,
	    .state = path, .presence = o->presence, .unplugged = true,
	    .essential = true, .audit = (enum audit_mode)o->audit,
	    .auth = o->auth, .tpm = o->tpm.tpm,
	    .profile = o->profile.profile,
	    .keep_profile = o->profile.given };
	struct pem_files pems = { 0 };
	struct attestation_root root;
	int error;

	choose_transport(o, &ho);
	error = paths_state(o->state, path, msg, msglen);
	if (error == 0 && o->root != NULL) {
		error = pem_files_read(&pems, o->root, o->root_key, msg,
		    msglen);
		root.cert = span(pems.cert, pems.cert_len);
		root.key = span(pems.key, pems.key_len);
		ho.root = &root;
	}
	if (error == 0)
		error = hub_add(r->hub, &ho, clock_ms(), &r->key, msg,
		    msglen);
	pem_files_done(&pems);
	return error;
}

static int
find_control_path(struct run *r, char *msg, size_t msglen)
{
	struct device *d;

	if (r->opt->control != NULL)
		return paths_absolute(r->opt->control, r->control_path, msg,
		    msglen);
	if (r->key == NULL)
		return paths_control_alone(r->control_path, msg, msglen);
	d = r->key->device;
	return paths_control(device_dirfd(d), device_path(d), r->control_path,
	    msg, msglen);
}

static int
open_control(struct run *r, char *msg, size_t msglen)
{
	struct control_config config = { .hub = r->hub,
	    .path = r->control_path, .tcp = r->opt->control_tcp };
	char token[CONTROL_TOKEN_LEN];
	int error;

	error = find_control_path(r, msg, msglen);
	if (error == 0 && config.tcp != NULL) {
		error = control_tcp_token(r->opt->control_token, token, msg,
		    msglen);
		config.token = token;
	}
	if (error == 0)
		error = control_open(&config, &r->control, msg, msglen);
	explicit_bzero(token, sizeof(token));
	if (error == 0)
		error = hub_announce(r->hub, r->control_path, msg, msglen);
	return error;
}

static int
watch_control(struct run *r)
{
	r->controls = (struct source){ .fd = control_fd(r->control),
	    .ready = on_control, .deadline = controls_deadline,
	    .tick = on_control, .arg = r };
	return reactor_add(&r->reactor, &r->controls);
}

static int
cannot_start(int error, char *msg, size_t msglen)
{
	snprintf(msg, msglen, "cannot start: %s", strerror(-error));
	return error;
}

static int
start(struct run *r, char *msg, size_t msglen)
{
	const struct hub_events events = { .trouble = on_trouble,
	    .failed = on_key_failed, .arg = r };
	int error;

	error = reactor_init(&r->reactor);
	if (error == 0)
		error = hub_new(&r->reactor, &r->hub);
	if (error < 0)
		return cannot_start(error, msg, msglen);
	hub_watch(r->hub, &events);
	if (!r->opt->empty)
		error = add_key(r, msg, msglen);
	if (error < 0)
		return error;
	/* Not before the device is open: making a key may take a while, and
	 * until a socket is there, the key may end in whatever way a signal
	 * ends it. */
	error = signals_open(&r->signals, &r->reactor);
	if (error < 0)
		return cannot_start(error, msg, msglen);
	if (r->key != NULL)
		error = hub_plug(r->key, clock_ms(), msg, msglen);
	if (error == 0)
		error = open_control(r, msg, msglen);
	if (error < 0)
		return error;
	error = watch_control(r);
	return error < 0 ? cannot_start(error, msg, msglen) : 0;
}

/* Hosts go first, so that nothing is answered by half a key. */
static void
stop(struct run *r)
{
	if (r->hub != NULL)
		hub_unplug_all(r->hub);
	control_close(r->control);
	hub_free(r->hub);
	reactor_done(&r->reactor);
	signals_close(&r->signals);
}

static void
tell_warning(const struct run *r)
{
	struct device *d = r->key->device;
	const char *note = device_keys_info(d)->note;
	const char *line = device_warning(d);

	if (note[0] != '\0')
		cli_error("%s", note);
	if (line[0] != '\0')
		cli_error("%s: %s", device_path(d), line);
}

/* Three ways to hear it, for scripts, for systemd and for people. */
static void
tell_ready(const struct run *r)
{
	const char *tcp = control_tcp(r->control);
	const char *at = tcp[0] != '\0' ? ", control interface at http://" : "";
	char aaguid[37], keys[DESCRIBE_KEYS_LEN];

	if (r->opt->quiet) {
		;	/* whoever started us says it */
	} else if (r->key == NULL) {
		fprintf(stderr, "sealkey: ready: no key yet, control "
		    "interface at %s%s%s\n", r->control_path,
		    tcp[0] != '\0' ? " and http://" : "", tcp);
	} else {
		aaguid_write(device_auth(r->key->device)->aaguid, aaguid);
		describe_keys(r->key->device, keys);
		fprintf(stderr, "sealkey: ready: %s, AAGUID %s, %s%s%s\n",
		    hub_transport_names[r->key->kind], aaguid, keys, at, tcp);
	}
	(void)sd_notify(0, "READY=1");
	ready_tell(r->opt->ready_fd);
}

int
cmd_run(int argc, char **argv)
{
	struct run_options o = { .ready_fd = READY_NONE,
	    .audit = AUDIT_SEALED };
	struct device_config defaults;
	struct run r = { .opt = &o, .signals.fd = -1, .reactor.epfd = -1 };
	char msg[DEVICE_MESSAGE_LEN] = "out of memory";
	int status;
	bool done;

	device_config_default(&defaults);
	o.auth = defaults.auth;
	status = read_options(argc, argv, &o, &done);
	if (done) {
		profile_option_done(&o.profile);
		tpm_options_done(&o.tpm);
		return status;
	}
	if (start(&r, msg, sizeof(msg)) < 0) {
		status = cli_error("%s", msg);
	} else {
		if (r.key != NULL)
			tell_warning(&r);
		tell_ready(&r);
		status = reactor_run(&r.reactor) == 0 ? CLI_DONE : CLI_FAILED;
		(void)sd_notify(0, "STOPPING=1");
	}
	stop(&r);
	profile_option_done(&o.profile);
	tpm_options_done(&o.tpm);
	return status;
}
