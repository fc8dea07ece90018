/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --ready-fd: how a script hears that a server of ours is ready. Closing the
 * descriptor is the message, too: a reader that waits for the end of file sees
 * it also if the server fails to start.
 */
#ifndef AUTHENTICATOR_READY_H
#define AUTHENTICATOR_READY_H

#include "authenticator/cmd/cli.h"

#define READY_NONE	(-1)

/* optarg, a descriptor that is open: CLI_DONE, or CLI_WRONG_USE. */
int ready_take(const struct cli *cli, int *out);

/* Writes "READY=1" and a newline to fd, and closes it; READY_NONE: nothing. */
void ready_tell(int fd);

#endif
