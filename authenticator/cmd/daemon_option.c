/* SPDX-License-Identifier: Apache-2.0 */
/* Which daemon, and which key of it: see daemon_option.h. */
#include "authenticator/cmd/daemon_option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authenticator/hub.h"
#include "authenticator/paths.h"

int
daemon_take(const struct cli *cli, int opt, struct daemon_option *o)
{
	if (opt == DAEMON_OPT_CONTROL)
		o->control = optarg;
	if (opt == DAEMON_OPT_STATE)
		o->state = optarg;
	if (opt == DAEMON_OPT_KEY)
		o->key = optarg;
	if (o->control != NULL && o->state != NULL)
		return cli_wrong_use(cli, "--control or --state, not both");
	if (o->key != NULL && !hub_is_id(o->key))
		return cli_wrong_use(cli, "--key takes 1 to 48 letters, "
		    "digits, or -._~");
	return CLI_DONE;
}

/* By the lock of the state directory. */
static int
find_by_state(struct daemon_option *o, char *msg, size_t msglen)
{
	char path[PATH_MAX];
	int fd, r;

	r = paths_state(o->state, path, msg, msglen);
	if (r < 0)
		return r;
	r = fd = paths_open_dir(path, false, msg, msglen);
	if (r < 0)
		return r;
	r = note_read(fd, o->socket, o->id);
	close(fd);
	if (r < 0)
		snprintf(msg, msglen, "%s: no key is running here", path);
	return r;
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int
find_by_default(struct daemon_option *o, char *msg, size_t msglen)
{
	const char *named = getenv("SEALKEY_CONTROL");
	char why[256];

	if (named != NULL && named[0] != '\0')
		return paths_absolute(named, o->socket, msg, msglen);
	if (find_by_state(o, msg, msglen) == 0 && is_there(o->socket))
		return 0;
	o->id[0] = '\0';
	if (paths_control_alone(o->socket, why, sizeof(why)) == 0 &&
	    is_there(o->socket))
		return 0;
	snprintf(msg, msglen, "no daemon is running at the default places; "
	    "say which one with --control SOCKET or --state DIR");
	return -ENOENT;
}

int
daemon_find(struct daemon_option *o, char *msg, size_t msglen)
{
	int r;

	o->id[0] = '\0';
	if (o->control != NULL)
		r = paths_absolute(o->control, o->socket, msg, msglen);
	else if (o->state != NULL)
		r = find_by_state(o, msg, msglen);
	else
		r = find_by_default(o, msg, msglen);
	if (r == 0 && o->key != NULL)
		snprintf(o->id, sizeof(o->id), "%s", o->key);
	return r;
}

char *
daemon_target(const struct daemon_option *o, const char *path)
{
	bool named = o->id[0] != '\0';
	char *out;

	if (path[0] == '/')
		return strdup(path);
	if (asprintf(&out, "/v1/%s%s%s%s", named ? "keys/" : "", o->id,
	    named ? "/" : "", path) < 0)
		return NULL;
	return out;
}
