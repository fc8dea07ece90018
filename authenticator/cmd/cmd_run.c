/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sealkey run: opens a key, plugs it in, says that it is ready, and serves
 * until SIGTERM, SIGINT or SIGHUP.
 */
#include <sys/signalfd.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/cmd/ready.h"
#include "authenticator/control/control.h"
#include "authenticator/control/describe.h"
#include "authenticator/device.h"
#include "authenticator/loop.h"
#include "authenticator/paths.h"
#include "authenticator/note.h"
#include "authenticator/attest/pem_file.h"
#include "authenticator/reactor.h"
#include "authenticator/cmd/tpm_options.h"

#include "uhid/transport.h"

#define VENDOR_ID	0x1209	/* pid.codes, for tests and experiments */
#define PRODUCT_ID	0xf1d0
#define DEVICE_VERSION	0x0010	/* bcdDevice, 0.1.0 */

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
"  --name NAME            what the device is called (default: sealkey)\n"
"  --presence MODE        who touches the key: auto (it answers at once,\n"
"                         default), manual (\"sealkey press\"), never\n"
"  --tpm TARGET           where a new key is made: auto (default), embedded\n"
"                         (a TPM in software, in DIR), none, or a TCTI such\n"
"                         as device:/dev/tpmrm0; default $SEALKEY_TPM\n"
"  --tpm-pcrs LIST        seal a new key to these PCRs, such as 7,11\n"
"  --tpm-recovery FILE    its first line is a passphrase for when they change\n"
"  --set NAME=VALUE       what kind of key it is: \"--set help\" lists the\n"
"                         names; may be repeated\n"
"  --attestation KIND     packed (default), self, none, or tpm\n"
"  --attestation-root CERT.pem, --attestation-root-key KEY.pem\n"
"                         a root to attest under, instead of the key's own\n"
"  --account-choice WHO   who picks among several accounts: token or host;\n"
"                         default token with --presence auto, else host\n"
"  --ready-fd N           when ready, write \"READY=1\" and a newline to\n"
"                         descriptor N and close it\n"
"  --help, --version\n";

enum {
	OPT_STATE = CLI_OPT_FIRST,
	OPT_UHID,
	OPT_SOCKET,
	OPT_GADGET,
	OPT_NAME,
	OPT_PRESENCE,
	OPT_ATTESTATION,
	OPT_ROOT,
	OPT_ROOT_KEY,
	OPT_CHOICE,
	OPT_READY_FD,
};

static const struct option options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "uhid", no_argument, NULL, OPT_UHID },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "gadget", required_argument, NULL, OPT_GADGET },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "presence", required_argument, NULL, OPT_PRESENCE },
	{ "attestation", required_argument, NULL, OPT_ATTESTATION },
	{ "attestation-root", required_argument, NULL, OPT_ROOT },
	{ "attestation-root-key", required_argument, NULL, OPT_ROOT_KEY },
	{ "account-choice", required_argument, NULL, OPT_CHOICE },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	TPM_OPTIONS,
	CLI_SET,
	CLI_COMMON,
	{ NULL, 0, NULL, 0 }
};

/* In the order of the enums that they stand for. */
static const char *const presence_names[] = { "auto", "manual", "never",
    NULL };
static const char *const attestation_names[] = { "packed", "self", "none",
    "tpm", NULL };
static const char *const choice_names[] = { "token", "host", NULL };

struct run_options {
	const char	*state;
	const char	*socket;
	const char	*gadget;
	const char	*name;
	const char	*root;
	const char	*root_key;
	int		 transports;	/* how many were named */
	int		 presence;	/* enum presence_mode */
	bool		 choice;	/* was named */
	struct auth_config auth;	/* as --set and its like made it */
	int		 ready_fd;	/* -1: none */
	struct tpm_options tpm;
};

/* Everything a running key consists of; freed in one place. */
struct run {
	const struct run_options *opt;
	struct reactor	 reactor;
	struct device	*device;
	struct loop	*loop;
	struct transport *transport;
	struct control	*control;
	int		 signal_fd;
	struct source	 signals;
	struct source	 hosts;
	struct source	 keys;
	struct source	 controls;
};

static bool
is_ascii_name(const char *s)
{
	size_t len = strlen(s);
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	}
	return len > 0 && len <= 127;
}

static int
take_choice(const struct cli *cli, const char *option,
    const char *const *names, int *out)
{
	int i = cli_choice(optarg, names);

	if (i < 0)
		return cli_wrong_use(cli, "%s cannot be \"%s\"", option,
		    optarg);
	*out = i;
	return CLI_DONE;
}

