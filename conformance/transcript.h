/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcripts: conformance cases as text, which somebody who knows CTAP can
 * read without our code (language: README.md in this folder). A file holds
 * any number of cases; each runs against a fresh target.
 *
 * This file knows the language. What a target is, it does not: a struct of
 * functions, one implementation per way to reach a key.
 */
#ifndef CONFORMANCE_TRANSCRIPT_H
#define CONFORMANCE_TRANSCRIPT_H

#include "ctap/span.h"

#include <stdio.h>

#define TRANSCRIPT_REPLY_MAX	7609
#define TRANSCRIPT_WHY_MAX	512

#define TRANSCRIPT_SETTINGS_MAX	16

/*
 * What a case asks its key to be (lines "given NAME VALUE"): "NAME=VALUE",
 * as authenticator/settings.h takes it; it is one that there is.
 */
struct transcript_given {
	size_t		 count;
	const char	*set[TRANSCRIPT_SETTINGS_MAX + 1];	/* NULL last */
	char		 text[TRANSCRIPT_SETTINGS_MAX][96];
};

/* One case of a file, before it is run. Not to be copied. */
struct transcript_case {
	const char	*file;		/* its name, for messages */
	unsigned	 line;		/* of its title */
	char		 title[160];
	char		 covers[256];
	/* What only the simulator has (line "needs"); empty: nothing. */
	char		 needs[128];
	const char	*prelude;	/* the text of the file */
	const char	*body;		/* the lines behind the title */
	struct transcript_given given;
	char		 wrong[160];	/* with "given"; empty: nothing */
};

enum transcript_state {
	STATE_IDLE,		/* idle */
	STATE_TOUCH,		/* waits for a touch */
	STATE_VERIFY,		/* waits for user verification */
	STATE_SAMPLE,		/* waits for a finger to be enrolled */
	STATE_USER,		/* waits for its user; how, nobody can tell */
	STATE_REPLY,
	STATE_TROUBLE,		/* see trouble() */
};

enum transcript_step {
	STEP_DONE,
	STEP_NOT_NOW,		/* the case expected another state */
	STEP_CANNOT,		/* the target has no way to do it */
};

struct transcript_target {
	void	*arg;		/* for open() */
	/*
	 * Users answer by themselves and at once, so that nobody sees them
	 * asked; what they did is done when a case says "! touch".
	 */
	bool	answers;
	/*
	 * A factory-new key, just powered up, or NULL. Then why says why it
	 * cannot be one like the case wants (the case is skipped), or is
	 * empty, and trouble(NULL) says what went wrong.
	 */
	void	*(*open)(void *arg, const struct transcript_case *c,
		    char why[static TRANSCRIPT_WHY_MAX]);
	void	(*close)(void *t);
	/* A message on a channel: host << 32 | 1, 2, ... */
	void	(*send)(void *t, uint64_t channel, struct span msg);
	/* Where things stand; *reply if STATE_REPLY; *rp_id of a prompt. */
	enum transcript_state (*state)(void *t, struct span *reply,
		    struct span *rp_id);
	/*
	 * "touch", "long touch", "verify", "mismatch", "deny", "cancel",
	 * "replug", or a finger on the sensor, transcript_finger(); why if
	 * it cannot.
	 */
	enum transcript_step (*act)(void *t, const char *what,
		    uint64_t channel, char why[static TRANSCRIPT_WHY_MAX]);
	enum transcript_step (*advance)(void *t, uint64_t ms,
		    char why[static TRANSCRIPT_WHY_MAX]);
	/*
	 * A message of U2F; the reply is data and a status word. Whoever
	 * touches does so between two of them, as its hosts poll.
	 */
	void	(*apdu)(void *t, uint64_t channel, struct span msg);
	/*
	 * CTAPHID as it is on the wire; NULL: cannot. A report to the key;
	 * false: the key is gone. One from the key, waited for at most so
	 * long: 1, 0 for none, -1 if the key is gone.
	 */
	bool	(*report)(void *t, const uint8_t report[static 64]);
	int	(*next_report)(void *t, uint8_t report[static 64],
		    unsigned wait_ms);
	/*
	 * How long the key may take for what has to come at once; 0: its
	 * clock is virtual, and times are kept to the millisecond.
	 */
	unsigned patience_ms;
	/* One line, about STATE_TROUBLE or a failed open; NULL: neither. */
	const char *(*trouble)(void *arg);
};

enum transcript_outcome {
	OUTCOME_PASSED,
	OUTCOME_FAILED,
	OUTCOME_SKIPPED,
};

/* Everything in it lives until the next case is run. */
struct transcript_result {
	const struct transcript_case *of;
	enum transcript_outcome outcome;
	/* FAILED: FILE:LINE: ...; SKIPPED: the reason */
	char		 why[TRANSCRIPT_WHY_MAX];
	bool		 apdu;		/* the last messages were of U2F */
	struct span	 sent;		/* the last one; empty: none */
	struct span	 received;
};

/* Walks through a file: the next case; false: there are no more. */
struct transcript_file {
	const char	*name;
	const char	*text;
	const char	*at;		/* text to begin with */
	unsigned	 line;
};

bool transcript_next(struct transcript_file *f, struct transcript_case *c);
/*
 * The next line of a case (its comments and joins resolved), or false at its
 * end. *text is c->body and *number c->line to begin with.
 */
#define TRANSCRIPT_LINE_MAX	2048
bool transcript_line(const char **text, unsigned *number,
    char line[static TRANSCRIPT_LINE_MAX]);

/*
 * "sample STATUS [finger N]" or "verify finger N" as the finger that it is:
 * its number (0: the one that fits) and lastEnrollSampleStatus. False: what
 * is done is something else.
 */
bool transcript_finger(const char *what, uint8_t *number, uint8_t *status);

void transcript_run_case(const struct transcript_case *c,
    const struct transcript_target *target, struct transcript_result *r);

/*
 * Runs every case of text (name is for messages) and calls done() after
 * each. Returns the number of cases; a file without any is one that failed.
 */
unsigned transcript_run(const char *name, const char *text,
    const struct transcript_target *target,
    void (*done)(void *arg, const struct transcript_result *r), void *arg);

#endif
