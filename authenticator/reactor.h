/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits for everything at once, with one epoll: descriptors that become
 * readable, deadlines that pass. The only place of the daemon that waits,
 * and the only one that reads the clock (CLOCK_MONOTONIC).
 */
#ifndef AUTHENTICATOR_REACTOR_H
#define AUTHENTICATOR_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

struct epoll_event;

/*
 * Something to wait for. It is its owner's, who keeps it until it is removed
 * or the reactor is done. Members that are NULL are not called.
 */
struct source {
	int		fd;		/* -1: deadlines only */
	void		(*ready)(void *arg, uint64_t now_ms);
	uint64_t	(*deadline)(const void *arg);	/* UINT64_MAX: none */
	void		(*tick)(void *arg, uint64_t now_ms);
	void		*arg;
	struct source	*next;		/* private */
};

struct reactor {
	int		 epfd;
	struct source	*sources;
	bool		 stopped;
	int		 status;
	/* what is being called at the moment, for reactor_remove() */
	struct epoll_event *batch;
	int		 batch_len;
	struct source	*next_tick;
};

/* 0 or -errno. */
int reactor_init(struct reactor *r);
/* Accepts one that was zeroed and never initialised, with epfd -1. */
void reactor_done(struct reactor *r);

int reactor_add(struct reactor *r, struct source *s);
/*
 * s is not called any more from here on, also if it was about to be; its
 * descriptor must still be open. From within any call, also s's own.
 * Accepts one that was never added, or is removed already.
 */
void reactor_remove(struct reactor *r, struct source *s);

/* Waits and calls until reactor_stop(); returns its status. */
int reactor_run(struct reactor *r);
/* From within a call: no more after this one. The first status stays. */
void reactor_stop(struct reactor *r, int status);

#endif
