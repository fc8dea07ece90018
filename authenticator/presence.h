/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who touches the key when it asks for it: somebody who always does, nobody,
 * somebody who always says no, or whoever presses its button through the
 * control interface; and whether they are recognised when it verifies them.
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

/* What it was told to be, as who told it would say it: "deny 250". */
#define PRESENCE_TEXT_LEN	512	/* bytes, with the NUL */

enum presence_mode {
	PRESENCE_AUTO,		/* answers at once */
	PRESENCE_MANUAL,	/* a press answers */
	PRESENCE_NEVER,		/* nobody does */
	PRESENCE_DENY,		/* says no at once */
};
#define PRESENCE_MODES	4

#define PRESENCE_DELAY_MAX_MS	600000	/* of AUTO and DENY */
#define VERIFICATIONS_MAX	32	/* results that are known beforehand */

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

/* How a verification ends, whatever it is touched with. */
enum verification {
	VERIFICATION_GOOD,	/* the finger decides */
	VERIFICATION_MISMATCH,	/* nobody is recognised: a try is used up */
	VERIFICATION_REFUSED,	/* the user does not want to */
};
#define VERIFICATION_RESULTS	3

/* "verified", "mismatch", "refused", in that order; then NULL */
extern const char *const verification_names[VERIFICATION_RESULTS + 1];

/* How they end: the first as in next, and then as always. */
struct verifications {
	enum verification always;
	uint8_t		count;
	enum verification next[VERIFICATIONS_MAX];
};

struct presence {
	enum presence_mode mode;
	uint64_t	delay_ms;	/* AUTO and DENY take so long */
	bool		asking;
	bool		polled;		/* asked for this moment only */
	uint64_t	due_ms;		/* of the answer; UINT64_MAX: none */
	struct press	*kept;		/* oldest first */
	struct verifications verifications;
};

/* "auto", "manual", "never", "deny", in the order of enum presence_mode. */
extern const char *const presence_names[PRESENCE_MODES + 1];

void presence_init(struct presence *p, enum presence_mode mode);
/*
 * From now on. What the key asks at the moment is answered by
 * presence_tick(); presses that are kept are done, and answered nothing,
 * unless the mode is PRESENCE_MANUAL. delay_ms counts from now, or from when
 * the key asks.
 */
void presence_set(struct presence *p, enum presence_mode mode,
    uint64_t delay_ms, uint64_t now_ms);

/*
 * The key asks. True: *answer is the answer. False: there is none yet; it
 * comes out of presence_press() or presence_tick(), unless presence_unask()
 * comes first. Who polls asks again soon, and finds what was due meanwhile.
 */
bool presence_ask(struct presence *p, bool polled, uint64_t now_ms,
    struct touch *answer);
void presence_unask(struct presence *p);

/* The mode, and how late, if it is; what counts by default, then next. */
void presence_text(const struct presence *p,
    char out[static PRESENCE_TEXT_LEN]);
void presence_verification_text(const struct presence *p,
    char out[static PRESENCE_TEXT_LEN]);

/* The key verifies who touches it. Uses up one of next. */
enum verification presence_verification(struct presence *p);

/*
 * Somebody presses. True: *answer is the answer to the current request,
 * done() was called. Only in PRESENCE_MANUAL.
 */
bool presence_press(struct presence *p, struct press *press, uint64_t now_ms,
    struct touch *answer);
/* Forgets press, if it is kept; done() is not called. */
void presence_withdraw(struct presence *p, struct press *press);

/* How many are kept. */
unsigned presence_kept(const struct presence *p);
/* Gives up all of them: done(). */
void presence_done(struct presence *p);

/* When presence_tick() has something to do; UINT64_MAX: never. */
uint64_t presence_deadline(const struct presence *p);
/* Presses give up. True: *answer is what the key has waited for. */
bool presence_tick(struct presence *p, uint64_t now_ms,
    struct touch *answer);

#endif
