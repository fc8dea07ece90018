/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of sub-commands that make or open a key in a TPM: which one,
 * what PCRs the storage key of a new one is sealed to, and the passphrase for
 * when they have changed.
 */
#ifndef AUTHENTICATOR_TPM_OPTIONS_H
#define AUTHENTICATOR_TPM_OPTIONS_H

#include "authenticator/cmd/cli.h"
#include "authenticator/device.h"

#define TPM_RECOVERY_MAX	1024	/* bytes of a passphrase */

/* All zero: none was given. */
struct tpm_options {
	struct device_tpm tpm;		/* recovery points to what is below */
	bool		 given;		/* any of them */
	char		 recovery[TPM_RECOVERY_MAX + 1];
};

/* Rows for a table of options: all of them, or some, by other names. */
#define TPM_OPTIONS \
	{ "tpm", required_argument, NULL, TPM_OPT_TARGET }, \
	TPM_OPTION_PCRS("tpm-pcrs"), \
	TPM_OPTION_RECOVERY("tpm-recovery")
#define TPM_OPTION_PCRS(name) \
	{ name, required_argument, NULL, TPM_OPT_PCRS }
#define TPM_OPTION_RECOVERY(name) \
	{ name, required_argument, NULL, TPM_OPT_RECOVERY }

enum {
	TPM_OPT_TARGET = 0x1000,	/* behind those of any sub-command */
	TPM_OPT_PCRS,
	TPM_OPT_RECOVERY,
};

/* If opt is one of them, takes optarg: CLI_DONE, or CLI_WRONG_USE. */
int tpm_options_take(const struct cli *cli, int opt, struct tpm_options *o);
/* Wipes the passphrase. */
void tpm_options_done(struct tpm_options *o);

#endif
