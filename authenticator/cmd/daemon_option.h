/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which daemon, and which key of it, a command means: --control SOCKET, or
 * --state DIR, whose lock names both; --key ID. Without them $SEALKEY_CONTROL,
 * the key in the default state directory if it runs, or the daemon that was
 * started with --empty.
 */
#ifndef AUTHENTICATOR_DAEMON_OPTION_H
#define AUTHENTICATOR_DAEMON_OPTION_H

#include <limits.h>

#include "authenticator/cmd/cli.h"
#include "authenticator/note.h"

struct daemon_option {
	const char	*control;	/* as given; NULL: was not */
	const char	*state;
	const char	*key;
	char		 socket[PATH_MAX];	/* daemon_find() */
	char		 id[NOTE_ID_LEN];	/* "": the first key */
};

enum {
	DAEMON_OPT_CONTROL = 1000,
	DAEMON_OPT_STATE,
	DAEMON_OPT_KEY,
};

#define DAEMON_OPTIONS \
	{ "control", required_argument, NULL, DAEMON_OPT_CONTROL }, \
	{ "state", required_argument, NULL, DAEMON_OPT_STATE }, \
	{ "key", required_argument, NULL, DAEMON_OPT_KEY }

#define DAEMON_HELP \
"  --control SOCKET    the control interface of the daemon\n" \
"  --state DIR         or the state directory of one of its keys; default\n" \
"                      $SEALKEY_CONTROL, or whatever runs at the default\n" \
"                      places\n" \
"  --key ID            one of its keys; default the one in DIR, or its oldest\n"

/* CLI_DONE, also for options that are not these; or CLI_WRONG_USE. */
int daemon_take(const struct cli *cli, int opt, struct daemon_option *o);

/* 0, or -errno and one line in msg; -ENOENT, -ECONNREFUSED: none runs. */
int daemon_find(struct daemon_option *o, char *msg, size_t msglen);

/*
 * Path of a key's route under /v1/, or, if it begins with '/', as it is. NULL:
 * out of memory.
 */
char *daemon_target(const struct daemon_option *o, const char *path);

#endif
