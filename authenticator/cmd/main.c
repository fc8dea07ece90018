/* SPDX-License-Identifier: Apache-2.0 */
/* sealkey, the command: a table of sub-commands. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/output_file.h"
#include "tpm/key.h"
#include "tpm/seal.h"

static const char help[] =
"Usage: sealkey COMMAND [OPTION]...\n"
"\n"
"A FIDO2 security key made of software.\n"
"\n"
"  run           plug the key in and serve until SIGTERM\n"
"  ctl           control a running key, and have more of them\n"
"  wait          until a key is ready, or something happened to it\n"
"  webauthn      play the browser: options in, response out, as JSON\n"
"  profile       models of keys, and which of them a key is\n"
"  credentials   list, show or delete credentials\n"
"  info          what this key is\n"
"  audit         what this key was asked to do, and did\n"
"  reset         forget every credential\n"
"  tpm           what a key has in its TPM, and what to do about it\n"
"  attestation   the trust anchors a relying party must be given\n"
"  ca            a small CA that certifies attestation keys in TPMs\n"
"  mds           metadata for relying parties, and a server of it\n"
"  fault         what a key gets wrong on purpose, to test relying parties\n"
"  press, deny   answer a running key that waits for its user\n"
"  webdriver     a WebDriver server that adds virtual authenticators\n"
"  conformance   judge a key: does it do what the specifications demand?\n"
"  rp-audit      judge a relying party: does it refuse what is wrong?\n"
"\n"
"  --help        this text, or that of a command\n"
"  --version     the version\n"
"\n"
"Exit status: 0 done, 1 failed, 2 wrong use.\n";

/* Not for people: the process that has the keys (tpm/helper.md). */
static int
cmd_key_helper(int argc, char **argv)
{
	(void)argv;
	if (argc != 1)
		return cli_error("key-helper takes no arguments");
	return key_helper_main();
}

static const struct command {
	const char *name;
	int	(*run)(int argc, char **argv);
} commands[] = {
	{ "run",		cmd_run },
	{ "ctl",		cmd_ctl },
	{ "wait",		cmd_wait },
	{ "webauthn",		cmd_webauthn },
	{ "profile",		cmd_profile },
	{ "credentials",	cmd_credentials },
	{ "info",		cmd_info },
	{ "audit",		cmd_audit },
	{ "reset",		cmd_reset },
	{ "tpm",		cmd_tpm },
	{ "attestation",	cmd_attestation },
	{ "ca",			cmd_ca },
	{ "mds",		cmd_mds },
	{ "fault",		cmd_fault },
	{ "press",		cmd_press },
	{ "deny",		cmd_deny },
	{ "webdriver",		cmd_webdriver },
	{ "conformance",	cmd_conformance },
	{ "rp-audit",		cmd_rp_audit },
	{ "key-helper",		cmd_key_helper },
};

/*
 * Whoever started us may have closed 0, 1 or 2. The next files we open, the
 * key's database for one, must not become standard output.
 */
static int
fill_standard_fds(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* open() takes the lowest that is free: this one */
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) < 0)
			return -errno;
	}
	return 0;
}

/* For the whole process, before anything is opened. */
static int
harden(void)
{
	static const struct rlimit none = { 0, 0 };
	int r = fill_standard_fds();

	if (r < 0)
		return cli_error("a standard descriptor is closed, and "
		    "/dev/null cannot be opened: %s", strerror(-r));
	if (!seal_wipe_freed())
		return cli_error("OpenSSL cannot be told to wipe its memory");
	output_file_set_mask(umask(077));
	signal(SIGPIPE, SIG_IGN);
	/* Other processes of this user must not read keys out of ours. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* Secrets do not belong into core files. */
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		return cli_error("cannot forbid core files: %s",
		    strerror(errno));
	return CLI_DONE;
}

static int
run_command(const struct cli *cli, int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		optind = 0;	/* getopt_long() starts afresh */
		return commands[i].run(argc, argv);
	}
	return cli_wrong_use(cli, "there is no command \"%s\"", argv[0]);
}

/* Whoever read our output has read enough, as "head" does. */
static bool
reader_is_gone(void)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR) != 0;
}

/* A full disk behind standard output is a failure like any other. */
static int
flush_output(int status)
{
	if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_is_gone())
		return status;
	(void)cli_output_failed();
	return status == CLI_DONE ? CLI_FAILED : status;
}

/* JSON comes with private keys and PINs in it, and goes with them. */
static void
free_json(void *p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		CLI_COMMON, { NULL, 0, NULL, 0 }
	};
	struct cli cli = { .help = help, .options = options,
	    .operands = "COMMAND", .argc = argc, .argv = argv };
	int status = harden();

	if (status != CLI_DONE)
		return status;
	json_set_alloc_funcs(malloc, free_json);
	if (cli_next(&cli) == CLI_STOP)
		return flush_output(cli.status);
	if (optind >= argc)
		return cli_wrong_use(&cli, "a command is missing");
	status = run_command(&cli, argc - optind, argv + optind);
	/* The keys are wiped; a leak checker may look at what is left. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	return flush_output(status);
}
