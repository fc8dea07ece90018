/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commits, dated by the counter of the key provider, if it has one. Why, and
 * what is promised at which point: store.md, "Generation".
 *
 *	commit_start() -- needs a date, counter behind --> CATCHING_UP
 *	     |                                                  |
 *	     | otherwise                        commit_advanced()
 *	     v                                                  |
 *	store_commit() <----------------------------------------+
 *	     |
 *	     +-- needs no date ----------------> IDLE, done
 *	     |
 *	     v
 *	 ADVANCING -- commit_advanced() -------> IDLE, done
 *
 * Invariants, with G the generation on disk and C the counter:
 *  1. G is C or C + 1, whenever power is lost. An advance that failed may
 *     have happened; it is repeated, with the same number, before G moves on.
 *  2. Nothing is done (0) before C is G, but for what needs no date.
 *
 * It waits for the provider where its functions say so, and nowhere else.
 */
#ifndef AUTHENTICATOR_COMMIT_H
#define AUTHENTICATOR_COMMIT_H

#include "authenticator/store/store.h"

#define COMMIT_LINE_LEN	512	/* bytes, with the NUL */

enum commit_phase {
	COMMIT_IDLE,
	COMMIT_CATCHING_UP,
	COMMIT_ADVANCING,
};

/* Initialised by commit_open(). */
struct commit {
	struct keys	*keys;
	struct store	*store;
	bool		 dated;		/* there is a counter */
	bool		 stale;		/* this is another state than the one
					 * that the counter dates: look only */
	uint64_t	 counter;	/* where it surely is */
	enum commit_phase phase;
	const struct auth_change *change;	/* of commit_start() */
	/*
	 * The store has what the engine was told had failed. Until it has
	 * been given the state anew; then the owner clears it.
	 */
	bool		 diverged;
	struct key_op	 op;		/* KEY_ADVANCE */
	char		 line[COMMIT_LINE_LEN];
};

/*
 * Compares the state with the counter, and completes what losing power may
 * have left half done (and waits for that). With look, a state that does not
 * fit is no error, but nothing can be committed then:
 *	-ESTALE		an older copy of the directory
 *	-ENODEV		not the device that it was made with, or that device
 *			has lost its counter
 * or what the provider says. msg has one line, without the directory's name.
 */
int commit_open(struct commit *c, struct keys *keys, struct store *store,
    bool look, char *msg, size_t msglen);

/*
 * As store_commit(), with the generation, and with the time as the date of
 * what is put and has none. change has to live until it is done. 1: under
 * way, c->op is with the provider; anything else: done. -EIO also if the
 * counter cannot be advanced, whatever the provider says.
 */
int commit_start(struct commit *c, const struct auth_change *change);
/* c->op is finished; returns as commit_start(). */
int commit_advanced(struct commit *c);
/* Waits until what is under way is done; r as commit_start() gave it. */
int commit_wait(struct commit *c, int r);
/* All of it at once. */
int commit_now(struct commit *c, const struct auth_change *change);

/*
 * What is under way is left as it is: a copy of the directory would be as
 * good after losing power now.
 */
void commit_drop(struct commit *c);

/* The line about the last error. */
const char *commit_strerror(const struct commit *c);

/* The state's generation, as committed. */
uint64_t commit_generation(const struct commit *c);
/*
 * This state is meant: it is dated anew, one ahead of the counter, which
 * follows, so that the one it replaces is the older copy from then on.
 */
int commit_accept(struct commit *c);

#endif
