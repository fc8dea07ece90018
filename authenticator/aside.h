/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that waits (for a TPM, for a disk), aside from the loop: one thread
 * does one job after the other, in the order in which they were given, and
 * the loop hears of each when it is done.
 *
 *	aside_give() --> waiting --> work() --> done()
 *	 ^ the loop's thread          ^ the other  ^ the loop's, from the
 *	                                             reactor
 *
 * What a job works on is its alone from aside_give() to done(), and reaches
 * the other thread, and comes back, whole. The thread begins with the first
 * job, and ends in aside_free() only: a process that it starts (a key helper)
 * is told that its parent has died when that thread ends.
 *
 * Process-wide things are not for jobs: umask, working directory, environment,
 * signal dispositions. Nor does anybody fork without exec while there is such
 * a thread. It has every signal blocked.
 */
#ifndef AUTHENTICATOR_ASIDE_H
#define AUTHENTICATOR_ASIDE_H

#include "authenticator/reactor.h"

struct aside;

/* Its owner's, until done() is called. */
struct aside_job {
	void	(*work)(void *arg);
	/* may give others; the job may be freed, or given again */
	void	(*done)(void *arg, uint64_t now_ms);
	void	*arg;
	struct aside_job *next;		/* private */
};

/* The reactor must outlive it. 0 or -errno. */
int aside_new(struct reactor *reactor, struct aside **out);
/* Without a thread, if there can be none, this is where it is done. */
void aside_give(struct aside *a, struct aside_job *job);
/* True: it was not begun, and will not be; done() is not called. */
bool aside_take_back(struct aside *a, struct aside_job *job);
/* Waits until there is no job, calling done() of each. */
void aside_finish(struct aside *a);
/* After aside_finish(). Accepts NULL. */
void aside_free(struct aside *a);

#endif
