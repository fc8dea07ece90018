/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that plugs keys in for a proxy that was told of none: "sealkey
 * run --empty", in a directory of its own, which ends with us, whatever ends
 * us.
 */
#ifndef AUTHENTICATOR_WEBDRIVER_OWN_DAEMON_H
#define AUTHENTICATOR_WEBDRIVER_OWN_DAEMON_H

#include <sys/types.h>

#include <limits.h>
#include <stddef.h>

struct own_daemon {
	pid_t	 pid;			/* 0: none */
	char	 dir[PATH_MAX - 32];	/* "": none */
	char	 control[PATH_MAX];	/* its socket */
};

/* Waits until it is ready. -errno and one line in msg; d is zeroed before. */
int own_daemon_start(struct own_daemon *d, char *msg, size_t msglen);
/* Waits until it has ended. */
void own_daemon_stop(struct own_daemon *d);

#endif
