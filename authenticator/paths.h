/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: the state directory of a key, and where the sockets of
 * running ones go.
 *
 * Variables of the environment that are empty count as not set; relative
 * paths in XDG_* variables are ignored, as the XDG Base Directory
 * Specification demands.
 *
 * Errors are negative errno values, with one line in msg.
 */
#ifndef AUTHENTICATOR_PATHS_H
#define AUTHENTICATOR_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The state directory: option (--state; NULL if not given), else the first of
 * $STATE_DIRECTORY, else $XDG_STATE_HOME/sealkey/default, else
 * ~/.local/state/sealkey/default. Writes an absolute path.
 */
int paths_state(const char *option, char out[static PATH_MAX],
    char *msg, size_t msglen);

/* path, in the current directory if it is relative. */
int paths_absolute(const char *path, char out[static PATH_MAX], char *msg,
    size_t msglen);

/*
 * Opens the directory path. With create, makes it and its parents first,
 * with mode 0700. Returns the descriptor. -EPERM: others can write to it, who
 * are not its owner's own group (pam_umask(8), usergroups). Its parents are
 * not looked at: those of a runner of tests are often open to all, and are
 * what the key is as safe as there.
 */
int paths_open_dir(const char *path, bool create, char *msg, size_t msglen);

/*
 * Where things go that end with the process: $RUNTIME_DIRECTORY, else
 * $XDG_RUNTIME_DIR/sealkey, which is made. -ENOENT: it cannot be written, or by
 * others, too, or is another user's.
 */
int paths_runtime(char out[static PATH_MAX], char *msg, size_t msglen);

/* control.sock there: of a daemon that was started without a key. */
int paths_control_alone(char out[static PATH_MAX], char *msg,
    size_t msglen);

/*
 * Where the control socket of the state directory dirfd (path) goes: in
 * $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR/sealkey, which is made, under a
 * name that is the same for the same directory; if paths_runtime() has none,
 * control.sock in the state directory itself.
 */
int paths_control(int dirfd, const char *path, char out[static PATH_MAX],
    char *msg, size_t msglen);

#endif
