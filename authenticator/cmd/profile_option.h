/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --profile, and what a state directory keeps of it, for the sub-commands
 * that are or make a key. It counts before all of --set, wherever it is on
 * the command line.
 */
#ifndef AUTHENTICATOR_PROFILE_OPTION_H
#define AUTHENTICATOR_PROFILE_OPTION_H

#include "authenticator/cmd/cli.h"
#include "authenticator/profile/profile.h"

struct profile_option {
	struct profile	*profile;	/* NULL: what sealkey is by itself */
	bool		 given;		/* by --profile: to be kept */
	char		 msg[PROFILE_MESSAGE_LEN];	/* "": all is well */
};

/*
 * Before any cli_next(): makes *cli->auth the key that --profile names, or
 * else the one that the state directory keeps.
 */
void profile_option_take(const struct cli *cli, struct profile_option *o);
/* When the options were read: CLI_DONE, or that failed, which is told. */
int profile_option_check(const struct cli *cli,
    const struct profile_option *o);
/* Whether it has that setting. */
bool profile_option_says(const struct profile_option *o, const char *setting);
/*
 * Once the key in the state directory path is open: it stays what it was
 * told to be. 0, or -errno with one line in msg.
 */
int profile_option_keep(const struct profile_option *o, const char *path,
    char *msg, size_t msglen);
void profile_option_done(struct profile_option *o);

#endif
