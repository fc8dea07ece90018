/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who touches the key when it asks for it: somebody who always does, nobody,
 * or whoever presses its button through the control interface.
 *
 * A press answers the request that waits; if none does, it is kept for
 * PRESS_KEPT_MS and answers the next. It answers exactly one request, and
 * verification as well as presence: whoever can reach the control interface
 * is the user. Only a key that knows fingers looks which one it was.
 *
 * No I/O and no clock; presses are their owners', linked here until done()
 * was called or they are withdrawn.
 */
#ifndef AUTHENTICATOR_PRESENCE_H
#define AUTHENTICATOR_PRESENCE_H

#include "authenticator/engine/engine.h"

#define PRESS_KEPT_MS	10000
#define FINGERS_MAX	10	/* that a person has; 0 is the one that fits */

enum presence_mode {
	PRESENCE_AUTO,		/* answers at once */
	PRESENCE_MANUAL,	/* a press answers */
	PRESENCE_NEVER,		/* nobody does */
};

/* What somebody does at the key; all zero is a touch as it should be. */
struct touch {
	bool		deny;		/* says no */
	struct user_finger finger;	/* else this is on it */
};

struct press {
	struct touch	touch;
	/* It answered a request (true), or found none in time. */
	void		(*done)(struct press *p, bool answered);
	void		*arg;		/* for done */
	uint64_t	deadline_ms;	/* private from here */
	struct press	*next;
};

struct presence {
	enum presence_mode mode;
	bool		asking;
	struct press	*kept;		/* oldest first */
};

void presence_init(struct presence *p, enum presence_mode mode);

/*
 * The key asks. True: *answer is the answer. False: there is none yet; it
 * comes out of presence_press(), unless presence_unask() comes first.
 */
bool presence_ask(struct presence *p, uint64_t now_ms, struct touch *answer);
void presence_unask(struct presence *p);

/*
 * Somebody presses. True: *answer is the answer to the current request,
 * done() was called. Only in PRESENCE_MANUAL.
 */
bool presence_press(struct presence *p, struct press *press, uint64_t now_ms,
    struct touch *answer);
/* Forgets press, if it is kept; done() is not called. */
void presence_withdraw(struct presence *p, struct press *press);

/* When the next kept press gives up; UINT64_MAX: none. */
uint64_t presence_deadline(const struct presence *p);
void presence_tick(struct presence *p, uint64_t now_ms);

#endif
