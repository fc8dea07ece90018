/* SPDX-License-Identifier: Apache-2.0 */
/* --profile, and what a state directory keeps of it: see profile_option.h. */
#include "authenticator/cmd/profile_option.h"

#include <limits.h>
#include <unistd.h>

#include "authenticator/paths.h"
#include "authenticator/profile/profile_state.h"

/* A directory that cannot be is for who opens it to complain of. */
static int
recall(const char *state, struct profile_option *o, char *msg, size_t msglen)
{
	char path[PATH_MAX];

	if (paths_state(state, path, msg, msglen) < 0)
		return 0;
	return profile_recall(path, &o->profile, msg, msglen);
}

void
profile_option_take(const struct cli *cli, struct profile_option *o)
{
	const char *name = cli_peek(cli, "profile");
	int r;

	o->given = name != NULL;
	if (o->given)
		r = profile_load(name, &o->profile, o->msg, sizeof(o->msg));
	else
		r = recall(cli_peek(cli, "state"), o, o->msg,
		    sizeof(o->msg));
	if (r < 0)
		return;
	o->msg[0] = '\0';
	if (o->profile != NULL)
		profile_apply(o->profile, cli->auth);
}

int
profile_option_check(const struct cli *cli, const struct profile_option *o)
{
	if (o->msg[0] == '\0')
		return CLI_DONE;
	return cli_error("%s: %s", cli->command, o->msg);
}

bool
profile_option_says(const struct profile_option *o, const char *setting)
{
	return o->profile != NULL && profile_says(o->profile, setting);
}

int
profile_option_keep(const struct profile_option *o, const char *path,
    char *msg, size_t msglen)
{
	int dirfd, r;

	if (!o->given)
		return 0;
	dirfd = paths_open_dir(path, false, msg, msglen);
	if (dirfd < 0)
		return dirfd;
	r = profile_keep(o->profile, dirfd, path, msg, msglen);
	close(dirfd);
	return r;
}

void
profile_option_done(struct profile_option *o)
{
	profile_free(o->profile);
	o->profile = NULL;
}
