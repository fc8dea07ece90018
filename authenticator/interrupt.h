/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signals that end a command which has something to tidy up before:
 * SIGINT, SIGTERM and SIGHUP, as far as they are not ignored (nohup). They
 * wait until somebody looks; the command tidies up, and then ends as if it
 * had not. What has a reactor has signals.h.
 */
#ifndef AUTHENTICATOR_INTERRUPT_H
#define AUTHENTICATOR_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

struct interrupt {
	int		 fd;		/* can be read when one has come */
	int		 signal;	/* that has come; 0: none was seen */
	sigset_t	 before;	/* the mask of this thread */
};

/* For this thread, and those that it makes. 0 or -errno. */
int interrupt_open(struct interrupt *i);
/* Whether one has come, now or before; does not wait. NULL: never. */
bool interrupt_came(struct interrupt *i);
/* Does not return if one has come: the process ends by it. */
void interrupt_close(struct interrupt *i);

#endif
