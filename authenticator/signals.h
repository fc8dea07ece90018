/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signals that end what runs until it is told to end: SIGTERM, SIGINT and
 * SIGHUP.
 */
#ifndef AUTHENTICATOR_SIGNALS_H
#define AUTHENTICATOR_SIGNALS_H

#include <signal.h>

#include "authenticator/reactor.h"

struct signals {
	int		 fd;		/* -1: not open */
	struct source	 source;
	struct reactor	*reactor;
};

/*
 * Any of them stops r, status 0, from here on; until then it ends the process
 * in its own way. 0 or -errno.
 */
int signals_open(struct signals *s, struct reactor *r);
/* After the reactor's end. */
void signals_close(struct signals *s);

/* Blocks them in this thread, and those that it makes. 0 or -errno. */
int signals_block(sigset_t *set);

#endif
