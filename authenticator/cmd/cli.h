/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all sub-commands share: options, messages, exit statuses. A message
 * is one line on standard error that begins with "sealkey: ".
 */
#ifndef AUTHENTICATOR_CLI_H
#define AUTHENTICATOR_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_config;

enum cli_status {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_WRONG_USE = 2,
};

/* The options of one sub-command, while they are read. */
struct cli {
	const char	*command;	/* "run"; NULL: sealkey itself */
	const char	*help;		/* printed by --help */
	const struct option *options;	/* val is what cli_next() returns */
	const char	*operands;	/* what may follow; NULL: nothing */
	const char	*leads;		/* what comes before the options, for
					 * who puts it behind; NULL: nothing */
	struct auth_config *auth;	/* what CLI_SET changes */
	int		 argc;
	char		**argv;
	int		 status;	/* when cli_next() returned CLI_STOP */
};

enum {
	CLI_END = 0,	/* no more options; operands from optind on */
	CLI_STOP = -1,	/* --help, --version or wrong use: return status */
};

/*
 * Rows for every table of options, before the last one, and the values of
 * options that are spelled the same in several sub-commands.
 */
#define CLI_COMMON \
	{ "help", no_argument, NULL, CLI_OPT_HELP }, \
	{ "version", no_argument, NULL, CLI_OPT_VERSION }
/* ... and of those that are or make a key: --set NAME=VALUE, --set help. */
#define CLI_SET \
	{ "set", required_argument, NULL, CLI_OPT_SET }

enum {
	CLI_OPT_HELP = 1,
	CLI_OPT_VERSION,
	CLI_OPT_SET,		/* already in cli->auth */
	CLI_OPT_FIRST,		/* the sub-command's own start here */
};

/* The next option (its argument in optarg), CLI_END or CLI_STOP. */
int cli_next(struct cli *cli);

/*
 * The argument of the last --name, before anything is taken; NULL: there is
 * none, or cli_next() will complain of it.
 */
const char *cli_peek(const struct cli *cli, const char *name);

/*
 * An option that is the setting name of its own (settings.h), with optarg as
 * its value: CLI_DONE or CLI_WRONG_USE.
 */
int cli_take_setting(const struct cli *cli, const char *option,
    const char *name);

/* Prints "sealkey: COMMAND: ...", and returns CLI_WRONG_USE. */
int cli_wrong_use(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints "sealkey: ..." and returns CLI_FAILED. */
int cli_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * The output cannot be written, and errno says why: the one line of that, for
 * whoever does not go on. The rest of the output is dropped.
 */
int cli_output_failed(void);

/*
 * Of optarg: CLI_DONE, or CLI_WRONG_USE and a line that says what it may be.
 * parse_choice() and parse_number() of an option.
 */
int cli_take_choice(const struct cli *cli, const char *option,
    const char *const *names, int *out);
int cli_take_number(const struct cli *cli, const char *option, uint64_t min,
    uint64_t max, uint64_t *out);
/* --attachment cross-platform or platform. */
int cli_take_attachment(const struct cli *cli, bool *platform);

/*
 * Text of somebody else's making, on one line of a terminal: control
 * characters, and bytes that are no UTF-8, become '?'. Writes at most size
 * bytes, NUL included, and whole characters.
 */
void cli_clean(const char *text, size_t len, char *out, size_t size);

/* Sub-commands; each returns an exit status. argv[0] is its name. */
int cmd_run(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_webauthn(int argc, char **argv);
int cmd_credentials(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_tpm(int argc, char **argv);
int cmd_attestation(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_mds(int argc, char **argv);
int cmd_tpm_csr(int argc, char **argv);		/* of cmd_tpm() */
int cmd_tpm_answer(int argc, char **argv);
int cmd_tpm_enroll(int argc, char **argv);
int cmd_fault(int argc, char **argv);
int cmd_press(int argc, char **argv);
int cmd_deny(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_rp_audit(int argc, char **argv);
int cmd_webdriver(int argc, char **argv);
int cmd_conformance(int argc, char **argv);	/* in conformance/ */

#endif