static int
take_option(const struct cli *cli, int opt, struct run_options *o)
{
	switch (opt) {
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
	case OPT_ROOT:
		o->root = optarg;
		break;
	case OPT_ROOT_KEY:
		o->root_key = optarg;
		break;
	case OPT_PRESENCE:
		return take_choice(cli, "--presence", presence_names,
		    &o->presence);
	case CLI_OPT_SET:
		o->choice |= strncmp(optarg, "accountChoice=", 14) == 0;
		break;
	case OPT_ATTESTATION:
		return cli_take_setting(cli, "--attestation", "attestation");
	case OPT_CHOICE:
		o->choice = true;
		return cli_take_setting(cli, "--account-choice",
		    "accountChoice");
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
	if (!is_ascii_name(o->name))
		return cli_wrong_use(cli, "--name takes 1 to 127 printable "
		    "ASCII characters");
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
	while ((opt = cli_next(&cli)) != CLI_END) {
		if (opt == CLI_STOP)
			return cli.status;
		status = take_option(&cli, opt, o);
		if (status != CLI_DONE)
			return status;
	}
	status = check_options(&cli, o);
	*done = status != CLI_DONE;
	return status;
}

static void
on_signal(void *arg, uint64_t now_ms)
{
	struct run *r = arg;
	struct signalfd_siginfo si;

	(void)now_ms;
	if (read(r->signal_fd, &si, sizeof(si)) == sizeof(si))
		reactor_stop(&r->reactor, 0);
}

static void
on_transport_failed(void *arg, const char *line)
{
	struct run *r = arg;

	cli_error("%s", line);
	reactor_stop(&r->reactor, -EIO);
}

/* Whoever reads the log has to do something about it; hosts cannot. */
static void
tell_trouble(const struct run *r)
{
	const char *line = device_trouble(r->device);

	if (line != NULL)
		cli_error("%s: %s", device_path(r->device), line);
}

static void
on_hosts_ready(void *arg, uint64_t now_ms)
{
	struct run *r = arg;

	loop_dispatch(r->loop, now_ms);
	tell_trouble(r);
}

static uint64_t
hosts_deadline(const void *arg)
{
	return loop_deadline(((const struct run *)arg)->loop);
}

static void
on_hosts_tick(void *arg, uint64_t now_ms)
{
	struct run *r = arg;

	loop_tick(r->loop, now_ms);
	tell_trouble(r);
}

static void
on_keys_ready(void *arg, uint64_t now_ms)
{
	struct run *r = arg;

	loop_keys(r->loop, now_ms);
	tell_trouble(r);
}

static void
on_control(void *arg, uint64_t now_ms)
{
	struct run *r = arg;

	control_dispatch(r->control, now_ms);
	tell_trouble(r);
}

static uint64_t
controls_deadline(const void *arg)
{
	return control_deadline(((const struct run *)arg)->control,
	    reactor_now_ms());
}

static int
open_device(struct run *r, char *msg, size_t msglen)
{
	const struct run_options *o = r->opt;
	char path[PATH_MAX];
	struct device_config cfg = { .path = path, .create = true,
	    .auth = o->auth, .tpm = o->tpm.tpm };
	struct pem_files pems = { 0 };
	struct attestation_root root;
	int error;

	/* what the kernel takes from hosts in one go */
	if (o->socket == NULL && o->gadget == NULL &&
	    cfg.auth.message_max > UHID_MESSAGE_MAX)
		cfg.auth.message_max = UHID_MESSAGE_MAX;
	error = paths_state(o->state, path, msg, msglen);
	if (error == 0 && o->root != NULL) {
		error = pem_files_read(&pems, o->root, o->root_key, msg,
		    msglen);
		root.cert = span(pems.cert, pems.cert_len);
		root.key = span(pems.key, pems.key_len);
		cfg.root = &root;
	}
	if (error == 0)
		error = device_open(&cfg, reactor_now_ms(), &r->device, msg,
		    msglen);
	pem_files_done(&pems);
	return error;
}

/* The same for the same key, and tells nothing else about it. */
static void
make_serial(struct device *d, char out[static 17])
{
	static const uint8_t what[] = "serial number";
	uint8_t tag[KEY_TAG_LEN] = { 0 };
	int i;

	device_tag(d, span(what, sizeof(what) - 1), tag);
	for (i = 0; i < 8; i++)
		snprintf(out + 2 * i, 3, "%02x", tag[i]);
}

static int
plug_in(struct run *r, char *msg, size_t msglen)
{
	const struct run_options *o = r->opt;
	struct transport_identity id = { .name = o->name,
	    .vendor = VENDOR_ID, .product = PRODUCT_ID,
	    .version = DEVICE_VERSION };
	char serial[17];
	int error;

	if (o->socket != NULL) {
		error = transport_open_socket(o->socket, &loop_events,
		    r->loop, &r->transport, msg, msglen);
	} else if (o->gadget != NULL) {
		error = transport_open_gadget(o->gadget, &loop_events,
		    r->loop, &r->transport, msg, msglen);
	} else {
		make_serial(r->device, serial);
		id.uniq = serial;
		error = transport_open_uhid(&id, &loop_events, r->loop,
		    &r->transport, msg, msglen);
	}
	if (error == 0)
		loop_attach(r->loop, r->transport, on_transport_failed, r);
	return error;
}

static int
open_control(struct run *r, char *msg, size_t msglen)
{
	const struct control_facts facts = {
		.presence = presence_names[r->opt->presence],
		.attestation = attestation_names[r->opt->auth.attestation.kind],
		.account_choice = choice_names[r->opt->auth.choice],
	};
	struct device *d = r->device;
	char path[PATH_MAX];
	int error;

	error = paths_control(device_dirfd(d), device_path(d), path, msg,
	    msglen);
	if (error == 0)
		error = control_open(path, r->loop, &facts, &r->control, msg,
		    msglen);
	if (error == 0)
		error = note_write(device_store(d), path, msg, msglen);
	return error;
}

/*
 * Not before the device is open: making a key may take a while, and until a
 * socket is there, the key may end in whatever way a signal ends it.
 */
static int
open_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd == -1 ? -errno : 0;
}

