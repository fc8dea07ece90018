/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TPM in another process, behind sockets: swtpm, with its state and its
 * sockets in a directory of the caller's, started (TPM2_Startup) as firmware
 * would. Without a resource manager, so one client at a time, and what a
 * client leaves loaded stays loaded.
 *
 * Whatever does not work fails the cmocka test that asks for it.
 */
#ifndef TESTS_SWTPM_H
#define TESTS_SWTPM_H

#include <sys/types.h>

struct swtpm {
	char	dir[80];
	char	target[128];	/* the TCTI string */
	pid_t	pid;		/* 0: it is off */
};

/* dir exists; what an earlier one left there is its memory. */
void swtpm_on(struct swtpm *s, const char *dir);
/* Pulls the plug. Nothing happens if it is off. */
void swtpm_off(struct swtpm *s);
/* Off and on: what was loaded is gone. */
void swtpm_reset(struct swtpm *s);
/* Off, and its files are removed; dir stays. */
void swtpm_remove(struct swtpm *s);

/* A shell command about this TPM (tpm2-tools), run in dir; what it prints goes
 * to the file said. Exit status. */
int swtpm_tool(const struct swtpm *s, const char *command);

#endif
