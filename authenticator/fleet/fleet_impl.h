/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the fleet: workers (worker.c) have keys and answer jobs; who hands
 * jobs to them (fleet.c) waits for a group of them.
 */
#ifndef AUTHENTICATOR_FLEET_IMPL_H
#define AUTHENTICATOR_FLEET_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "authenticator/fleet/fleet.h"
#include "authenticator/fleet/line.h"

struct worker;

/* Jobs that somebody waits for together. */
struct job_group {
	struct fleet	*fleet;
	atomic_size_t	 left;		/* not answered yet */
};

struct job {
	struct job	*next;		/* in the queue of a worker */
	struct job_group *group;
	struct span	 text;		/* of the line; of its owner */
	bool		 too_long;	/* and so not there */
	const char	*wrong;		/* with the line; NULL: nothing */
	struct fleet_line line;		/* of FLEET_NAMED; else its options */
	struct json_out	 out;		/* the answer, with its newline */
	bool		 failed;	/* it is an error */
};

/* A key of the fleet. */
struct member {
	struct token	*token;		/* NULL: not open */
	struct webauthn_client client;
	struct member	*newer, *older;	/* by use, of those in directories */
};

struct worker {
	struct fleet	*fleet;
	unsigned	 number;
	pthread_t	 thread;
	bool		 started;
	pthread_mutex_t	 lock;		/* of the next four */
	pthread_cond_t	 wake;
	struct job	*first, **last;
	bool		 stop;
	struct keys	*keys;		/* in memory */
	struct store	*blobs;		/* that keys share */
	struct attestation *attestation;	/* which is made of them */
	struct member	*members;	/* keys number, number + J, ... */
	size_t		 member_count;
	struct member	*newest, *oldest;
	size_t		 open_count;
	struct json_out	 scratch;
	/* what one operation needs, and so all keys do in turn */
	struct device_work *work;
	struct token_messages messages;
};

struct fleet {
	const struct fleet_plan *plan;
	struct worker	*workers;
	uint64_t	 lines;		/* that were read so far */
	pthread_mutex_t	 lock;		/* for: */
	pthread_cond_t	 done;		/* a group of jobs is */
};

/* worker.c */
int worker_init(struct worker *w, struct fleet *f, unsigned number, char *msg,
    size_t msglen);
int worker_start(struct worker *w);
/* Waits for what is in its queue; accepts one that was zeroed. */
void worker_done(struct worker *w);
/* Adds a list of jobs, first to where last is its end's next. */
void worker_add(struct worker *w, struct job *first, struct job **last);
void worker_answer(struct worker *w, struct job *job);

#endif