static int
watch_all(struct run *r)
{
	struct reactor *re = &r->reactor;
	int keys_fd = device_keys_fd(r->device);
	int error;

	r->signals = (struct source){ .fd = r->signal_fd, .ready = on_signal,
	    .arg = r };
	r->hosts = (struct source){
		.fd = r->transport->ops->fd(r->transport),
		.ready = on_hosts_ready, .deadline = hosts_deadline,
		.tick = on_hosts_tick, .arg = r };
	r->keys = (struct source){ .fd = keys_fd, .ready = on_keys_ready,
	    .arg = r };
	r->controls = (struct source){ .fd = control_fd(r->control),
	    .ready = on_control, .deadline = controls_deadline,
	    .tick = on_control, .arg = r };
	error = reactor_add(re, &r->signals);
	if (error == 0)
		error = reactor_add(re, &r->hosts);
	if (error == 0)
		error = reactor_add(re, &r->controls);
	if (error == 0 && keys_fd != -1)
		error = reactor_add(re, &r->keys);
	return error;
}

static int
start(struct run *r, char *msg, size_t msglen)
{
	int error;

	error = open_device(r, msg, msglen);
	if (error < 0)
		return error;
	error = open_signals(r);
	if (error == 0)
		error = reactor_init(&r->reactor);
	if (error == 0)
		error = loop_new(r->device, r->opt->presence, &r->loop);
	if (error < 0) {
		snprintf(msg, msglen, "cannot start: %s", strerror(-error));
		return error;
	}
	error = plug_in(r, msg, msglen);
	if (error == 0)
		error = open_control(r, msg, msglen);
	if (error < 0)
		return error;
	error = watch_all(r);
	if (error < 0)
		snprintf(msg, msglen, "cannot wait: %s", strerror(-error));
	return error;
}

/* Hosts go first, so that nothing is answered by half a key. */
static void
stop(struct run *r)
{
	transport_free(r->transport);
	control_close(r->control);
	loop_free(r->loop);
	device_close(r->device);
	reactor_done(&r->reactor);
	if (r->signal_fd != -1)
		close(r->signal_fd);
}

static void
tell_warning(const struct run *r)
{
	const char *note = device_keys_info(r->device)->note;
	const char *line = device_warning(r->device);

	if (note[0] != '\0')
		cli_error("%s", note);
	if (line[0] != '\0')
		cli_error("%s: %s", device_path(r->device), line);
}

/* Three ways to hear it, for scripts, for systemd and for people. */
static void
tell_ready(const struct run *r)
{
	char aaguid[37], keys[DESCRIBE_KEYS_LEN];

	describe_aaguid(device_auth(r->device)->aaguid, aaguid);
	describe_keys(r->device, keys);
	fprintf(stderr, "sealkey: ready: %s, AAGUID %s, %s\n",
	    r->transport->ops->name, aaguid, keys);
	(void)sd_notify(0, "READY=1");
	ready_tell(r->opt->ready_fd);
}

int
cmd_run(int argc, char **argv)
{
	struct run_options o = { .name = "sealkey", .ready_fd = READY_NONE };
	struct device_config defaults;
	struct run r = { .opt = &o, .signal_fd = -1, .reactor.epfd = -1 };
	char msg[DEVICE_MESSAGE_LEN] = "out of memory";
	int status;
	bool done;

	device_config_default(&defaults);
	o.auth = defaults.auth;
	status = read_options(argc, argv, &o, &done);
	if (done) {
		tpm_options_done(&o.tpm);
		return status;
	}
	if (start(&r, msg, sizeof(msg)) < 0) {
		status = cli_error("%s", msg);
	} else {
		tell_warning(&r);
		tell_ready(&r);
		status = reactor_run(&r.reactor) == 0 ? CLI_DONE : CLI_FAILED;
		(void)sd_notify(0, "STOPPING=1");
	}
	stop(&r);
	tpm_options_done(&o.tpm);
	return status;
}
